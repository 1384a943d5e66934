//! The system calls of one process, neither its children's nor its command's, and its death before one of them.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Output};

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

/// The names of the system calls from the first that names the home on, each with its number among those of its name.
pub fn sites(env: &Env, args: &[&str]) -> Vec<(String, usize)> {
    let log = env.root().join("strace");
    strace(env, &["-y", "-o", log.to_str().unwrap()], args);
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

/// Makes the call and kills it before this system call, if it comes to that.
pub fn kill_at(env: &Env, args: &[&str], (name, nth): &(String, usize)) -> Output {
    let inject = format!("inject={name}:signal=KILL:when={nth}");
    let log = env.root().join("strace");
    strace(env, &["-o", log.to_str().unwrap(), "-e", &inject], args)
}

/// Without -f: this process alone is traced.
fn strace(env: &Env, options: &[&str], args: &[&str]) -> Output {
    let mut command = Command::new("strace");
    env.prepare(&mut command)
        .arg("-qq")
        .args(options)
        .arg(BINARY)
        .args(args);
    command.output().unwrap()
}
