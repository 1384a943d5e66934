//! `terminate` and `task close --force` end processes too.

use std::fs;
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

/// Makes a call that is killed before its `nth` signal.
fn killed_at_signal(world: &World, nth: usize, args: &[&str]) {
    let mut strace = Command::new("strace");
    let inject = format!("inject=kill:signal=KILL:when={nth}");
    let ran = world
        .env
        .prepare(&mut strace)
        .args(["-qq", "-e", &inject, "agentreg"])
        .args(args)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), None, "{ran:?}");
}

#[test]
fn where_nobody_is_left_to_kill_those_who_do_not_hear_run_does() {
    let world = World::new();
    let script = "(trap '' TERM; exec sleep 1000) & exec sleep 1000";
    let mut run = world.started("a", &["--grace", "100ms"], script);
    // It looks for the command, asks its group to end, wakes those that are stopped, and dies.
    killed_at_signal(&world, 4, &["terminate", "a", "--task", "T"]);
    assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
    assert_eq!(group(run.command), [0; 0]);
    assert!(world.lease_is_free("a"));
}

#[test]
fn a_run_whose_agent_is_terminated_is_gone_promptly() {
    let world = World::new();
    let mut run = world.started("a", &[], "sleep 1000 & exec sleep 1000");
    world.env.ok(&["terminate", "a", "--task", "T"]);
    let pid = run.pid();
    let took = super::until("its exit", || {
        super::stat(pid, 0).as_deref() == Some("Z") && world.lease_is_free("a")
    });
    assert!(took < Duration::from_secs(1), "{took:?}");
    run.wait();
    assert_eq!(super::of_home(&world.env), [0; 0]);
}

#[test]
fn closing_a_task_by_force_leaves_no_process_of_twenty_runs() {
    let world = World::new();
    let ids: Vec<String> = (0..20).map(|n| format!("a{n}")).collect();
    let mut runs: Vec<_> = ids
        .iter()
        .map(|id| world.started(id, &[], "sleep 1000 & exec sleep 1000"))
        .collect();
    world.env.ok(&["task", "close", "T", "--force"]);
    for run in &mut runs {
        assert_eq!(group(run.command), [0; 0]);
        assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
    }
    let took = super::until("the end of all", || super::of_home(&world.env).is_empty());
    assert!(took < Duration::from_secs(1), "{took:?}");
    for id in &ids {
        let (status, end) = world.end(id);
        let both = (status.as_str(), &end["how"]);
        assert_eq!(both, ("terminated", &"terminated".into()), "{id}");
    }
    assert_eq!(world.env.counts("T").0, [20, 0, 0, 0, 20]);
    world.env.is_healthy();
}

#[test]
fn a_forced_close_ends_what_earlier_calls_recorded_and_did_not_signal() {
    let world = World::new();
    let mut run = world.started("a", &[], "exec sleep 1000");
    let mut named = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = named.id().to_string();
    world.env.ok(&[
        "register", "--task", "T", "--type", "x", "--id", "b", "--pid", &pid,
    ]);
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let other_pid = other.id().to_string();
    world.env.ok(&[
        "register", "--task", "T", "--type", "x", "--id", "c", "--pid", &other_pid,
    ]);
    // One says itself that it was ended: nobody signals it.
    let report = [
        "progress",
        "--task",
        "T",
        "--agent",
        "c",
        "-s",
        "terminated",
    ];
    world.env.ok(&report);
    // It dies at the first signal it sends, to the process that was named.
    killed_at_signal(&world, 3, &["task", "close", "T", "--force"]);
    // Closed already; without --force nobody is asked to end.
    world.env.ok(&["task", "close", "T"]);
    assert_eq!(named.try_wait().unwrap(), None);
    let told = world.env.ok(&["task", "close", "T", "--force"]);
    assert!(told.contains("closed already"), "{told}");
    assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
    assert_eq!(code_and_signal(named.wait().unwrap()), (None, Some(15)));
    assert_eq!(other.try_wait().unwrap(), None);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(world.env.counts("T").0, [3, 0, 0, 0, 3]);
    world.env.is_healthy();
}

#[test]
fn a_repeated_close_finds_them_also_among_agents_that_were_imported() {
    let world = World::new();
    let old = world.env.root().join("old/TASK-1");
    fs::create_dir_all(&old).unwrap();
    let registry = r#"{"task_description": "x", "created_at": "2025-01-01T10:00:00", "agents": [
        {"id": "ended", "type": "t", "status": "terminated", "started_at": "2025-01-01T10:00:00"}]}"#;
    fs::write(old.join("AGENT_REGISTRY.json"), registry).unwrap();
    world.env.ok(&["import", "old"]);
    let mut named = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = named.id().to_string();
    world
        .env
        .ok(&["register", "--task", "TASK-1", "--type", "x", "--pid", &pid]);
    let close = ["task", "close", "TASK-1", "--force"];
    killed_at_signal(&world, 2, &close);
    assert_eq!(world.env.counts("TASK-1").0, [2, 0, 0, 0, 2]);
    assert_eq!(named.try_wait().unwrap(), None);
    world.env.ok(&close);
    assert_eq!(code_and_signal(named.wait().unwrap()), (None, Some(15)));
    world.env.is_healthy();
}
