//! The call that finds the journal full and begins a new one is killed, and fails, at each of its system calls.
//!
//! The journal has 64 MiB then. Nobody appends to it any more, so the copies share it, and the ended agents' logs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use agentreg::model::rules::{Registration, Update};
use agentreg::model::{AgentId, Status, TaskId};
use agentreg::store::Store;
use agentreg::store::file::{FileStore, Options};

use super::strace::{Injection, Site, inject, inject_where, sites, sites_where};
use super::{Seen, two_at_a_time};
use crate::env::Env;
use crate::stopped::Stopped;

const REGISTER: [&str; 7] = ["register", "--task", "T", "--type", "coder", "--id", "new"];
const LIMIT: u64 = 64 * 1024 * 1024;

/// A registry whose next change rotates the journal.
fn full_journal() -> Env {
    let env = Env::in_memory();
    for task in ["T", "O", "OLD"] {
        env.task(task);
        env.agent(task, "a");
    }
    let store = FileStore::new(Options::new(env.home()));
    let task: TaskId = "OLD".parse().unwrap();
    let failed = Update {
        status: Some(Status::Failed),
        percent: None,
        message: Some("x".repeat(64 * 1024)),
    };
    for n in 0.. {
        let id: AgentId = format!("old-{n}").parse().unwrap();
        store
            .register(&task, &registration(&id))
            .expect("it registers");
        store.update(&task, &id, &failed, None).expect("it fails");
        if fs::metadata(env.home().join("journal.jsonl"))
            .unwrap()
            .len()
            > LIMIT
        {
            break;
        }
    }
    env
}

fn registration(id: &AgentId) -> Registration {
    Registration {
        id: id.clone(),
        agent_type: "coder".parse().unwrap(),
        parent: agentreg::model::rules::Parent::None,
        unique: false,
        pid: None,
        process: None,
        ttl: None,
        host: None,
        labels: std::collections::BTreeMap::new(),
        command: None,
        prompt: None,
    }
}

/// A copy that shares the files nobody writes to.
fn copy(registry: &Env) -> Env {
    let copy = Env::in_memory();
    copy_within(&registry.home(), &copy.home());
    copy
}

fn copy_within(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = entry
            .map(|entry| (entry.path(), to.join(entry.file_name())))
            .unwrap();
        if entry.is_dir() {
            copy_within(&entry, &target);
        } else if fs::metadata(&entry).unwrap().len() > 50_000
            && !entry.ends_with("OLD/journal.jsonl")
        {
            fs::hard_link(&entry, &target).unwrap();
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

/// The numbers of all the lines of the old journal and the new one. Some stand in both.
fn revs(env: &Env) -> Vec<u64> {
    let mut revs = BTreeSet::new();
    for entry in fs::read_dir(env.home()).unwrap() {
        let path = entry.unwrap().path();
        if !path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("journal")
        {
            continue;
        }
        for line in fs::read(path)
            .unwrap()
            .split_inclusive(|&byte| byte == b'\n')
        {
            let head = String::from_utf8_lossy(&line[..40]);
            let rev = head.strip_prefix("{\"schema\":1,\"rev\":").unwrap();
            revs.insert(rev.split(',').next().unwrap().parse().unwrap());
        }
    }
    revs.into_iter().collect()
}

/// Others go on, the call is made again, and the history is whole.
fn goes_on(env: &Env, before: &[u64], totals: u64, at: &str) {
    for (args, what) in [
        (
            &["progress", "--task", "O", "--agent", "a", "goes on"][..],
            "report",
        ),
        (
            &[
                "register", "--task", "O", "--type", "coder", "--id", "joins",
            ],
            "register",
        ),
        (&REGISTER, "again"),
        (&["doctor"], "doctor"),
    ] {
        let ran = env.run(args);
        assert_eq!(
            ran.code,
            Some(0),
            "{at}: {what}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
    let last = before.last().unwrap();
    let expected = [before, &[last + 1, last + 2]].concat();
    assert!(revs(env) == expected, "{at}: the history has a gap");
    assert!(!env.home().join(".journal-next.jsonl").exists(), "{at}");
    assert_eq!(
        env.json(&["status"])["totals"]["spawned"],
        totals + 2,
        "{at}"
    );
}

#[test]
fn a_rotation_survives_death_and_failure_at_every_step() {
    let registry = full_journal();
    let before = revs(&registry);
    let totals = registry.json(&["status"])["totals"]["spawned"]
        .as_u64()
        .unwrap();
    let counted = copy(&registry);
    let all = sites(&counted, &REGISTER);
    let begins = all
        .iter()
        .position(|site| site.text.contains(".journal-next"));
    let sites = &all[begins.expect("the journal is rotated")..];
    let hits = |what: &str| sites.iter().any(|site| site.name.starts_with(what));
    assert!(
        hits("link") && hits("rename") && hits("fsync") && hits("fdatasync"),
        "{sites:#?}"
    );
    let injections = ["EIO", "ENOSPC", "EINTR"].map(Injection::Error);
    let all: Vec<(&Site, Injection)> = [Injection::Kill]
        .into_iter()
        .chain(injections)
        .flat_map(|injection| sites.iter().map(move |site| (site, injection)))
        .filter(|(site, injection)| {
            *injection == Injection::Kill || !matches!(&site.name[..], "close" | "exit_group")
        })
        .collect();
    let seen = Seen::default();
    two_at_a_time(&all, |&(site, injection)| {
        let env = copy(&registry);
        let at = format!("{injection:?} at {site}");
        let ran = inject(&env, &REGISTER, site, injection);
        if injection != Injection::Kill {
            assert!(matches!(ran.code, Some(0 | 1)), "{at}: {ran:?}");
            let happened = revs(&env).len() > before.len();
            assert_eq!(
                happened,
                ran.code == Some(0) || site.answers(),
                "{at}: {ran:?}"
            );
            assert!(
                injection != Injection::Error("EINTR") || happened,
                "{at}: {ran:?}"
            );
        }
        if seen.is_new(outline(&env.home())) {
            goes_on(&env, &before, totals, &at);
        }
    });
    println!("{} injections, {} states", all.len(), seen.number());
}

/// Where the file system has no hard links, the two journals change names; where it cannot do that either, the old one is
/// copied. Killed anywhere, the next call may find a file system that can.
#[test]
fn a_rotation_without_hard_links_survives_death_and_failure_at_every_step() {
    const LINK: (&str, &str) = ("linkat", "EPERM");
    const EXCHANGE: (&str, &str) = ("renameat2", "EINVAL");
    let registry = full_journal();
    let before = revs(&registry);
    let totals = registry.json(&["status"])["totals"]["spawned"]
        .as_u64()
        .unwrap();
    for refused in [&[LINK][..], &[LINK, EXCHANGE]] {
        let all = sites_where(&copy(&registry), &REGISTER, refused);
        let begins = |site: &Site| site.text.contains(".journal-next");
        let begun = all.iter().position(begins).expect("the journal is rotated");
        let is_refused = |site: &&Site| refused.iter().any(|(name, _)| site.name == *name);
        let mut sites: Vec<&Site> = all[begun..]
            .iter()
            .filter(|site| !is_refused(site) && !site.answers())
            .collect();
        // The reads and writes that copy a large journal are all alike: those at its beginning and its end will do.
        let (first, last) = (40, sites.len().saturating_sub(60));
        let mut place = 0..;
        sites.retain(|site| {
            let is_between = place.next().is_some_and(|at| at > first && at < last);
            !is_between
                || !matches!(
                    &site.name[..],
                    "read" | "write" | "sendfile" | "copy_file_range"
                )
        });
        let injections = [Injection::Kill, Injection::Error("EIO")];
        let all: Vec<(&Site, Injection)> = injections
            .into_iter()
            .flat_map(|injection| sites.iter().map(move |site| (*site, injection)))
            .filter(|(site, injection)| {
                *injection == Injection::Kill || !matches!(&site.name[..], "close" | "exit_group")
            })
            .collect();
        let seen = Seen::default();
        two_at_a_time(&all, |&(site, injection)| {
            let env = copy(&registry);
            let at = format!("{injection:?} at {site} where {refused:?}");
            let ran = inject_where(&env, &REGISTER, site, injection, refused);
            if injection != Injection::Kill {
                assert!(matches!(ran.code, Some(0 | 1)), "{at}: {ran:?}");
                let happened = revs(&env).len() > before.len();
                assert_eq!(happened, ran.code == Some(0), "{at}: {ran:?}");
            }
            assert!(
                env.home().join("journal.jsonl").exists(),
                "{at}: no journal"
            );
            if seen.is_new(outline(&env.home())) {
                goes_on(&env, &before, totals, &at);
            }
        });
        println!("{} injections, {} states", all.len(), seen.number());
    }
}

/// The next journal is one of the temporary files that a repair sweeps away, and here somebody is about to use it.
#[test]
fn a_repair_sweeps_away_no_journal_that_is_being_begun() {
    let registry = full_journal();
    let before = revs(&registry);
    let totals = registry.json(&["status"])["totals"]["spawned"]
        .as_u64()
        .unwrap();
    let mut sites = sites(&copy(&registry), &REGISTER);
    sites.retain(|site| site.text.contains(".journal-next"));
    assert!(sites.len() > 3, "{sites:#?}");
    two_at_a_time(&sites, |site| {
        let at = format!("stopped at {site}");
        let env = copy(&registry);
        let stopped = Stopped::at(site, &env, &REGISTER);
        let repair = env.run(&["doctor", "--repair", "--lock-timeout", "20ms"]);
        assert_eq!(repair.code, Some(75), "{at}: {repair:?}");
        let ran = stopped.go_on();
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{at}");
        goes_on(&env, &before, totals, &at);
    });
}

/// The files of the home and of the task, and their lengths.
fn outline(home: &Path) -> Vec<u8> {
    let mut files: Vec<String> = ["", "tasks/T", "tasks/T/agents/active"]
        .iter()
        .flat_map(|dir| fs::read_dir(home.join(dir)).unwrap())
        .map(|entry| entry.unwrap())
        .map(|entry| {
            format!(
                "{} {}
",
                entry.file_name().to_string_lossy(),
                entry.metadata().unwrap().len()
            )
        })
        .collect();
    files.sort();
    files.concat().into_bytes()
}
