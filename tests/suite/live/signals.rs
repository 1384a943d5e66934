//! Signals on their way: what the caller of `run` does with them reaches the command, what is sent to `run` does, and what
//! killed the command kills `run`.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{LONG, TASK, World, code_and_signal, until};

/// A program started by coreutils' `env` with these changes of signals, in this world.
fn env_with(world: &World, changes: &[&str]) -> Command {
    let mut env = Command::new("env");
    world
        .env
        .prepare(&mut env)
        .env("AGENTREG_TASK", TASK)
        .args(changes);
    env
}

/// The mask and what is ignored, from the lines of `/proc/self/status`. Numbers 32 and 33 are the C library's own: it
/// ignores them where it starts a program.
fn seen(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.split_once(":\t"));
    let sets = lines.filter(|(name, _)| matches!(*name, "SigBlk" | "SigIgn"));
    let own: u64 = 0b11 << 31;
    sets.map(|(name, set)| {
        (
            name.to_owned(),
            u64::from_str_radix(set, 16).unwrap() & !own,
        )
    })
    .collect()
}

/// What callers do: nothing, and what shells, services and other programs block and ignore.
const CALLERS: [&[&str]; 7] = [
    &[],
    &["--block-signal=TERM,INT,USR1,TSTP,RTMIN+3"],
    &["--block-signal=CHLD"],
    &["--ignore-signal=PIPE"],
    &["--ignore-signal=CHLD"],
    &["--ignore-signal=XFSZ,HUP,INT,QUIT,USR2,ALRM,RTMAX"],
    &["--block-signal=CHLD,PIPE", "--ignore-signal=CHLD,PIPE,TSTP"],
];

const SHOWS: [&str; 2] = ["cat", "/proc/self/status"];

fn alone(world: &World, caller: &[&str]) -> BTreeMap<String, u64> {
    let ran = env_with(world, caller).args(SHOWS).output().unwrap();
    let seen = seen(&String::from_utf8(ran.stdout).unwrap());
    assert_eq!(seen.len(), 2, "{caller:?}: env does not know this");
    seen
}

#[test]
fn mask_and_dispositions_reach_the_command_as_they_came() {
    let world = World::new();
    for caller in CALLERS {
        let alone = alone(&world, caller);
        for options in [&[][..], &["--tee"], &["--", "agentreg", "run"]] {
            let ran = env_with(&world, caller)
                .args(["agentreg", "run"])
                .args(options)
                .arg("--")
                .args(SHOWS)
                .output()
                .unwrap();
            let under = seen(&String::from_utf8_lossy(&ran.stdout));
            assert_eq!(under, alone, "{caller:?} {options:?}: {ran:?}");
        }
    }
}

#[test]
fn they_reach_the_command_of_a_detached_run_too() {
    let world = World::new();
    for (n, caller) in CALLERS.into_iter().enumerate() {
        let id = format!("a{n}");
        let ran = env_with(&world, caller)
            .args(["agentreg", "run", "--detach", "--id", &id, "--"])
            .args(SHOWS)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{caller:?}: {ran:?}");
        world.env.ok(&["wait", &id, "--task", TASK]);
        let under = seen(&world.env.ok(&["output", &id, "--task", TASK]));
        assert_eq!(under, alone(&world, caller), "{caller:?}");
    }
}

#[test]
fn the_end_is_told_whatever_the_caller_does_with_sigchld() {
    let world = World::new();
    for caller in ["--block-signal=CHLD", "--ignore-signal=CHLD"] {
        for options in [&[][..], &["--timeout", "50s"], &["--tee"]] {
            let begun = std::time::Instant::now();
            let ran = env_with(&world, &[caller])
                .args(["agentreg", "run"])
                .args(options)
                .args(["--", "sh", "-c", "exit 3"])
                .status()
                .unwrap();
            assert_eq!(ran.code(), Some(3), "{caller} {options:?}");
            assert!(
                begun.elapsed() < Duration::from_secs(40),
                "{caller} {options:?}"
            );
        }
    }
}

#[test]
fn where_the_caller_blocks_or_ignores_every_signal_time_is_kept_and_all_is_ended() {
    let world = World::new();
    for caller in ["--block-signal", "--ignore-signal"] {
        let ran = env_with(&world, &[caller])
            .args(["agentreg", "run", "--timeout", "100ms", "--grace", "100ms"])
            .args(["--", "sh", "-c", "setsid sleep 1000 & sleep 1000"])
            .status()
            .unwrap();
        assert_eq!(ran.code(), Some(124), "{caller}");
        assert_eq!(super::of_home(&world.env), [0; 0], "{caller}");
        let ran = env_with(&world, &[caller])
            .args(["agentreg", "run", "--", "sh", "-c", "kill -KILL $$"])
            .status()
            .unwrap();
        assert_eq!(code_and_signal(ran), (None, Some(9)), "{caller}");
    }
}

/// Every signal that kills by default and that a program may send to itself, the real-time ones among them.
fn deadly() -> Vec<i32> {
    let named = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31,
    ];
    named.into_iter().chain([34, 35, 40, 63, 64]).collect()
}

#[test]
fn run_dies_of_what_killed_its_command() {
    let world = World::new();
    for number in deadly() {
        let id = format!("a{number}");
        let script = format!("ulimit -c 0; kill -{number} $$");
        let args = [
            "run", "--task", TASK, "--id", &id, "--", "sh", "-c", &script,
        ];
        let ran = world.env.command(&args).status().unwrap();
        assert_eq!(code_and_signal(ran), (None, Some(number)));
        assert_eq!(world.end(&id).1["signal"], number);
    }
}

/// A command that says what it hears of the signals that are sent to `run`.
fn hears(number: i32) -> String {
    format!("trap 'exit 7' {number}; echo > ready.{number}; while :; do sleep 0.01; done")
}

#[test]
fn whatever_is_sent_to_run_its_command_hears() {
    let world = World::new();
    let own_faults = [4, 5, 6, 7, 8, 9, 11, 13, 25, 31];
    let sent = deadly().into_iter().filter(|n| !own_faults.contains(n));
    for number in sent.chain([18, 23, 28]) {
        let id = format!("a{number}");
        let script = hears(number);
        let args = [
            "run", "--task", TASK, "--id", &id, "--", "bash", "-c", &script,
        ];
        let mut run = world.env.command(&args).spawn().unwrap();
        let ready = world.env.root().join(format!("ready.{number}"));
        until("the trap", || ready.exists());
        let sent = Command::new("kill")
            .args([format!("-{number}"), run.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(run.wait().unwrap().code(), Some(7), "signal {number}");
    }
}

#[test]
fn what_the_caller_ignores_is_not_passed_on() {
    let world = World::new();
    let script = "echo > ready; read go < go.fifo; exit 4";
    let fifo = world.fifo("go");
    let mut run = env_with(&world, &["--ignore-signal=USR1,RTMIN,ALRM"])
        .args(["agentreg", "run", "--", "bash", "-c", script])
        .spawn()
        .unwrap();
    until("its command", || world.env.root().join("ready").exists());
    for number in ["USR1", "34", "ALRM"] {
        let sent = Command::new("kill")
            .args([format!("-{number}"), run.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
    fs::write(fifo, "go\n").unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(4));
}

#[test]
fn a_signal_ends_a_run_that_waits_for_its_slot() {
    let world = World::with_slots(1);
    world.env.agent(TASK, "first");
    for number in ["INT", "ALRM", "40"] {
        let mut run = world
            .run("a", &["--wait"], "exit 0")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It hears signals before it waits: whatever is sent then ends it.
        let hears = || {
            let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap();
            let set = status
                .lines()
                .find_map(|line| line.strip_prefix("SigCgt:\t"));
            u64::from_str_radix(set.unwrap(), 16).unwrap() & (1 << 39) != 0
        };
        until("its handlers", hears);
        let sent = Command::new("kill")
            .args([format!("-{number}"), run.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let (_, signal) = code_and_signal(run.wait().unwrap());
        let wanted = match number {
            "INT" => 2,
            "ALRM" => 14,
            _ => 40,
        };
        assert_eq!(signal, Some(wanted));
    }
    assert_eq!(world.env.counts(TASK).0, [1, 1, 0, 0, 0]);
}

/// Where nobody holds a terminal in hand a stop is not passed up: time goes on, and an end is heard.
#[test]
fn a_command_that_is_stopped_ends_in_time_and_by_terminate() {
    let world = World::new();
    let mut run = world.started(
        "a",
        &["--timeout", "300ms"],
        "kill -STOP $$; exec sleep 1000",
    );
    assert_eq!(run.wait().code(), Some(124));
    assert_eq!(world.end("a").1["signal"], 15, "it heard of it");
    let mut run = world.started("b", &[], "exec sleep 1000");
    super::kill(run.command, Signal::STOP);
    until("its stop", || {
        super::stat(run.command, 0).as_deref() == Some("T")
    });
    let begun = std::time::Instant::now();
    world
        .env
        .ok(&["terminate", "b", "--task", TASK, "--grace", "50s"]);
    assert!(begun.elapsed() < LONG / 2);
    assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
}

#[test]
fn a_stop_and_a_continuation_of_run_are_its_commands_too() {
    let world = World::new();
    // In a session with a parent elsewhere in it, as a shell's job: an orphaned group is not stopped.
    let script = "set -m; agentreg run --id a -- bash -c 'trap \"echo > on\" CONT; echo $$ > pid.new; mv pid.new pid;
        while :; do sleep 0.01; done' & echo $! > run.new; mv run.new run; read go < go.fifo";
    let fifo = world.fifo("go");
    let mut shell = Command::new("setsid");
    let mut shell = world
        .env
        .prepare(&mut shell)
        .args(["--wait", "bash", "-c", script])
        .env("AGENTREG_TASK", TASK)
        .spawn()
        .unwrap();
    let pid_in = |name: &str| -> i32 {
        let path = world.env.root().join(name);
        until("its pid", || path.exists());
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    };
    let (run, command) = (pid_in("run"), pid_in("pid"));
    super::kill(run, Signal::TSTP);
    until("its stop", || {
        super::stat(command, 0).as_deref() == Some("T")
    });
    super::kill(run, Signal::CONT);
    until("that it goes on", || world.env.root().join("on").exists());
    world.env.ok(&["terminate", "a", "--task", TASK]);
    fs::write(fifo, "go\n").unwrap();
    shell.wait().unwrap();
}
