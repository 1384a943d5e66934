//! The journal's view of what happened: one event per lifecycle change.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentId, Counts, Status, TaskId, Timestamp, Totals};

/// What a line of the journal records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// A task was opened.
    Opened,
    /// A task came in whole, with its agents.
    Imported,
    /// An agent was registered.
    Registered,
    /// An agent ended well.
    Completed,
    /// An agent ended badly.
    Failed,
    /// An agent was ended.
    Terminated,
    /// A task was closed.
    Closed,
    /// A closed task was deleted, and is counted no more.
    Deleted,
    /// `doctor --repair` set the counts to what it recounted.
    Repaired,
}

impl Change {
    /// The change that ends an agent as `status`, or none for an active status.
    pub fn ending_as(status: Status) -> Option<Self> {
        match status {
            Status::Completed => Some(Self::Completed),
            Status::Failed => Some(Self::Failed),
            Status::Terminated => Some(Self::Terminated),
            Status::Running | Status::Working | Status::Blocked => None,
        }
    }

    /// Whether the task's directory appears or moves with it.
    pub fn moves_task(self) -> bool {
        matches!(
            self,
            Self::Opened | Self::Imported | Self::Closed | Self::Deleted
        )
    }

    /// The lowest version of a line that may hold this word.
    pub fn schema(self) -> u32 {
        match self {
            Self::Deleted => 2,
            _ => 1,
        }
    }

    /// Whether it ends an agent.
    pub fn ends_agent(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Terminated)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Imported => "imported",
            Self::Registered => "registered",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Terminated => "terminated",
            Self::Closed => "closed",
            Self::Deleted => "deleted",
            Self::Repaired => "repaired",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One lifecycle change, as `events` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Numbers the journal from 1 without gaps.
    pub rev: u64,
    /// When.
    pub at: Timestamp,
    /// In which task.
    pub task: TaskId,
    /// Which agent, where it is one agent's change.
    pub agent: Option<AgentId>,
    /// What happened.
    pub change: Change,
    /// The task's counts after it.
    pub counts: Counts,
    /// The machine's totals after it.
    pub totals: Totals,
}
