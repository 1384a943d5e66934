//! Waiting for a change. A store tells when to look again, not what changed: whoever waits looks anyway, because what it
//! waits for may have happened before it began.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::Result;
use crate::model::{AgentId, Report, TaskId};

/// What may change that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched<'a> {
    /// The machine: agents registered and ended, tasks opened and closed, its settings.
    Machine,
    /// A task: what is applied to it, its findings, its settings.
    Task(&'a TaskId),
    /// The reports of a task's agents.
    Reports(&'a TaskId),
    /// The leases of a task's agents: a supervisor that dies lets go of one.
    Leases(&'a TaskId),
    /// What the commands of a task's agents print.
    Output(&'a TaskId),
    /// One agent's log.
    Agent(&'a TaskId, &'a AgentId),
}

/// How soon a watcher tells of a change that comes just after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Within 50 ms, as long as a look takes less than half of that.
    Prompt,
    /// The later the longer a look takes, so that many may watch beside those who work.
    Sparing,
}

/// Sees every change from the moment it is made on: who makes it first and looks then misses none.
pub trait Watcher: Send {
    /// Sleeps until something may have changed since it last returned `true`, or since it was made; at most `timeout`,
    /// then `false`. Changes close together come as one, so that looking takes a small part of a processor however
    /// much is going on.
    fn wait(&mut self, timeout: Duration) -> Result<bool>;

    /// Readable when something has changed, for who waits for more than that; none where a change may go untold.
    fn source(&self) -> Option<BorrowedFd<'_>>;
}

/// Reads a task's reports as they come.
pub trait NewReports: Send {
    /// Every report that was not handed out yet, each once, by time; at first all there are.
    fn next(&mut self) -> Result<Vec<Report>>;

    /// Whether the next call has something to hand out even if nothing changes until then.
    fn has_more(&self) -> bool;
}
