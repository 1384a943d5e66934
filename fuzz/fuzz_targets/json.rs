//! JSON that is kept as it is written.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agentreg::model::properties::json(bytes));
