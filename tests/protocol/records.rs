//! What the lines say, and the pure function that decides the next one.

use crate::rule::Verdict;

/// A task, by number.
pub type Task = u8;
/// A directory, by number: a task whose id is used again has another one.
pub type Dir = u8;
/// An agent, by number; the scenario says whose it is.
pub type Agent = u8;

/// Active and ended agents. Which end it was changes no rule of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    pub active: u8,
    pub ended: u8,
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Counts {
            active: self.active + other.active,
            ended: self.ended + other.ended,
        }
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;
    /// Saturating, so that a broken variant of the protocol goes on to break a promise rather than to panic.
    fn sub(self, other: Self) -> Self {
        Counts {
            active: self.active.saturating_sub(other.active),
            ended: self.ended.saturating_sub(other.ended),
        }
    }
}

/// A lifecycle change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Open,
    Register(Agent),
    End(Agent),
    Close,
    Delete,
}

impl Change {
    /// The agent whose log takes a line; none for a change of the task itself.
    pub fn agent(self) -> Option<Agent> {
        match self {
            Change::Register(agent) | Change::End(agent) => Some(agent),
            Change::Open | Change::Close | Change::Delete => None,
        }
    }
}

/// A line of an agent's log: the whole agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    pub seq: u8,
    pub active: bool,
    /// The reports that the agent's state builds on, one bit each: a line written in ignorance of a report lacks its bit.
    pub reports: u8,
    /// The agent's latest lifecycle change. A report carries it on, or a redo could not tell that it has been applied.
    pub rev: u8,
}

/// A line of the global journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    pub rev: u8,
    /// The rev of the task before this line; none in a line of version 0.1.0.
    pub prev: Option<u8>,
    pub task: Task,
    /// The directory. Of an opening it is written in the line, as the name that the task was built under; of others it is not,
    /// and only the checks of this model look at it.
    pub dir: Dir,
    pub change: Change,
    /// The agent's new record, where the change is an agent's.
    pub record: Option<Record>,
    pub counts: Counts,
    pub totals: Counts,
}

/// What a task's mark says of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Open,
    Closed,
    Deleted,
}

/// A line of a task's journal: the mark that a change is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    pub rev: u8,
    pub phase: Phase,
    pub counts: Counts,
}

impl Line {
    /// The mark that says that this line is applied.
    pub fn mark(&self) -> Mark {
        Mark {
            rev: self.rev,
            phase: match self.change {
                Change::Close => Phase::Closed,
                Change::Delete => Phase::Deleted,
                _ => Phase::Open,
            },
            counts: self.counts,
        }
    }
}

/// What one call of the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A lifecycle change of a task.
    Change(Task, Change),
    /// A report of an agent that ends nothing; the bit names it.
    Report(Task, Agent, u8),
    /// Reads a task without a lock.
    View(Task),
    /// Reads the totals and every task's counts without a lock.
    Overview,
}

impl Op {
    pub fn task(self) -> Option<Task> {
        match self {
            Op::Change(task, _) | Op::Report(task, ..) | Op::View(task) => Some(task),
            Op::Overview => None,
        }
    }

    pub fn agent(self) -> Option<Agent> {
        match self {
            Op::Change(_, change) => change.agent(),
            Op::Report(_, agent, _) => Some(agent),
            Op::View(_) | Op::Overview => None,
        }
    }
}

/// What a process has read of the tails, and decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The last good line of the global journal, and what its task's rev makes of it.
    pub last: Line,
    pub verdict: Verdict,
    /// The directory of the line's task; none if there is none anywhere.
    pub of: Option<Dir>,
    /// The last mark of the process's own task; none while it is not open.
    pub mark: Option<Mark>,
    /// The last record of the agent that the call is about.
    pub record: Option<Record>,
}

/// What [`decide`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Change(Line),
    /// It holds already: a retry, which succeeds and changes nothing.
    Already,
    Rejected,
}

/// Decides a lifecycle change from the tails that were read.
pub fn decide(seen: &Seen, task: Task, dir: Dir, change: Change, max_concurrent: u8) -> Decision {
    let mark = match (seen.mark, change) {
        (None, Change::Open) => Mark {
            rev: 0,
            phase: Phase::Open,
            counts: Counts::default(),
        },
        (Some(_), Change::Open) => return Decision::Already,
        (None, _) => return Decision::Rejected,
        (Some(mark), _) => mark,
    };
    let rev = seen.last.rev + 1;
    let (mut counts, mut totals, mut record) = (mark.counts, seen.last.totals, None);
    match (change, seen.record) {
        (Change::Open, _) => {}
        (Change::Register(_), Some(now)) if now.seq == 1 && now.active => return Decision::Already,
        (Change::Register(_), None)
            if mark.phase == Phase::Open && counts.active < max_concurrent =>
        {
            counts.active += 1;
            totals.active += 1;
            record = Some(Record {
                seq: 1,
                active: true,
                reports: 0,
                rev,
            });
        }
        (Change::End(_), Some(now)) if !now.active => return Decision::Already,
        (Change::End(_), Some(now)) => {
            let [active, ended] = [(1, 0), (0, 1)].map(|(active, ended)| Counts { active, ended });
            counts = counts - active + ended;
            totals = totals - active + ended;
            record = Some(Record {
                seq: now.seq + 1,
                active: false,
                rev,
                ..now
            });
        }
        (Change::Close, _) if mark.phase != Phase::Open => return Decision::Already,
        (Change::Close, _) if counts.active == 0 => {}
        (Change::Delete, _) if mark.phase == Phase::Closed => {
            totals = totals - counts;
            counts = Counts::default();
        }
        _ => return Decision::Rejected,
    }
    Decision::Change(Line {
        rev,
        prev: Some(mark.rev),
        task,
        dir,
        change,
        record,
        counts,
        totals,
    })
}
