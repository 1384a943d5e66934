//! What the lines say, and the pure function that decides the next one.

/// A task, by number.
pub type Task = u8;
/// An agent, by number; the scenario says whose it is.
pub type Agent = u8;

/// Active and ended agents. Which end it was changes no rule of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    pub active: u8,
    pub ended: u8,
}

/// A lifecycle change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Open,
    Register(Agent),
    End(Agent),
    Close,
}

impl Change {
    /// The agent whose log takes a line; none for a change of the task itself.
    pub fn agent(self) -> Option<Agent> {
        match self {
            Change::Register(agent) | Change::End(agent) => Some(agent),
            Change::Open | Change::Close => None,
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
    pub task: Task,
    pub change: Change,
    /// The agent's new record, where the change is an agent's.
    pub record: Option<Record>,
    pub counts: Counts,
    pub totals: Counts,
}

/// A line of a task's journal: the mark that a change is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    pub rev: u8,
    pub open: bool,
    pub counts: Counts,
}

impl Line {
    /// The mark that says that this line is applied.
    pub fn mark(&self) -> Mark {
        Mark {
            rev: self.rev,
            open: self.change != Change::Close,
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
}

impl Op {
    pub fn task(self) -> Task {
        match self {
            Op::Change(task, _) | Op::Report(task, ..) => task,
        }
    }

    pub fn agent(self) -> Option<Agent> {
        match self {
            Op::Change(_, change) => change.agent(),
            Op::Report(_, agent, _) => Some(agent),
        }
    }
}

/// What a process has read of the tails, and decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The last good line of the global journal, and whether its task's journal has it.
    pub last: Line,
    pub applied: bool,
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
pub fn decide(seen: &Seen, task: Task, change: Change, max_concurrent: u8) -> Decision {
    let mark = match (seen.mark, change) {
        (None, Change::Open) => Mark {
            rev: 0,
            open: true,
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
        (Change::Register(_), None) if mark.open && counts.active < max_concurrent => {
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
        // Saturating, so that a broken variant of the protocol goes on to break a promise rather than to panic.
        (Change::End(_), Some(now)) => {
            counts = Counts {
                active: counts.active.saturating_sub(1),
                ended: counts.ended + 1,
            };
            totals = Counts {
                active: totals.active.saturating_sub(1),
                ended: totals.ended + 1,
            };
            record = Some(Record {
                seq: now.seq + 1,
                active: false,
                rev,
                ..now
            });
        }
        (Change::Close, _) if !mark.open => return Decision::Already,
        (Change::Close, _) if counts.active == 0 => {}
        (Change::Register(_) | Change::End(_) | Change::Close, _) => return Decision::Rejected,
    }
    Decision::Change(Line {
        rev,
        task,
        change,
        record,
        counts,
        totals,
    })
}
