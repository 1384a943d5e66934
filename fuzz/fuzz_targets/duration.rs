//! A duration or a size, as people write them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agentreg::model::properties::duration(bytes));
