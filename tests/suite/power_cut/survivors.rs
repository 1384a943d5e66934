//! What a clone must still have: all that was acknowledged before it was made, and counts that are a recount.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::writers::{Ack, call, json};
use crate::env::Env;

/// What can be read of one task.
struct Task {
    view: Value,
    is_closed: bool,
    reports: HashMap<(String, u64), Value>,
    findings: HashMap<u64, Value>,
}

/// All that was acknowledged is in the registry.
pub fn assert_has(env: &Env, home: &Path, acks: &[Ack]) {
    let tasks = read(env, home);
    let task = |id: &str| tasks.get(id).unwrap_or_else(|| panic!("task {id} is lost"));
    for ack in acks {
        match ack {
            Ack::Opened { task: id } => assert!(tasks.contains_key(id), "{ack:?}"),
            Ack::Closed { task: id } => assert!(task(id).is_closed, "{ack:?}"),
            Ack::Reported {
                task: id,
                agent,
                seq,
                message,
            } => {
                let there = task(id).reports.get(&(agent.clone(), *seq));
                assert_eq!(there, Some(message), "{ack:?}");
            }
            Ack::Ended {
                task: id,
                agent,
                status,
            } => {
                let agents = list(&task(id).view, "agents");
                let there = agents.iter().find(|a| a["id"] == agent.as_str());
                assert_eq!(
                    there.expect("the agent is there")["status"],
                    status.as_str(),
                    "{ack:?}"
                );
            }
            Ack::Found {
                task: id,
                seq,
                message,
            } => {
                let there = task(id).findings.get(seq);
                assert_eq!(
                    there.and_then(Value::as_str),
                    Some(message.as_str()),
                    "{ack:?}"
                );
            }
        }
    }
}

fn read(env: &Env, home: &Path) -> HashMap<String, Task> {
    let all = json(env, home, &["task", "list", "--all"]);
    let ids = list(&all, "tasks").iter().map(|task| text(task, "id"));
    let task = |id: &str| {
        let reports = json(env, home, &["reports", "--task", id]);
        let findings = json(env, home, &["findings", "--task", id]);
        let view = json(env, home, &["status", id, "--all"]);
        Task {
            is_closed: view["task"]["status"] == "closed",
            view,
            reports: list(&reports, "reports")
                .iter()
                .map(|r| {
                    (
                        (text(r, "agent"), r["seq"].as_u64().unwrap()),
                        r["message"].clone(),
                    )
                })
                .collect(),
            findings: list(&findings, "findings")
                .iter()
                .map(|f| (f["seq"].as_u64().unwrap(), f["message"].clone()))
                .collect(),
        }
    };
    ids.map(|id| (id.clone(), task(&id))).collect()
}

/// The counts of every task, and the totals, are those of the agents' logs, read here without the program; every log
/// is whole and in its folder. The registry was written to since the cut, so that nothing is unfinished.
pub fn assert_recounted(env: &Env, home: &Path) {
    let mut total = [0; 5];
    for folder in ["tasks", "closed"] {
        for entry in std::fs::read_dir(home.join(folder)).expect("the home has it") {
            let dir = entry.expect("an entry").path();
            let id = dir.file_name().unwrap().to_str().unwrap();
            if id.starts_with('.') {
                continue;
            }
            let recount = recount(&dir);
            let shown = json(env, home, &["task", "show", id]);
            assert_eq!(counts(&shown["counts"]), recount, "{id}");
            for (sum, own) in total.iter_mut().zip(recount) {
                *sum += own;
            }
        }
    }
    assert_eq!(counts(&json(env, home, &["status"])["totals"]), total);
}

/// Spawned, active, completed, failed, terminated, by the last lines of the logs.
fn recount(task: &Path) -> [u64; 5] {
    let mut counts = [0; 5];
    for folder in ["active", "ended"] {
        for entry in std::fs::read_dir(task.join("agents").join(folder)).unwrap() {
            let content = std::fs::read(entry.unwrap().path()).unwrap();
            let mut lines = content.split_inclusive(|byte| *byte == b'\n').rev();
            let last = lines.find_map(|line| serde_json::from_slice::<Value>(line).ok());
            let status = text(&last.expect("a line that reads"), "status");
            let place = match status.as_str() {
                "completed" => 2,
                "failed" => 3,
                "terminated" => 4,
                _ => 1,
            };
            counts[0] += 1;
            counts[place] += 1;
            assert_eq!(folder == "active", place == 1, "an agent that is {status}");
        }
    }
    counts
}

/// `doctor` finds nothing wrong.
pub fn assert_healthy(env: &Env, home: &Path) {
    let ran = call(env, home, &["doctor"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

fn counts(value: &Value) -> [u64; 5] {
    ["spawned", "active", "completed", "failed", "terminated"].map(|key| {
        value[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {value}"))
    })
}

fn list<'a>(document: &'a Value, key: &str) -> &'a Vec<Value> {
    document[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} in {document}"))
}

fn text(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {value}"))
        .to_owned()
}
