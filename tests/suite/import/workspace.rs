//! Workspaces of the orchestrator to take in: the real one where it is, else one of the same shape.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::env::Env;

/// The task of a workspace of one.
pub const TASK: &str = "TASK-20251017-213512-5169d812";

/// So many agents, progress lines and findings each task of the real workspace has.
const SHAPE: [(&str, usize, usize, usize); 5] = [
    ("TASK-20251017-213512-5169d812", 6, 28, 17),
    ("TASK-20251017-215604-df6a3cbd", 13, 53, 20),
    ("TASK-20251018-212410-ec53cbb6", 1, 5, 1),
    ("TASK-20251018-213115-d9cfa244", 7, 32, 17),
    ("TASK-20251018-220858-1d09b188", 0, 0, 0),
];

/// A workspace of 5 tasks and 27 agents, one of them active, with 118 progress lines and 55 findings.
pub fn whole(env: &Env) -> PathBuf {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/orchestrator-workspace");
    if real.is_dir() {
        real
    } else {
        same_shape(&env.root().join("workspace"))
    }
}

/// A workspace of one task with these agents.
pub fn given(env: &Env, agents: &[Value]) -> PathBuf {
    let base = env.root().join("workspace");
    write_registry(&base, TASK, &registry(TASK, agents, 0));
    base
}

/// One like it that may be damaged.
pub fn same_shape(base: &Path) -> PathBuf {
    let mut known = serde_json::Map::new();
    for (task, agents, reports, findings) in SHAPE {
        let ids: Vec<String> = (0..agents)
            .map(|n| format!("worker-2136{n:02}-{n:06x}"))
            .collect();
        let active = |n: usize| n == 1 && agents == 13;
        let listed: Vec<Value> = ids
            .iter()
            .enumerate()
            .map(|(n, id)| agent(id, active(n)))
            .collect();
        for (n, id) in ids.iter().enumerate() {
            let share = |all: usize| all / agents + usize::from(n < all % agents);
            write_lines(
                base,
                task,
                "progress",
                id,
                (0..share(reports)).map(|line| {
                    let last = line + 1 == share(reports) && !active(n);
                    report(id, n, line, last)
                }),
            );
            write_lines(
                base,
                task,
                "findings",
                id,
                (0..share(findings)).map(|line| finding(id, n, line)),
            );
            known.insert(format!("{task}/{id}"), Value::Null);
        }
        write_registry(
            base,
            task,
            &registry(task, &listed, usize::from(agents == 13)),
        );
    }
    base.to_owned()
}

/// A task's registry with these agents, of which so many are active.
pub fn registry(task: &str, agents: &[Value], active: usize) -> Value {
    let spawned = agents.len();
    json!({
        "task_id": task, "task_description": "try it", "created_at": "2025-10-17T21:35:12.211797",
        "workspace": "/nowhere", "status": "INITIALIZED", "priority": "P1", "agents": agents,
        "max_agents": 45, "max_depth": 5, "max_concurrent": 20, "total_spawned": spawned,
        "active_count": active, "completed_count": spawned - active, "spiral_checks": {"enabled": true},
    })
}

/// An agent's entry.
pub fn agent(id: &str, active: bool) -> Value {
    let mut agent = json!({
        "id": id, "type": "worker", "tmux_session": format!("agent_{id}"), "parent": "orchestrator", "depth": 1,
        "status": "working", "started_at": "2025-10-17T21:36:00.000001", "progress": 20, "prompt": "Work.",
        "last_update": "2025-10-17T22:30:00.5",
    });
    if !active {
        agent["status"] = "completed".into();
        agent["progress"] = 100.into();
        agent["completed_at"] = "2025-10-17T22:30:00.75".into();
    }
    agent
}

fn report(id: &str, agent: usize, line: usize, last: bool) -> Value {
    json!({
        "timestamp": format!("2025-10-17T21:{:02}:{agent:02}.000500", 40 + line), "agent_id": id,
        "status": if last { "completed" } else { "working" }, "message": format!("{id} says {line}"),
        "progress": if last { 100 } else { line * 10 },
    })
}

fn finding(id: &str, agent: usize, line: usize) -> Value {
    json!({
        "timestamp": format!("2025-10-17T21:{:02}:{agent:02}.250000", 41 + line), "agent_id": id,
        "finding_type": "issue", "severity": "high", "message": format!("{id} found {line}"), "data": {"n": line},
    })
}

/// Writes a task's registry as the orchestrator does.
pub fn write_registry(base: &Path, task: &str, registry: &Value) {
    let text = serde_json::to_string_pretty(registry).unwrap();
    fs::create_dir_all(base.join(task)).unwrap();
    fs::write(base.join(task).join("AGENT_REGISTRY.json"), text).unwrap();
}

/// Writes an agent's progress or findings.
pub fn write_lines(
    base: &Path,
    task: &str,
    kind: &str,
    id: &str,
    lines: impl Iterator<Item = Value>,
) {
    let folder = base.join(task).join(kind);
    fs::create_dir_all(&folder).unwrap();
    let text: String = lines.map(|line| line.to_string() + "\n").collect();
    fs::write(folder.join(format!("{id}_{kind}.jsonl")), text).unwrap();
}

/// The lines of all files of one kind in the workspace, each with its task.
pub fn lines(base: &Path, kind: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for task in fs::read_dir(base).unwrap().flatten() {
        let name = task.file_name().into_string().unwrap();
        let Ok(files) = fs::read_dir(task.path().join(kind)) else {
            continue;
        };
        for file in files.flatten() {
            let text = fs::read_to_string(file.path()).unwrap();
            all.extend(
                text.lines()
                    .map(|line| (name.clone(), serde_json::from_str(line).unwrap())),
            );
        }
    }
    all
}
