use std::process::Command;
use std::time::{Duration, Instant};

use super::{Running, parsed};
use crate::env::Env;

/// `doctor --locks` where the system answers lock calls as `injected` says.
fn traced(env: &Env, injected: &str) -> Command {
    let mut strace = Command::new("strace");
    env.prepare(&mut strace).args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("inject=flock:{injected}"),
        "agentreg",
        "doctor",
        "--locks",
        "--json",
    ]);
    strace
}

fn problem(line: &str) -> String {
    let check = parsed(line);
    assert_eq!(check["ok"], false, "{check}");
    assert_eq!(check["problems"].as_array().unwrap().len(), 1, "{check}");
    check["problems"][0]["what"].as_str().unwrap().to_owned()
}

fn leftovers(env: &Env) -> usize {
    let names = std::fs::read_dir(env.home()).unwrap().flatten();
    names
        .filter(|entry| entry.file_name().to_string_lossy().starts_with('.'))
        .count()
}

#[test]
fn where_locks_hold_it_says_so_and_on_what() {
    let env = Env::new();
    env.task("t");
    let check = env.json(&["doctor", "--locks"]);
    assert_eq!(check["ok"], true, "{check}");
    let said = check["notes"][0]["what"].as_str().unwrap();
    assert!(said.starts_with("locks hold here, on "), "{said}");
    assert_eq!(leftovers(&env), 0);
    env.is_healthy();
}

#[test]
fn locks_that_lock_nothing_are_found_out() {
    let env = Env::new();
    env.task("t");
    let mut doctor = Running::start(&mut traced(&env, "retval=0"));
    let said = problem(&doctor.line());
    assert!(said.contains("locks do not hold here"), "{said}");
    doctor.exits(6);
    assert_eq!(leftovers(&env), 0);
}

#[test]
fn a_file_system_that_has_none_is_named_with_what_it_answers() {
    let env = Env::new();
    env.task("t");
    let mut doctor = Running::start(&mut traced(&env, "error=ENOLCK"));
    let said = problem(&doctor.line());
    assert!(said.contains("No locks available"), "{said}");
    doctor.exits(6);
}

#[test]
fn a_lock_call_that_never_returns_does_not_hold_it_up() {
    let env = Env::new();
    env.task("t");
    let started = Instant::now();
    let doctor = Running::start(&mut traced(&env, "delay_enter=20s"));
    let said = problem(&doctor.line());
    assert!(said.contains("did not return"), "{said}");
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}
