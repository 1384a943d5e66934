//! `config output-limit`: what is kept of an agent's output stays within it, its beginning and its newest part; the command
//! goes on.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use super::{World, until};
use crate::env::{BINARY, Ran};

const MIB: u64 = 1 << 20;
/// A command that prints some 10 MB between its first line and its last.
const LOUD: &str = "echo first; head -c 10000000 /dev/zero | tr '\\0' a; echo; echo last";
const PRINTED: u64 = 6 + 10_000_000 + 1 + 5;

fn limited(limit: &str) -> World {
    let world = World::new();
    world.env.ok(&["config", "output-limit", limit]);
    world
}

/// What the file system holds of an agent's output, in bytes.
fn held(world: &World, id: &str) -> u64 {
    let log = world.env.task_dir("T").join(format!("output/{id}.log"));
    fs::metadata(log).map_or(0, |log| log.blocks() * 512)
}

/// The beginning and the newest part are there, and readers are told of what is not.
#[track_caller]
fn is_told(world: &World, id: &str, limit: Option<u64>) {
    let output = world.env.json(&["output", id]);
    let text = output["output"].as_str().unwrap();
    let dropped = output["dropped_bytes"].as_u64().unwrap();
    assert!(
        text.starts_with("first\na") && text.ends_with("a\nlast\n"),
        "{id}"
    );
    let Some(limit) = limit else {
        assert_eq!((text.len() as u64, dropped), (PRINTED, 0), "{id}");
        return;
    };
    let (beginning, newest) = text
        .split_once("\n[… ")
        .expect("it is said where something is missing");
    let (said, newest) = newest.split_once(" dropped …]\n").unwrap();
    assert!(said.ends_with("MB") || said.ends_with("MiB"), "{said}");
    assert_eq!(beginning.len() as u64, MIB, "{id}: the beginning");
    let kept = (beginning.len() + newest.len()) as u64;
    assert_eq!(kept + dropped, PRINTED, "{id}");
    assert!(kept <= limit, "{id}: {kept}");
    // Not much less than could be kept, either.
    assert!(
        newest.len() as u64 >= (limit - MIB) / 2,
        "{id}: {}",
        newest.len()
    );
    assert_eq!(world.env.ok(&["output", id, "-n", "1"]), "last");
    let plain = world.env.ok(&["output", id]);
    assert_eq!(plain.matches(" dropped …]").count(), 1, "{id}");
}

#[test]
fn what_is_kept_of_an_output_is_bounded_however_it_is_kept() {
    for (limit, bytes) in [
        ("2MiB", Some(2 * MIB)),
        ("4194304", Some(4 * MIB)),
        ("none", None),
    ] {
        let world = limited(limit);
        for (id, how) in [("detached", "--detach"), ("copied", "--tee")] {
            let ran = world.run(id, &[how], LOUD).output().unwrap();
            assert_eq!(ran.status.code(), Some(0), "{how} {limit}");
            world.env.ok(&["wait", id]);
            assert_eq!(world.end(id).1["code"], 0, "{how} {limit}");
            if how == "--tee" {
                // Nothing of the copy is dropped.
                assert_eq!(ran.stdout.len() as u64, PRINTED, "{limit}");
            }
            is_told(&world, id, bytes);
            if let Some(bytes) = bytes {
                assert!(
                    held(&world, id) <= bytes + MIB / 4,
                    "{how} {limit}: {}",
                    held(&world, id)
                );
            }
        }
    }
}

#[test]
fn a_command_that_prints_without_end_keeps_its_bound_and_goes_on() {
    for how in ["--detach", "--tee"] {
        let world = limited("2MiB");
        let script = "while :; do head -c 1000000 /dev/zero | tr '\\0' a; echo x >> turns; done";
        let mut run = world
            .run("a", &[how, "--grace=0s"], script)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let turns =
            || fs::metadata(world.env.root().join("turns")).map_or(0, |file| file.len() / 2);
        until("40 MB to be printed", || turns() >= 40);
        until("the bound to be kept", || held(&world, "a") < 3 * MIB);
        let before = turns();
        until("it to go on", || turns() > before);
        // Others have room, and so has its own end.
        world.env.agent("T", "other");
        world.env.ok(&["terminate", "a", "--grace", "0s"]);
        run.wait().unwrap();
        assert_eq!(world.end("a").0, "terminated");
        until("the lease to be free", || world.lease_is_free("a"));
        assert!(held(&world, "a") < 3 * MIB);
        assert!(world.env.json(&["output", "a"])["dropped_bytes"].as_u64() > Some(30_000_000));
    }
}

#[test]
fn where_a_file_system_has_no_holes_the_bound_holds_too() {
    for (how, refused) in [
        ("--detach", "EOPNOTSUPP"),
        ("--tee", "EOPNOTSUPP"),
        ("--tee", "ENOSYS"),
    ] {
        let world = limited("2MiB");
        let mut strace = std::process::Command::new("strace");
        // It is traced no further than to its commands, whose output is large.
        world
            .env
            .prepare(&mut strace)
            .args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=fallocate",
                "-e",
            ])
            .arg(format!("inject=fallocate:error={refused}"))
            .args([
                BINARY, "run", "--task", "T", "--id", "a", how, "--", "sh", "-c", LOUD,
            ]);
        let ran = strace.output().expect("strace starts; this test needs it");
        assert_eq!(ran.status.code(), Some(0), "{how} {refused}");
        world.env.ok(&["wait", "a"]);
        is_told(&world, "a", Some(2 * MIB));
        let log = world.env.task_dir("T").join("output/a.log");
        let metadata = fs::metadata(log).unwrap();
        assert!(metadata.len() <= 2 * MIB + 64, "{how}: {}", metadata.len());
        assert_eq!(metadata.mode() & 0o777, 0o600);
    }
}

#[test]
fn who_follows_is_told_what_was_dropped_meanwhile() {
    let world = limited("2MiB");
    let fifo = world.fifo("go");
    let script = format!(
        "echo first; read x < {}; head -c 6000000 /dev/zero | tr '\\0' a; echo; echo last",
        fifo.display()
    );
    world.run("a", &["--detach"], &script).output().unwrap();
    let mut following = world.env.command(&["output", "a", "--follow", "--json"]);
    let following = following
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    fs::write(&fifo, "go\n").unwrap();
    let ran = Ran::from(following.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0));
    let parts: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let dropped: u64 = parts
        .iter()
        .map(|part| part["dropped_bytes"].as_u64().unwrap())
        .sum();
    let shown: String = parts
        .iter()
        .filter(|part| part["dropped_bytes"] == 0)
        .map(|part| part["output"].as_str().unwrap())
        .collect();
    assert_eq!(shown.len() as u64 + dropped, 6 + 6_000_000 + 1 + 5);
    assert!(shown.starts_with("first\n") && shown.ends_with("a\nlast\n"));
}

#[test]
fn a_bound_that_leaves_no_room_for_both_parts_is_refused() {
    let world = World::new();
    for (limit, why) in [
        ("1MiB", "less than 2 MiB"),
        ("2097151", "less than 2 MiB"),
        ("0", "less than 2 MiB"),
        ("a lot", "not a size"),
        ("99999999999999999999", "not a size"),
    ] {
        let said = world.env.fails(2, &["config", "output-limit", limit]);
        assert!(said.contains(why), "{limit}: {said}");
    }
    assert_eq!(
        world.env.json(&["config"])["settings"]["output_limit"],
        64 * MIB
    );
}
