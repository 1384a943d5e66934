//! `run` is killed before each of its system calls in turn: no process of it lives on that is not watched over, nothing
//! holds the lease of one that is gone, and the next call puts the counts right.

mod ending;
mod strace;
mod tracer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{of_home, until};
use crate::crash::two_at_a_time;
use crate::env::Env;

/// A command that leaves word that it began, and ends the child it has before it ends: wherever it is cut off, the child
/// lives on unless somebody kills it.
const COMMAND: [&str; 4] = [
    "--",
    "sh",
    "-c",
    "echo > began; sleep 1000 & sleep 0.02; kill $!; exit 3",
];

/// What runs it for the agent `a`, with these options.
fn run<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--task", "T", "--id", "a"], options, &COMMAND].concat()
}

fn registry() -> Env {
    let env = Env::in_memory();
    env.task("T");
    env
}

/// How the agent ended, when everything of it is gone and who is dead is reaped; nothing if it never was.
#[track_caller]
fn end_of_all(env: &Env, at: &str) -> Value {
    let took = until("the end of its processes", || of_home(env).is_empty());
    assert!(took < Duration::from_secs(1), "{at}: {took:?}");
    // A process that exits loses its environment before its files.
    let took = until("no agent to be active", || {
        env.ok(&["reap", "-q"]);
        env.counts("T").0[1] == 0
    });
    assert!(took < Duration::from_secs(1), "{at}: {took:?}");
    env.is_healthy();
    let (task, totals) = env.counts("T");
    assert_eq!(task, totals, "{at}");
    assert!(task[0] <= 1, "{at}: {task:?}");
    let end = env.json(&["status", "T", "--all"])["agents"][0]["end"].clone();
    env.ok(&["run", "--task", "T", "--id", "b", "--", "true"]);
    end
}

fn began(env: &Env) -> bool {
    env.root().join("began").exists()
}

#[test]
fn run_survives_death_at_every_step() {
    let registry = registry();
    let args = run(&[]);
    let sites = strace::sites(&Env::copy_of(registry.root()), &args);
    let reaped = AtomicUsize::new(0);
    two_at_a_time(&sites, |site| {
        let at = format!("killed at {site:?}");
        let env = Env::copy_of(registry.root());
        let code = strace::kill_at(&env, &args, site).status.code();
        // Where it waits for its command, how often depends on the hour: then it may end before.
        assert!(code.is_none() || code == Some(3), "{at}: {code:?}");
        let end = end_of_all(&env, &at);
        reaped.fetch_add(usize::from(end["how"] == "reaped"), Ordering::Relaxed);
    });
    let reaped = reaped.into_inner();
    println!("{} deaths, {reaped} of them reaped", sites.len());
    assert!(reaped > 10);
}

#[test]
fn the_caller_of_a_detached_run_survives_death_at_every_step() {
    let registry = registry();
    let args = run(&["--detach"]);
    let sites = strace::sites(&Env::copy_of(registry.root()), &args);
    let (reaped, went_on) = (AtomicUsize::new(0), AtomicUsize::new(0));
    two_at_a_time(&sites, |site| {
        let at = format!("killed at {site:?}");
        let env = Env::copy_of(registry.root());
        let code = strace::kill_at(&env, &args, site).status.code();
        assert_eq!(code, None, "{at}");
        let end = end_of_all(&env, &at);
        // Its supervisor, once there, needs no caller.
        match end["how"].as_str() {
            Some("exit") => {
                assert_eq!((&end["code"], began(&env)), (&3.into(), true), "{at}");
                went_on.fetch_add(1, Ordering::Relaxed);
            }
            Some("reaped") => {
                assert!(!began(&env), "{at}: its command ran");
                reaped.fetch_add(1, Ordering::Relaxed);
            }
            _ => assert!(end.is_null() && !began(&env), "{at}: {end}"),
        }
    });
    let (reaped, went_on) = (reaped.into_inner(), went_on.into_inner());
    println!(
        "{} deaths, {reaped} of them reaped, {went_on} runs went on",
        sites.len()
    );
    assert!(reaped > 10 && went_on > 10);
}

#[test]
fn the_supervisor_of_a_detached_run_survives_death_at_every_step() {
    let registry = registry();
    let args = run(&["--detach"]);
    let whole = tracer::follow(&Env::copy_of(registry.root()), &args, None);
    assert!(whole.caller.status.success() && !whole.killed);
    let sites: Vec<usize> = (1..=whole.calls.len()).collect();
    let (told, reaped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    two_at_a_time(&sites, |&nth| {
        let env = Env::copy_of(registry.root());
        let followed = tracer::follow(&env, &args, Some(nth));
        let call = followed.calls.last();
        let at = format!("killed at its system call {nth}, number {call:?}");
        let end = end_of_all(&env, &at);
        match followed.caller.status.code() {
            // It had answered, so the command was executed, but may have had no time to do anything.
            Some(0) if end["how"] == "reaped" => {
                assert!(followed.killed, "{at}");
                reaped.fetch_add(1, Ordering::Relaxed);
            }
            Some(0) => {
                assert_eq!((&end["how"], &end["code"]), (&"exit".into(), &3.into()));
                assert!(began(&env), "{at}");
            }
            // The caller hears of the death and records it.
            Some(125) => {
                assert_eq!((&end["how"], &end["code"]), (&"exit".into(), &125.into()));
                assert!(followed.killed, "{at}");
                told.fetch_add(1, Ordering::Relaxed);
            }
            code => panic!("{at}: the caller exits with {code:?}"),
        }
    });
    let (told, reaped) = (told.into_inner(), reaped.into_inner());
    println!(
        "{} deaths, {told} told by the caller, {reaped} reaped",
        sites.len()
    );
    assert!(told > 10 && reaped > 10);
}
