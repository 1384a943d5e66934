//! The orchestrator's registry of a task.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static BASE: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary directory"));

fuzz_target!(|bytes: &[u8]| agentreg::orchestrator::properties::registry(BASE.path(), bytes));
