//! Whether an agent lives is never said wrong.

use std::process::Command;

use rustix::process::Signal;

use super::{World, kill};

#[test]
fn an_agent_of_which_nothing_is_known_is_unknown() {
    let world = World::new();
    world.env.agent("T", "a");
    assert_eq!(world.alive("a"), "unknown");
    world
        .env
        .ok(&["progress", "--task", "T", "--agent", "a", "-s", "failed"]);
    assert_eq!(world.alive("a"), "no");
}

/// An agent with the process of a child that lives until it is dropped.
fn with_process(world: &World, id: &str) -> Child {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id().to_string();
    world.env.ok(&[
        "register", "--task", "T", "--type", "x", "--id", id, "--pid", &pid,
    ]);
    Child(child)
}

struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_lives_until_it_exits_even_before_its_parent_asks() {
    let world = World::new();
    let child = with_process(&world, "a");
    assert_eq!(world.alive("a"), "yes");
    kill(i32::try_from(child.0.id()).unwrap(), Signal::KILL);
    super::until("its death", || world.alive("a") == "no");
    assert_eq!(world.env.ok(&["reap", "-q", "--task", "T"]), "a");
    let reason = world.end("a").1["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(&child.0.id().to_string()), "{reason}");
}

/// Changes a number or string that stands behind a key in the log.
fn change(world: &World, id: &str, key: &str, to: &str) {
    world.rewrite(id, |log| {
        let (before, behind) = log.split_once(&format!("\"{key}\":")).unwrap();
        let end = behind.find([',', '}']).unwrap();
        format!("{before}\"{key}\":{to}{}", &behind[end..])
    });
}

#[test]
fn a_reused_pid_or_another_boot_is_death() {
    let world = World::new();
    let _first = with_process(&world, "a");
    change(&world, "a", "started", "7");
    assert_eq!(world.alive("a"), "no");
    let _second = with_process(&world, "b");
    change(
        &world,
        "b",
        "boot",
        "\"0e1c8d8e-0000-4000-8000-000000000000\"",
    );
    assert_eq!(world.alive("b"), "no");
    let mut reaped: Vec<_> = world
        .env
        .ok(&["reap", "-q"])
        .lines()
        .map(str::to_owned)
        .collect();
    reaped.sort();
    assert_eq!(reaped, ["a", "b"]);
    // Who is terminated is not signalled either: it is another's pid.
    let third = with_process(&world, "c");
    change(&world, "c", "started", "7");
    world.env.ok(&["terminate", "c", "--task", "T"]);
    assert!(super::stat(i32::try_from(third.0.id()).unwrap(), 0).is_some_and(|s| s != "Z"));
}

#[test]
fn another_host_or_pid_namespace_is_unknown_and_never_acted_on() {
    let world = World::new();
    let host = with_process(&world, "a");
    change(&world, "a", "host", "\"elsewhere.example\"");
    let namespace = with_process(&world, "b");
    change(&world, "b", "namespace", "1");
    drop((host, namespace));
    assert_eq!(world.alive("a"), "unknown");
    assert_eq!(world.alive("b"), "unknown");
    assert_eq!(world.env.ok(&["reap", "-q"]), "");
}

#[test]
fn what_a_real_pid_namespace_hides_is_unknown() {
    let world = World::new();
    let inside = "agentreg register --type x --id a --pid $$ && agentreg status T --json";
    let mut unshare = Command::new("unshare");
    let ran = world
        .env
        .prepare(&mut unshare)
        .args(["--pid", "--fork", "--mount-proc", "sh", "-c", inside])
        .env("AGENTREG_TASK", "T")
        .output();
    match ran {
        Ok(ran) if ran.status.success() => {
            let told = String::from_utf8(ran.stdout).unwrap();
            assert!(told.contains("\"alive\":\"yes\""), "inside: {told}");
        }
        _ => {
            eprintln!("skipped: pid namespaces are not to be had here");
            return;
        }
    }
    assert_eq!(world.alive("a"), "unknown");
    assert_eq!(world.env.ok(&["reap", "-q"]), "");
}

#[test]
fn silence_longer_than_the_ttl_is_death_and_a_finding_is_no_silence() {
    let world = World::new();
    let register = [
        "register", "--task", "T", "--type", "x", "--ttl", "1h", "--id",
    ];
    for id in ["a", "b"] {
        world.env.ok(&[&register[..], &[id]].concat());
        assert_eq!(world.alive(id), "yes");
        world.rewrite(id, |log| {
            let (before, behind) = log.split_once("\"updated_at\":\"").unwrap();
            format!("{before}\"updated_at\":\"2020{}", &behind[4..])
        });
        assert_eq!(world.alive(id), "no");
    }
    world
        .env
        .ok(&["finding", "--task", "T", "--agent", "a", "still here"]);
    assert_eq!(world.alive("a"), "yes");
    assert_eq!(world.env.ok(&["reap", "-q"]), "b");
    assert!(world.end("b").1["reason"].as_str().unwrap().contains("1h"));
}

#[test]
fn a_lease_tells_yes_while_it_is_held_and_no_within_a_second_of_death() {
    let world = World::new();
    let run = world.started("a", &["--ttl", "1s"], "exec sleep 1000");
    assert_eq!(world.alive("a"), "yes");
    // Looking does not look like holding.
    let lease = world.env.task_dir("T").join("leases/a");
    let shared = std::fs::File::open(lease).unwrap();
    assert!(rustix::fs::flock(&shared, rustix::fs::FlockOperation::NonBlockingLockShared).is_err());
    kill(run.pid(), Signal::KILL);
    let took = super::until("its death", || world.alive("a") == "no");
    assert!(took.as_millis() < 1000, "{took:?}");
    rustix::fs::flock(&shared, rustix::fs::FlockOperation::NonBlockingLockShared).unwrap();
    assert_eq!(world.alive("a"), "no");
    // On another host a free lease proves nothing, unless what it names ran under this very kernel.
    change(&world, "a", "host", "\"elsewhere.example\"");
    assert_eq!(world.alive("a"), "no");
    std::fs::write(world.env.task_dir("T").join("leases/a"), "").unwrap();
    assert_eq!(world.alive("a"), "unknown");
}

#[test]
fn whoever_holds_a_lease_lives_whatever_its_note_has_become() {
    let world = World::new();
    world.env.agent("T", "a");
    change(&world, "a", "findings_before", "0,\"leased\":true");
    let lease = world.env.task_dir("T").join("leases/a");
    std::fs::write(&lease, b"\xff\xfe no note\n").unwrap();
    let held = std::fs::File::open(&lease).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(world.alive("a"), "yes");
}
