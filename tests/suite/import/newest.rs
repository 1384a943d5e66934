//! The orchestrator's newest generation keeps its agents in a database: they come in from their logs, and what cannot come in
//! is named.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::workspace::{self, TASK};
use super::{differences, path};
use crate::env::Env;

/// A workspace without an agent in its registry.
fn unlisted(env: &Env) -> PathBuf {
    let base = workspace::given(env, &[]);
    fs::create_dir(base.join("registry")).unwrap();
    fs::write(base.join("registry/state.sqlite3"), "SQLite format 3\0").unwrap();
    let global = json!({"total_tasks": 1, "total_agents_spawned": 0, "active_agents": 0, "tasks": {TASK: {}}, "agents": {}});
    fs::write(
        base.join("registry/GLOBAL_REGISTRY.json"),
        global.to_string(),
    )
    .unwrap();
    base
}

fn said(minute: u32, status: &str, percent: u32) -> Value {
    json!({"timestamp": format!("2025-10-17T22:{minute:02}:00"), "status": status, "message": format!("at {minute}"), "progress": percent})
}

fn found(minute: u32) -> Value {
    json!({"timestamp": format!("2025-10-17T22:{minute:02}:30"), "finding_type": "issue", "severity": "high", "message": format!("found {minute}"), "data": {}})
}

/// Of each agent its id, type, status, percent, when it was registered, its message; by id.
fn rows(status: &Value) -> Vec<Value> {
    let mut rows: Vec<Value> = status["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| {
            let registered = &agent["registered_at"].as_str().unwrap()[11..16];
            json!([
                agent["id"],
                agent["type"],
                agent["status"],
                agent["percent"],
                registered,
                agent["message"]
            ])
        })
        .collect();
    rows.sort_by_key(|row| row[0].to_string());
    rows
}

#[test]
fn agents_that_only_their_logs_know_come_in() {
    let env = Env::new();
    let base = unlisted(&env);
    let (reader, tester, writer, finder) = (
        "format_reader-221512-0a1b2c",
        "edge-case-tester-221515-3d4e5f",
        "doc_writer-221518-6a7b8c",
        "only-finder-221519-6a7b8d",
    );
    let write = |kind, id, lines: Vec<Value>| {
        workspace::write_lines(&base, TASK, kind, id, lines.into_iter());
    };
    write(
        "progress",
        reader,
        vec![said(1, "working", 5), said(9, "done", 80)],
    );
    write(
        "progress",
        tester,
        vec![said(2, "in_progress", 5), said(7, "error", 35)],
    );
    write(
        "progress",
        writer,
        vec![said(3, "working", 5), said(8, "blocked", 40)],
    );
    write("findings", finder, vec![found(4), found(5)]);
    write("findings", reader, vec![found(6)]);
    // What the orchestrator moved there when the agent ended.
    let archive = base.join(TASK).join("archive");
    fs::create_dir(&archive).unwrap();
    let log = said(0, "completed", 100).to_string();
    fs::write(archive.join("gone-220000-000000_progress.jsonl"), log).unwrap();

    let document = env.json(&["import", path(&base)]);
    let told = differences(&document).join("\n");
    assert!(
        told.contains("5 agents are not listed here and taken in from their logs"),
        "{told}"
    );
    assert!(
        told.contains("state.sqlite3:null: the orchestrator's database is not read"),
        "{told}"
    );
    assert_eq!(env.counts(TASK), ([5, 2, 2, 1, 0], [5, 2, 2, 1, 0]));
    let status = env.json(&["status", TASK, "--all"]);
    let rows = rows(&status);
    let expected = [
        json!([writer, "doc_writer", "blocked", 40, "22:03", "at 8"]),
        json!([tester, "edge-case-tester", "failed", 35, "22:02", "at 7"]),
        json!([reader, "format_reader", "completed", 80, "22:01", "at 9"]),
        json!([
            "gone-220000-000000",
            "gone",
            "completed",
            100,
            "22:00",
            "at 0"
        ]),
        json!([finder, "only-finder", "running", 0, "22:04", null]),
    ];
    assert_eq!(rows, expected);
    assert_eq!(env.json(&["reports", "--task", TASK])["total"], 5 + 3);
    assert_eq!(env.json(&["findings", "--task", TASK])["total"], 3);
    // They are agents like others from now on.
    env.ok(&[
        "progress",
        "--task",
        TASK,
        "--agent",
        writer,
        "-s",
        "completed",
        "over",
    ]);
    assert_eq!(env.counts(TASK).0, [5, 1, 3, 1, 0]);
    env.is_healthy();
}

#[test]
fn people_are_told_that_the_database_was_not_read() {
    let env = Env::new();
    let base = unlisted(&env);
    workspace::write_lines(
        &base,
        TASK,
        "progress",
        "a-1-2",
        std::iter::once(said(1, "working", 5)),
    );
    let page = env.ok(&["import", path(&base)]);
    assert!(page.contains("1 agent is not listed here"), "{page}");
    assert!(page.contains("the orchestrator's database"), "{page}");
}

fn tasks(n: usize) -> Vec<String> {
    (0..n)
        .map(|n| format!("TASK-20260210-1415{n:02}-7c1e90a{}", n % 10))
        .collect()
}

fn global(base: &Path, document: &Value) {
    fs::create_dir_all(base.join("registry")).unwrap();
    fs::write(
        base.join("registry/GLOBAL_REGISTRY.json"),
        document.to_string(),
    )
    .unwrap();
}

#[test]
fn tasks_that_are_named_and_not_there_are_told_by_name() {
    let env = Env::new();
    let base = env.root().join("workspace");
    let ids = tasks(3);
    let named: Value = ids
        .iter()
        .map(|id| (id.clone(), json!({"status": "INITIALIZED"})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let whole = json!({"total_tasks": 3, "total_agents_spawned": 0, "active_agents": 0, "tasks": named, "agents": {}});
    global(&base, &whole);
    let said = env.fails(2, &["import", path(&base)]);
    assert!(ids.iter().all(|id| said.contains(id)), "{said}");
    // Those that are there come in.
    workspace::write_registry(&base, &ids[0], &workspace::registry(&ids[0], &[], 0));
    let document = env.json(&["import", path(&base)]);
    assert_eq!(document["tasks"][0]["id"], ids[0].as_str());
    let told = differences(&document).join("\n");
    for id in &ids[1..] {
        assert!(told.contains(&format!("task {id} is only here")), "{told}");
    }
    env.is_healthy();
}

/// One value that is not as it should be hides nothing of the rest.
#[test]
fn tasks_are_named_whatever_else_stands_in_the_global_registry() {
    let ids = tasks(2);
    let named = json!({&ids[0]: null, &ids[1]: 7});
    for odd in [
        json!({"tasks": named}),
        json!({"tasks": named, "agents": null}),
        json!({"tasks": named, "agents": []}),
        json!({"tasks": named, "agents": "none"}),
        json!({"tasks": named, "agents": {"a": null, "b": [], "c": {"task_id": 1, "status": {}}}}),
        json!({"tasks": named, "total_tasks": "2", "active_agents": -1, "total_agents_spawned": 2.0}),
        json!({"tasks": ids, "agents": {}}),
        json!({"tasks": [{"task_id": ids[0]}, {"id": ids[1]}, null, 3, {}]}),
    ] {
        let env = Env::in_memory();
        let base = env.root().join("workspace");
        global(&base, &odd);
        let said = env.fails(2, &["import", path(&base)]);
        assert!(ids.iter().all(|id| said.contains(id)), "{odd}: {said}");
        workspace::write_registry(&base, &ids[0], &workspace::registry(&ids[0], &[], 0));
        let document = env.json(&["import", path(&base)]);
        let told = differences(&document).join("\n");
        assert!(
            told.contains(&format!("task {} is only here", ids[1])),
            "{odd}: {told}"
        );
    }
}
