//! SIGKILL of `run`: its command does not live on, and the lease is not free before it is gone.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{World, children, group, kill, until};

/// A command with a child and a grandchild that will not hear of ending.
const STUBBORN: &str = "trap '' TERM HUP; (sleep 1000 & sleep 1000) & exec sleep 1000";

fn guardian_of(run: i32, command: i32) -> i32 {
    let found: Vec<_> = children(run)
        .into_iter()
        .filter(|pid| *pid != command)
        .collect();
    assert_eq!(found.len(), 1, "one guardian");
    found[0]
}

#[test]
fn the_group_is_gone_within_a_second_and_the_lease_not_free_before() {
    let world = World::with_slots(1);
    for round in 0..8 {
        let id = format!("a{round}");
        let run = world.started(&id, &[], STUBBORN);
        assert_eq!(world.alive(&id), "yes");
        assert!(!group(run.command).is_empty());
        let killed = Instant::now();
        kill(run.pid(), Signal::KILL);
        while !world.lease_is_free(&id) {
            assert!(killed.elapsed() < Duration::from_secs(1));
        }
        assert_eq!(group(run.command), [0; 0], "its group outlived its lease");
        assert!(killed.elapsed() < Duration::from_secs(1));
        assert_eq!(world.alive(&id), "no");
        // The next to register needs its slot.
        let next = format!("b{round}");
        world.env.agent("T", &next);
        let (status, end) = world.end(&id);
        assert_eq!((status.as_str(), &end["how"]), ("failed", &"reaped".into()));
        world.env.ok(&[
            "progress",
            "--task",
            "T",
            "--agent",
            &next,
            "-s",
            "completed",
        ]);
    }
    world.env.is_healthy();
}

#[test]
fn run_goes_on_without_its_guardian_and_gets_another() {
    let world = World::new();
    let fifo = world.fifo("go");
    let run = world.started("a", &[], STUBBORN);
    let first = guardian_of(run.pid(), run.command);
    kill(first, Signal::KILL);
    until("another guardian", || {
        children(run.pid())
            .iter()
            .any(|pid| *pid != first && *pid != run.command)
    });
    until("its session", || {
        let guardian = guardian_of(run.pid(), run.command);
        super::stat(guardian, 3) == Some(guardian.to_string())
    });
    kill(run.pid(), Signal::KILL);
    let took = until("the end of the group", || group(run.command).is_empty());
    assert!(took < Duration::from_secs(1));
    // A command whose guardian was killed ends as any other.
    let script = format!("read x < {}; exit 3", fifo.display());
    let mut run = world.started("b", &[], &script);
    kill(guardian_of(run.pid(), run.command), Signal::KILL);
    std::fs::write(fifo, "go\n").unwrap();
    assert_eq!(run.wait().code(), Some(3));
}

#[test]
fn where_both_are_killed_the_command_dies_too() {
    let world = World::new();
    let run = world.started("a", &[], "exec sleep 1000");
    kill(run.pid(), Signal::STOP);
    kill(guardian_of(run.pid(), run.command), Signal::KILL);
    kill(run.pid(), Signal::KILL);
    let took = until("the end of the command", || group(run.command).is_empty());
    assert!(took < Duration::from_secs(1));
    until("a free lease", || world.lease_is_free("a"));
}

#[test]
fn the_terminals_signals_and_a_group_kill_spare_the_guardian() {
    let world = World::new();
    let run = world.started("a", &[], "exec sleep 1000");
    let guardian = guardian_of(run.pid(), run.command);
    assert_eq!(
        super::stat(guardian, 3),
        Some(guardian.to_string()),
        "a session of its own"
    );
    assert_ne!(super::stat(run.command, 2), super::stat(run.pid(), 2));
}

#[test]
fn what_a_command_leaves_behind_when_it_ends_is_not_killed() {
    let world = World::new();
    let mut run = world.started("a", &[], "sleep 1000 >/dev/null 2>&1 & exit 0");
    assert_eq!(run.wait().code(), Some(0));
    until("a free lease", || world.lease_is_free("a"));
    let left = group(run.command);
    assert_eq!(left.len(), 1);
    kill(left[0], Signal::KILL);
}
