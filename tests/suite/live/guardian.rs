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
fn a_command_whose_guardian_is_killed_dies_with_it_and_run_records_that() {
    let world = World::new();
    let mut run = world.started("a", &["--grace", "100ms"], STUBBORN);
    kill(guardian_of(run.pid(), run.command), Signal::KILL);
    let took = until("the end of the group", || group(run.command).is_empty());
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!run.wait().success());
    let (status, end) = world.end("a");
    assert_eq!((status.as_str(), &end["how"]), ("failed", &"signal".into()));
    assert!(world.lease_is_free("a"));
    assert_eq!(world.alive("a"), "no");
}

/// The command may be faster than the word that it runs.
#[test]
fn a_command_that_kills_its_guardian_at_once_is_ended_with_all_that_it_started() {
    let world = World::new();
    for round in 0..10 {
        let id = format!("a{round}");
        let script = "setsid sleep 1000 & kill -9 $PPID; exec sleep 1000";
        let mut run = world.run(&id, &["--grace", "100ms"], script);
        assert!(
            !run.stderr(std::process::Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(super::of_home(&world.env), [0; 0]);
        let (status, end) = world.end(&id);
        assert_eq!((status.as_str(), &end["how"]), ("failed", &"signal".into()));
    }
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
fn the_guardian_has_a_group_of_its_own_in_the_session_of_its_caller() {
    let world = World::new();
    let run = world.started("a", &[], "exec sleep 1000");
    let guardian = guardian_of(run.pid(), run.command);
    assert_eq!(super::stat(guardian, 2), Some(guardian.to_string()));
    assert_eq!(super::stat(guardian, 3), super::stat(run.pid(), 3));
    assert_ne!(super::stat(run.command, 2), super::stat(run.pid(), 2));
    assert_eq!(super::stat(run.command, 1), Some(guardian.to_string()));
}

#[test]
fn what_a_command_leaves_behind_in_any_session_is_ended_and_told() {
    let world = World::new();
    let script = "setsid sleep 1000 >/dev/null 2>&1 & sleep 1000 >/dev/null 2>&1 & exit 0";
    let mut run = world.started("a", &[], script);
    assert_eq!(run.wait().code(), Some(0));
    assert_eq!(super::of_home(&world.env), [0; 0]);
    let (status, end) = world.end("a");
    assert_eq!(status, "completed");
    let warnings = end["warnings"].to_string();
    assert!(warnings.contains("left 2 processes"), "{warnings}");
}

#[test]
fn what_a_command_leaves_behind_lives_on_where_it_is_wanted() {
    let world = World::new();
    let script = "sleep 1000 >/dev/null 2>&1 & exit 0";
    let mut run = world.started("a", &["--leave-background"], script);
    assert_eq!(run.wait().code(), Some(0));
    until("a free lease", || world.lease_is_free("a"));
    let left = group(run.command);
    assert_eq!(left.len(), 1);
    kill(left[0], Signal::KILL);
}
