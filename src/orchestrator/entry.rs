//! An agent's entry in `AGENT_REGISTRY.json`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::Zone;
use super::fields::{self, Fields};
use super::note::{Notes, Place};
use crate::model::{
    AgentId, AgentType, Evidence, Extra, FilesChanged, MAX_PROMPT, Status, TaskId, Timestamp,
};

/// The agents that the registry lists, with their depth.
pub(super) type Known = HashMap<AgentId, u32>;

/// What agents of a task have in common.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) task: &'a TaskId,
    pub(super) created_at: Timestamp,
    pub(super) known: &'a Known,
    pub(super) zone: &'a Zone,
}

/// As much of an entry as must be known of all before one can be read.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    depth: Value,
}

impl Head {
    /// The id and the depth.
    pub(super) fn read(json: &[u8]) -> Result<(AgentId, u32), (u64, String)> {
        let head: Head = serde_json::from_slice(json).map_err(|error| {
            let line = (error.line() as u64).saturating_sub(1);
            (
                line,
                format!("not an agent: {}", super::lines::reason(&error)),
            )
        })?;
        let id = fields::word(&head.id).map_err(|what| (0, format!("agent left out: {what}")))?;
        Ok((id, depth(&head.depth).unwrap_or(0)))
    }
}

fn depth(value: &Value) -> Result<u32, String> {
    u32::try_from(fields::whole(value)?).map_err(|_| format!("{value} is not a depth"))
}

/// What the registry says of an agent.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) id: AgentId,
    pub(super) agent_type: AgentType,
    pub(super) parent: Option<AgentId>,
    pub(super) depth: u32,
    pub(super) status: Option<Status>,
    pub(super) percent: Option<u8>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) last_update: Option<Timestamp>,
    /// When it was completed or terminated.
    pub(super) ended_at: Option<Timestamp>,
    pub(super) reason: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) validation: Option<Validation>,
    pub(super) extra: Extra,
}

impl Entry {
    /// Reads an entry; none if it names no agent.
    pub(super) fn read(mut from: Fields, cx: &Context<'_>, notes: &mut Notes) -> Option<Self> {
        let id = from.take("id", notes, fields::word)?;
        let place = from.place.clone();
        let time = fields::time(cx.zone);
        let agent_type = from.take("type", notes, fields::word);
        let parent = parent(&id, &mut from, cx, notes);
        let depth = from.take("depth", notes, depth).unwrap_or_else(|| {
            let above = parent.as_ref().and_then(|parent| cx.known.get(parent));
            above.map_or(1, |depth| depth.saturating_add(1))
        });
        let status = from.take("status", notes, fields::status);
        let percent = from.take("progress", notes, fields::percent);
        let started_at = from.take("started_at", notes, &time);
        // These stay as they are too: the end that stands may be another.
        let last_update = from.peek("last_update", notes, &time);
        let terminated = from.peek("terminated_at", notes, &time);
        let completed = from.peek("completed_at", notes, &time);
        let ended_at = match status {
            Some(Status::Terminated) => terminated.or(completed),
            _ => completed.or(terminated),
        };
        let reason = from.peek("termination_reason", notes, fields::text);
        let validation = from.peek("completion_validation", notes, validation);
        let prompt = prompt(&mut from, notes);
        Some(Self {
            place,
            id,
            agent_type: agent_type.unwrap_or_else(|| {
                "agent"
                    .parse()
                    .unwrap_or_else(|_| unreachable!("a type may be called so"))
            }),
            parent,
            depth,
            status,
            percent,
            started_at,
            last_update,
            ended_at,
            reason,
            prompt,
            validation,
            extra: from.into_extra(),
        })
    }
}

fn parent(id: &AgentId, from: &mut Fields, cx: &Context<'_>, notes: &mut Notes) -> Option<AgentId> {
    let named = from.take("parent", notes, fields::text)?;
    if named == fields::ORCHESTRATOR {
        return None;
    }
    match cx.known.get_key_value(named.as_str()) {
        Some((parent, _)) if parent != id => Some(parent.clone()),
        _ => {
            let what = format!(
                "agent {id} names the parent {named:?}, which the task does not have: it has none now"
            );
            notes.differs(&from.place, what);
            from.put_back("parent", Value::String(named));
            None
        }
    }
}

/// The prompt; the whole of a long one stays with the unknown fields.
fn prompt(from: &mut Fields, notes: &mut Notes) -> Option<String> {
    let mut prompt = from.take("prompt", notes, fields::text)?;
    if prompt.len() > MAX_PROMPT {
        from.put_back("prompt", Value::String(prompt.clone()));
        let cut = (0..=MAX_PROMPT)
            .rev()
            .find(|cut| prompt.is_char_boundary(*cut));
        prompt.truncate(cut.unwrap_or(0));
    }
    Some(prompt)
}

/// What the orchestrator found when the agent said that it had completed. It looked at every file of the workspace.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Validation {
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    evidence_summary: Summary,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    workspace_evidence: Workspace,
    progress_pattern: Pattern,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Workspace {
    #[serde(rename = "modified_files_count")]
    files: Option<u64>,
    #[serde(rename = "progress_entries_count")]
    reports: Option<u64>,
    #[serde(rename = "findings_count")]
    findings: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pattern {
    elapsed_seconds: Option<f64>,
}

fn validation(value: &Value) -> Result<Validation, String> {
    Validation::deserialize(value).map_err(|error| format!("not understood: {error}"))
}

impl Validation {
    /// As evidence; what it does not say is as counted now.
    pub(super) fn evidence(self, reports: u64, findings: u64, elapsed: f64) -> Evidence {
        let seen = self.evidence_summary.workspace_evidence;
        Evidence {
            reports: seen.reports.unwrap_or(reports),
            findings: seen.findings.unwrap_or(findings),
            elapsed: self
                .evidence_summary
                .progress_pattern
                .elapsed_seconds
                .unwrap_or(elapsed),
            files_changed: seen.files.map(|count| FilesChanged {
                count,
                complete: true,
            }),
            warnings: self.warnings,
        }
    }
}
