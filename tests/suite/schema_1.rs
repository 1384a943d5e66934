//! A registry that was written when schema 1 was made loads for ever, and can be written to.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::env::{Env, copy_tree};

/// The frozen registry's tasks: by hand, closed by force, imported from an orchestrator's workspace.
const TASKS: [&str; 3] = ["T-open", "T-closed", "TASK-20250101-090000-0a1b2c3d"];

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/schema-1")
        .join(name)
}

/// A copy of the frozen home, with the empty directories that git does not keep.
fn thawed() -> Env {
    let env = Env::new();
    let home = env.home();
    copy_tree(&fixture("home"), &home);
    for task in TASKS {
        let folder = if task == "T-closed" {
            "closed"
        } else {
            "tasks"
        };
        for dir in ["agents/active", "agents/ended", "leases", "output"] {
            let dir = home.join(folder).join(task).join(dir);
            if !dir.exists() {
                crate::env::make_private_dir(&dir);
            }
        }
    }
    env
}

/// The keys of a report.
const REPORT: [&str; 6] = ["agent", "seq", "at", "status", "percent", "message"];

/// Everything that was there is there, of equal value; there may be more.
fn assert_holds(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (key, expected) in expected {
                // A prompt is given where an agent is exported, no longer wherever one is listed.
                if key == "prompt" && !place.starts_with("export") {
                    continue;
                }
                // A report has its own keys alone; what else it came in with is exported.
                if place.contains(".reports[")
                    && place.starts_with("reports")
                    && !REPORT.contains(&&key[..])
                {
                    assert!(found.get(key).is_none(), "{place}.{key}");
                    continue;
                }
                let place = format!("{place}.{key}");
                assert_holds(found.get(key).unwrap_or(&Value::Null), expected, &place);
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_holds(found, expected, &format!("{place}[{n}]"));
            }
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

#[test]
fn a_registry_of_schema_1_reads_as_it_did_when_it_was_written() {
    let env = thawed();
    let expected = fs::read_to_string(fixture("expected.json")).expect("the fixture has it");
    let expected: Value = serde_json::from_str(&expected).expect("it is JSON");
    for (command, expected) in expected.as_object().expect("commands") {
        let args: Vec<&str> = command.split(' ').collect();
        assert_holds(&env.json(&args), expected, command);
        env.ok(&args);
    }
    env.is_healthy();
}

#[test]
fn a_registry_of_schema_1_can_be_written_to() {
    let env = thawed();
    let ([.., before], [spawned, active, ..]) = env.counts("T-open");
    let me = ["--task", "T-open", "--agent", "lead-1"];
    env.ok(&[&["progress", "-p", "60", "goes on"], &me[..]].concat());
    env.ok(&[&["finding", "-s", "critical", "of today"], &me[..]].concat());
    env.ok(&[
        "register", "--task", "T-open", "--type", "coder", "--id", "new", "--parent", "tester-1",
    ]);
    env.ok(&[&["progress", "-s", "completed", "and ends"], &me[..]].concat());
    let lead = &env.json(&["status", "T-open", "--all", "--label", "team=α"])["agents"][0];
    assert_eq!(lead["seq"], 5);
    assert_eq!(lead["evidence"]["reports"], 4);
    assert_eq!(lead["evidence"]["findings"], 1);
    let (task, total) = env.counts("T-open");
    assert_eq!(task[4], before);
    assert_eq!(total[..2], [spawned + 1, active]);
    let imported = TASKS[2];
    env.ok(&[
        "progress",
        "--task",
        imported,
        "--agent",
        "reviewer-090200-4d5e6f",
        "-p",
        "50",
    ]);
    for task in [imported, "T-open"] {
        env.ok(&["task", "set", task, "--priority", "P3"]);
        env.ok(&["task", "close", task, "--force"]);
    }
    let agents = &env.json(&["export", imported])["agents"];
    let reviewer = agents
        .as_array()
        .expect("agents")
        .iter()
        .find(|a| a["type"] == "reviewer");
    let kept = &reviewer.expect("it is exported")["claude_pid"];
    assert_eq!(*kept, 4711, "a field that nobody knows is kept");
    env.ok(&["task", "new", "the next", "--id", "T-next"]);
    assert_eq!(env.json(&["status"])["totals"]["tasks_open"], 1);
    env.is_healthy();
}
