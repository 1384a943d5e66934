//! What becomes of a task, its agents' fields, its findings and the global registry.

use super::*;
use crate::model::Json;

#[test]
fn parents_are_those_of_the_task_and_depths_are_kept() {
    let task = Given::agents(json!([
        {"id": "child", "type": "t", "parent": "root", "depth": 3, "status": "working"},
        {"id": "root", "type": "t", "parent": "orchestrator", "depth": 1, "status": "working"},
        {"id": "orphan", "type": "t", "parent": "gone", "status": "working"},
        {"id": "grandchild", "type": "t", "parent": "child", "status": "working"},
    ]))
    .take_in();
    let parent = |n: usize| task.agents[n][0].parent.as_ref().map(ToString::to_string);
    assert_eq!(
        [parent(0), parent(1), parent(2)],
        [Some("root".to_owned()), None, None]
    );
    let depths: Vec<u32> = task.agents.iter().map(|lines| lines[0].depth).collect();
    assert_eq!(depths, [3, 1, 1, 4]);
    let told = told(&task.recount.notes.differences);
    assert!(
        told.contains("agent orphan names the parent \"gone\""),
        "{told}"
    );
    assert_eq!(value(&task.agents[2][0].foreign)["parent"], "gone");
}

#[test]
fn foreign_fields_are_kept_whatever_their_names() {
    let long = "ä".repeat(MAX_PROMPT);
    let line = r#"{"timestamp":"2025-10-17T22:01:00","status":"reviewing","tokens":5,"seq":"x"}"#;
    let task =
        Given::agent(json!({"status": "working", "tmux_session": "s", "pid": 7, "prompt": long}))
            .set("spiral_checks", json!({"enabled": true}))
            .set("status", json!("INITIALIZED"))
            .file(
                &format!("{ID}/progress/a_progress.jsonl"),
                &format!("{line}\n"),
            )
            .take_in();
    let [first, last] = &task.agents[0][..] else {
        panic!("{:?}", task.agents)
    };
    assert_eq!(
        value(&first.foreign),
        json!({"tmux_session": "s", "pid": 7, "prompt": long})
    );
    assert_eq!(first.prompt.as_ref().map(String::len), Some(MAX_PROMPT));
    assert_eq!((&last.prompt, last.foreign.is_empty()), (&None, true));
    assert_eq!(
        value(&last.report().foreign),
        json!({"status": "reviewing", "tokens": 5, "seq": "x"})
    );
    assert!(
        told(&task.recount.notes.damages).contains("a_progress.jsonl:1: status: \"reviewing\"")
    );
    let settings = value(&task.task.foreign);
    assert_eq!(settings["spiral_checks"]["enabled"], true);
    assert_eq!(settings["status"], "INITIALIZED");
    for line in [first, last] {
        let text = serde_json::to_string(line).unwrap();
        assert_eq!(serde_json::from_str::<Agent>(&text).unwrap(), *line);
    }
}

#[test]
fn what_the_orchestrator_found_at_the_completion_is_evidence() {
    let validation = json!({"confidence": 0.9, "warnings": ["fast"], "evidence_summary": {
        "workspace_evidence": {"modified_files_count": 12, "progress_entries_count": 4, "findings_count": 6},
        "progress_pattern": {"elapsed_seconds": 131.5}}});
    let task =
        Given::agent(json!({"status": "completed", "completion_validation": validation})).take_in();
    let last = task.agents[0].last().unwrap();
    let evidence = last.evidence.as_ref().unwrap();
    assert_eq!((evidence.reports, evidence.findings), (4, 6));
    assert_eq!(evidence.files_changed.map(|files| files.count), Some(12));
    assert_eq!(
        (evidence.elapsed.round(), evidence.warnings.len()),
        (132.0, 1)
    );
    let first = &task.agents[0][0];
    assert_eq!(value(&first.foreign)["completion_validation"], validation);
}

#[test]
fn findings_of_all_agents_come_in_by_time() {
    let finding = |at: u32, agent: &str, severity: &str| {
        json!({"timestamp": format!("2025-10-17T22:{at:02}:00"), "agent_id": agent, "finding_type": "issue",
            "severity": severity, "message": format!("at {at}"), "data": {"n": at}, "confidence": 1, "task": "x"})
        .to_string() + "\n"
    };
    let task = Given::agent(json!({"status": "working"}))
        .file(
            &format!("{ID}/findings/a_findings.jsonl"),
            &(finding(1, "a", "high") + &finding(5, "a", "urgent")),
        )
        .file(
            &format!("{ID}/findings/gone_findings.jsonl"),
            &finding(3, "gone", "CRITICAL"),
        )
        .take_in();
    let seen: Vec<_> = task
        .findings
        .iter()
        .map(|f| (f.seq, f.message.as_str(), f.severity))
        .collect();
    let expected = [
        (1, "at 1", Severity::High),
        (2, "at 3", Severity::Critical),
        (3, "at 5", Severity::Low),
    ];
    assert_eq!(seen, expected);
    let first = &task.findings[0];
    assert_eq!(
        (
            first.finding_type.as_str(),
            first.data.as_ref().map(Json::as_str),
        ),
        ("issue", Some("{\"n\":1}"))
    );
    assert_eq!(value(&first.foreign), json!({"confidence": 1, "task": "x"}));
    assert_eq!(value(&task.findings[2].foreign)["severity"], "urgent");
    assert_eq!(task.recount.findings, 3);
    let gone = &task.agents[1];
    assert_eq!(
        (gone[0].id.as_str(), statuses(gone)),
        ("gone", vec!["running"])
    );
    assert_eq!(gone[0].registered_at, task.findings[1].at);
}

#[test]
fn an_agent_that_only_its_log_knows_stands_where_its_last_line_says() {
    let task = Given::agents(json!([]))
        .said(
            "doc_writer-141518-6a7b8c",
            &[(1, "working", 5), (2, "done", 80), (3, "blocked", 90)],
        )
        .said("edge-case-tester-141515-3d4e5f", &[(4, "failed", 35)])
        .file(&format!("{ID}/progress/empty-1-2_progress.jsonl"), "{\n\n")
        .file(&format!("{ID}/progress/.._progress.jsonl"), "{}\n")
        .take_in();
    let seen: Vec<_> = task
        .agents
        .iter()
        .map(|lines| {
            let last = lines.last().unwrap();
            (
                last.agent_type.as_str(),
                last.status,
                last.percent,
                lines.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("doc_writer", Status::Blocked, 90, 3),
            ("edge-case-tester", Status::Failed, 35, 1)
        ]
    );
    let first = &task.agents[0][0];
    assert_eq!(
        first.registered_at.to_string(),
        "2025-10-17T22:01:00.000000Z"
    );
    assert_eq!(first.message.as_deref(), Some("at 1"));
    let damages = told(&task.recount.notes.damages);
    for part in [
        "empty-1-2_progress.jsonl:1: not a JSON object",
        "agent empty-1-2 is not listed here, and no line of its logs can be read",
        ".._progress.jsonl: ",
    ] {
        assert!(damages.contains(part), "{part}: {damages}");
    }
    let differences = told(&task.recount.notes.differences);
    assert!(
        differences.contains("2 agents are not listed here"),
        "{differences}"
    );
    assert!(differences.contains("database"), "{differences}");
}

#[test]
fn numbers_are_kept_as_they_were_written() {
    let numbers = "[18446744073709551617,0.1000000000000000055,1E2,-0,1e400]";
    let line = format!("{{\"data\": {numbers}, \"x\": {numbers}, \"message\": {numbers}}}\n");
    let task = Given::agent(json!({"status": "working"}))
        .file(&format!("{ID}/findings/a_findings.jsonl"), &line)
        .file(&format!("{ID}/progress/a_progress.jsonl"), &line)
        .take_in();
    let finding = &task.findings[0];
    assert_eq!(finding.data.as_ref().map(Json::as_str), Some(numbers));
    assert_eq!(finding.message, numbers);
    assert_eq!(finding.foreign.get("x").map(Json::as_str), Some(numbers));
    let report = &task.agents[0][1].report_foreign;
    assert_eq!(report.get("x").map(Json::as_str), Some(numbers));
}

#[test]
fn half_of_a_surrogate_pair_costs_one_character_and_is_told_once() {
    let line = "{\"timestamp\":\"2025-10-17T22:02:00\",\"message\":\"a\\ud83dz\",\"\\udc00\":\"\\ud800\"}\n";
    let task = Given::agent(json!({"status": "working"}))
        .file(&format!("{ID}/progress/a_progress.jsonl"), &line.repeat(2))
        .take_in();
    let last = task.agents[0].last().unwrap();
    assert_eq!(last.message.as_deref(), Some("a\u{fffd}z"));
    assert_eq!(value(&last.report_foreign), json!({"\u{fffd}": "\u{fffd}"}));
    let told = told(&task.recount.notes.differences);
    assert_eq!(
        told.matches("half of a surrogate pair").count(),
        1,
        "{told}"
    );
    assert!(told.contains("2 records have"), "{told}");
}

#[test]
fn a_field_that_is_nested_too_deep_is_named_and_the_agent_is_kept() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let line = format!(
        "{{\"status\":\"working\",\"fine\":{},\"deep\":{}}}\n",
        nested(64),
        nested(5000)
    );
    let task = Given::agent(json!({"status": "working"}))
        .file(&format!("{ID}/progress/a_progress.jsonl"), &line)
        .take_in();
    let foreign = &task.agents[0][1].report_foreign;
    assert!(foreign.get("fine").is_some() && foreign.get("deep").is_none());
    assert_eq!(
        task.recount.notes.damages[0].what,
        "deep: nested deeper than 64 levels: left out"
    );
    assert_eq!(task.recount.notes.damages.len(), 1);
}

#[test]
fn mistakes_without_end_are_counted_and_not_all_kept() {
    let task = Given::agent(json!({"status": "working"}))
        .file(
            &format!("{ID}/progress/a_progress.jsonl"),
            &"x\n".repeat(3000),
        )
        .take_in();
    let damages = &task.recount.notes.damages;
    assert_eq!(damages.len(), 1001);
    assert!(
        damages[1000].what.contains("2000 more notes"),
        "{}",
        damages[1000]
    );
}

#[test]
fn agents_that_cannot_be_kept_are_named_by_line_and_the_rest_comes_in() {
    let task = Given::agents(json!([
        {"id": "../up", "type": "t", "status": "working"},
        7,
        {"type": "nameless"},
        {"id": "a", "type": "not a type", "status": "asleep", "started_at": "noon", "progress": 900},
        {"id": "a", "type": "t", "status": "failed"},
    ]))
    .file(&format!("{ID}/progress/stray_progress.jsonl"), "{}\n")
    .take_in();
    assert_eq!(task.agents.len(), 2);
    assert_eq!(task.agents[0][0].agent_type.as_str(), "agent");
    assert_eq!(task.agents[1][0].id.as_str(), "stray");
    let notes = &task.recount.notes;
    assert_eq!(notes.damages.len(), 7, "{}", told(&notes.damages));
    assert!(notes.damages.iter().all(|note| note.line.is_some()));
    let told = told(&notes.differences);
    assert!(told.contains("agent a is listed again"), "{told}");
    assert!(told.contains("1 agent is not listed here"), "{told}");
}

#[test]
fn a_registry_that_cannot_be_read_is_named_with_its_line() {
    for (text, line) in [
        ("{\"agents\": [\n{\"id\": \"a\"},\n{\"i", Some(3)),
        ("{\n\"task_id\": oops}", Some(2)),
        ("", Some(1)),
    ] {
        let base = TempDir::new().unwrap();
        fs::create_dir(base.path().join(ID)).unwrap();
        fs::write(base.path().join(ID).join("AGENT_REGISTRY.json"), text).unwrap();
        let note = take_in(base.path()).err().unwrap();
        assert!(note.path.ends_with("AGENT_REGISTRY.json"));
        assert_eq!(note.line, line, "{note}");
    }
}

#[test]
fn the_global_registry_is_compared() {
    let global = json!({"total_tasks": 2, "total_agents_spawned": 9, "active_agents": 0, "agents": {
        "a": {"task_id": ID, "status": "completed"}, "ghost": {"task_id": ID, "status": "working"},
        "far": {"task_id": "TASK-other", "status": "working"}}});
    let task = Given::agent(json!({"status": "working"}))
        .set("total_spawned", json!(1))
        .file("registry/GLOBAL_REGISTRY.json", &global.to_string())
        .take_in();
    assert!(told(&task.recount.notes.differences).contains("agent a of task"));
    let told = told(&task.whole);
    for part in [
        "total_tasks is 2 here, but 1",
        "total_agents_spawned is 9 here, but 1",
        "active_agents is 0 here, but 1",
        "agent ghost of task",
        "1 agent of task \"TASK-other\" only here",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(task.whole.len(), 5, "{told}");
}

#[test]
fn of_a_global_registry_full_of_strangers_some_are_named_and_the_others_counted() {
    let strangers: serde_json::Map<_, _> = (0..3000)
        .map(|n| (format!("ghost-{n}"), json!({"task_id": ID})))
        .collect();
    let task = Given::agent(json!({"status": "working"}))
        .file(
            "registry/GLOBAL_REGISTRY.json",
            &json!({"agents": strangers}).to_string(),
        )
        .take_in();
    assert_eq!(task.whole.len(), 1001);
    let last = task.whole.last().unwrap();
    assert_eq!(last.what, "2000 more notes on this file are not kept");
}

#[test]
fn the_real_workspace_comes_in_whole() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/orchestrator-workspace");
    if !base.is_dir() {
        return;
    }
    let tasks = take_in(&base).unwrap();
    assert_eq!(tasks.len(), 5);
    let counts = tasks
        .iter()
        .fold(Counts::default(), |sum, task| sum.plus(task.recount.counts));
    assert_eq!(
        (counts.spawned, counts.active, counts.completed),
        (27, 1, 26)
    );
    let reports: u64 = tasks.iter().map(|task| task.recount.reports).sum();
    let findings: u64 = tasks.iter().map(|task| task.recount.findings).sum();
    assert_eq!((reports, findings), (118, 55));
    let lines: usize = tasks
        .iter()
        .flat_map(|task| &task.agents)
        .map(Vec::len)
        .sum();
    assert_eq!(lines, 118 + 27);
    for task in &tasks {
        assert_eq!(task.recount.notes, Notes::default());
    }
    assert_eq!(tasks[4].whole, []);
}
