//! An agent's entry in `AGENT_REGISTRY.json`.

use std::collections::HashMap;

use serde::Deserialize;

use super::Zone;
use super::fields::{self, Fields};
use super::note::{Notes, Place};
use crate::model::{
    AgentId, AgentType, Evidence, FilesChanged, Foreign, Json, MAX_PROMPT, Status, TaskId,
    Timestamp,
};

/// The agents that the registry lists, with their depth.
pub(super) type Known = HashMap<AgentId, u32>;

/// What agents of a task have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) task: &'a TaskId,
    pub(super) created_at: Timestamp,
    pub(super) known: &'a Known,
    pub(super) zone: &'a Zone,
}

/// As much of an entry as must be known of all before one can be read.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    id: Option<Json>,
    depth: Option<Json>,
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
        let id = head.id.as_ref().ok_or("it has no id".to_owned());
        let id = id
            .and_then(fields::word)
            .map_err(|what| (0, format!("agent left out: {what}")))?;
        let depth = head.depth.as_ref().and_then(|value| depth(value).ok());
        Ok((id, depth.unwrap_or(0)))
    }
}

fn depth(value: &Json) -> Result<u32, String> {
    u32::try_from(fields::whole(value)?).map_err(|_| format!("{} is not a depth", value.as_str()))
}

/// What the registry says of an agent.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// Whether the registry lists it, or only its logs know it.
    pub(super) is_listed: bool,
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
    pub(super) foreign: Foreign,
}

impl Entry {
    /// What can be said of an agent that only its logs know, and that was heard of `first` then.
    pub(super) fn unlisted(id: AgentId, place: Place, first: Option<Timestamp>) -> Self {
        Self {
            place,
            is_listed: false,
            agent_type: type_in(&id),
            id,
            parent: None,
            depth: 1,
            status: None,
            percent: None,
            started_at: first,
            last_update: None,
            ended_at: None,
            reason: None,
            prompt: None,
            validation: None,
            foreign: Foreign::new(),
        }
    }

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
            is_listed: true,
            id,
            agent_type: agent_type.unwrap_or_else(some_agent),
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
            foreign: from.into_foreign(),
        })
    }
}

/// The type of an agent that names none.
fn some_agent() -> AgentType {
    "agent"
        .parse()
        .unwrap_or_else(|_| unreachable!("a type may be called so"))
}

/// The type in an id that the orchestrator made, such as `format_reader-141512-0a1b2c`: what comes before its last two parts.
fn type_in(id: &AgentId) -> AgentType {
    let first = id.as_str().rsplitn(3, '-').last();
    first
        .and_then(|first| first.parse().ok())
        .unwrap_or_else(some_agent)
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
            from.put_back("parent", &named);
            None
        }
    }
}

/// The prompt; the whole of a long one stays with the unknown fields.
fn prompt(from: &mut Fields, notes: &mut Notes) -> Option<String> {
    let mut prompt = from.take("prompt", notes, fields::text)?;
    if prompt.len() > MAX_PROMPT {
        from.put_back("prompt", &prompt);
        fields::cut(&mut prompt, MAX_PROMPT);
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

fn validation(value: &Json) -> Result<Validation, String> {
    value
        .read()
        .map_err(|error| format!("not understood: {error}"))
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
