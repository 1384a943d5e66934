//! An id of a task or an agent, or an agent's type.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agentreg::model::properties::id(bytes));
