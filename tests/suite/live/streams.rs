//! Standard input, output and error pass through untouched.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::pty::OpenptFlags;

use super::{World, until};

/// So many lines a command prints here that a reader keeps waiting: more than any stream holds.
const LINES: usize = 20_000;

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

/// What was kept of the output of the agent `a`, by lines.
fn kept_lines(world: &World) -> usize {
    let log = world.env.task_dir("T").join("output/a.log");
    std::fs::read_to_string(log).map_or(0, |log| log.lines().count())
}

/// Both ends of a stream, the one to write to in non-blocking mode, as whoever shares it may have left it.
fn impatient(kind: &str) -> (File, OwnedFd) {
    let (read, write): (OwnedFd, OwnedFd) = match kind {
        "pipe" => {
            let (read, write) = std::io::pipe().unwrap();
            (read.into(), write.into())
        }
        "socket" => {
            let (read, write) = UnixStream::pair().unwrap();
            (read.into(), write.into())
        }
        _ => terminal(),
    };
    rustix::io::ioctl_fionbio(&write, true).unwrap();
    (File::from(read), write)
}

/// Both ends of a terminal.
fn terminal() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let peer = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
    (master, peer)
}

#[test]
fn tee_waits_for_a_slow_reader_whatever_the_stream_and_its_mode() {
    for kind in ["pipe", "socket", "terminal"] {
        let world = World::new();
        let (mut reader, stdout) = impatient(kind);
        let mut run = world
            .run("a", &["--tee"], &format!("seq {LINES}"))
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Nobody has read anything when the stream is full.
        until("its command to have to wait", || kept_lines(&world) > 0);
        crate::stdio::until_it_waits(&run);
        let mut shown = Vec::new();
        // Of a terminal the end is an error.
        let _ = reader.read_to_end(&mut shown);
        assert_eq!(run.wait().unwrap().code(), Some(0), "{kind}");
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(shown.lines().count(), LINES, "{kind}");
        assert_eq!(kept_lines(&world), LINES, "{kind}");
        assert_eq!(world.end("a").0, "completed", "{kind}");
    }
}

#[test]
fn tee_keeps_all_and_tells_once_where_the_copy_cannot_be_written() {
    for (redirection, told) in [
        (">/dev/full", Some("standard output: No space left")),
        (">&-", None),
        ("2>/dev/full", None),
    ] {
        let world = World::new();
        let script = format!(
            "agentreg run --tee --id a -- sh -c 'seq {LINES}; seq {LINES} >&2' {redirection}"
        );
        let ran = world.shell(&script).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{redirection}");
        assert_eq!(kept_lines(&world), 2 * LINES, "{redirection}");
        assert_eq!(world.end("a").0, "completed", "{redirection}");
        let stderr = String::from_utf8_lossy(&ran.stderr);
        if let Some(told) = told {
            assert_eq!(stderr.matches(told).count(), 1, "{redirection}");
        }
        let shown = String::from_utf8_lossy(if redirection.starts_with('2') {
            &ran.stdout
        } else {
            &ran.stderr
        });
        let numbers = shown.lines().filter(|line| line.parse::<usize>().is_ok());
        assert_eq!(numbers.count(), LINES, "{redirection}: the other stream");
    }
}

#[test]
fn tee_keeps_all_of_a_command_whose_terminal_has_gone() {
    let world = World::new();
    let fifo = world.fifo("go");
    let (master, stdout) = terminal();
    let mut run = world
        .run(
            "a",
            &["--tee"],
            &format!("read x < {}; seq {LINES}", fifo.display()),
        )
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(master);
    std::fs::write(&fifo, "go\n").unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert_eq!(kept_lines(&world), LINES);
    assert_eq!(world.end("a").0, "completed");
}

#[test]
fn a_time_out_is_kept_though_nobody_ever_reads_the_copy() {
    let world = World::new();
    let (reader, stdout) = impatient("pipe");
    let options = ["--tee", "--timeout=300ms", "--grace=100ms"];
    let mut run = world
        .run("a", &options, "yes")
        .stdout(stdout)
        .spawn()
        .unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(124));
    assert_eq!(world.end("a").1["how"], "timeout");
    drop(reader);
}
