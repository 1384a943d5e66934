//! The scripts in `examples/` do what they say.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use super::World;

fn example(world: &World, script: &str, input: &str) -> Output {
    let directory = env!("CARGO_MANIFEST_DIR");
    let mut command = Command::new("sh");
    world
        .env
        .prepare(&mut command)
        .args([
            "-c",
            &format!("printf '{input}' | sh {directory}/examples/{script}"),
        ])
        .stderr(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn the_supervisor_runs_failed_ones_again_and_collects_findings() {
    let world = World::new();
    // Fails twice, then finds something; `hopeless` kills its own supervisor every time.
    let worker = "#!/bin/sh
        case $1 in hopeless) kill -9 $PPID; exit 1;; esac
        echo try >> $1.tries
        [ $(wc -l < $1.tries) -eq 3 ] && agentreg finding -q -s high found-in-$1\n";
    let path = world.env.root().join("worker.sh");
    std::fs::write(&path, worker).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = example(&world, "supervisor.sh ./worker.sh lexer parser", "");
    let shown = String::from_utf8(ran.stdout).unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{shown}{told}");
    assert!(
        shown.contains("found-in-lexer") && shown.contains("found-in-parser"),
        "{shown}"
    );
    assert!(told.contains("lexer failed, try 2 of 3"), "{told}");
    let ran = example(&world, "supervisor.sh ./worker.sh lexer hopeless", "");
    assert_eq!(ran.status.code(), Some(1));
    world.env.is_healthy();
    let totals = &world.env.json(&["status"])["totals"];
    assert_eq!(totals["active"], 0, "{totals}");
}

#[test]
fn the_fan_out_waits_for_every_worker() {
    let world = World::new();
    let ran = example(
        &world,
        "fanout.sh sh -c 'echo did-$0'",
        r"one\ntwo\nthree\n",
    );
    let shown = String::from_utf8(ran.stdout).unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{shown}{told}");
    for item in ["one", "two", "three"] {
        assert!(shown.contains(&format!("did-{item}")), "{shown}");
    }
    let ran = example(
        &world,
        "fanout.sh sh -c 'test $0 != two'",
        r"one\ntwo\nthree\n",
    );
    assert_eq!(ran.status.code(), Some(8));
    let shown = String::from_utf8(ran.stdout).unwrap();
    assert!(shown.contains("1 failed"), "{shown}");
    let totals = &world.env.json(&["status"])["totals"];
    assert_eq!(totals["active"], 0, "{totals}");
    world.env.is_healthy();
}
