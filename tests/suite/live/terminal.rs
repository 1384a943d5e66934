//! The controlling terminal passes through: real shells on pseudo-terminals.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use expectrl::session::OsSession;
use expectrl::{ControlCode, Expect};
use serde_json::Value;

use super::{World, until};

/// What a shell says when it waits for a command.
pub(super) const PROMPT: &str = "ready>";

/// Says that it has begun in words that do not stand in its own text, which the terminal echoes.
pub(super) const BEGUN: &str = "echo begun-$((40+2))";

/// An interactive shell of this world.
pub(super) fn shell(world: &World) -> OsSession {
    let mut command = Command::new("bash");
    world
        .env
        .prepare(&mut command)
        .args(["--norc", "--noprofile", "-i"])
        .env("AGENTREG_TASK", "T")
        .env("TERM", "dumb")
        .env("PS1", PROMPT)
        .stdin(Stdio::inherit());
    let mut shell = OsSession::spawn(command).unwrap();
    shell.set_expect_timeout(Some(Duration::from_secs(30)));
    sees(&mut shell, PROMPT);
    shell
}

#[track_caller]
pub(super) fn sees(shell: &mut OsSession, text: &str) {
    if let Err(error) = shell.expect(text) {
        panic!("{text:?} was not seen: {error}");
    }
}

pub(super) fn types(shell: &mut OsSession, line: &str) {
    shell.send_line(line).unwrap();
}

pub(super) fn presses(shell: &mut OsSession, key: ControlCode) {
    shell.send(key).unwrap();
}

pub(super) const CTRL_C: ControlCode = ControlCode::EndOfText;
pub(super) const CTRL_Z: ControlCode = ControlCode::Substitute;

/// Has `run` start a command that reads two lines, and stops it with Ctrl-Z between them.
#[track_caller]
pub(super) fn stops_between_two_lines(shell: &mut OsSession, run: &str, end: &str) {
    let reads = "sh -c 'read x; echo first-$x; read y; echo second-$y'";
    types(shell, &format!("{run} {reads}{end}"));
    types(shell, "a");
    sees(shell, "first-a");
    presses(shell, CTRL_Z);
    sees(shell, "Stopped");
    sees(shell, PROMPT);
    types(shell, "fg");
    sees(shell, "agentreg run");
    types(shell, "b");
    sees(shell, "second-b");
    sees(shell, PROMPT);
}

#[track_caller]
fn one_was_interrupted(world: &World, shell: &mut OsSession) {
    sees(shell, PROMPT);
    assert_eq!(world.env.counts("T").0, [1, 0, 0, 1, 0]);
    let status = world.env.json(&["status", "T", "--all"]);
    assert_eq!(status["agents"][0]["end"]["signal"], 2);
    // The shell hears what is typed again.
    types(shell, "echo still-$((1+1))");
    sees(shell, "still-2");
}

#[test]
fn ctrl_c_ends_a_loop_around_run() {
    let world = World::new();
    let mut shell = shell(&world);
    types(
        &mut shell,
        &format!("for i in 1 2 3; do agentreg run -- sh -c '{BEGUN}; exec sleep 1000'; done"),
    );
    sees(&mut shell, "begun-42");
    presses(&mut shell, CTRL_C);
    one_was_interrupted(&world, &mut shell);
}

#[test]
fn ctrl_c_ends_a_script_around_run() {
    let world = World::new();
    let script =
        format!("for i in 1 2 3; do agentreg run -- sh -c '{BEGUN}; exec sleep 1000'; done");
    fs::write(world.env.root().join("loop.sh"), script).unwrap();
    let mut shell = shell(&world);
    types(&mut shell, "bash loop.sh");
    sees(&mut shell, "begun-42");
    presses(&mut shell, CTRL_C);
    one_was_interrupted(&world, &mut shell);
}

#[test]
fn ctrl_c_ends_a_script_around_a_command_that_has_the_terminal() {
    let world = World::new();
    let script =
        "for i in 1 2 3; do agentreg run -- sh -c 'read x; echo got-$x; exec sleep 1000'; done";
    fs::write(world.env.root().join("loop.sh"), script).unwrap();
    let mut shell = shell(&world);
    types(&mut shell, "bash loop.sh");
    types(&mut shell, "hello");
    sees(&mut shell, "got-hello");
    presses(&mut shell, CTRL_C);
    one_was_interrupted(&world, &mut shell);
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let world = World::new();
    let script = format!(
        "n=0; trap 'n=$((n+1)); echo heard-$n' INT; {BEGUN}
        while [ $n -lt 3 ]; do sleep 0.01; done; sleep 0.3; echo total-$n"
    );
    fs::write(world.env.root().join("trap.sh"), script).unwrap();
    let mut shell = shell(&world);
    types(&mut shell, "agentreg run -- sh trap.sh");
    sees(&mut shell, "begun-42");
    for n in 1..=3 {
        presses(&mut shell, CTRL_C);
        sees(&mut shell, &format!("heard-{n}"));
    }
    sees(&mut shell, "total-3");
    sees(&mut shell, PROMPT);
    assert_eq!(world.env.counts("T").0, [1, 0, 1, 0, 0]);
}

#[test]
fn ctrl_z_stops_and_fg_goes_on() {
    let world = World::new();
    let script = format!(
        "trap 'echo on-$((1+2))' CONT; {BEGUN}
        while [ ! -e go ]; do sleep 0.01; done; echo over-$((1+1))"
    );
    fs::write(world.env.root().join("stops.sh"), script).unwrap();
    let mut shell = shell(&world);
    // Not with sh: dash starts its commands by vfork, and a child that stops before it executes stops nobody else.
    types(&mut shell, "agentreg run -- bash stops.sh");
    sees(&mut shell, "begun-42");
    for _ in 0..3 {
        presses(&mut shell, CTRL_Z);
        sees(&mut shell, "Stopped");
        sees(&mut shell, PROMPT);
        types(&mut shell, "fg");
        sees(&mut shell, "on-3");
    }
    presses(&mut shell, CTRL_Z);
    sees(&mut shell, "Stopped");
    sees(&mut shell, PROMPT);
    types(&mut shell, "bg");
    sees(&mut shell, "on-3");
    types(&mut shell, "touch go; fg");
    sees(&mut shell, "over-2");
    assert_eq!(world.env.counts("T").0[0], 1);
}

#[test]
fn ctrl_z_and_fg_of_a_command_that_has_the_terminal() {
    let world = World::new();
    let mut shell = shell(&world);
    stops_between_two_lines(&mut shell, "agentreg run --", "");
}

#[test]
fn a_command_in_the_background_that_wants_the_terminal_stops_as_a_job() {
    let world = World::new();
    let mut shell = shell(&world);
    types(&mut shell, "agentreg run -- sh -c 'read x; echo got-$x' &");
    sees(&mut shell, PROMPT);
    until("its command to stop", || {
        let own = std::process::id();
        !super::processes(|pid| {
            super::stat(pid, 0).as_deref() == Some("T")
                && fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                    let home = world.env.home();
                    let home = home.as_os_str().as_encoded_bytes();
                    environ.windows(home.len()).any(|part| part == home)
                })
                && fs::read_to_string(format!("/proc/{pid}/comm"))
                    .is_ok_and(|name| name.trim() == "agentreg")
                && pid.unsigned_abs() != own
        })
        .is_empty()
    });
    types(&mut shell, "fg");
    sees(&mut shell, "agentreg run");
    types(&mut shell, "hello");
    sees(&mut shell, "got-hello");
    sees(&mut shell, PROMPT);
}

#[test]
fn a_pager_behind_run_keeps_the_terminal() {
    let world = World::new();
    let mut shell = shell(&world);
    types(
        &mut shell,
        "agentreg run -- echo text | { cat; read x < /dev/tty; echo got-$x; }",
    );
    sees(&mut shell, "text\r\n");
    types(&mut shell, "hello");
    sees(&mut shell, "got-hello");
    sees(&mut shell, PROMPT);
}

#[test]
fn a_closed_terminal_ends_the_command_and_that_is_recorded() {
    let world = World::new();
    let mut shell = shell(&world);
    types(
        &mut shell,
        &format!("agentreg run --id a -- sh -c '{BEGUN}; exec sleep 1000'"),
    );
    sees(&mut shell, "begun-42");
    drop(shell);
    until("the end", || world.agent("a")["end"] != Value::Null);
    assert_eq!(world.end("a").1["signal"], 1);
    world.env.is_healthy();
}
