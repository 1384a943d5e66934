//! The `agentreg` command.
fn main() {}
