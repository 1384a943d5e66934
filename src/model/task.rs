//! A task: one piece of work that agents are registered for.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::foreign::{self, FOREIGN, Plain};
use super::{Counts, Extra, Foreign, Requirement, SeveritySums, TaskId, Timestamp};

/// How urgent a task is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Priority {
    /// Drop everything.
    P0,
    /// Next.
    P1,
    /// As usual.
    #[default]
    P2,
    /// When there is time.
    P3,
    /// Some day.
    P4,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
        })
    }
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word.to_ascii_uppercase().as_str() {
            "P0" => Self::P0,
            "P1" => Self::P1,
            "P2" => Self::P2,
            "P3" => Self::P3,
            "P4" => Self::P4,
            _ => {
                return Err(format!(
                    "{word:?} is not a priority; the priorities are P0, P1, P2, P3 and P4"
                ));
            }
        })
    }
}

/// How many agents a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Ever; none: no limit.
    pub max_agents: Option<u64>,
    /// Active at once; none: no limit.
    pub max_concurrent: Option<u64>,
    /// How deep agents may register agents.
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_agents: None,
            max_concurrent: Some(20),
            max_depth: 5,
        }
    }
}

/// Whether a task takes agents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// It does.
    #[default]
    Open,
    /// It does not any more.
    Closed,
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Closed => "closed",
        })
    }
}

/// What somebody who opens a task says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Its id.
    pub id: TaskId,
    /// What is to be done.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// The directory the agents work in.
    pub workspace: Option<PathBuf>,
    /// How many agents it takes.
    pub limits: Limits,
    /// What a completion must show.
    pub require_evidence: Requirement,
}

/// A task's settings, as its `registry.json` holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// What is to be done.
    pub description: String,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// The directory the agents work in.
    #[serde(default)]
    pub workspace: Option<PathBuf>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// How many agents it takes.
    #[serde(default)]
    pub limits: Limits,
    /// What a completion must show.
    #[serde(default)]
    pub require_evidence: Requirement,
    /// Fields that an import brought along.
    #[serde(skip)]
    pub foreign: Foreign,
    /// Fields that a later version has.
    #[serde(flatten, skip_serializing)]
    pub extra: Extra,
}

/// The member `foreign` of a task's settings.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForeignMember<F> {
    task: F,
}

impl Plain for Task {
    const SET_ASIDE: &'static [&'static str] = &[FOREIGN];

    fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut task, mut aside) = foreign::sift::<Self, D>(deserializer)?;
        task.foreign = match foreign::member::<ForeignMember<Foreign>>(&mut aside) {
            Some(member) => member.task,
            None => foreign::of_version_1(&mut task.extra, &[], aside),
        };
        Ok(task)
    }
}

impl Serialize for Task {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(flatten)]
            task: PlainTask<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            foreign: Option<ForeignMember<&'a Foreign>>,
            #[serde(flatten)]
            extra: &'a Extra,
        }
        struct PlainTask<'a>(&'a Task);
        impl Serialize for PlainTask<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Task::serialize(self.0, serializer)
            }
        }
        let needed = !(self.foreign.is_empty() && self.extra.is_empty());
        Document {
            task: PlainTask(self),
            foreign: needed.then_some(ForeignMember {
                task: &self.foreign,
            }),
            extra: &self.extra,
        }
        .serialize(serializer)
    }
}

impl Task {
    /// The task that `new` asks for, opened at `now`.
    pub fn open(new: &NewTask, now: Timestamp) -> Self {
        Self {
            id: new.id.clone(),
            description: new.description.clone(),
            priority: new.priority,
            workspace: new.workspace.clone(),
            created_at: now,
            limits: new.limits,
            require_evidence: new.require_evidence,
            foreign: Foreign::new(),
            extra: Extra::new(),
        }
    }

    /// Its settings alone, without the fields that are kept for others.
    #[must_use]
    pub fn settings_alone(&self) -> Self {
        Self {
            foreign: Foreign::new(),
            extra: Extra::new(),
            ..self.clone()
        }
    }

    /// Whether opening `new` again would give this task.
    pub fn equals(&self, new: &NewTask) -> bool {
        Self::open(new, self.created_at) == self.settings_alone()
    }
}

/// What `task set` changes; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskChange {
    /// What is to be done.
    pub description: Option<String>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// `Some(None)` lifts the limit.
    pub max_agents: Option<Option<u64>>,
    /// `Some(None)` lifts the limit.
    pub max_concurrent: Option<Option<u64>>,
    /// How deep agents may register agents.
    pub max_depth: Option<u32>,
    /// The directory the agents work in.
    pub workspace: Option<PathBuf>,
    /// What a completion must show.
    pub require_evidence: Option<Requirement>,
}

impl TaskChange {
    /// The task with this change made.
    pub fn apply(&self, task: &Task) -> Task {
        let mut task = task.clone();
        let limits = &mut task.limits;
        limits.max_agents = self.max_agents.unwrap_or(limits.max_agents);
        limits.max_concurrent = self.max_concurrent.unwrap_or(limits.max_concurrent);
        limits.max_depth = self.max_depth.unwrap_or(limits.max_depth);
        task.priority = self.priority.unwrap_or(task.priority);
        task.require_evidence = self.require_evidence.unwrap_or(task.require_evidence);
        if let Some(description) = &self.description {
            task.description.clone_from(description);
        }
        if let Some(workspace) = &self.workspace {
            task.workspace = Some(workspace.clone());
        }
        task
    }
}

/// A task with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskState {
    /// Its settings.
    pub task: Task,
    /// Whether it takes agents.
    pub status: TaskStatus,
    /// Its agents, counted.
    pub counts: Counts,
    /// Its findings, counted.
    pub findings: SeveritySums,
}

/// The least that the output of an agent can be bounded to, in bytes.
pub const LEAST_OUTPUT: u64 = 2 << 20;

/// The machine's settings, as the home's `registry.json` holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Agents active at once on the machine; none: no limit.
    #[serde(default)]
    pub max_concurrent: Option<u64>,
    /// So many bytes of what an agent's command prints are kept, at least [`LEAST_OUTPUT`]; none: all of them.
    #[serde(default = "usual_output", skip_serializing_if = "is_usual_output")]
    pub output_limit: Option<u64>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_concurrent: None,
            output_limit: usual_output(),
            extra: Extra::new(),
        }
    }
}

#[allow(clippy::unnecessary_wraps)] // Serde wants the type of the field.
fn usual_output() -> Option<u64> {
    Some(64 << 20)
}

#[allow(clippy::ref_option)] // Serde gives a reference to the field.
fn is_usual_output(limit: &Option<u64>) -> bool {
    *limit == usual_output()
}
