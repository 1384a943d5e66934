//! An agent as every line of its log holds it, whole.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::foreign::{self, FOREIGN, Plain};
use super::{AgentId, AgentType, Evidence, Extra, Foreign, Status, TaskId, Timestamp, number};

/// One headless worker, as of one line of its log. The last line is its state now.
///
/// The first line alone holds the prompt, and what is foreign to the agent: every later line would repeat it.
///
/// The functions `serialize` and `deserialize` of the type itself are what is derived for its own fields. The traits of
/// these names, which all else goes through, put foreign fields where they belong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Agent {
    /// Unique in its task.
    pub id: AgentId,
    /// The task it was registered for.
    pub task: TaskId,
    /// What kind of worker it is.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// The agent that registered it, if one did.
    #[serde(default)]
    pub parent: Option<AgentId>,
    /// 1 without a parent, else the parent's plus 1.
    pub depth: u32,
    /// Where it stands.
    pub status: Status,
    /// 0 to 100.
    #[serde(default, deserialize_with = "number::percent")]
    pub percent: u8,
    /// What it last said.
    #[serde(default)]
    pub message: Option<String>,
    /// Free labels, `KEY=VALUE`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When its life began.
    pub registered_at: Timestamp,
    /// When this line was written.
    pub updated_at: Timestamp,
    /// When its life ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The number of this line in its log, from 1, the registration.
    #[serde(deserialize_with = "number::counted")]
    pub seq: u64,
    /// The process to look at for its life, if one was named.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Seconds without a report or finding after which it counts as dead.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// The machine it was registered on.
    #[serde(default)]
    pub host: Option<String>,
    /// The command that `run` started.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// What it was asked to do.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What stands behind its completion.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// How its life ended.
    #[serde(default)]
    pub end: Option<End>,
    /// What tells the process `pid` from a later one with the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessIdentity>,
    /// Whether its supervisor holds a lease for as long as it lives.
    #[serde(skip_deserializing, skip_serializing_if = "std::ops::Not::not")]
    pub leased: bool,
    /// What version 1 had no fields for.
    #[serde(skip)]
    pub run: RunRecord,
    /// The number of the task's last finding when it was registered: its own come after it.
    #[serde(default, deserialize_with = "number::counted")]
    pub findings_before: u64,
    /// Fields of the agent that an import brought along.
    #[serde(skip)]
    pub foreign: Foreign,
    /// Fields of this line's report that an import brought along. The next line has them no more.
    #[serde(skip)]
    pub report_foreign: Foreign,
    /// Fields that a later version has.
    #[serde(flatten, skip_serializing)]
    pub extra: Extra,
}

/// The member `foreign` of an agent's line.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ForeignMember<F> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<F>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<F>,
}

/// The name under which 0.1.0 kept what is foreign to a report.
const REPORT: &str = "report";

impl Plain for Agent {
    const SET_ASIDE: &'static [&'static str] = &[FOREIGN, "leased", "run"];

    fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Agent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut agent, mut aside) = foreign::sift::<Self, D>(deserializer)?;
        // 0.1.0 let an import have a field `leased`: one that is neither yes nor no is that.
        if let Some(leased) = aside.get("leased").and_then(|value| value.read().ok()) {
            agent.leased = leased;
            aside.remove("leased");
        }
        if let Some(member) = foreign::member::<ForeignMember<Foreign>>(&mut aside) {
            agent.foreign = member.agent.unwrap_or_default();
            agent.report_foreign = member.report.unwrap_or_default();
            if let Some(run) = aside.remove("run") {
                agent.run = run.read().map_err(D::Error::custom)?;
            }
            agent.foreign.extend(aside);
        } else {
            let report = agent.extra.shift_remove(REPORT);
            agent.foreign = foreign::of_version_1(&mut agent.extra, &["schema", "rev"], aside);
            match report {
                Some(Value::Object(fields)) => {
                    agent.report_foreign =
                        foreign::of_version_1(&mut { fields }, &[], Foreign::new());
                }
                Some(other) => agent.foreign.insert_value(REPORT.to_owned(), &other),
                None => {}
            }
        }
        Ok(agent)
    }
}

impl Serialize for Agent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            agent: PlainAgent<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            foreign: Option<ForeignMember<&'a Foreign>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            run: Option<&'a RunRecord>,
            #[serde(flatten)]
            extra: &'a Extra,
        }
        struct PlainAgent<'a>(&'a Agent);
        impl Serialize for PlainAgent<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Agent::serialize(self.0, serializer)
            }
        }
        let given = |foreign| Some(foreign).filter(|foreign: &&Foreign| !foreign.is_empty());
        let run = Some(&self.run).filter(|run| !run.is_empty());
        let foreign = ForeignMember {
            agent: given(&self.foreign),
            report: given(&self.report_foreign),
        };
        // What 0.1.0 did not know is only looked for beside the member.
        let needed = foreign.agent.is_some()
            || foreign.report.is_some()
            || run.is_some()
            || !self.extra.is_empty();
        Line {
            agent: PlainAgent(self),
            foreign: needed.then_some(foreign),
            run,
            extra: &self.extra,
        }
        .serialize(serializer)
    }
}

impl Agent {
    /// The lowest version of a line that may hold this agent.
    pub fn schema(&self) -> u32 {
        self.end.as_ref().map_or(1, |end| end.how.schema())
    }

    /// This line seen as a report.
    pub fn report(&self) -> Report {
        Report {
            agent: self.id.clone(),
            seq: self.seq,
            at: self.updated_at,
            status: self.status,
            percent: self.percent,
            message: self.message.clone(),
            foreign: self.report_foreign.clone(),
        }
    }
}

/// What tells one process from another with the same pid: the boot it lives in, its start, its pid namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The kernel's boot id.
    pub boot: String,
    /// The inode of the pid namespace.
    pub namespace: u64,
    /// Start time in clock ticks since boot, as the time namespace counts it.
    pub started: u64,
    /// The inode of the time namespace; version 0.1.0 did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_namespace: Option<u64>,
    /// The identity of the home in which it was noted, so that a copied home names nobody's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

/// A process that `run` noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Its number.
    pub pid: u32,
    /// What tells it from a later one of its number; none where the system did not show that.
    #[serde(default)]
    pub process: Option<ProcessIdentity>,
}

/// The command that `run` started for an agent, and who watches over it, as its lease names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The command, which leads a process group of its own.
    #[serde(flatten)]
    pub command: Noted,
    /// The machine it runs on.
    pub host: String,
    /// Its supervisor watches for its agent's end and ends the command, and all that this started, itself. That of
    /// version 0.1.0 does not.
    #[serde(default)]
    pub watches: bool,
    /// The process of `run`.
    #[serde(default)]
    pub supervisor: Option<Noted>,
    /// The command's parent.
    #[serde(default)]
    pub guardian: Option<Noted>,
    /// The supervisor is process 1 of its pid namespace: the kernel lets nobody there outlive it.
    #[serde(default)]
    pub init: bool,
    /// Everything is gone, or known to have been let go. A lease that is free and does not say so was let go of by the
    /// death of both, supervisor and guardian.
    #[serde(default)]
    pub cleared: bool,
}

/// How an agent's life ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Who or what ended it.
    pub how: EndHow,
    /// The exit code of its command.
    #[serde(default)]
    pub code: Option<i32>,
    /// The signal that killed its command.
    #[serde(default)]
    pub signal: Option<i32>,
    /// Why, in words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What is recorded when an agent's life ends by something else than its own report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How it ended.
    pub end: End,
    /// What is to be known of that besides, as [`RunRecord::warnings`].
    pub warnings: Vec<String>,
    /// How long its processes have, as [`RunRecord::grace_ms`].
    pub grace_ms: Option<u64>,
}

impl From<End> for Ending {
    fn from(end: End) -> Self {
        Self {
            end,
            warnings: Vec::new(),
            grace_ms: None,
        }
    }
}

/// Who or what ended an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndHow {
    /// The agent said so.
    Reported,
    /// Its command exited.
    Exit,
    /// Its command was killed.
    Signal,
    /// It ran out of time.
    Timeout,
    /// It was found dead.
    Reaped,
    /// Somebody ended it.
    Terminated,
    /// Nothing was heard from it for too long.
    Idle,
    /// Its command exited with 0, and required evidence was missing.
    Evidence,
    /// The harness it ran in said so.
    Hook,
}

impl EndHow {
    /// The lowest version of a line that may hold this word.
    pub fn schema(self) -> u32 {
        match self {
            Self::Idle | Self::Evidence | Self::Hook => 2,
            Self::Reported
            | Self::Exit
            | Self::Signal
            | Self::Timeout
            | Self::Reaped
            | Self::Terminated => 1,
        }
    }
}

/// What version 1 had no fields for, in one member, so that no name an import brings along can be taken for one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The directory that the command of `run` was started in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// What is to be known of its end besides how it ended, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How long its processes have to end after they were asked to, in milliseconds, where it was terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub unknown: Extra,
}

impl RunRecord {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether an agent's process lives; only `No` is ever acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    /// It lives.
    Yes,
    /// It is dead.
    No,
    /// Nobody can know.
    Unknown,
}

/// One line of an agent's log, as `reports` lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whose.
    pub agent: AgentId,
    /// Its number in the agent's log.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Where the agent stood.
    pub status: Status,
    /// 0 to 100.
    pub percent: u8,
    /// What it said.
    pub message: Option<String>,
    /// Fields of this report that an import brought along; only an export gives them back.
    #[serde(skip)]
    pub foreign: Foreign,
}
