//! `run` is killed before each of its system calls in turn: its command is gone within a second, nothing holds the lease,
//! and the next call puts the counts right.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{processes, until};
use crate::env::{BINARY, Env};

/// What changes nothing that anybody could see.
const NOISE: [&str; 8] = [
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "madvise",
    "clock_gettime",
    "sigaltstack",
    "rt_sigprocmask",
];

/// A command with a child, both of which outlive their shell unless they are killed.
const RUN: [&str; 9] = [
    "run",
    "--task",
    "T",
    "--id",
    "a",
    "--",
    "sh",
    "-c",
    "sleep 0.02 & wait; exit 3",
];

fn strace(env: &Env, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    // Without -f: the supervisor alone is traced, neither its guardian nor its command.
    env.prepare(&mut command)
        .args(["-qq"])
        .args(options)
        .arg(BINARY)
        .args(RUN);
    command
}

/// The names of the system calls from the first that names the home on, each with its number among those of its name.
fn sites(env: &Env) -> Vec<(String, usize)> {
    let log = env.root().join("strace");
    let ran = strace(env, &["-y", "-o", log.to_str().unwrap()]).status();
    assert_eq!(ran.unwrap().code(), Some(3));
    let text = fs::read_to_string(&log).unwrap();
    let home = env.home();
    let mut counted = HashMap::<String, usize>::new();
    let mut has_begun = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let nth = counted.entry(name.to_owned()).or_default();
        *nth += 1;
        has_begun |= line.contains(home.to_str().unwrap());
        if has_begun && !NOISE.contains(&name) {
            found.push((name.to_owned(), *nth));
        }
    }
    found
}

/// The processes that live and belong to this home.
fn of_home(env: &Env) -> Vec<i32> {
    let variable = format!("AGENTREG_HOME={}\0", env.home().display());
    processes(|pid| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
            let mut parts = environ.windows(variable.len());
            parts.any(|part| part == variable.as_bytes())
        })
    })
}

#[test]
fn run_survives_death_at_every_step() {
    let registry = Env::in_memory();
    registry.task("T");
    let sites = sites(&Env::copy_of(registry.root()));
    let reaped = Cell::new(0);
    for (name, nth) in &sites {
        let at = format!("killed at {name} #{nth}");
        let env = Env::copy_of(registry.root());
        let inject = format!("inject={name}:signal=KILL:when={nth}");
        let log = env.root().join("strace");
        let ran = strace(&env, &["-o", log.to_str().unwrap(), "-e", &inject]).output();
        let code = ran.unwrap().status.code();
        // Where it waits for its command, how often depends on the hour: then it may end before.
        assert!(code.is_none() || code == Some(3), "{at}: {code:?}");
        let took = until("the end of its processes", || of_home(&env).is_empty());
        assert!(took < Duration::from_secs(1), "{at}: {took:?}");
        // A process that exits loses its environment before its files.
        let took = until("no agent to be active", || {
            reaped.set(reaped.get() + env.ok(&["reap", "-q"]).lines().count());
            env.counts("T").0[1] == 0
        });
        assert!(took < Duration::from_secs(1), "{at}: {took:?}");
        env.is_healthy();
        let (task, totals) = env.counts("T");
        assert_eq!(task, totals, "{at}");
        assert!(task[0] <= 1, "{at}: {task:?}");
        env.ok(&["run", "--task", "T", "--id", "b", "--", "true"]);
    }
    println!("{} deaths, {} of them reaped", sites.len(), reaped.get());
    assert!(reaped.get() > 10);
}
