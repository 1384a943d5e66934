//! The `agentreg` command.

#![cfg_attr(all(not(test), target_os = "linux", target_env = "gnu"), no_main)]
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod cli;
mod commands;
#[cfg(all(not(test), target_os = "linux", target_env = "gnu"))]
mod entry;
#[cfg(not(test))]
mod memory;
mod output;

#[cfg(not(all(not(test), target_os = "linux", target_env = "gnu")))]
fn main() -> std::process::ExitCode {
    agentreg::process::ignore_signals_of_writes();
    program().into()
}

/// The program; gives what it exits with.
fn program() -> u8 {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let words: Vec<_> = words.collect();
    if let Some(code) = commands::part(&name, &words) {
        return code;
    }
    if std::env::var_os("COMPLETE").is_some() && commands::complete::engine() {
        return 0;
    }
    commands::main(&words)
}
