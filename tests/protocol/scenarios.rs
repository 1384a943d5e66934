//! Who does what: small fleets, chosen so that their state spaces can be searched whole.

use crate::apply::{perform, stages};
use crate::disk::{Disk, Entry, TaskPlace};
use crate::model::Mishaps;
use crate::records::{Change, Counts, Decision, Dir, Line, Op, Task, decide};
use crate::tampering::Tampering;

pub const A: Task = 0;
pub const B: Task = 1;

#[derive(Clone)]
pub struct Scenario {
    /// The task of each directory: one that is used again has two.
    pub dirs: Vec<Task>,
    /// The directory of each agent's log.
    pub agents: Vec<Dir>,
    /// What has happened before the scenario begins, and is durable.
    pub before: Vec<Op>,
    /// The calls of each process, one after another. A call that is killed is called again.
    pub scripts: Vec<Vec<Op>>,
    pub max_concurrent: u8,
    pub mishaps: Mishaps,
    pub tampering: Tampering,
    /// Which processes are of version 0.1.0, one bit each: their lines have no `prev`, and they note no highest rev.
    pub old: u8,
    /// Whether every move into `ended/`, into `closed/` and out of it fails.
    pub moves_fail: bool,
}

impl Scenario {
    /// The disk that the scenario begins with.
    pub fn disk(&self) -> Disk {
        let mut disk = Disk::empty(&self.dirs, &self.agents);
        let none = Counts::default();
        // The machine's first line opens a task; its predecessor stands for the registry's beginning.
        let first = Line {
            rev: 0,
            prev: None,
            task: A,
            dir: 0,
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
            // The first directory of a task is the one of its number.
            let dir: Dir = task;
            if change == Change::Open {
                disk.dir_mut(dir).place = Entry::at(TaskPlace::Staged);
            }
            let seen = disk.read(dir, op.agent(), None).expect("there is a line");
            let Decision::Change(line) = decide(&seen, task, dir, change, self.max_concurrent)
            else {
                panic!("{op:?}")
            };
            disk.journal.append(line);
            for &stage in stages(change, None) {
                perform(&mut disk, &line, dir, stage, false, None);
            }
        }
        // No writer reads further back than the last line, so the search need not carry the rest along.
        let reads = |op: &Op| matches!(op, Op::View(_) | Op::Overview);
        if self.tampering != Tampering::Journal && !self.scripts.iter().flatten().any(reads) {
            disk.journal.slots.drain(..disk.journal.slots.len() - 1);
        }
        disk.settle();
        disk
    }

    /// Whether a call that has found its task may find it deleted by the time that it has the lock. Else to find it and to take
    /// the lock are one step.
    pub fn finds_first(&self) -> bool {
        let deletes = |op: &Op| matches!(op, Op::Change(_, Change::Delete));
        self.scripts.iter().flatten().any(deletes)
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

pub fn delete(task: Task) -> Op {
    Op::Change(task, Change::Delete)
}

pub fn report(task: Task, agent: u8, number: u8) -> Op {
    Op::Report(task, agent, 1 << number)
}

/// One death and one power cut, at any moment.
const A_DEATH_AND_A_POWER_CUT: Mishaps = Mishaps {
    deaths: 1,
    power_cuts: 1,
    io_errors: 0,
    tampers: 0,
};

/// Two agents want the one slot of A, and one of them lives its life; B's agent comes and goes, and B is closed.
pub fn lifecycles() -> Scenario {
    Scenario {
        dirs: vec![A, B],
        agents: vec![A, A, B],
        before: vec![open(A), open(B)],
        scripts: vec![
            vec![register(A, 0), report(A, 0, 0), end(A, 0)],
            vec![register(A, 1)],
            vec![register(B, 2), end(B, 2), close(B)],
        ],
        max_concurrent: 1,
        mishaps: A_DEATH_AND_A_POWER_CUT,
        tampering: Tampering::None,
        old: 0,
        moves_fail: false,
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
        dirs: vec![A, B],
        agents: vec![A, B],
        before: vec![open(A), open(B), register(A, 0)],
        scripts: vec![
            vec![report(A, 0, 0), report(A, 0, 1)],
            vec![end(A, 0), close(A)],
            vec![register(B, 1)],
        ],
        max_concurrent: 1,
        mishaps: A_DEATH_AND_A_POWER_CUT,
        tampering: Tampering::None,
        old: 0,
        moves_fail: false,
    }
}

/// Two processes open B; one registers in it, the other closes it. A goes on beside them.
pub fn openings() -> Scenario {
    Scenario {
        dirs: vec![A, B],
        agents: vec![A, B],
        before: vec![open(A)],
        scripts: vec![
            vec![open(B), register(B, 1)],
            vec![open(B), close(B)],
            vec![register(A, 0), report(A, 0, 0)],
        ],
        max_concurrent: 1,
        mishaps: A_DEATH_AND_A_POWER_CUT,
        tampering: Tampering::None,
        old: 0,
        moves_fail: false,
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

/// As the race for a slot, and one of the processes is of version 0.1.0.
pub fn beside_an_older_version() -> Scenario {
    Scenario {
        old: 0b010,
        ..race_for_a_slot()
    }
}

/// No log and no task can be moved.
pub fn moves_that_fail() -> Scenario {
    Scenario {
        scripts: vec![vec![end(A, 0), close(A)], vec![register(B, 1)]],
        mishaps: Mishaps::default(),
        moves_fail: true,
        ..reports()
    }
}

/// A, closed, is deleted and opened again; somebody else wants to register in it, and B goes on beside them.
pub fn deletions() -> Scenario {
    Scenario {
        dirs: vec![A, B, A],
        agents: vec![0, 1, 2],
        before: vec![open(A), open(B), register(A, 0), end(A, 0), close(A)],
        scripts: vec![
            vec![delete(A), open(A)],
            vec![register(B, 1)],
            vec![register(A, 2)],
        ],
        ..reports()
    }
}

/// A is closed, deleted and opened again where no move works but the one that an opening needs: what is deleted stays in its place.
pub fn deletions_in_place() -> Scenario {
    Scenario {
        before: vec![open(A), open(B), register(A, 0), end(A, 0)],
        scripts: vec![
            vec![close(A), delete(A), open(A)],
            vec![register(B, 1)],
            vec![open(A)],
        ],
        moves_fail: true,
        ..deletions()
    }
}

/// One reads A, in which one agent ends and another comes.
pub fn a_view() -> Scenario {
    Scenario {
        agents: vec![0, 0, 1],
        scripts: vec![
            vec![end(A, 0), register(A, 1)],
            vec![register(B, 2)],
            vec![Op::View(A)],
        ],
        max_concurrent: 2,
        ..reports()
    }
}

/// One reads all tasks, the same one's changes beside it.
pub fn an_overview() -> Scenario {
    let mut scenario = a_view();
    scenario.scripts[2] = vec![Op::Overview];
    scenario
}

/// A is deleted and opened again under somebody who reads.
pub fn reading_what_is_deleted(read: Op) -> Scenario {
    Scenario {
        scripts: vec![vec![delete(A), open(A), register(A, 2)], vec![read]],
        ..deletions()
    }
}

/// Agents of A and B come and report and end while somebody's hand is in the files.
pub fn tampering(tampering: Tampering) -> Scenario {
    Scenario {
        agents: vec![0, 0, 1],
        scripts: vec![
            vec![register(A, 1), end(A, 1)],
            vec![report(A, 0, 0)],
            vec![register(B, 2)],
        ],
        max_concurrent: 2,
        mishaps: Mishaps {
            deaths: 1,
            power_cuts: 0,
            io_errors: 0,
            tampers: 1,
        },
        tampering,
        ..reports()
    }
}

/// The home is copied while agents of A and B end and come.
pub fn copied() -> Scenario {
    Scenario {
        agents: vec![0, 1],
        scripts: vec![vec![end(A, 0)], vec![register(B, 1), end(B, 1)]],
        ..tampering(Tampering::Copy)
    }
}
