//! The `agentreg` command.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod cli;
mod commands;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let words: Vec<_> = words.collect();
    if let Some(code) = commands::part(&name, &words) {
        return code;
    }
    if std::env::var_os("COMPLETE").is_some() && commands::complete::engine() {
        return ExitCode::SUCCESS;
    }
    commands::main(&words)
}
