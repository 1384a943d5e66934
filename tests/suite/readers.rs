//! Readers: they take no lock and open nothing for writing, delay nobody wherever they are stopped, and show one moment
//! each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::crash::calls::{self, Before};
use crate::crash::strace::sites;
use crate::crash::two_at_a_time;
use crate::env::{BINARY, Env, Ran};
use crate::snapshot;
use crate::state::tally;
use crate::stopped::Stopped;

/// The calls that only look.
const READERS: [&[&str]; 9] = [
    &["status", "--json"],
    &["status", "T", "--all", "--json"],
    &["status", "T", "--tree"],
    &["task", "list", "--all", "--json"],
    &["task", "show", "T", "--json"],
    &["findings", "--json"],
    &["reports", "--task", "T", "--json"],
    &["events", "--json"],
    &["export", "T"],
];

/// Open tasks and a closed one, findings, and a change that is committed and not applied.
fn registry() -> Env {
    calls::registry(&calls::REPORT, Before::OwnUnapplied)
}

/// What a call locks, and what it opens below the home for writing.
fn locks_and_writes(env: &Env, args: &[&str]) -> (Vec<String>, Vec<String>) {
    let log = env.root().join("strace");
    let mut strace = Command::new("strace");
    env.prepare(&mut strace)
        .args(["-f", "-y", "-qq", "-o"])
        .arg(&log)
        .args(["-e", "trace=flock,fcntl,?open,openat,openat2,?creat"])
        .arg(BINARY)
        .args(args);
    let output = strace.output().expect("strace starts; this test needs it");
    assert_ne!(output.status.code(), None, "{args:?}: {output:?}");
    let text = fs::read_to_string(&log).expect("strace's log");
    fs::remove_file(&log).expect("strace's log");
    let home = env.home().display().to_string();
    assert!(text.contains(&home), "{args:?}: {text}");
    let picked = |is_it: &dyn Fn(&str) -> bool| -> Vec<String> {
        let lines = text.lines().filter(|line| is_it(line));
        lines.map(str::to_owned).collect()
    };
    let locks = picked(&|line| {
        line.contains(" flock(") || (line.contains(" fcntl(") && line.contains("LK"))
    });
    let writes = picked(&|line| {
        let for_writing = ["O_WRONLY", "O_RDWR", "O_CREAT", " creat("];
        line.contains(&home) && for_writing.iter().any(|flag| line.contains(flag))
    });
    (locks, writes)
}

#[test]
fn readers_take_no_lock_and_open_nothing_for_writing() {
    let env = registry();
    let before = snapshot::likeness(&env.home());
    let nothing = (Vec::new(), Vec::new());
    for args in READERS {
        assert_eq!(locks_and_writes(&env, args), nothing, "{args:?}");
    }
    assert!(snapshot::likeness(&env.home()) == before);
    env.ok(&["register", "--task", "O", "--type", "coder"]);
    for args in [
        &["doctor"][..],
        &["wait", "mine", "--task", "T", "--timeout", "0s"],
    ] {
        assert_eq!(locks_and_writes(&env, args), nothing, "{args:?}");
    }
}

/// Whether an agent lives its lease alone tells: it is tried, shared and without waiting.
#[test]
fn readers_lock_nothing_but_the_lease_of_a_run_and_do_not_wait_for_that() {
    let env = registry();
    let run = [
        "run", "--task", "T", "--id", "led", "--detach", "--", "sleep", "600",
    ];
    env.ok(&run);
    let mut tried = 0;
    for args in READERS {
        let (locks, writes) = locks_and_writes(&env, args);
        assert_eq!(writes, Vec::<String>::new(), "{args:?}");
        for lock in &locks {
            let is_lease = lock.contains("/leases/led>, LOCK_SH|LOCK_NB)");
            assert!(is_lease, "{args:?}: {lock}");
        }
        tried += locks.len();
    }
    env.ok(&["terminate", "led", "--task", "T", "--grace", "0s"]);
    assert!(tried > 0, "nobody asked whether it lives");
}

/// Stops a reader right after each of its system calls in turn. Meanwhile others change all that it may have read in part.
fn is_of_one_moment(args: &[&str], judge: impl Fn(&Value, &str) + Sync) {
    let registry = registry();
    let mut sites = sites(&Env::copy_of(registry.root()), args);
    // It is over then, and there is nothing to stop.
    sites.retain(|site| site.name != "exit_group");
    assert!(sites.len() > 20, "{sites:?}");
    two_at_a_time(&sites, |site| {
        let env = Env::copy_of(registry.root());
        let at = format!("{args:?} stopped at {site}");
        let reader = Stopped::at(site, &env, args);
        changes(&env);
        let ran = reader.go_on();
        assert_eq!(ran.code, Some(0), "{at}: {}", ran.stderr);
        let shown: Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{at}: {error}: {}", ran.stdout));
        judge(&shown, &at);
    });
    println!("{args:?}: {} stops", sites.len());
}

/// Agents come and go, of this task and of another, and somebody finishes what a killed call left.
fn changes(env: &Env) {
    env.ok(&["register", "--task", "O", "--type", "coder", "--id", "new"]);
    env.agent("T", "new");
    for agent in ["new", "peer"] {
        let me = ["--task", "T", "--agent", agent];
        env.ok(&[&["finding", "-s", "high", "late"], &me[..]].concat());
        env.ok(&[&["progress", "-p", "70", "late"], &me[..]].concat());
        env.ok(&[&["progress", "-s", "failed", "over"], &me[..]].concat());
    }
    let other = ["--task", "O", "--agent", "other"];
    env.ok(&[&["progress", "-s", "completed", "over"], &other[..]].concat());
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value[key].as_array();
    list.unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn an_export_that_is_stopped_anywhere_delays_nobody_and_is_of_one_moment() {
    is_of_one_moment(&["export", "T"], |shown, at| {
        let agents = list(shown, "agents");
        let counts = &shown["task"]["counts"];
        assert_eq!(*counts, tally(agents.iter()), "{at}");
        let events = list(shown, "events");
        let last = events.iter().max_by_key(|event| event["rev"].as_u64());
        assert_eq!(last.expect("an event")["counts"], *counts, "{at}");
        let ids: BTreeSet<_> = agents.iter().map(|agent| agent["id"].as_str()).collect();
        let named = events
            .iter()
            .chain(list(shown, "findings"))
            .filter_map(|item| item["agent"].as_str());
        for agent in named {
            assert!(ids.contains(&Some(agent)), "{at}: {agent} in {shown}");
        }
        for agent in agents {
            let reports = list(agent, "reports");
            assert_eq!(Some(reports.len() as u64), agent["seq"].as_u64(), "{at}");
            let last = reports.last().expect("its registration");
            for key in ["status", "percent", "message"] {
                assert_eq!(last[key], agent[key], "{at}: {key}");
            }
        }
    });
}

#[test]
fn a_status_that_is_stopped_anywhere_delays_nobody_and_is_of_one_moment() {
    is_of_one_moment(&["status", "T", "--all", "--json"], |shown, at| {
        let agents = list(shown, "agents");
        assert_eq!(shown["counts"], tally(agents.iter()), "{at}");
        let ids: BTreeSet<_> = agents.iter().map(|agent| agent["id"].as_str()).collect();
        assert_eq!(ids.len(), agents.len(), "{at}: an agent is there twice");
    });
}

#[test]
fn an_overview_that_is_stopped_anywhere_delays_nobody_and_is_of_one_moment() {
    is_of_one_moment(&["status", "--json"], |shown, at| {
        for key in ["spawned", "active", "completed", "failed", "terminated"] {
            let counts = list(shown, "tasks").iter().map(|task| &task["counts"][key]);
            let sum: u64 = counts.filter_map(Value::as_u64).sum();
            assert_eq!(shown["totals"][key], sum, "{at}: {key}");
        }
        let open = list(shown, "tasks").len();
        assert_eq!(shown["totals"]["tasks_open"], open, "{at}");
    });
}

/// A directory that is mounted over itself for reading only, until this is dropped.
struct ReadOnly(PathBuf);

impl ReadOnly {
    /// None, and a word of it, where this user may not mount anything.
    fn make(directory: &Path) -> Option<Self> {
        let mount = |options: &[&str]| {
            let mut command = Command::new("mount");
            command.args(options).arg(directory).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let place = directory.to_str().expect("a path in UTF-8");
        if !mount(&["--bind", place]) {
            eprintln!("skipped: nothing can be mounted here, which takes root");
            return None;
        }
        let mounted = Self(directory.to_owned());
        if !mount(&["-o", "remount,ro,bind"]) {
            eprintln!("skipped: nothing can be mounted for reading only here");
            return None;
        }
        Some(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_home_that_can_only_be_read_is_read_as_any_other() {
    let env = registry();
    let shown: Vec<String> = READERS.iter().map(|args| env.ok(args)).collect();
    let Some(read_only) = ReadOnly::make(&env.home()) else {
        return;
    };
    let mut shown = shown.iter();
    for args in READERS {
        let ran = env.run(args);
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{args:?}");
        let same = shown.next().map(String::as_str);
        assert_eq!(Some(ran.stdout.trim_end_matches('\n')), same, "{args:?}");
    }
    // What is committed and not applied is laid over what is read.
    let late = env.json(&["status", "T", "--all"]);
    assert_eq!(late["counts"], tally(list(&late, "agents").iter()));
    assert!(late["agents"].to_string().contains("\"late\""), "{late}");
    env.is_healthy();
    env.fails(124, &["wait", "mine", "--task", "T", "--timeout", "0s"]);
    for args in [
        calls::REPORT.args,
        calls::REGISTER.args,
        &["doctor", "--repair"],
    ] {
        let said = env.fails(1, args);
        assert!(said.contains("Read-only file system"), "{args:?}: {said}");
    }
    drop(read_only);
    env.ok(calls::REGISTER.args);
    env.is_healthy();
}

/// Where a death cannot be recorded it is told, and the waiting goes by it all the same.
#[test]
fn who_waits_in_a_home_that_can_only_be_read_is_told_of_a_death() {
    let env = Env::new();
    env.task("T");
    let mut process = Command::new("sleep").arg("600").spawn().expect("sleep");
    let pid = process.id().to_string();
    let register = ["register", "--task", "T", "--type", "w", "--id", "a"];
    env.ok(&[&register[..], &["--pid", &pid]].concat());
    process.kill().expect("it can be killed");
    process.wait().expect("it ends");
    let Some(_read_only) = ReadOnly::make(&env.home()) else {
        return;
    };
    let ran: Ran = env.run(&["wait", "a", "--task", "T", "--timeout", "30s"]);
    assert_eq!(ran.code, Some(8), "{ran:?}");
    assert!(ran.stderr.contains("could not be recorded"), "{ran:?}");
    assert!(ran.stderr.contains("Read-only file system"), "{ran:?}");
}
