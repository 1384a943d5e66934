//! The `agentreg` command.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod cli;
mod commands;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = commands::part(&mut std::env::args_os()) {
        return code;
    }
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if std::env::var_os("COMPLETE").is_some() && commands::complete::engine() {
        return ExitCode::SUCCESS;
    }
    commands::main(&words)
}
