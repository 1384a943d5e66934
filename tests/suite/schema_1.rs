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

/// What an import of 0.1.0 brought in under names that lines have a meaning for by now.
#[test]
fn foreign_fields_of_an_import_by_0_1_0_are_kept_whatever_their_names() {
    let env = thawed();
    let (task, agent) = (TASKS[2], "reviewer-090200-4d5e6f");
    let log = env
        .task_dir(task)
        .join(format!("agents/active/{agent}.jsonl"));
    let text = fs::read_to_string(&log).expect("a log");
    let odd = "\"foreign\":\"own\",\"run\":[7],\"retry_of\":\"own too\",\"attempt\":{\"n\":7},\"cwd\":7,\"leased\":\"own\"";
    let text = text.replace("\"claude_pid\":4711", odd);
    assert!(text.contains(odd));
    fs::write(&log, text).expect("a log");
    let is_kept = || {
        let document = env.json(&["export", task]);
        let agents = document["agents"].as_array().expect("agents").iter();
        let found = agents.clone().find(|found| found["id"] == agent);
        let found = found.expect("it is exported");
        let odd: Value = serde_json::from_str(&format!("{{{odd}}}")).expect("fields");
        for (name, value) in odd.as_object().expect("an object") {
            let kept = [&found[name], &found["orchestrator"][name]];
            assert!(kept.contains(&value), "{name} in {found}");
        }
        found["message"].clone()
    };
    assert_eq!(is_kept(), "halb durch");
    let me = ["--task", task, "--agent", agent];
    env.ok(&[&["progress", "-p", "50", "goes on"], &me[..]].concat());
    assert_eq!(is_kept(), "goes on");
    env.ok(&[&["progress", "-s", "completed", "over"], &me[..]].concat());
    assert_eq!(is_kept(), "over");
    env.is_healthy();
}

/// 0.1.0 did not write which rev of the task a line follows, and a power cut may have taken the task's last marks.
#[test]
fn a_change_that_0_1_0_committed_and_did_not_apply_is_applied_if_the_logs_agree() {
    for (lost, is_sound) in [(1, true), (5, true), (1, false)] {
        let env = thawed();
        // As it was after the last change of T-open.
        for other in ["closed/T-closed", "tasks/TASK-20250101-090000-0a1b2c3d"] {
            fs::remove_dir_all(env.home().join(other)).expect("a directory");
        }
        let first_lines = |path: &Path, number: usize| {
            let text = fs::read_to_string(path).expect("a journal");
            let lines: String = text.split_inclusive('\n').take(number).collect();
            fs::write(path, lines).expect("a journal");
        };
        first_lines(&env.home().join("journal.jsonl"), 19);
        let (before, totals) = env.counts("T-open");
        assert_eq!(before, totals);
        first_lines(&env.task_dir("T-open").join("journal.jsonl"), 19 - lost);
        if is_sound {
            assert_eq!(env.counts("T-open"), (before, totals), "{lost} lost");
            env.agent("T-open", "later");
            let after = [
                before[0] + 1,
                before[1] + 1,
                before[2],
                before[3],
                before[4],
            ];
            assert_eq!(env.counts("T-open"), (after, after), "{lost} lost");
        } else {
            // A log that the counts are of is gone, too.
            let log = env.task_dir("T-open").join("agents/ended/runner-1.jsonl");
            fs::remove_file(log).expect("a log");
            env.fails(6, &["register", "--task", "T-open", "--type", "coder"]);
            env.ok(&["doctor", "--repair"]);
            assert_eq!(env.counts("T-open"), (before, totals), "restored");
        }
        env.is_healthy();
    }
}
