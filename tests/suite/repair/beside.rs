//! Repairs beside living calls change nothing where nothing is wrong, take nothing away that a living call uses, and find
//! no damage in a journal that is rotated meanwhile.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{is_right, registry};
use crate::crash::calls::{self, Before, Call};
use crate::crash::strace::{Site, sites};
use crate::crash::two_at_a_time;
use crate::env::Env;
use crate::prefixes::rotate_now;
use crate::state::State;
use crate::stopped::Stopped;

#[test]
fn repairs_beside_living_calls_undo_nothing_and_change_nothing() {
    const LIVES: usize = 40;
    let env = Env::new();
    env.task("T");
    let over = AtomicBool::new(false);
    let lives = |name: &str| {
        for n in 0..LIVES {
            let id = format!("{name}-{n}");
            env.agent("T", &id);
            env.ok(&["progress", "--task", "T", "--agent", &id, "-p", "50"]);
            env.ok(&[
                "progress",
                "--task",
                "T",
                "--agent",
                &id,
                "-s",
                "completed",
                "-m",
                "x",
            ]);
        }
    };
    let repairs = thread::scope(|scope| {
        let repairing = scope.spawn(|| {
            let mut repairs = 0;
            while !over.load(Ordering::Relaxed) {
                let ran = env.run(&["doctor", "--repair"]);
                assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
                repairs += 1;
            }
            repairs
        });
        let writers: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| scope.spawn(move || lives(name)))
            .into();
        let ended: Vec<_> = writers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a writer failed");
        repairing.join().expect("no repair fails")
    });
    assert!(repairs > 3, "{repairs}");
    let all = 4 * LIVES as u64;
    assert_eq!(env.counts("T").0, [all, 0, all, 0, 0]);
    is_right(&env, "after the race");
    let events = env.json(&["events", "--limit", "100000"]);
    let changes = events["events"].as_array().expect("events");
    assert_eq!(changes.len(), 1 + 2 * 4 * LIVES);
    assert!(changes.iter().all(|event| event["change"] != "repaired"));
}

/// Stops `args` at those of its system calls in turn, rotates the journal where no lock keeps that from it, and lets it go
/// on; how often it was rotated.
fn beside_a_rotation(args: &[&str], is_stopped_at: fn(&Site) -> bool) -> usize {
    let whole = registry();
    let mut sites = sites(&Env::copy_of(whole.root()), args);
    sites.retain(is_stopped_at);
    let rotated = AtomicUsize::new(0);
    two_at_a_time(&sites, |site| {
        let at = format!("{args:?} stopped at {site}");
        let env = Env::copy_of(whole.root());
        let stopped = Stopped::at(site, &env, args);
        match rotate_now(&env.home(), "U", "u") {
            Ok(()) => {
                rotated.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => assert_eq!(error.kind().as_str(), "lock_timeout", "{at}: {error}"),
        }
        let ran = stopped.go_on();
        assert_eq!(ran.code, Some(0), "{at}: {}{}", ran.stdout, ran.stderr);
        let names = fs::read_dir(env.home()).expect("the home").flatten();
        for name in names.map(|entry| entry.file_name()) {
            let is_set_aside = name.to_string_lossy().contains("damaged");
            assert!(!is_set_aside, "{at}: {} was set aside", name.display());
        }
        let events = env.json(&["events"]);
        let revs: Vec<_> = events["events"]
            .as_array()
            .expect("events")
            .iter()
            .collect();
        assert!(
            revs.iter().all(|event| event["change"] != "repaired"),
            "{at}"
        );
        assert_eq!(revs.first().expect("an event")["rev"], 1, "{at}");
        is_right(&env, &at);
    });
    let rotated = rotated.into_inner();
    println!("{args:?}: {} stops, {rotated} rotations", sites.len());
    rotated
}

#[test]
fn a_doctor_beside_a_rotation_finds_nothing_wrong() {
    let is_any = |site: &Site| !matches!(&site.name[..], "exit_group" | "close" | "fstat");
    let rotated = beside_a_rotation(&["doctor"], is_any);
    assert!(rotated > 50, "{rotated}");
}

#[test]
fn a_repair_beside_a_rotation_changes_nothing() {
    let is_of_journals = |site: &Site| {
        let finds = matches!(&site.name[..], "openat" | "openat2") && site.text.contains("journal");
        finds || matches!(&site.name[..], "getdents64" | "flock")
    };
    let rotated = beside_a_rotation(&["doctor", "--repair"], is_of_journals);
    assert!(rotated > 20, "{rotated}");
}

/// Stops a call right after each system call that leaves something behind, and repairs the registry meanwhile; how many of
/// the repairs came to their end. The others found a lock taken by the call.
fn repaired_beside(call: &Call) -> usize {
    let whole = calls::registry(call, Before::Other);
    let mut sites = sites(&Env::copy_of(whole.root()), call.args);
    sites.retain(|site| site.changes() || site.syncs() || site.locks());
    sites.retain(|site| site.name != "exit_group");
    let repaired = AtomicUsize::new(0);
    two_at_a_time(&sites, |site| {
        let at = format!("{:?} stopped at {site}", call.args);
        let env = Env::copy_of(whole.root());
        let stopped = Stopped::at(site, &env, call.args);
        let repair = env.run(&["doctor", "--repair", "--lock-timeout", "20ms"]);
        match repair.code {
            Some(0) => {
                repaired.fetch_add(1, Ordering::Relaxed);
            }
            code => assert_eq!(code, Some(75), "{at}: {repair:?}"),
        }
        let ran = stopped.go_on();
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{at}");
        assert!((call.happened)(&State::read(&env.home())), "{at}");
        is_right(&env, &at);
    });
    let repaired = repaired.into_inner();
    println!("{:?}: {} stops, {repaired} repairs", call.args, sites.len());
    repaired
}

#[test]
fn a_repair_sweeps_away_nothing_of_a_task_that_is_being_built() {
    assert!(repaired_beside(&calls::TASK_NEW) > 10);
    assert!(repaired_beside(&calls::IMPORT) > 10);
}

#[test]
fn a_repair_sweeps_away_nothing_of_a_home_that_is_being_made() {
    assert!(repaired_beside(&calls::FIRST_TASK) > 10);
}

#[test]
fn a_repair_sweeps_away_no_document_that_is_to_replace_another() {
    repaired_beside(&calls::TASK_SET);
    repaired_beside(&calls::CONFIG);
}

#[test]
fn a_repair_sweeps_away_no_log_of_an_agent_that_is_being_registered() {
    repaired_beside(&calls::REGISTER);
}
