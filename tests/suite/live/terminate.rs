//! `terminate` and `task close --force` end processes too.

use std::process::Command;
use std::time::Duration;

use super::{World, code_and_signal, group};

const STUBBORN: &str = "trap '' TERM; sleep 1000 & exec sleep 1000";

#[test]
fn what_run_started_is_asked_to_end() {
    let world = World::new();
    let mut run = world.started("a", &[], "sleep 1000 & exec sleep 1000");
    let shown = world
        .env
        .json(&["terminate", "a", "--task", "T", "--reason", "superseded"]);
    assert_eq!(shown["agent"]["status"], "terminated");
    assert_eq!(shown["agent"]["end"]["how"], "terminated");
    assert_eq!(shown["agent"]["end"]["reason"], "superseded");
    assert_eq!(group(run.command), [0; 0], "it waits until they are gone");
    assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
    world.env.is_healthy();
}

#[test]
fn who_does_not_hear_is_killed_after_the_grace() {
    let world = World::new();
    let mut run = world.started("a", &[], STUBBORN);
    let started = std::time::Instant::now();
    world
        .env
        .ok(&["terminate", "a", "--task", "T", "--grace", "200ms"]);
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(group(run.command), [0; 0]);
    assert_eq!(code_and_signal(run.wait()), (None, Some(9)));
}

#[test]
fn the_process_that_was_named_is_ended_and_no_other() {
    let world = World::new();
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id().to_string();
    world.env.ok(&[
        "register", "--task", "T", "--type", "x", "--id", "a", "--pid", &pid,
    ]);
    // It stays a zombie until this test asks for it, which is gone enough.
    world.env.ok(&["terminate", "a", "--task", "T"]);
    assert_eq!(code_and_signal(child.wait().unwrap()), (None, Some(15)));
    world.env.agent("T", "b");
    world.env.ok(&["terminate", "b", "--task", "T"]);
    assert_eq!(world.end("b").0, "terminated");
}

#[test]
fn an_agent_that_has_ended_stays_as_it_is() {
    let world = World::new();
    let mut run = world.started(
        "a",
        &[],
        "agentreg -q progress -s completed; echo > told; exec sleep 1000",
    );
    super::until("its report", || world.env.root().join("told").exists());
    world.env.ok(&["terminate", "a", "--task", "T"]);
    assert_eq!(world.end("a").1["how"], "reported");
    assert!(
        !group(run.command).is_empty(),
        "nobody signals who said it has ended"
    );
    super::kill(run.pid(), rustix::process::Signal::TERM);
    run.wait();
    world.env.fails(3, &["terminate", "nobody", "--task", "T"]);
}

#[test]
fn a_call_that_was_killed_before_it_signalled_can_be_made_again() {
    let world = World::new();
    let mut run = world.started("a", &[], "exec sleep 1000");
    // From here on the registry has it that the agent ended; its process was not signalled.
    let mut strace = Command::new("strace");
    world
        .env
        .prepare(&mut strace)
        .args(["-qq", "-e", "inject=kill:signal=KILL:when=1", "agentreg"])
        .args(["terminate", "a", "--task", "T"]);
    match strace.output() {
        Ok(ran) if ran.status.code().is_none() || ran.status.code() == Some(137) => {}
        other => {
            eprintln!("skipped: strace cannot be used here: {other:?}");
            return;
        }
    }
    assert_eq!(world.end("a").0, "terminated");
    world.env.ok(&["terminate", "a", "--task", "T"]);
    assert_eq!(group(run.command), [0; 0]);
    run.wait();
}

#[test]
fn closing_a_task_by_force_ends_all_its_processes() {
    let world = World::new();
    let mut runs: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|id| world.started(id, &[], "exec sleep 1000"))
        .collect();
    world.env.ok(&["task", "close", "T", "--force"]);
    for run in &mut runs {
        assert_eq!(group(run.command), [0; 0]);
        assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
    }
    assert_eq!(world.env.counts("T").0, [3, 0, 0, 0, 3]);
    world.env.is_healthy();
}
