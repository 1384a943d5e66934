//! The counts of a task and the totals of the machine.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Status, number};

/// How many agents a registry knows, by where they stand: `spawned = active + completed + failed + terminated`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Counts {
    /// Ever registered.
    #[serde(deserialize_with = "number::counted")]
    pub spawned: u64,
    /// Running, working or blocked.
    #[serde(deserialize_with = "number::counted")]
    pub active: u64,
    /// Ended well.
    #[serde(deserialize_with = "number::counted")]
    pub completed: u64,
    /// Ended badly.
    #[serde(deserialize_with = "number::counted")]
    pub failed: u64,
    /// Were ended.
    #[serde(deserialize_with = "number::counted")]
    pub terminated: u64,
}

impl Counts {
    /// These counts with one agent more.
    #[must_use]
    pub fn with_registered(self) -> Self {
        self.with(Status::Running)
    }

    /// These counts with one more agent that stands at `status`.
    #[must_use]
    pub fn with(mut self, status: Status) -> Self {
        self.spawned += 1;
        *self.of(status) += 1;
        self
    }

    /// These counts after one active agent ended as `status`.
    #[must_use]
    pub fn with_ended(mut self, status: Status) -> Self {
        self.active = self.active.saturating_sub(1);
        *self.of(status) += 1;
        self
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            spawned: self.spawned + other.spawned,
            active: self.active + other.active,
            completed: self.completed + other.completed,
            failed: self.failed + other.failed,
            terminated: self.terminated + other.terminated,
        }
    }

    /// These less `other`, never below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            spawned: self.spawned.saturating_sub(other.spawned),
            active: self.active.saturating_sub(other.active),
            completed: self.completed.saturating_sub(other.completed),
            failed: self.failed.saturating_sub(other.failed),
            terminated: self.terminated.saturating_sub(other.terminated),
        }
    }

    /// Whether every agent stands in exactly one place.
    pub fn add_up(self) -> bool {
        self.spawned == self.active + self.completed + self.failed + self.terminated
    }

    fn of(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Running | Status::Working | Status::Blocked => &mut self.active,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Terminated => &mut self.terminated,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} spawned, {} active, {} completed, {} failed, {} terminated",
            self.spawned, self.active, self.completed, self.failed, self.terminated
        )
    }
}

/// The machine's counts over all tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Totals {
    /// The agents of all tasks.
    #[serde(flatten)]
    pub agents: Counts,
    /// Tasks that agents can be registered for.
    #[serde(deserialize_with = "number::counted")]
    pub tasks_open: u64,
    /// Tasks that were closed.
    #[serde(deserialize_with = "number::counted")]
    pub tasks_closed: u64,
}
