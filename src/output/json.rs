//! What `--json` prints. An object has the same keys, in the same order, wherever it appears.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use super::{Failure, inert};
use agentreg::model::{
    Agent, AgentId, AgentType, Counts, EndHow, Evidence, Extra, Finding, Foreign, Json, Limits,
    Liveness, Priority, Requirement, SCHEMA, Severity, SeveritySums, Status, Task, TaskId,
    TaskState, TaskStatus, Timestamp,
};

/// `body` as one document: its schema first, a newline last.
pub fn document<T: Serialize>(body: &T) -> String {
    #[derive(Serialize)]
    struct Document<'a, T> {
        schema: u32,
        #[serde(flatten)]
        body: &'a T,
    }
    line(&Document {
        schema: SCHEMA,
        body,
    })
}

fn line<T: Serialize>(document: &T) -> String {
    // What is serialized here has string keys and no path that is not UTF-8.
    let mut text = Vec::with_capacity(1024);
    if inert::write(&mut text, document).is_err() {
        text.clear();
    }
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

/// The line on standard error when a call fails.
pub fn failure(failure: &Failure) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        kind: &'static str,
        message: &'a str,
        hint: Option<&'a str>,
        retryable: bool,
    }
    document(&Keyed(
        "error",
        Error {
            kind: failure.kind.as_str(),
            message: &failure.message,
            hint: failure.hint.as_deref(),
            retryable: failure.retryable,
        },
    ))
}

/// `{"<key>": value}`.
pub struct Keyed<T>(pub &'static str, pub T);

impl<T: Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// `{"<key>": [items], "total": n}`.
pub struct List<'a, T> {
    /// What is listed.
    pub key: &'static str,
    /// The items.
    pub items: &'a [T],
    /// How many there are, of which these may be the newest.
    pub total: u64,
}

impl<T: Serialize> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.key, self.items)?;
        map.serialize_entry("total", &self.total)?;
        map.end()
    }
}

/// An agent.
#[derive(Serialize)]
pub struct AgentObject<'a> {
    id: &'a AgentId,
    task: &'a TaskId,
    #[serde(rename = "type")]
    agent_type: &'a AgentType,
    parent: Option<&'a AgentId>,
    depth: u32,
    status: Status,
    percent: u8,
    message: Option<&'a str>,
    labels: &'a BTreeMap<String, String>,
    registered_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
    seq: u64,
    alive: Liveness,
    pid: Option<u32>,
    ttl: Option<u64>,
    host: Option<&'a str>,
    command: Option<&'a [String]>,
    cwd: Option<&'a str>,
    prompt: Option<&'a str>,
    evidence: Option<&'a Evidence>,
    end: Option<EndObject<'a>>,
}

/// How an agent ended.
#[derive(Serialize)]
struct EndObject<'a> {
    how: EndHow,
    code: Option<i32>,
    signal: Option<i32>,
    reason: Option<&'a str>,
    warnings: &'a [String],
}

impl<'a> AgentObject<'a> {
    /// The agent with its prompt, as only `register` and `export` give it.
    pub fn with_prompt(self, prompt: Option<&'a str>) -> Self {
        Self { prompt, ..self }
    }

    /// The agent, and whether it lives.
    pub fn new(agent: &'a Agent, alive: Liveness) -> Self {
        Self {
            id: &agent.id,
            task: &agent.task,
            agent_type: &agent.agent_type,
            parent: agent.parent.as_ref(),
            depth: agent.depth,
            status: agent.status,
            percent: agent.percent,
            message: agent.message.as_deref(),
            labels: &agent.labels,
            registered_at: agent.registered_at,
            updated_at: agent.updated_at,
            ended_at: agent.ended_at,
            seq: agent.seq,
            alive,
            pid: agent.pid,
            ttl: agent.ttl,
            host: agent.host.as_deref(),
            command: agent.command.as_deref(),
            cwd: agent.run.cwd.as_deref(),
            prompt: None,
            evidence: agent.evidence.as_ref(),
            end: agent.end.as_ref().map(|end| EndObject {
                how: end.how,
                code: end.code,
                signal: end.signal,
                reason: end.reason.as_deref(),
                warnings: &agent.run.warnings,
            }),
        }
    }
}

/// A task, without its counts.
#[derive(Serialize)]
pub struct TaskObject<'a> {
    id: &'a TaskId,
    description: &'a str,
    status: TaskStatus,
    priority: Priority,
    workspace: Option<&'a Path>,
    created_at: Timestamp,
    limits: Limits,
    require_evidence: Requirement,
}

impl<'a> TaskObject<'a> {
    /// The task and whether it is open.
    pub fn new(task: &'a Task, status: TaskStatus) -> Self {
        Self {
            id: &task.id,
            description: &task.description,
            status,
            priority: task.priority,
            workspace: task.workspace.as_deref(),
            created_at: task.created_at,
            limits: task.limits,
            require_evidence: task.require_evidence,
        }
    }
}

/// `object` and the fields that it has besides: those an import brought along, and those of a later version. One that bears
/// the name of a field of `object` stands in a member `orchestrator`.
pub struct WithForeign<'a, T> {
    object: T,
    /// Names that `object` has in the document besides its own.
    more: &'static [&'static str],
    foreign: &'a Foreign,
    extra: &'a Extra,
}

/// Where foreign fields stand that bear the name of a field of ours.
const ORCHESTRATOR: &str = "orchestrator";

impl<'a, T> WithForeign<'a, T> {
    /// All in one object.
    pub fn new(object: T, foreign: &'a Foreign, extra: &'a Extra) -> Self {
        Self {
            object,
            more: &[],
            foreign,
            extra,
        }
    }

    /// The same where `object` is a part of a larger one, which has these names, too.
    pub fn beside(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }
}

impl<T: Serialize> Serialize for WithForeign<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a, T> {
            #[serde(flatten)]
            own: &'a T,
            #[serde(flatten)]
            foreign: BTreeMap<&'a str, &'a Json>,
            #[serde(flatten)]
            extra: BTreeMap<&'a str, &'a serde_json::Value>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            orchestrator: BTreeMap<&'a str, &'a Json>,
        }
        if self.foreign.is_empty() && self.extra.is_empty() {
            return self.object.serialize(serializer);
        }
        let ours = names(&self.object).map_err(S::Error::custom)?;
        let is_ours =
            |name: &str| name == ORCHESTRATOR || self.more.contains(&name) || ours.contains(name);
        let (apart, beside) = self.foreign.iter().partition(|(name, _)| is_ours(name));
        let later = self
            .extra
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        Object {
            own: &self.object,
            foreign: beside,
            extra: later
                .filter(|(name, _)| !is_ours(name) && self.foreign.get(name).is_none())
                .collect(),
            orchestrator: apart,
        }
        .serialize(serializer)
    }
}

/// The names of an object's fields, as it is printed: no list of them is kept that could miss one.
fn names(object: &impl Serialize) -> Result<BTreeSet<String>, serde_json::Error> {
    // Their values are not read: a number may be beyond any type.
    let object: BTreeMap<String, Json> = serde_json::from_str(&serde_json::to_string(object)?)?;
    Ok(object.into_keys().collect())
}

/// A task beside its counts: what `task new|show|set|close` answer.
#[derive(Serialize)]
pub struct TaskAnswer<'a> {
    task: TaskObject<'a>,
    counts: Counts,
}

impl<'a> From<&'a TaskState> for TaskAnswer<'a> {
    fn from(state: &'a TaskState) -> Self {
        Self {
            task: TaskObject::new(&state.task, state.status),
            counts: state.counts,
        }
    }
}

/// A task with its counts in it, as lists of tasks hold it.
#[derive(Serialize)]
pub struct TaskItem<'a> {
    #[serde(flatten)]
    task: TaskObject<'a>,
    counts: Counts,
}

impl<'a> From<&'a TaskState> for TaskItem<'a> {
    fn from(state: &'a TaskState) -> Self {
        Self {
            task: TaskObject::new(&state.task, state.status),
            counts: state.counts,
        }
    }
}

/// A finding.
#[derive(Serialize)]
pub struct FindingObject<'a> {
    seq: u64,
    at: Timestamp,
    task: &'a TaskId,
    agent: &'a AgentId,
    #[serde(rename = "type")]
    finding_type: &'a str,
    severity: Severity,
    message: &'a str,
    data: Option<&'a Json>,
    file: Option<&'a str>,
    line: Option<u64>,
}

impl<'a> From<&'a Finding> for FindingObject<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            seq: finding.seq,
            at: finding.at,
            task: &finding.task,
            agent: &finding.agent,
            finding_type: &finding.finding_type,
            severity: finding.severity,
            message: &finding.message,
            data: finding.data.as_ref(),
            file: finding.file.as_deref(),
            line: finding.line,
        }
    }
}

/// Findings, counted.
#[derive(Serialize)]
pub struct FindingSums {
    total: u64,
    by_severity: SeveritySums,
}

impl From<SeveritySums> for FindingSums {
    fn from(by_severity: SeveritySums) -> Self {
        Self {
            total: by_severity.total(),
            by_severity,
        }
    }
}
