//! A line of an agent's log.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agentreg::store::file::properties::agent_line(bytes));
