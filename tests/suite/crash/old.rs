//! A small workspace of the orchestrator, for `import`.

use std::fs;
use std::path::Path;

use serde_json::json;

/// The id of its only task.
pub const TASK: &str = "TASK-20250101-120000-0a0b0c0d";

/// Writes it to `dir`: three agents, one of each end and one active.
pub fn write(dir: &Path) {
    let task = dir.join(TASK);
    for folder in ["progress", "findings"] {
        fs::create_dir_all(task.join(folder)).expect("a directory");
    }
    let agents: Vec<_> = [("a-120001-aaaaaa", "completed"), ("b-120002-bbbbbb", "error"), ("c-120003-cccccc", "working")]
        .into_iter()
        .map(|(id, status)| {
            let line = json!({ "timestamp": "2025-01-01T12:05:00.000001", "agent_id": id, "status": status, "message": "so far", "progress": 60 });
            fs::write(task.join(format!("progress/{id}_progress.jsonl")), format!("{line}\n")).expect("a log");
            json!({
                "id": id, "type": "coder", "parent": "orchestrator", "depth": 1, "status": status, "progress": 60,
                "started_at": "2025-01-01T12:00:01.000001", "last_update": "2025-01-01T12:05:00.000001",
                "completed_at": (status != "working").then_some("2025-01-01T12:05:00.000001"),
            })
        })
        .collect();
    let finding = json!({
        "timestamp": "2025-01-01T12:04:00.000001", "agent_id": "a-120001-aaaaaa", "finding_type": "issue",
        "severity": "high", "message": "a leak", "data": {},
    });
    fs::write(
        task.join("findings/a-120001-aaaaaa_findings.jsonl"),
        format!("{finding}\n"),
    )
    .expect("findings");
    let registry = json!({
        "task_id": TASK, "task_description": "old work", "created_at": "2025-01-01T12:00:00.000001", "status": "INITIALIZED",
        "priority": "P1", "agents": agents, "max_agents": 45, "max_depth": 5, "max_concurrent": 20,
        "total_spawned": 3, "active_count": 1, "completed_count": 1,
    });
    fs::write(task.join("AGENT_REGISTRY.json"), registry.to_string()).expect("a registry");
}
