//! `import` and `export`: the orchestrator's workspace comes in whole, and comes out again.

mod export;
mod newest;
mod untrusted;
mod values;
mod workspace;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::env::Env;
use workspace::{TASK, given};

/// All files under a directory, with what is in them.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn differences(document: &Value) -> Vec<String> {
    let all = document["differences"].as_array().unwrap();
    let shown = |note: &Value| {
        let path = Path::new(note["path"].as_str().unwrap())
            .file_name()
            .unwrap();
        format!(
            "{}:{}: {}",
            path.to_str().unwrap(),
            note["line"],
            note["what"].as_str().unwrap()
        )
    };
    all.iter().map(shown).collect()
}

#[test]
fn a_workspace_comes_in_whole() {
    let env = Env::new();
    let base = workspace::whole(&env);
    let document = env.json(&["import", path(&base)]);
    assert_eq!(document["tasks"].as_array().unwrap().len(), 5);
    assert_eq!(document["tasks"][1]["counts"]["active"], 1);
    assert_eq!(
        (&document["skipped"], &document["differences"]),
        (&json!([]), &json!([]))
    );
    let totals = &env.json(&["status"])["totals"];
    assert_eq!(
        (
            &totals["spawned"],
            &totals["completed"],
            &totals["tasks_open"]
        ),
        (&json!(27), &json!(26), &json!(5))
    );
    env.is_healthy();
}

#[test]
fn every_line_comes_in_with_its_time() {
    let env = Env::new();
    let base = workspace::whole(&env);
    env.ok(&["import", path(&base)]);
    let mut exported = BTreeMap::new();
    let mut seen = 0;
    for (kind, message) in [("progress", "reports"), ("findings", "findings")] {
        for (task, line) in workspace::lines(&base, kind) {
            let document = exported
                .entry(task.clone())
                .or_insert_with(|| env.json(&["export", &task]));
            let agent = document["agents"]
                .as_array()
                .unwrap()
                .iter()
                .find(|a| a["id"] == line["agent_id"])
                .unwrap();
            let list = if kind == "progress" {
                &agent["reports"]
            } else {
                &document["findings"]
            };
            let at = format!("{}Z", line["timestamp"].as_str().unwrap());
            let told = |item: &&Value| {
                item["at"] == at
                    && item["agent"] == line["agent_id"]
                    && item["message"] == line["message"]
            };
            assert!(
                list.as_array().unwrap().iter().any(|item| told(&item)),
                "{message}: {line}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 173);
}

#[test]
fn a_second_import_changes_nothing() {
    let env = Env::new();
    let base = workspace::whole(&env);
    env.ok(&["import", path(&base)]);
    let before = files(&env.home());
    let document = env.json(&["import", path(&base)]);
    assert_eq!(document["tasks"], json!([]));
    assert_eq!(document["skipped"].as_array().unwrap().len(), 5);
    assert_eq!(document["differences"], json!([]));
    assert_eq!(env.ok(&["import", path(&base), "-q"]), "");
    assert!(files(&env.home()) == before);
}

#[test]
fn a_task_with_a_number_beyond_every_float_is_one_like_any_other() {
    let env = Env::new();
    let base = env.root().join("workspace");
    fs::create_dir_all(base.join(TASK)).unwrap();
    let registry = format!(r#"{{"task_id":"{TASK}","agents":[],"budget":1e400}}"#);
    fs::write(base.join(TASK).join("AGENT_REGISTRY.json"), registry).unwrap();
    env.ok(&["import", path(&base)]);
    env.ok(&["register", "--task", TASK, "--type", "coder"]);
    env.ok(&["task", "set", TASK, "--priority", "P0"]);
    let exported = env.ok(&["export", TASK]);
    assert!(exported.contains("1e400"), "{exported}");
    env.is_healthy();
}

#[test]
fn the_deepest_agent_there_can_be_has_no_children() {
    let env = Env::new();
    let mut deepest = workspace::agent("deepest", true);
    deepest["depth"] = json!(u32::MAX);
    env.ok(&["import", path(&given(&env, &[deepest]))]);
    let child = ["register", "--task", TASK, "--type", "coder", "--parent"];
    let refused = env.fails(4, &[&child[..], &["deepest"]].concat());
    assert!(refused.contains("beyond the max depth"), "{refused}");
}

#[test]
fn a_damaged_line_or_file_is_named_and_the_rest_comes_in() {
    let env = Env::new();
    let base = workspace::same_shape(&env.root().join("workspace"));
    let (log, registry) = (
        base.join(TASK)
            .join("progress/worker-213600-000000_progress.jsonl"),
        base.join("TASK-20251018-213115-d9cfa244/AGENT_REGISTRY.json"),
    );
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen('\n', "\n{\"timestamp\": \"2025\n", 1)).unwrap();
    let text = fs::read_to_string(&registry).unwrap();
    fs::write(&registry, &text[..text.len() / 2]).unwrap();
    let document = env.json(&["import", path(&base)]);
    assert_eq!(document["tasks"].as_array().unwrap().len(), 4);
    assert_eq!(
        document["skipped"][0]["task"],
        "TASK-20251018-213115-d9cfa244"
    );
    let told = differences(&document);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("worker-213600-000000_progress.jsonl:2: not a JSON object"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("AGENT_REGISTRY.json:") && !told[1].contains("null"),
        "{told:?}"
    );
    let reports = env.json(&["reports", "--task", TASK]);
    assert_eq!(reports["total"], 28 + 6);
    env.is_healthy();
}

#[test]
fn people_see_what_came_in_and_what_did_not() {
    let env = Env::new();
    let base = workspace::same_shape(&env.root().join("workspace"));
    let log = base
        .join(TASK)
        .join("progress/worker-213600-000000_progress.jsonl");
    fs::write(&log, "\u{1b}[31m\n").unwrap();
    let page = env.ok(&["import", path(&base)]);
    assert!(
        page.starts_with("5 tasks with 27 agents, 113 reports and 55 findings came in\n"),
        "{page}"
    );
    assert!(
        page.contains(&format!("damaged {}:1: not a JSON object", path(&log))),
        "{page}"
    );
    assert!(!page.contains('\u{1b}'), "{page}");
    let page = env.ok(&["import", path(&base)]);
    assert!(page.starts_with("nothing new came in\n"), "{page}");
    assert!(page.contains(&format!("skipped  {TASK}: ")), "{page}");
}

#[test]
fn counts_are_recounted_and_differences_told() {
    let env = Env::new();
    let base = given(
        &env,
        &[workspace::agent("a", true), workspace::agent("b", false)],
    );
    let said = json!({"timestamp": "2025-10-17T22:00:00", "agent_id": "a", "status": "done", "message": "did it"});
    workspace::write_lines(&base, TASK, "progress", "a", std::iter::once(said));
    let global = json!({"total_tasks": 7, "total_agents_spawned": 2, "active_agents": 0,
        "agents": {"b": {"task_id": TASK, "status": "failed"}, "ghost": {"task_id": TASK, "status": "working"}}});
    fs::create_dir(base.join("registry")).unwrap();
    fs::write(
        base.join("registry/GLOBAL_REGISTRY.json"),
        global.to_string(),
    )
    .unwrap();
    let mut registry = workspace::registry(
        TASK,
        &[workspace::agent("a", true), workspace::agent("b", false)],
        2,
    );
    registry["total_spawned"] = 3.into();
    workspace::write_registry(&base, TASK, &registry);

    let document = env.json(&["import", path(&base)]);
    let counts = &document["tasks"][0]["counts"];
    assert_eq!(
        (&counts["spawned"], &counts["active"], &counts["completed"]),
        (&json!(2), &json!(0), &json!(2))
    );
    let told = differences(&document).join("\n");
    for part in [
        "agent a is working here, but completed by its own log",
        "total_spawned is 3 here, but 2 by recount",
        "active_count is 2 here, but 0 by recount",
        "completed_count is 0 here, but 2 by recount",
        "total_tasks is 7 here, but 1 by recount",
        "it does not have agent a of task",
        "is failed here, but completed in its task",
        "agent ghost of task",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert_eq!(told.lines().count(), 8, "{told}");
    assert_eq!(env.counts(TASK), ([2, 0, 2, 0, 0], [2, 0, 2, 0, 0]));
    env.is_healthy();
}

#[test]
fn times_without_an_offset_are_local() {
    let env = Env::new();
    let base = given(&env, &[workspace::agent("a", false)]);
    let mut import = env.command(&["import", path(&base)]);
    assert!(
        import
            .env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
            .output()
            .unwrap()
            .status
            .success()
    );
    let document = env.json(&["export", TASK]);
    assert_eq!(
        document["task"]["created_at"],
        "2025-10-17T19:35:12.211797Z"
    );
    assert_eq!(
        document["agents"][0]["ended_at"],
        "2025-10-17T20:30:00.750000Z"
    );
}

#[test]
fn one_task_alone_can_be_taken_in() {
    let env = Env::new();
    let base = given(&env, &[workspace::agent("a", false)]);
    let one = env.ok(&["import", path(&base.join(TASK)), "-q"]);
    assert_eq!(one, TASK);
}

#[test]
fn what_is_no_workspace_is_a_usage_error() {
    let env = Env::new();
    assert!(
        env.fails(2, &["import", "nowhere"])
            .contains("hint: name the directory")
    );
    assert!(
        env.fails(2, &["import", "."])
            .contains("there is no task in .")
    );
    assert!(env.fails(2, &["export"]).contains("no task is named"));
    env.fails(3, &["export", "TASK-1"]);
    fs::create_dir(env.root().join(TASK)).unwrap();
    let said = env.fails(6, &["import", "."]);
    assert!(
        said.contains("no task could be taken in") && said.contains("AGENT_REGISTRY.json"),
        "{said}"
    );
    assert!(!env.home().join("tasks").join(TASK).exists());
}
