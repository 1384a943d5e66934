//! Standard input, output and error pass through untouched.

use std::io::Write;
use std::process::Stdio;

use super::World;

#[test]
fn a_pipe_through_run_carries_every_byte() {
    let world = World::new();
    let mut child = world
        .run("a", &[], "cat; echo told >&2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let to_send = sent.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&to_send).unwrap());
    let ran = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(ran.stdout == sent, "{} bytes", ran.stdout.len());
    assert_eq!(ran.stderr, b"told\n");
    assert_eq!(ran.status.code(), Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_command() {
    let world = World::new();
    let script = "agentreg run --id a -- yes | head -n 1; echo ${PIPESTATUS[0]}";
    let ran = world.shell(script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "y\n141\n");
    assert_eq!(world.end("a").1["signal"], 13);
}

#[test]
fn a_reader_that_goes_away_from_what_is_kept_too_costs_the_copy_and_not_the_command() {
    let world = World::new();
    let script = "agentreg run --tee --id b -- seq 1 100000 | head -n 1; echo ${PIPESTATUS[0]}";
    let ran = world.shell(script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "1\n0\n");
    assert_eq!(world.end("b").0, "completed");
    let kept = std::fs::read_to_string(world.env.task_dir("T").join("output/b.log")).unwrap();
    assert_eq!(kept.lines().count(), 100_000);
}

#[test]
fn a_position_in_a_file_is_shared() {
    let world = World::new();
    let script = "printf 'one\ntwo\nthree\n' > f; { read a; agentreg run --id a -- sh -c 'read b; echo $b'; cat; } < f";
    let ran = world.shell(script).output().unwrap();
    // A shell reads a file by the line, so the third is left for the last.
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "two\nthree\n");
}

#[test]
fn no_descriptor_is_left_open_in_the_command() {
    let world = World::new();
    let list = |how: &str| {
        let ran = world.shell(&format!("{how} ls /proc/self/fd")).output();
        String::from_utf8(ran.unwrap().stdout).unwrap()
    };
    assert_eq!(list("agentreg run --"), list(""));
}

#[test]
fn tee_keeps_what_it_shows() {
    let world = World::new();
    let ran = world
        .run("a", &["--tee"], "seq 1 20000; echo told >&2; exit 6")
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(6));
    let shown = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(shown.lines().count(), 20000);
    assert_eq!(ran.stderr, b"told\n");
    let kept = std::fs::read_to_string(world.env.task_dir("T").join("output/a.log")).unwrap();
    assert!(kept.contains("told\n"));
    let lines: Vec<_> = kept.lines().filter(|line| *line != "told").collect();
    assert!(lines.len() >= 19_999, "{}", lines.len());
}

#[test]
fn tee_ends_though_somebody_keeps_the_pipe() {
    let world = World::new();
    let mut run = world.started("a", &["--tee"], "sleep 1000 & echo $! > left; exit 3");
    assert_eq!(run.wait().code(), Some(3));
    assert_eq!(world.end("a").1["code"], 3);
    let left = std::fs::read_to_string(world.env.root().join("left")).unwrap();
    super::kill(left.trim().parse().unwrap(), rustix::process::Signal::KILL);
}
