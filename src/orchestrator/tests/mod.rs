//! What a workspace becomes, told with small workspaces written for the purpose and with the real one where it is.

use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::properties::is_log;
use super::{Note, Notes, Recount, Workspace, Zone};
use crate::model::{Agent, Counts, EndHow, Finding, Foreign, MAX_PROMPT, Severity, Status, Task};
use crate::store::Import;

mod log;
mod task;

const ID: &str = "TASK-20251017-213512-5169d812";

/// A workspace of one task.
struct Given {
    base: TempDir,
    registry: Value,
}

/// What came of it.
struct TakenIn {
    task: Task,
    agents: Vec<Vec<Agent>>,
    findings: Vec<Finding>,
    recount: Recount,
    whole: Vec<Note>,
}

impl Given {
    fn agents(agents: Value) -> Self {
        let mut registry = json!({
            "task_id": ID, "task_description": "try", "created_at": "2025-10-17T21:35:12.211797", "priority": "P1",
            "max_agents": 45, "max_depth": 4, "max_concurrent": 7,
        });
        registry["agents"] = agents;
        let base = TempDir::new().unwrap();
        Self { base, registry }
    }

    /// One agent with these fields beside its id and start.
    fn agent(fields: Value) -> Self {
        let mut agent = json!({"id": "a", "type": "tester", "parent": "orchestrator", "depth": 1,
            "started_at": "2025-10-17T22:00:00"});
        if let (Value::Object(agent), Value::Object(fields)) = (&mut agent, fields) {
            agent.extend(fields);
        }
        Self::agents(json!([agent]))
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.registry[key] = value;
        self
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.base.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Lines `(minute, status, percent)` in the agent's progress log.
    fn said(self, agent: &str, lines: &[(u32, &str, u32)]) -> Self {
        let text: String = lines
            .iter()
            .map(|(minute, status, percent)| {
                let at = format!("2025-10-17T22:{minute:02}:00");
                let message = format!("at {minute}");
                json!({"timestamp": at, "agent_id": agent, "status": status, "message": message, "progress": percent})
                    .to_string()
                    + "\n"
            })
            .collect();
        self.file(&format!("{ID}/progress/{agent}_progress.jsonl"), &text)
    }

    fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    fn take_in(self) -> TakenIn {
        let text = serde_json::to_string_pretty(&self.registry).unwrap();
        self.write(&format!("{ID}/AGENT_REGISTRY.json"), &text);
        let mut all = take_in(self.base.path()).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

fn zone() -> Zone {
    Zone::new(TimeZone::UTC)
}

fn take_in(base: &Path) -> Result<Vec<TakenIn>, Note> {
    let workspace = Workspace::open(base).unwrap();
    let mut all = Vec::new();
    for directory in workspace.tasks() {
        let reader = directory.open(&zone())?;
        let Import {
            task,
            agents,
            findings,
        } = reader.import(workspace.global());
        let agents: Vec<Vec<Agent>> = agents
            .map(|agent| {
                let lines: Vec<_> = agent.lines.collect();
                is_log(&agent.id, agent.status, &lines);
                lines
            })
            .collect();
        let findings = findings.collect();
        let recount = reader.finish();
        workspace.came_in(&task.id, &recount);
        all.push(TakenIn {
            task,
            agents,
            findings,
            recount,
            whole: workspace.differences(),
        });
    }
    Ok(all)
}

/// Foreign fields as a value to compare with.
fn value(fields: &Foreign) -> Value {
    serde_json::to_value(fields).unwrap()
}

fn statuses(lines: &[Agent]) -> Vec<&str> {
    lines.iter().map(|line| line.status.as_str()).collect()
}

fn told(notes: &[Note]) -> String {
    let lines: Vec<_> = notes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
