use std::path::Path;
use std::process::Command;

use crate::env::{Env, Ran};

/// `examples/ci-smoke.sh` with one agent that does this.
fn smoke(does: &str) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci-smoke.sh");
    let env = Env::new();
    let mut bash = Command::new("bash");
    env.prepare(&mut bash).arg(script).env("SMOKE_LINT", does);
    bash.output().expect("bash starts").into()
}

#[test]
fn the_smoke_test_of_the_examples_fails_the_build_if_any_agent_failed() {
    let ran = smoke("true");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = smoke("echo bad style; exit 3");
    assert_eq!(ran.code, Some(8), "{ran:?}");
    assert!(ran.stdout.contains("bad style"), "{ran:?}");
    // Its process dies without a word.
    let ran = smoke("kill -9 $PPID");
    assert_eq!(ran.code, Some(8), "{ran:?}");
}
