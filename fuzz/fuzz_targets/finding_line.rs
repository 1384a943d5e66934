//! A line of a task's findings.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agentreg::store::file::properties::finding_line(bytes));
