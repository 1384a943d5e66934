//! A line of a journal, the machine's or a task's.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agentreg::store::file::properties::journal_line(bytes));
