//! The `agentreg` command.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod cli;
mod commands;
mod output;

use std::process::ExitCode;

use agentreg::store::file::play_lock_proof;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let words: Vec<_> = words.collect();
    if name == commands::LOCK_PROOF {
        return play_lock_proof(&words);
    }
    if std::env::var_os("COMPLETE").is_some() && commands::complete::engine() {
        return ExitCode::SUCCESS;
    }
    commands::main(&words)
}
