//! The JSON that scripts read: one document, the same keys wherever an object appears.

use serde_json::Value;

use crate::env::Env;

pub const AGENT: &str = "id task type parent depth status percent message labels registered_at updated_at ended_at seq \
                     alive pid ttl host command cwd prompt evidence end";
pub const TASK: &str =
    "id description status priority workspace created_at limits require_evidence";
const COUNTS: &str = "spawned active completed failed terminated";
pub const FINDING: &str = "seq at task agent type severity message data file line";
pub const REPORT: &str = "agent seq at status percent message";

#[track_caller]
pub fn has_keys(value: &Value, keys: &str) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("an object: {value}"));
    let found: Vec<&str> = object.keys().map(String::as_str).collect();
    let wanted: Vec<&str> = keys.split_whitespace().collect();
    assert_eq!(found, wanted);
}

/// A task `T` with a completed agent `done`, its finding, and an active agent `busy` that it registered.
fn fleet() -> Env {
    let env = Env::new();
    env.task("T");
    env.agent("T", "done");
    env.ok(&[
        "register",
        "--task=T",
        "--type=coder",
        "--id=busy",
        "--parent=done",
        "--label=a=b",
        "--prompt=go",
    ]);
    env.ok(&[
        "finding",
        "--agent=done",
        "--task=T",
        "-s",
        "high",
        "--data",
        "[1]",
        "--file=a.rs",
        "--line=3",
        "x",
    ]);
    env.ok(&[
        "progress",
        "--agent=done",
        "--task=T",
        "-s",
        "completed",
        "-m",
        "all of it",
    ]);
    env
}

#[test]
fn an_agent_has_the_same_keys_in_every_answer() {
    let env = fleet();
    let answers = [
        env.json(&["register", "--task=T", "--type=coder"])["agent"].clone(),
        env.json(&["progress", "--task=T", "--agent=busy", "x"])["agent"].clone(),
        env.json(&["progress", "--task=T", "--agent=done", "-s", "completed"])["agent"].clone(),
        env.json(&["status", "T"])["agents"][0].clone(),
    ];
    for agent in &answers {
        has_keys(agent, AGENT);
    }
    has_keys(&answers[2]["end"], "how code signal reason warnings");
    has_keys(
        &answers[2]["evidence"],
        "reports findings elapsed files_changed warnings",
    );
    assert_eq!(answers[2]["end"]["how"], "reported");
    assert_eq!(answers[1]["parent"], "done");
    assert_eq!(answers[1]["depth"], 2);
    assert_eq!(answers[1]["labels"]["a"], "b");
}

#[test]
fn a_task_has_the_same_keys_in_every_answer() {
    let env = fleet();
    let new = env.json(&["task", "new", "work", "--id=U"]);
    has_keys(&new, "schema task counts");
    let answers = [
        new,
        env.json(&["task", "show", "T"]),
        env.json(&["task", "set", "T", "--priority=P0"]),
        env.json(&["task", "close", "U"]),
    ];
    for answer in &answers {
        has_keys(&answer["task"], TASK);
        has_keys(
            &answer["task"]["limits"],
            "max_agents max_concurrent max_depth",
        );
        has_keys(&answer["counts"], COUNTS);
    }
    let overview = env.json(&["status"]);
    has_keys(&overview, "schema totals tasks");
    has_keys(
        &overview["totals"],
        &format!("{COUNTS} tasks_open tasks_closed"),
    );
    has_keys(&overview["tasks"][0], &format!("{TASK} counts"));
    let status = env.json(&["status", "T"]);
    has_keys(&status, "schema task counts agents findings");
    has_keys(&status["findings"], "total by_severity");
    has_keys(
        &status["findings"]["by_severity"],
        "low medium high critical",
    );
}

#[test]
fn lists_have_a_total_and_objects_of_the_same_keys() {
    let env = fleet();
    let reports = env.json(&["reports", "--task=T"]);
    has_keys(&reports, "schema reports total");
    has_keys(&reports["reports"][0], REPORT);
    assert_eq!(reports["total"], 3);
    let findings = env.json(&["findings", "--task=T"]);
    has_keys(&findings, "schema findings total");
    has_keys(&findings["findings"][0], FINDING);
    has_keys(
        &env.json(&["finding", "--task=T", "--agent=busy", "x"])["finding"],
        FINDING,
    );
    let events = env.json(&["events"]);
    has_keys(&events, "schema events total");
    has_keys(
        &events["events"][0],
        "rev at task agent change counts totals",
    );
    has_keys(
        &events["events"][0]["totals"],
        &format!("{COUNTS} tasks_open tasks_closed"),
    );
    has_keys(&env.json(&["task", "list"]), "schema tasks total");
    has_keys(&env.json(&["doctor"]), "schema ok problems notes repaired");
}

#[test]
fn times_are_utc_with_microseconds() {
    let env = fleet();
    let at = env.json(&["reports", "--task=T"])["reports"][0]["at"].clone();
    let at = at.as_str().unwrap();
    assert_eq!(at.len(), "2026-11-23T08:45:31.436864Z".len(), "{at}");
    assert!(at.ends_with('Z') && at.as_bytes()[19] == b'.', "{at}");
}

#[test]
fn a_failure_in_json_is_one_line_on_standard_error_even_where_the_call_is_not_understood() {
    let env = Env::new();
    for args in [
        &["--json", "frobnicate"][..],
        &["register", "--json"],
        &["status", "nope", "--json"],
    ] {
        let ran = env.run(args);
        assert_eq!(ran.stdout, "");
        let error: Value =
            serde_json::from_str(ran.stderr.trim_end_matches('\n')).expect("one line of JSON");
        has_keys(&error, "schema error");
        has_keys(&error["error"], "kind message hint retryable");
    }
}
