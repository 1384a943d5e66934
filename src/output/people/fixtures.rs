//! A small fleet for the tests: fixed times, ids and texts.

use agentreg::model::{
    Agent, Change, Counts, Event, Finding, Liveness, Report, SeveritySums, Task, TaskState,
    TaskStatus, Timestamp, Totals,
};
use agentreg::store::TaskView;
use serde_json::{Value, json};

pub const TASK: &str = "TASK-20251017-213512-5169d812";

pub fn now() -> Timestamp {
    at("21:35:12")
}

pub fn at(time: &str) -> Timestamp {
    format!("2025-10-17T{time}Z").parse().unwrap()
}

pub fn task(id: &str, description: &str, priority: &str) -> Task {
    serde_json::from_value(json!({
        "id": id, "description": description, "priority": priority,
        "workspace": "/srv/payments", "created_at": at("18:20:00"),
    }))
    .unwrap()
}

pub fn counts(active: u64, completed: u64, failed: u64, terminated: u64) -> Counts {
    Counts {
        spawned: active + completed + failed + terminated,
        active,
        completed,
        failed,
        terminated,
    }
}

pub fn sums(critical: u64, high: u64, medium: u64, low: u64) -> SeveritySums {
    SeveritySums {
        low,
        medium,
        high,
        critical,
    }
}

/// One agent, with what `more` says otherwise.
pub fn agent(
    id: &str,
    status: &str,
    percent: u8,
    updated: &str,
    message: &str,
    more: Value,
) -> Agent {
    let mut whole = json!({
        "id": id, "task": TASK, "type": "coder", "depth": 1, "status": status, "percent": percent,
        "message": message, "registered_at": at("18:30:00"), "updated_at": at(updated), "seq": 3,
    });
    if let (Value::Object(whole), Value::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    serde_json::from_value(whole).unwrap()
}

pub fn fleet() -> TaskView {
    let lead = "lead-183000-0a1b2c";
    let child = || json!({"parent": lead});
    let ended = |how: Value| json!({"parent": lead, "ended_at": at("20:31:00"), "end": how});
    let agents = vec![
        agent(
            lead,
            "working",
            60,
            "21:35:10",
            "Waiting for the reviewers",
            json!({}),
        ),
        agent(
            "security-183105-7d0e91",
            "working",
            45,
            "21:32:00",
            "Reading src/auth.rs: the token is compared byte by byte, which tells how much of it was right",
            child(),
        ),
        agent(
            "tests-183106-51c0de",
            "blocked",
            20,
            "21:23:00",
            "needs a database to test against",
            child(),
        ),
        agent("perf-183107-c0ffee", "running", 0, "20:35:00", "", child()),
        agent(
            "docs-183108-d0c5d0",
            "completed",
            100,
            "20:31:00",
            "README and API pages say what the code does",
            ended(json!({"how": "reported"})),
        ),
        agent(
            "lint-183109-1a1a1a",
            "failed",
            80,
            "20:31:00",
            "clippy",
            ended(json!({"how": "exit", "code": 101})),
        ),
        agent(
            "fuzz-183110-f0220f",
            "failed",
            10,
            "20:31:00",
            "",
            ended(json!({"how": "signal", "signal": 9})),
        ),
    ];
    TaskView {
        state: TaskState {
            task: task(
                TASK,
                "Review the payment service for security problems",
                "P1",
            ),
            status: TaskStatus::Open,
            counts: counts(4, 4, 2, 0),
            findings: sums(1, 2, 0, 5),
        },
        agents,
        rev: 1,
        last_finding: 0,
    }
}

pub fn alive(agent: &Agent) -> Liveness {
    match agent.id.as_str() {
        "perf-183107-c0ffee" => Liveness::No,
        "tests-183106-51c0de" => Liveness::Unknown,
        _ => Liveness::Yes,
    }
}

pub fn tasks() -> Vec<TaskState> {
    vec![
        fleet().state,
        TaskState {
            task: task(
                "nightly",
                "Keep the dependencies of all services up to date and say what broke on the way",
                "P3",
            ),
            status: TaskStatus::Open,
            counts: counts(1, 112, 7, 3),
            findings: sums(0, 0, 0, 0),
        },
        TaskState {
            task: task(
                "TASK-20251016-090000-00c0ffee",
                "Port the build to the new runner\nand delete the old one",
                "P2",
            ),
            status: TaskStatus::Closed,
            counts: counts(0, 3, 0, 0),
            findings: sums(0, 0, 1, 1),
        },
    ]
}

pub fn totals() -> Totals {
    Totals {
        agents: counts(5, 119, 9, 3),
        tasks_open: 2,
        tasks_closed: 1,
    }
}

pub fn findings() -> Vec<Finding> {
    [
        json!({
            "seq": 7, "at": at("21:20:01"), "task": TASK, "agent": "security-183105-7d0e91", "type": "issue",
            "severity": "critical", "file": "src/auth.rs", "line": 42,
            "message": "The token is compared byte by byte: how long it takes tells how much of it was right.\nUse a comparison in constant time.",
        }),
        json!({
            "seq": 12, "at": at("21:30:44"), "task": TASK, "agent": "docs-183108-d0c5d0", "type": "recommendation",
            "severity": "low", "message": "Say in the README that the sandbox needs no key", "data": {"pages": 2},
        }),
    ]
    .map(|finding| serde_json::from_value(finding).unwrap())
    .to_vec()
}

pub fn reports() -> Vec<Report> {
    fleet().agents.iter().map(Agent::report).collect()
}

pub fn events() -> Vec<Event> {
    let event = |rev, time, change, agent: Option<&str>, counts| Event {
        rev,
        at: at(time),
        task: TASK.parse().unwrap(),
        agent: agent.map(|id| id.parse().unwrap()),
        change,
        counts,
        totals: totals(),
    };
    vec![
        event(41, "18:20:00", Change::Opened, None, counts(0, 0, 0, 0)),
        event(
            42,
            "18:31:05",
            Change::Registered,
            Some("security-183105-7d0e91"),
            counts(1, 0, 0, 0),
        ),
        event(
            43,
            "20:31:00",
            Change::Failed,
            Some("lint-183109-1a1a1a"),
            counts(0, 0, 1, 0),
        ),
    ]
}
