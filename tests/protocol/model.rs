//! The state, what may happen next, and what each happening does.

use stateright::{Model, Property};

use crate::apply::{Stage, stages};
use crate::disk::Disk;
use crate::properties;
use crate::readers::{Look, View};
use crate::records::{Change, Dir, Line, Op, Seen};
use crate::scenarios::Scenario;
use crate::steps;
use crate::tampering::{self, Copying};

/// A part of the protocol that is left out, to see that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omission {
    /// An unapplied last line is taken for applied.
    Redo,
    /// What a torn append left is appended to.
    CutTornTails,
    /// The tails are read before the locks are taken.
    TailAfterLock,
    /// The mark is appended before the agent's log, not after it.
    MarkLast,
    /// The next task's commit does not sync the marks of the last line's task.
    OtherTaskSync,
    /// A process that needs another task's lock waits for it, and keeps what it holds.
    LetGo,
    /// An opening is taken for applied when its mark is made, wherever the task's directory lies.
    NameCheck,
    /// A report does not carry the rev of the agent's last lifecycle change.
    RevCarried,
    /// The name of a new task's directory is not synced before the commit that names it.
    StagedSync,
    /// A new task's rename is not synced before the next commit.
    TasksSync,
    /// Redo and the next task's commit sync what a predecessor wrote without writing it again.
    Rewrite,
    /// The highest rev is noted before the commit's sync.
    RecordAfterSync,
    /// The home's lock notes no highest rev.
    HomeRecord,
    /// A redo does not note it.
    RedoRecord,
    /// A task's lock notes no highest rev.
    TaskRecord,
    /// A home of another identity is not recounted.
    Recount,
    /// A commit is taken to follow the last line of its agent's log without a gap.
    Gaps,
    /// The journal's last line is held against a directory whose task is deleted.
    DeletedFirst,
    /// A deletion's rename is not synced before the directory is removed.
    SyncPlace,
    /// An opening leaves what an earlier task of its name left in `tasks/`.
    MakeRoom,
    /// A failed move into `ended/` or `closed/` leaves the change unapplied.
    Upkeep,
    /// A reader does not overlay an unapplied last line.
    Overlay,
    /// A reader lists `ended/` before `active/`.
    ListOrder,
    /// A reader takes the last line of each log, however late it is.
    Bounded,
    /// A reader does not look at the end whether the task was deleted meanwhile.
    LastLook,
}

/// What a call does about its line when the sync that would commit it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedCommit {
    /// Cuts it off and exits 1.
    Cut,
    /// Cuts it off, syncs the cut and exits 1.
    CutAndSync,
    /// Exits 1, "unknown": the next writer redoes the line.
    Leave,
}

/// Where a process is in its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pc {
    /// Begins; waits for the task's lock.
    TakeTask,
    /// Has found the directory.
    WaitTask,
    TakeGlobal,
    CutGlobal,
    ReadTails,
    TryOther,
    /// Applies `Proc::line`, and has done so many of the stages.
    Apply(u8),
    SyncTasks,
    SyncOther,
    MakeRoom,
    Commit,
    /// The commit's sync failed.
    TakeBack,
    SyncCut,
    CutLog,
    Report,
    UnlockReported,
    SyncReport,
    UnlockGlobal {
        done: bool,
    },
    UnlockTask {
        done: bool,
    },
    Sweep,
    Read(Look),
}

/// A process: a shell script that calls the program once for each `Op`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proc {
    /// The call it is in; its script's length when it is through.
    pub op: u8,
    pub pc: Pc,
    /// The directory that it has found.
    pub dir: Option<Dir>,
    pub seen: Option<Seen>,
    /// The line that is being applied, and the directory that it is applied to.
    pub line: Option<(Line, Dir)>,
    /// Whether that line is somebody else's.
    pub redo: bool,
    /// A sync failed over a log that this process has written to and not yet synced: the kernel will tell it so.
    pub warned: bool,
    /// What a reader has read.
    pub view: Option<View>,
}

impl Proc {
    /// At the beginning of its `op`-th call.
    pub fn at(op: u8) -> Self {
        Proc {
            op,
            pc: Pc::TakeTask,
            dir: None,
            seen: None,
            line: None,
            redo: false,
            warned: false,
            view: None,
        }
    }
}

/// What calls that exited 0 have promised: one bit for each agent, report, directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Promised {
    pub registered: u8,
    pub ended: u8,
    pub reports: u8,
    pub opened: u8,
    pub closed: u8,
    pub deleted: u8,
}

/// How much may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mishaps {
    pub deaths: u8,
    pub power_cuts: u8,
    pub io_errors: u8,
    pub tampers: u8,
}

/// Whether somebody's hand was in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hand {
    None,
    Tampered,
    /// And a change has been committed since.
    Committed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub disk: Disk,
    pub procs: Vec<Proc>,
    /// Who holds the lock.
    pub task_locks: Vec<Option<usize>>,
    pub global_lock: Option<usize>,
    pub promised: Promised,
    pub left: Mishaps,
    /// Somebody was told that the registry is damaged.
    pub damaged: bool,
    /// Somebody was shown what never was so.
    pub misread: bool,
    pub hand: Hand,
    pub copying: Option<Copying>,
}

impl State {
    /// The process is gone: the kernel frees its locks and keeps what it wrote.
    pub fn release(&mut self, proc: usize) {
        for lock in self.task_locks.iter_mut().chain([&mut self.global_lock]) {
            lock.take_if(|holder| *holder == proc);
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A process does its next step.
    Step(usize),
    /// A process is killed before its next step, and its script calls again.
    Die(usize),
    /// A process is killed in the middle of an append.
    DieTorn(usize),
    /// The next step fails: a full disk, a failing medium.
    Fail(usize),
    /// The machine stops; this is what its disk holds when it starts again.
    PowerCut(Box<Disk>),
    /// Somebody's hand.
    Tamper(u8),
}

/// The protocol, in a scenario.
pub struct Protocol {
    pub scenario: Scenario,
    pub failed_commit: FailedCommit,
    pub omission: Option<Omission>,
    /// The one promise that the search is about; all of them where it is none.
    pub watched: Option<&'static str>,
}

impl Protocol {
    pub fn omits(&self, omission: Omission) -> bool {
        self.omission == Some(omission)
    }

    /// The call that a process is in; none when its script is through.
    pub fn op(&self, proc: usize, state: &Proc) -> Option<Op> {
        self.scenario.scripts[proc]
            .get(usize::from(state.op))
            .copied()
    }

    /// The stage that a process is at in applying a line.
    pub fn stage(&self, proc: &Proc) -> Option<(Stage, Line, Dir)> {
        let (Pc::Apply(at), Some((line, dir))) = (proc.pc, proc.line) else {
            return None;
        };
        let stage = stages(line.change, self.omission)[usize::from(at)];
        Some((stage, line, dir))
    }

    /// Whether the process's next step is an append that can stop in the middle.
    fn appends(&self, proc: &Proc) -> bool {
        matches!(proc.pc, Pc::Commit | Pc::Report)
            || matches!(self.stage(proc), Some((Stage::WriteLog | Stage::Mark, ..)))
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            disk: self.scenario.disk(),
            procs: vec![Proc::at(0); self.scenario.scripts.len()],
            task_locks: vec![None; self.scenario.dirs.len()],
            global_lock: None,
            promised: Promised::default(),
            left: self.scenario.mishaps,
            damaged: false,
            misread: false,
            hand: Hand::None,
            copying: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (at, proc) in state.procs.iter().enumerate() {
            if self.op(at, proc).is_none() {
                continue;
            }
            actions.push(Action::Step(at));
            // Nobody depends on a reader.
            if proc.view.is_some() {
                continue;
            }
            if state.left.deaths > 0 && proc.pc != Pc::TakeTask {
                actions.push(Action::Die(at));
                if self.appends(proc) {
                    actions.push(Action::DieTorn(at));
                }
            }
            if state.left.io_errors > 0 {
                actions.push(Action::Fail(at));
            }
        }
        actions.extend(tampering::ways(self, state).into_iter().map(Action::Tamper));
        if state.left.power_cuts > 0 {
            actions.extend(
                state
                    .disk
                    .after_power_cut()
                    .into_iter()
                    .map(Box::new)
                    .map(Action::PowerCut),
            );
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        match action {
            Action::Step(proc) if last.procs[proc].warned => {
                let mut state = last.clone();
                steps::fail(self, &mut state, proc)
                    .map_or_else(|| steps::step(self, last, proc), |()| Some(state))
            }
            Action::Step(proc) => steps::step(self, last, proc),
            Action::Die(proc) => {
                let mut state = last.clone();
                state.left.deaths -= 1;
                state.release(proc);
                state.procs[proc] = Proc::at(state.procs[proc].op);
                Some(state)
            }
            Action::DieTorn(proc) => {
                let mut state = last.clone();
                state.left.deaths -= 1;
                steps::tear(self, &mut state, proc)?;
                state.release(proc);
                state.procs[proc] = Proc::at(state.procs[proc].op);
                Some(state)
            }
            Action::Fail(proc) => {
                let mut state = last.clone();
                state.left.io_errors -= 1;
                steps::fail(self, &mut state, proc)?;
                Some(state)
            }
            Action::PowerCut(disk) => {
                let mut state = last.clone();
                state.left.power_cuts -= 1;
                state.disk = *disk;
                for proc in 0..state.procs.len() {
                    state.release(proc);
                    state.procs[proc] = Proc::at(state.procs[proc].op);
                }
                Some(state)
            }
            Action::Tamper(way) => {
                let mut state = last.clone();
                tampering::tamper(self, &mut state, way);
                Some(state)
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}

/// Writes down what a call that exits 0 has promised.
pub fn promise(promised: &mut Promised, op: Op, dir: Dir) {
    match op {
        Op::Report(.., report) => promised.reports |= report,
        Op::Change(_, Change::Register(agent)) => promised.registered |= 1 << agent,
        Op::Change(_, Change::End(agent)) => promised.ended |= 1 << agent,
        Op::Change(_, Change::Open) => promised.opened |= 1 << dir,
        Op::Change(_, Change::Close) => promised.closed |= 1 << dir,
        Op::Change(_, Change::Delete) => promised.deleted |= 1 << dir,
        Op::View(_) | Op::Overview => {}
    }
}
