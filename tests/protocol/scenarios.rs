//! Who does what: small fleets, chosen so that their state spaces can be searched whole.

use crate::apply::{perform, stages};
use crate::disk::{Disk, Entry, TaskPlace};
use crate::model::Mishaps;
use crate::records::{Change, Counts, Decision, Line, Op, Task, decide};

pub const A: Task = 0;
pub const B: Task = 1;

#[derive(Clone)]
pub struct Scenario {
    pub tasks: usize,
    /// The task of each agent.
    pub agents: Vec<Task>,
    /// What has happened before the scenario begins, and is durable.
    pub before: Vec<Op>,
    /// The calls of each process, one after another. A call that is killed is called again.
    pub scripts: Vec<Vec<Op>>,
    pub max_concurrent: u8,
    pub mishaps: Mishaps,
}

impl Scenario {
    /// The disk that the scenario begins with.
    pub fn disk(&self) -> Disk {
        let mut disk = Disk::empty(self.tasks, self.agents.len());
        let none = Counts::default();
        // The machine's first line opens a task; its predecessor stands for the registry's beginning.
        let first = Line {
            rev: 0,
            task: A,
            change: Change::Open,
            record: None,
            counts: none,
            totals: none,
        };
        disk.journal.append(first);
        for &op in &self.before {
            let Op::Change(task, change) = op else {
                panic!("only changes come before")
            };
            let seen = disk.read(task, op.agent(), None);
            let Decision::Change(line) = decide(&seen, task, change, self.max_concurrent) else {
                panic!("{op:?}")
            };
            if change == Change::Open {
                disk.task_mut(task).place = Entry::at(TaskPlace::Staged);
            }
            disk.journal.append(line);
            for &stage in stages(change, None) {
                perform(&mut disk, &line, stage, false, None);
            }
        }
        // Nobody reads further back than the last line, so the search need not carry the rest along.
        disk.journal.slots.drain(..disk.journal.slots.len() - 1);
        disk.settle();
        disk
    }
}

pub fn open(task: Task) -> Op {
    Op::Change(task, Change::Open)
}

pub fn close(task: Task) -> Op {
    Op::Change(task, Change::Close)
}

pub fn register(task: Task, agent: u8) -> Op {
    Op::Change(task, Change::Register(agent))
}

pub fn end(task: Task, agent: u8) -> Op {
    Op::Change(task, Change::End(agent))
}

pub fn report(task: Task, agent: u8, number: u8) -> Op {
    Op::Report(task, agent, 1 << number)
}

/// One death and one power cut, at any moment.
const A_DEATH_AND_A_POWER_CUT: Mishaps = Mishaps {
    deaths: 1,
    power_cuts: 1,
    io_errors: 0,
};

/// Two agents want the one slot of A, and one of them lives its life; B's agent comes and goes, and B is closed.
pub fn lifecycles() -> Scenario {
    Scenario {
        tasks: 2,
        agents: vec![A, A, B],
        before: vec![open(A), open(B)],
        scripts: vec![
            vec![register(A, 0), report(A, 0, 0), end(A, 0)],
            vec![register(A, 1)],
            vec![register(B, 2), end(B, 2), close(B)],
        ],
        max_concurrent: 1,
        mishaps: A_DEATH_AND_A_POWER_CUT,
    }
}

/// The same race for A's slot with less around it, so that a death and a power cut can be searched together.
pub fn race_for_a_slot() -> Scenario {
    Scenario {
        scripts: vec![
            vec![register(A, 0), end(A, 0)],
            vec![register(A, 1)],
            vec![register(B, 2)],
        ],
        ..lifecycles()
    }
}

/// An agent of A reports while another process ends it and closes A; B goes on beside them.
pub fn reports() -> Scenario {
    Scenario {
        tasks: 2,
        agents: vec![A, B],
        before: vec![open(A), open(B), register(A, 0)],
        scripts: vec![
            vec![report(A, 0, 0), report(A, 0, 1)],
            vec![end(A, 0), close(A)],
            vec![register(B, 1)],
        ],
        max_concurrent: 1,
        mishaps: A_DEATH_AND_A_POWER_CUT,
    }
}

/// Two processes open B; one registers in it, the other closes it. A goes on beside them.
pub fn openings() -> Scenario {
    Scenario {
        tasks: 2,
        agents: vec![A, B],
        before: vec![open(A)],
        scripts: vec![
            vec![open(B), register(B, 1)],
            vec![open(B), close(B)],
            vec![register(A, 0), report(A, 0, 0)],
        ],
        max_concurrent: 1,
        mishaps: A_DEATH_AND_A_POWER_CUT,
    }
}

/// As `reports`, and besides one write or sync fails.
pub fn io_errors() -> Scenario {
    let scripts = vec![
        vec![report(A, 0, 0), report(A, 0, 1)],
        vec![end(A, 0)],
        vec![register(B, 1)],
    ];
    Scenario {
        scripts,
        mishaps: Mishaps {
            io_errors: 1,
            ..A_DEATH_AND_A_POWER_CUT
        },
        ..reports()
    }
}
