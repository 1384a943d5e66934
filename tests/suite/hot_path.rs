//! The system calls of the calls that agents make all day, from the opening of the home to the exit: none comes in
//! unnoticed. Why each is there stands in the docs of `store::file`.

use std::fs;
use std::process::Command;

use crate::env::{BINARY, Env};

/// What both begin with: the home, the task's directory and lock, and whether a change was left half done.
const BEGIN: [&str; 12] = [
    "openat", "fstat",   // the home
    "openat2", // the task
    "openat", "flock", // its lock
    "openat", "fstat", "pread64", "close", // the global journal's end
    "openat", "fstat", "pread64", // the task's
];

/// What both end with: the line, the task and its lock let go, the one sync.
const END: [&str; 8] = [
    "write",
    "close",
    "close",
    "close", // the line, the task, its journal, its lock
    "fdatasync",
    "close", // the file
    "close", // the home
    "exit_group",
];

#[test]
fn a_report_makes_these_system_calls_and_no_other() {
    let env = agent_env();
    let seen = system_calls(&env, &["progress", "-q", "-p", "40", "lexer reviewed"]);
    let own = ["openat2", "fstat", "pread64"];
    assert_eq!(seen, [&BEGIN[..], &own, &END].concat());
}

#[test]
fn a_finding_makes_these_system_calls_and_no_other() {
    let env = agent_env();
    let seen = system_calls(&env, &["finding", "-q", "unbounded recursion"]);
    let own = [
        "openat2", "fstat", "pread64", "close", "openat", "fstat", "pread64",
    ];
    assert_eq!(seen, [&BEGIN[..], &own, &END].concat());
}

/// A task whose journals and logs all have a last line of the task's own, so that every step is taken.
fn agent_env() -> Env {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    env.ok(&["finding", "--task", "t", "--agent", "a", "first"]);
    env
}

/// The names of a call's system calls, from the one that opens the home on. What the memory allocator and the language's
/// runtime ask of the kernel is theirs, and differs from build to build: one for debugging asks before each close.
fn system_calls(env: &Env, args: &[&str]) -> Vec<String> {
    const RUNTIME: [&str; 6] = ["brk", "mmap", "munmap", "getrandom", "fcntl", "futex"];
    let log = env.root().join("strace");
    let mut strace = Command::new("strace");
    env.prepare(&mut strace)
        .env("AGENTREG_TASK", "t")
        .env("AGENTREG_AGENT", "a")
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(BINARY)
        .args(args);
    let output = strace
        .output()
        .unwrap_or_else(|error| panic!("this test needs strace: {error}"));
    assert!(output.status.success(), "{args:?}: {output:?}");
    let home = format!("\"{}\"", env.home().display());
    let text = fs::read_to_string(log).expect("strace's log");
    text.lines()
        .skip_while(|line| !line.contains("open") || !line.contains(&home))
        // `1234 openat2(3, "lock", …) = 4`
        .filter_map(|line| line.split_whitespace().nth(1)?.split_once('('))
        .map(|(name, _)| match name {
            // The same call under its names on other machines.
            "open" => "openat".to_owned(),
            "newfstatat" => "fstat".to_owned(),
            name => name.to_owned(),
        })
        .filter(|name| !RUNTIME.contains(&name.as_str()))
        .collect()
}

#[test]
fn no_file_of_the_registry_stands_in_for_a_stream_that_the_caller_closed() {
    let env = agent_env();
    let log = env.root().join("strace");
    let mut strace = Command::new("strace");
    let script = "exec \"$0\" progress --task t --agent a said <&- >&- 2>&-";
    env.prepare(&mut strace)
        .args(["-qq", "-o"])
        .arg(&log)
        .args(["sh", "-c", script, BINARY]);
    assert!(strace.status().unwrap().success());
    let home = format!("\"{}\"", env.home().display());
    let text = fs::read_to_string(log).expect("strace's log");
    let opened: Vec<u32> = text
        .lines()
        .skip_while(|line| !line.starts_with("open") || !line.contains(&home))
        .filter(|line| line.starts_with("open"))
        .filter_map(|line| line.rsplit_once("= ")?.1.parse().ok())
        .collect();
    assert!(
        opened.len() > 3 && opened.iter().all(|fd| *fd > 2),
        "{opened:?}"
    );
}
