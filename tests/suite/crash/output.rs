//! Whoever keeps an agent's output within its bound is killed before each system call that does: what is left is readable,
//! its beginning and its newest part, and neither is anything but what was printed there.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::two_at_a_time;
use crate::env::{BINARY, Env};
use crate::live::{of_home, until};

/// Prints 4 MB of lines that tell their place: each has 8 bytes.
const NUMBERS: &str = "seq -w 500000 | sed s/^/0/";
const PRINTED: u64 = 500_000 * 8;
const MIB: u64 = 1 << 20;
/// What takes part in it; how often the log is written to and looked at depends on the hour.
const STEPS: [&str; 7] = [
    "fallocate",
    "unlinkat",
    "openat",
    "fchmod",
    "pread64",
    "fdatasync",
    "renameat",
];

fn registry() -> Env {
    let env = Env::in_memory();
    env.task("T");
    env.ok(&["config", "output-limit", "2MiB"]);
    env
}

/// A run whose output is kept, of which strace sees only what it does with the log and with what takes its place.
fn traced(env: &Env, how: &str, injections: &[String]) -> (Output, Vec<(String, usize)>) {
    let log = env.root().join("strace");
    let mut strace = Command::new("strace");
    env.prepare(&mut strace)
        .args(["-qq", "-o"])
        .arg(&log)
        .arg("-P")
        .arg(output(env, "a.log"))
        .arg("-P")
        .arg(output(env, ".a.log"))
        .args(injections.iter().flat_map(|injection| ["-e", injection]));
    if how == "--detach" {
        strace.arg("-f");
    }
    strace
        .args([BINARY, "run", "--task", "T", "--id", "a", how, "--"])
        .args(["sh", "-c", NUMBERS])
        .stdout(Stdio::null());
    let ran = strace.output().expect("strace starts; this test needs it");
    let text = fs::read_to_string(&log).expect("strace's log");
    fs::remove_file(&log).unwrap();
    let mut counted = std::collections::HashMap::new();
    let calls = text.lines().filter_map(|line| {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let (name, _) = line.split_once('(')?;
        let name = STEPS.iter().find(|step| **step == name)?;
        let nth = counted.entry(*name).or_insert(0);
        *nth += 1;
        Some(((*name).to_owned(), *nth))
    });
    (ran, calls.collect())
}

fn output(env: &Env, name: &str) -> PathBuf {
    env.task_dir("T").join("output").join(name)
}

/// Whether these bytes are those that were printed from `place` on.
fn is_printed(bytes: &[u8], place: u64) -> bool {
    (place..).zip(bytes).all(|(at, byte)| {
        let line = format!("{:07}\n", at / 8 + 1);
        usize::try_from(at % 8).is_ok_and(|column| line.as_bytes()[column] == *byte)
    })
}

/// What `output` gives, of a run that was killed or not.
fn is_readable(env: &Env, at: &str) {
    let answer = env.json(&["output", "a", "--task", "T"]);
    let text = answer["output"].as_str().unwrap();
    let dropped = answer["dropped_bytes"].as_u64().unwrap();
    let (beginning, newest) = match text.split_once("\n[… ") {
        Some((beginning, rest)) => (beginning, rest.split_once(" dropped …]\n").expect(at).1),
        None => (text, ""),
    };
    // The mark begins on a line of its own: the newline that it ends belongs to the text where one was there.
    let beginning_is_whole = dropped == 0 || (MIB - 1..=MIB).contains(&(beginning.len() as u64));
    assert!(beginning_is_whole, "{at}: {}", beginning.len());
    assert!(is_printed(beginning.as_bytes(), 0), "{at}: its beginning");
    if dropped > 0 {
        let place = MIB + dropped;
        assert!(
            is_printed(newest.as_bytes(), place),
            "{at}: its newest part"
        );
        assert!(newest.len() as u64 >= MIB / 4, "{at}: {}", newest.len());
        assert!(place + newest.len() as u64 <= PRINTED, "{at}");
    }
    let last = env.ok(&["output", "a", "--task", "T", "-n", "1"]);
    assert!(text.trim_end().ends_with(&last), "{at}: {last:?}");
}

fn survives(how: &str, refused: &[&str], steps: usize) {
    let registry = registry();
    let refused: Vec<String> = refused.iter().map(|&refused| refused.to_owned()).collect();
    let counted = Env::copy_of(registry.root());
    let (ran, mut sites) = traced(&counted, how, &refused);
    assert!(ran.status.success(), "{ran:?}");
    is_readable(&counted, "not killed");
    assert!(sites.len() >= steps, "{sites:#?}");
    // The second time there is something dropped already. Copying is the same again and again.
    let ends = |name: &str| sites.iter().filter(|(is, _)| is == name).count();
    let (copies, renames) = (ends("pread64"), ends("renameat"));
    let each = copies.checked_div(renames).unwrap_or(0);
    sites.retain(|(name, nth)| match name.as_str() {
        "pread64" => *nth <= 2 * each && [0, 1, 2, 3].contains(&(nth % each.div_ceil(6))),
        "openat" | "fchmod" => *nth <= 3,
        _ => *nth <= 2,
    });
    two_at_a_time(&sites, |(name, nth)| {
        let env = Env::copy_of(registry.root());
        let at = format!("{how} killed at {name} {nth}");
        let kill = format!("inject={name}:signal=KILL:when={nth}");
        // What is refused anyway cannot be killed at as well.
        let others = refused
            .iter()
            .filter(|other| !other.contains(name.as_str()));
        let injections: Vec<String> = others.cloned().chain([kill]).collect();
        let (ran, _) = traced(&env, how, &injections);
        let is_killed = ran.status.signal() == Some(9);
        assert!(is_killed || how == "--detach", "{at}: {ran:?}");
        until("the end of its processes", || of_home(&env).is_empty());
        env.ok(&["reap"]);
        assert_eq!(env.counts("T").0[1], 0, "{at}");
        if output(&env, "a.log").exists() {
            is_readable(&env, &at);
        }
        env.is_healthy();
        // What it left is in nobody's way.
        env.ok(&["run", "--task", "T", "--id", "b", "--tee", "--", "true"]);
    });
    println!("{how}: {} deaths", sites.len());
}

#[test]
fn an_output_survives_the_death_of_who_bounds_it() {
    survives("--tee", &[], 3);
    survives("--detach", &[], 2);
}

#[test]
fn an_output_that_is_written_anew_survives_the_death_of_who_bounds_it_at_every_step() {
    survives("--tee", &["inject=fallocate:error=EOPNOTSUPP"], 100);
}
