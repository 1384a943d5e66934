//! What an agent's log becomes.

use super::*;

#[test]
fn an_agent_comes_in_with_every_report_and_its_time() {
    let given = Given::agent(
        json!({"status": "completed", "progress": 100, "completed_at": "2025-10-17T22:10:01"}),
    );
    let task = given
        .said("a", &[(2, "working", 10), (10, "done", 100)])
        .take_in();
    let lines = &task.agents[0];
    assert_eq!(statuses(lines), ["running", "working", "completed"]);
    assert_eq!(
        lines[1].updated_at.to_string(),
        "2025-10-17T22:02:00.000000Z"
    );
    assert_eq!(
        (lines[1].percent, lines[1].message.as_deref()),
        (10, Some("at 2"))
    );
    assert_eq!(lines[2].ended_at, Some(lines[2].updated_at));
    assert_eq!(
        lines[2].end.as_ref().map(|end| end.how),
        Some(EndHow::Reported)
    );
    assert_eq!(
        (task.recount.reports, task.recount.counts.completed),
        (2, 1)
    );
    assert_eq!(task.recount.notes, Notes::default());
    assert_eq!(task.task.description, "try");
    assert_eq!(
        (task.task.limits.max_agents, task.task.limits.max_depth),
        (Some(45), 4)
    );
}

#[test]
fn an_update_that_the_registry_lost_is_found_in_the_log() {
    let given =
        Given::agent(json!({"status": "working", "progress": 10})).set("active_count", json!(1));
    let task = given
        .said("a", &[(2, "working", 10), (10, "completed", 100)])
        .take_in();
    assert_eq!(
        statuses(&task.agents[0]),
        ["running", "working", "completed"]
    );
    let told = told(&task.recount.notes.differences);
    assert!(
        told.contains("agent a is working here, but completed by its own log"),
        "{told}"
    );
    assert!(
        told.contains("active_count is 1 here, but 0 by recount"),
        "{told}"
    );
}

#[test]
fn an_end_that_only_the_registry_knows_is_one_more_line() {
    let given = Given::agent(
        json!({"status": "terminated", "progress": 30, "terminated_at": "2025-10-17T22:30:00",
        "termination_reason": "too slow"}),
    );
    let task = given.said("a", &[(2, "working", 10)]).take_in();
    let last = task.agents[0].last().unwrap();
    assert_eq!(
        statuses(&task.agents[0]),
        ["running", "working", "terminated"]
    );
    assert_eq!(last.updated_at.to_string(), "2025-10-17T22:30:00.000000Z");
    assert_eq!((last.percent, last.message.as_deref()), (30, Some("at 2")));
    let end = last.end.as_ref().unwrap();
    assert_eq!(
        (end.how, end.reason.as_deref()),
        (EndHow::Terminated, Some("too slow"))
    );
}

#[test]
fn reports_after_an_end_are_kept_and_the_agent_stays_ended() {
    let given = Given::agent(json!({"status": "completed"}));
    let task = given
        .said("a", &[(2, "completed", 100), (3, "working", 50)])
        .take_in();
    let lines = &task.agents[0];
    assert_eq!(statuses(lines), ["running", "completed", "completed"]);
    assert_eq!(
        (lines[2].percent, lines[2].message.as_deref()),
        (50, Some("at 3"))
    );
    assert_eq!(lines[2].ended_at, lines[1].ended_at);
    assert_eq!(value(&lines[2].report_foreign)["status"], "working");
    let told = told(&task.recount.notes.differences);
    assert!(
        told.contains("a_progress.jsonl:2: agent a reported working after it was completed"),
        "{told}"
    );
}

#[test]
fn an_end_before_the_one_that_stands_is_kept_as_working() {
    let given = Given::agent(json!({"status": "completed"}));
    let task = given
        .said("a", &[(2, "error", 10), (3, "completed", 100)])
        .take_in();
    assert_eq!(
        statuses(&task.agents[0]),
        ["running", "working", "completed"]
    );
    assert_eq!(value(&task.agents[0][1].report_foreign)["status"], "failed",);
    assert_eq!(task.recount.notes.differences.len(), 1);
}

#[test]
fn an_agent_that_never_reported_stands_where_the_registry_says() {
    let task = Given::agent(json!({"status": "running", "progress": 0})).take_in();
    assert_eq!(statuses(&task.agents[0]), ["running"]);
    let given = Given::agent(
        json!({"status": "blocked", "progress": 5, "last_update": "2025-10-17T22:05:00"}),
    );
    let task = given.take_in();
    assert_eq!(statuses(&task.agents[0]), ["running", "blocked"]);
    let last = &task.agents[0][1];
    assert_eq!(
        (last.percent, last.updated_at.to_string().as_str()),
        (5, "2025-10-17T22:05:00.000000Z")
    );
}

#[test]
fn times_never_fall_and_one_that_had_to_be_moved_is_told() {
    let given = Given::agent(json!({"started_at": "2025-10-17T22:05:00", "status": "working"}));
    let task = given
        .said("a", &[(9, "working", 9), (2, "working", 2)])
        .take_in();
    let lines = &task.agents[0];
    assert_eq!(lines[1].message.as_deref(), Some("at 2"));
    assert_eq!(lines[1].updated_at, lines[0].updated_at);
    assert_eq!(
        value(&lines[1].report_foreign)["timestamp"],
        "2025-10-17T22:02:00.000000Z"
    );
    assert!(
        told(&task.recount.notes.differences).contains("a_progress.jsonl:2: a report from before")
    );
}

#[test]
fn lines_that_the_orchestrator_moved_to_its_archive_come_first() {
    let given = Given::agent(json!({"status": "completed"}));
    let line = |status: &str| json!({"timestamp": "2025-10-17T22:10:00", "status": status, "agent_id": "a"});
    let task = given
        .file(
            &format!("{ID}/archive/a_progress.jsonl"),
            &format!("{}\n", line("working")),
        )
        .file(
            &format!("{ID}/progress/a_progress.jsonl"),
            &format!("{}\n", line("completed")),
        )
        .take_in();
    assert_eq!(
        statuses(&task.agents[0]),
        ["running", "working", "completed"]
    );
}
