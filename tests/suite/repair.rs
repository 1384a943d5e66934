//! Damage is told and mended: `doctor` names it, no call counts on top of it, `doctor --repair` ends with 0 and keeps
//! whatever a log or the journal still has.

mod beside;
mod copies;
mod kills;
mod kinds;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::env::Env;
use crate::state::tally;

/// Two open tasks and a closed one. In `T`: `a` and `b` at work, `c` completed, `d` failed; three reports of each.
fn registry() -> Env {
    let env = Env::in_memory();
    env.task("C");
    env.agent("C", "old");
    env.ok(&[
        "progress",
        "--task",
        "C",
        "--agent",
        "old",
        "-s",
        "completed",
        "-m",
        "x",
    ]);
    env.ok(&["task", "close", "C"]);
    env.task("T");
    for agent in ["a", "b", "c", "d"] {
        env.agent("T", agent);
        for percent in ["10", "20", "30"] {
            env.ok(&["progress", "--task", "T", "--agent", agent, "-p", percent]);
        }
        env.ok(&["finding", "--task", "T", "--agent", agent, "found"]);
    }
    for (agent, status) in [("c", "completed"), ("d", "failed")] {
        env.ok(&[
            "progress", "--task", "T", "--agent", agent, "-s", status, "-m", "over",
        ]);
    }
    env.task("U");
    env.agent("U", "u");
    env
}

/// How each agent of `T` ended, or that it is active, by its id. Reports may be lost with their log; an agent or an end may
/// not.
fn statuses(env: &Env) -> Vec<(String, String)> {
    let shown = env.json(&["status", "T", "--all"]);
    let agents = shown["agents"].as_array().expect("agents");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut found: Vec<_> = agents
        .iter()
        .map(|agent| {
            let status = match text(&agent["status"]).as_str() {
                "running" | "working" => "active".to_owned(),
                ended => ended.to_owned(),
            };
            (text(&agent["id"]), status)
        })
        .collect();
    found.sort();
    found
}

/// Nothing is wrong, and both registries count what the agents are.
#[track_caller]
fn is_right(env: &Env, at: &str) {
    let ran = env.run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{at}: {}{}", ran.stdout, ran.stderr);
    let listed = env.json(&["task", "list", "--all"]);
    let mut sum = [0; 5];
    let mut totals = sum;
    for task in listed["tasks"].as_array().expect("tasks") {
        let id = task["id"].as_str().expect("an id");
        let shown = env.json(&["status", id, "--all"]);
        let agents = shown["agents"].as_array().expect("agents");
        assert_eq!(shown["counts"], tally(agents.iter()), "{at}: {id}");
        let counts;
        (counts, totals) = env.counts(id);
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    assert_eq!(totals, sum, "{at}: the totals");
}

/// Every file of the registry, relative to the home.
fn files(home: &Path) -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(home, &mut found);
    found.sort();
    found
        .iter()
        .map(|path| path.strip_prefix(home).expect("below the home").to_owned())
        .collect()
}
