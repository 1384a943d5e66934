//! What is asked of a store, and what it answers about its health.

use serde::Serialize;

use crate::model::{
    Agent, AgentId, Event, Finding, Report, Severity, Status, Task, TaskId, Timestamp,
};

/// Which tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that take agents.
    Open,
    /// Those and the closed ones.
    All,
}

/// Which agents of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentsWanted<'a> {
    /// None: the task's state alone.
    None,
    /// The active ones, and so many of those that ended last.
    ActiveAndLast(usize),
    /// Those that ended as terminated.
    Terminated,
    /// Every one.
    All,
    /// These; an unknown one is `not_found`.
    These(&'a [AgentId]),
}

/// Which reports. An empty query asks for all.
#[derive(Debug, Clone, Default)]
pub struct ReportQuery {
    /// Of these agents only.
    pub agents: Vec<AgentId>,
    /// Not older than this.
    pub since: Option<Timestamp>,
}

impl ReportQuery {
    /// Whether `report` is asked for.
    pub fn admits(&self, report: &Report) -> bool {
        self.since.is_none_or(|since| report.at >= since)
            && (self.agents.is_empty() || self.agents.contains(&report.agent))
    }
}

/// Which findings. An empty query asks for all.
#[derive(Debug, Clone, Default)]
pub struct FindingQuery {
    /// Of these agents only.
    pub agents: Vec<AgentId>,
    /// Of this type only.
    pub finding_type: Option<String>,
    /// At least so severe.
    pub min_severity: Option<Severity>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Numbered higher than this.
    pub after: Option<u64>,
    /// Not numbered higher than this.
    pub until: Option<u64>,
    /// The newest so many.
    pub limit: Option<usize>,
}

impl FindingQuery {
    /// Whether `finding` is asked for, the limit aside.
    pub fn admits(&self, finding: &Finding) -> bool {
        !self.stops_at(finding)
            && self.until.is_none_or(|until| finding.seq <= until)
            && self
                .min_severity
                .is_none_or(|least| finding.severity >= least)
            && self
                .finding_type
                .as_ref()
                .is_none_or(|wanted| *wanted == finding.finding_type)
            && (self.agents.is_empty() || self.agents.contains(&finding.agent))
    }

    /// Whether neither `finding` nor any before it is asked for: times and numbers never fall.
    pub fn stops_at(&self, finding: &Finding) -> bool {
        self.since.is_some_and(|since| finding.at < since)
            || self.after.is_some_and(|after| finding.seq <= after)
    }
}

/// Which events. An empty query asks for all.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Of this task only.
    pub task: Option<TaskId>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Numbered higher than this.
    pub after: Option<u64>,
    /// Not numbered higher than this.
    pub until: Option<u64>,
    /// The newest so many.
    pub limit: Option<usize>,
}

impl EventQuery {
    /// Whether `event` is asked for, the limit aside.
    pub fn admits(&self, event: &Event) -> bool {
        !self.stops_at(event)
            && self.until.is_none_or(|until| event.rev <= until)
            && self.task.as_ref().is_none_or(|task| *task == event.task)
    }

    /// Whether neither `event` nor any before it is asked for.
    pub fn stops_at(&self, event: &Event) -> bool {
        self.since.is_some_and(|since| event.at < since)
            || self.after.is_some_and(|after| event.rev <= after)
    }
}

/// A task that comes in whole. Its agents are handed over one by one, so that a million fit.
pub struct Import<'a> {
    /// Its settings.
    pub task: Task,
    /// Its agents.
    pub agents: Box<dyn Iterator<Item = ImportedAgent<'a>> + 'a>,
    /// Its findings by time; they are numbered as they come.
    pub findings: Box<dyn Iterator<Item = Finding> + 'a>,
}

/// An agent that comes in with its whole life.
pub struct ImportedAgent<'a> {
    /// Its id.
    pub id: AgentId,
    /// Where it stands now, as its last line says.
    pub status: Status,
    /// The lines of its log from the registration on, numbered from 1, times not falling. There may be more of them than
    /// should be held.
    pub lines: Box<dyn Iterator<Item = Agent> + 'a>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is harmless: leftovers of killed calls, lines that were never acknowledged.
    pub notes: Vec<Problem>,
    /// What was mended.
    pub repaired: Vec<Problem>,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file or directory.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}
