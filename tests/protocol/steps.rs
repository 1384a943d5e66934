//! What a process does next, one system call at a time.
//!
//! Two reductions keep the space small and lose nothing. Reading is one step with the branch that follows from it, for what is
//! read under a lock does not change, and the one file read without its lock is read in a step of its own. And to exit 0 is one
//! step with the one before it: to die between the two promises less and leaves the same disk.

use crate::apply::{Stage, perform, stages, sweep};
use crate::disk::{Entry, LogPlace, Swept, TaskPlace};
use crate::model::{FailedCommit, Hand, Omission, Pc, Proc, Protocol, State, promise};
use crate::readers;
use crate::records::{Agent, Change, Decision, Dir, Line, Op, Record, Task, decide};
use crate::rule::{Verdict, judge};
use crate::tampering::Tampering;

/// The next state, or none while the process waits for a lock.
pub fn step(model: &Protocol, last: &State, at: usize) -> Option<State> {
    let op = model.op(at, &last.procs[at])?;
    let mut state = last.clone();
    match last.procs[at].pc {
        Pc::TakeTask => return take_task(model, state, at, op),
        Pc::WaitTask => return wait_task(state, at, op),
        Pc::Read(look) => readers::step(model, &mut state, at, look),
        Pc::TakeGlobal => {
            if last.global_lock.is_some() {
                return None;
            }
            state.global_lock = Some(at);
            state.procs[at].pc = Pc::CutGlobal;
        }
        Pc::CutGlobal => cut_global(model, &mut state, at, op),
        Pc::ReadTails => read_tails(model, &mut state, at, op),
        Pc::TryOther => return try_other(model, state, at),
        Pc::Apply(done) => apply(model, &mut state, at, done),
        Pc::SyncTasks | Pc::SyncOther => sync_predecessor(model, &mut state, at, op),
        Pc::MakeRoom => make_room(&mut state, at, op),
        Pc::Commit => commit(model, &mut state, at, op),
        Pc::TakeBack => {
            state.disk.journal.cut_last();
            state.procs[at].pc = match model.failed_commit {
                FailedCommit::CutAndSync => Pc::SyncCut,
                FailedCommit::Cut | FailedCommit::Leave => Pc::UnlockGlobal { done: false },
            };
        }
        Pc::SyncCut => {
            state.disk.journal.sync();
            state.procs[at].pc = Pc::UnlockGlobal { done: false };
        }
        Pc::CutLog => {
            if !model.omits(Omission::CutTornTails) {
                state
                    .disk
                    .log_mut(op.agent().expect("a report is an agent's"))
                    .file
                    .cut();
            }
            state.procs[at].pc = Pc::Report;
        }
        Pc::Report => report(model, &mut state, at, op),
        Pc::UnlockReported => {
            let own = own(&state, at);
            state.task_locks[own] = None;
            state.procs[at].pc = Pc::SyncReport;
        }
        Pc::SyncReport => {
            state
                .disk
                .log_mut(op.agent().expect("a report is an agent's"))
                .file
                .sync();
            exit(&mut state, at, op, true);
        }
        Pc::UnlockGlobal { done } => {
            state.global_lock = None;
            state.procs[at].pc = Pc::UnlockTask { done };
        }
        Pc::UnlockTask { done: true } if matches!(op, Op::Change(_, Change::Delete)) => {
            state.release(at);
            state.procs[at].pc = Pc::Sweep;
        }
        Pc::UnlockTask { done } => exit(&mut state, at, op, done),
        Pc::Sweep => {
            let dir = state.procs[at].dir.expect("it was found");
            if !sweep(&mut state.disk, dir) {
                exit(&mut state, at, op, true);
            }
        }
    }
    Some(state)
}

/// The directory whose lock the process holds.
fn own(state: &State, at: usize) -> usize {
    usize::from(state.procs[at].dir.expect("its task is found"))
}

fn take_task(model: &Protocol, mut state: State, at: usize, op: Op) -> Option<State> {
    let (task, change) = match op {
        Op::View(_) | Op::Overview => {
            match readers::begin(&state.disk, op) {
                Some((view, look)) => {
                    state.procs[at].view = Some(view);
                    state.procs[at].pc = Pc::Read(look);
                }
                None => exit(&mut state, at, op, false),
            }
            return Some(state);
        }
        Op::Report(task, ..) => (task, None),
        Op::Change(task, change) => (task, Some(change)),
    };
    let Some(dir) = state.disk.find(task).or_else(|| staged(&state, task)) else {
        match change.and_then(|_| unbuilt(&state, task)) {
            Some(dir) if change == Some(Change::Open) => {
                // Nobody else knows the new directory's random name, so building it is one step.
                let place = &mut state.disk.dir_mut(dir).place;
                *place = Entry::at(TaskPlace::Staged);
                if model.omits(Omission::StagedSync) {
                    place.synced = TaskPlace::Nowhere;
                }
            }
            _ => exit(&mut state, at, op, false),
        }
        return Some(state);
    };
    if change != Some(Change::Open) && state.disk.find(task).is_none() {
        exit(&mut state, at, op, false);
        return Some(state);
    }
    if model.omits(Omission::TailAfterLock) && state.procs[at].seen.is_none() {
        state.procs[at].seen = state.disk.read(dir, op.agent(), model.omission);
        return Some(state);
    }
    state.procs[at].dir = Some(dir);
    if model.scenario.finds_first() {
        state.procs[at].pc = Pc::WaitTask;
        return Some(state);
    }
    wait_task(state, at, op)
}

fn staged(state: &State, task: Task) -> Option<Dir> {
    let lies = |dir: &Dir| {
        let dir = state.disk.dir(*dir);
        dir.task == task && dir.place.now == TaskPlace::Staged
    };
    state.disk.dirs().find(lies)
}

fn unbuilt(state: &State, task: Task) -> Option<Dir> {
    let lies = |dir: &Dir| {
        let dir = state.disk.dir(*dir);
        dir.task == task && dir.place.now == TaskPlace::Nowhere
    };
    state.disk.dirs().find(lies)
}

fn wait_task(mut state: State, at: usize, op: Op) -> Option<State> {
    let lock = state.procs[at].dir.map(usize::from)?;
    let lock = &mut state.task_locks[lock];
    if lock.is_some() {
        return None;
    }
    *lock = Some(at);
    state.procs[at].pc = if matches!(op, Op::Report(..)) {
        Pc::ReadTails
    } else {
        Pc::TakeGlobal
    };
    Some(state)
}

/// The record is looked at first: a last line that is damaged was acknowledged, and is not to be cut off.
fn cut_global(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let last = state.disk.journal.last().map(|last| last.rev);
    if last.is_none_or(|last| last < state.disk.highest) {
        return damage(state, at, op);
    }
    if !model.omits(Omission::CutTornTails) {
        state.disk.journal.cut();
    }
    state.procs[at].pc = Pc::ReadTails;
}

/// The call ends with 6.
fn damage(state: &mut State, at: usize, op: Op) {
    state.damaged = true;
    exit(state, at, op, false);
}

/// Takes the lock of the last line's task, and looks again what is to be done there.
fn try_other(model: &Protocol, mut state: State, at: usize) -> Option<State> {
    let seen = state.procs[at].seen.expect("the tails are read");
    let other = seen.of.expect("it is found");
    let lock = &mut state.task_locks[usize::from(other)];
    if lock.is_some() {
        if model.omits(Omission::LetGo) {
            return None;
        }
        // Somebody at work there may be waiting for the lock that this process holds: let go of both, start again.
        state.release(at);
        state.procs[at] = Proc::at(state.procs[at].op);
        return Some(state);
    }
    match state.disk.verdict(&seen.last, Some(other), model.omission) {
        Verdict::ToApply | Verdict::Recount => {
            *lock = Some(at);
            begin(&mut state.procs[at], seen.last, other, true);
        }
        _ => state.procs[at].pc = Pc::ReadTails,
    }
    Some(state)
}

/// Step 1's syncs: once the journal's last line is no longer the last, nobody will redo it.
fn sync_predecessor(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let proc = &mut state.procs[at];
    let seen = proc.seen.expect("the tails are read");
    if proc.pc == Pc::SyncTasks {
        if let (Some(of), false) = (seen.of, model.omits(Omission::TasksSync)) {
            state.disk.dir_mut(of).place.sync();
        }
        if seen.of != proc.dir {
            proc.pc = Pc::SyncOther;
            return;
        }
    } else if let Some(of) = seen.of {
        let journal = &mut state.disk.dir_mut(of).journal;
        if !model.omits(Omission::Rewrite) {
            journal.rewrite_last();
        }
        if !model.omits(Omission::OtherTaskSync) {
            journal.sync();
        }
    }
    ready(model, state, at, op);
}

/// All before is applied: on to the commit.
fn ready(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let Op::Change(task, change) = op else {
        unreachable!("only changes are committed")
    };
    let left = state.disk.is_taken(task, TaskPlace::Tasks);
    let in_the_way =
        change == Change::Open && left.is_some_and(|left| Some(left) != state.procs[at].dir);
    state.procs[at].pc = if in_the_way && !model.omits(Omission::MakeRoom) {
        Pc::MakeRoom
    } else {
        Pc::Commit
    };
}

/// What a deletion left in the place of a new task is renamed away before the task is committed, and that is synced.
fn make_room(state: &mut State, at: usize, op: Op) {
    let task = op.task().expect("a change is a task's");
    if let Some(left) = state.disk.is_taken(task, TaskPlace::Tasks) {
        if !state.disk.is_deleted(left) {
            // Somebody else has opened the task.
            state.release(at);
            state.procs[at] = Proc::at(state.procs[at].op);
            return;
        }
        state.disk.dir_mut(left).place = Entry::at(TaskPlace::Deleted);
    }
    state.procs[at].pc = Pc::Commit;
}

fn commit(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let dir = state.procs[at].dir.expect("its task is found");
    match decision(model, state, at, op) {
        Decision::Change(mut line) => {
            if model.scenario.old >> at & 1 == 1 {
                line.prev = None;
            }
            state.disk.journal.append(line);
            if state.hand == Hand::Tampered {
                state.hand = Hand::Committed;
            }
            begin(&mut state.procs[at], line, dir, false);
        }
        decided => {
            state.procs[at].pc = Pc::UnlockGlobal {
                done: decided == Decision::Already,
            }
        }
    }
}

fn begin(proc: &mut Proc, line: Line, into: Dir, redo: bool) {
    *proc = Proc {
        pc: Pc::Apply(0),
        dir: proc.dir,
        line: Some((line, into)),
        redo,
        ..Proc::at(proc.op)
    };
}

/// Reads, unless it was (wrongly) done before the lock; and branches on what the rule says of the last line.
fn read_tails(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let dir = state.procs[at].dir.expect("its task is found");
    let read = state.disk.read(dir, op.agent(), model.omission);
    let Some(seen) = state.procs[at].seen.or(read) else {
        return damage(state, at, op);
    };
    let hot = matches!(op, Op::Report(..));
    let is_own = seen.of == Some(dir);
    // A report looks at its task's journal only where the last line names the task.
    let looks = !hot || seen.last.task == state.disk.dir(dir).task;
    if looks && state.disk.is_deleted(dir) && !model.omits(Omission::DeletedFirst) {
        if matches!(op, Op::Change(_, Change::Open)) {
            state.release(at);
            state.procs[at] = Proc::at(state.procs[at].op);
        } else {
            exit(state, at, op, false);
        }
        return;
    }
    let is_pending =
        matches!(seen.verdict, Verdict::ToApply | Verdict::Recount) && !model.omits(Omission::Redo);
    let is_behind = !hot && !is_own && state.disk.is_task(dir) && {
        judge(state.disk.own(dir, model.omission), &seen.last, false) == Verdict::Damage
    };
    if is_behind || (is_own || !hot) && seen.verdict == Verdict::Damage {
        return damage(state, at, op);
    }
    if !hot && !is_pending && !state.disk.known && !model.omits(Omission::Recount) {
        if !state.disk.all_agrees(&seen.last) {
            return damage(state, at, op);
        }
        state.disk.known = true;
        state.disk.highest = seen.last.rev;
    }
    let proc = &mut state.procs[at];
    proc.seen = Some(seen);
    match (hot, is_own, is_pending) {
        (_, true, true) => begin(proc, seen.last, dir, true),
        (true, ..) => proc.pc = Pc::CutLog,
        (false, false, true) => proc.pc = Pc::TryOther,
        (false, ..) if seen.last.change == Change::Open => proc.pc = Pc::SyncTasks,
        (false, false, false) if seen.of.is_some() => proc.pc = Pc::SyncOther,
        (false, ..) => ready(model, state, at, op),
    }
    // A report decides by the agent's log alone, which is read when the line is appended.
    let proc = &mut state.procs[at];
    if proc.pc == Pc::CutLog && !model.omits(Omission::TailAfterLock) {
        proc.seen = None;
    }
}

/// Does the stage after the first `done` ones.
fn apply(model: &Protocol, state: &mut State, at: usize, done: u8) {
    let Proc {
        line: Some((line, into)),
        redo,
        ..
    } = state.procs[at]
    else {
        unreachable!("there is a line to apply")
    };
    let next = stages(line.change, model.omission)[usize::from(done)];
    if next == Stage::Place && model.scenario.moves_fail && is_upkeep(line.change) {
        if model.omits(Omission::Upkeep) {
            let op = model.op(at, &state.procs[at]).expect("it is in a call");
            exit(state, at, op, !redo);
        } else {
            go_on(model, state, at, done);
        }
        return;
    }
    perform(&mut state.disk, &line, into, next, redo, model.omission);
    // Who dies in between leaves a lower record, which only the search for tampering needs to see.
    let follows = stages(line.change, model.omission).get(usize::from(done) + 1);
    if follows == Some(&Stage::Record) && model.scenario.tampering == Tampering::None {
        perform(
            &mut state.disk,
            &line,
            into,
            Stage::Record,
            redo,
            model.omission,
        );
        return go_on(model, state, at, done + 1);
    }
    go_on(model, state, at, done);
}

/// To the next stage, or out of the last one.
fn go_on(model: &Protocol, state: &mut State, at: usize, done: u8) {
    let Proc {
        line: Some((line, into)),
        redo,
        dir,
        op,
        ..
    } = state.procs[at]
    else {
        unreachable!("there is a line to apply")
    };
    if usize::from(done) + 1 < stages(line.change, model.omission).len() {
        state.procs[at].pc = Pc::Apply(done + 1);
        return;
    }
    if redo && Some(into) != dir {
        state.task_locks[usize::from(into)] = None;
    }
    state.procs[at] = Proc {
        pc: if redo {
            Pc::ReadTails
        } else {
            Pc::UnlockGlobal { done: true }
        },
        dir,
        ..Proc::at(op)
    };
}

fn decision(model: &Protocol, state: &State, at: usize, op: Op) -> Decision {
    match (op, &state.procs[at].seen, state.procs[at].dir) {
        (Op::Change(task, change), Some(seen), Some(dir)) => {
            decide(seen, task, dir, change, model.scenario.max_concurrent)
        }
        _ => unreachable!("a lifecycle change has read the tails"),
    }
}

/// The line that a report appends; none when the agent cannot report.
fn reported(model: &Protocol, state: &State, at: usize, op: Op) -> Option<Record> {
    let Op::Report(_, agent, bit) = op else {
        unreachable!("only reports come here")
    };
    let now = match state.procs[at].seen {
        Some(seen) => seen.record,
        None => state.disk.logs[usize::from(agent)].file.last().copied(),
    }?;
    let rev = if model.omits(Omission::RevCarried) {
        0
    } else {
        now.rev
    };
    let is_there = state.disk.dir(state.procs[at].dir?).swept.now == Swept::Nothing;
    (now.active && is_there).then_some(Record {
        seq: now.seq + 1,
        reports: now.reports | bit,
        rev,
        ..now
    })
}

fn report(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let line = reported(model, state, at, op);
    let proc = &mut state.procs[at];
    proc.seen = None;
    proc.pc = if line.is_some() {
        Pc::UnlockReported
    } else {
        Pc::UnlockTask { done: false }
    };
    if let (Some(line), Some(agent)) = (line, op.agent()) {
        state.disk.log_mut(agent).file.append(line);
    }
}

fn exit(state: &mut State, at: usize, op: Op, done: bool) {
    if done && let Some(dir) = state.procs[at].dir {
        promise(&mut state.promised, op, dir);
    }
    state.release(at);
    state.procs[at] = Proc::at(state.procs[at].op + 1);
}

/// Appends the beginning of the line that the process was about to append.
pub fn tear(model: &Protocol, state: &mut State, at: usize) -> Option<()> {
    let op = model.op(at, &state.procs[at])?;
    match (state.procs[at].pc, model.stage(&state.procs[at])) {
        (Pc::Commit, _) => {
            let Decision::Change(_) = decision(model, state, at, op) else {
                return None;
            };
            state.disk.journal.append_torn();
        }
        (Pc::Report, _) => {
            reported(model, state, at, op)?;
            state.disk.log_mut(op.agent()?).file.append_torn();
        }
        (_, Some((Stage::WriteLog, line, _))) => {
            let log = state.disk.log_mut(line.change.agent()?);
            if state.procs[at].redo && log.file.last().is_some_and(|last| last.rev == line.rev) {
                return None;
            }
            if log.place.now == LogPlace::Nowhere {
                log.place.now = LogPlace::Active;
            }
            log.file.append_torn();
        }
        (_, Some((Stage::Mark, _, dir))) => state.disk.dir_mut(dir).journal.append_torn(),
        _ => return None,
    }
    Some(())
}

/// The next step fails: a write is short, a sync does not arrive. A call whose commit is durable exits 0 all the same.
pub fn fail(model: &Protocol, state: &mut State, at: usize) -> Option<()> {
    let op = model.op(at, &state.procs[at])?;
    let proc = state.procs[at].clone();
    let mut done = false;
    match (proc.pc, model.stage(&proc)) {
        (Pc::Commit | Pc::Report, _) => tear(model, state, at)?,
        (Pc::SyncReport, _) => fail_log_sync(model, state, op.agent()?),
        (Pc::SyncOther, _) => {
            let of = proc.seen?.of?;
            state.disk.dir_mut(of).journal.fail_sync();
        }
        (Pc::Apply(before), Some((Stage::Place, line, _))) if is_upkeep(line.change) => {
            go_on(model, state, at, before);
            return Some(());
        }
        (_, Some((failing, line, _))) => {
            match failing {
                Stage::SyncGlobal => {
                    state.disk.journal.fail_sync();
                    if !proc.redo && model.failed_commit != FailedCommit::Leave {
                        state.procs[at].pc = Pc::TakeBack;
                        return Some(());
                    }
                }
                Stage::SyncLog => fail_log_sync(model, state, line.change.agent()?),
                Stage::WriteLog | Stage::Mark => tear(model, state, at)?,
                Stage::Place => {}
                Stage::Record | Stage::SyncPlace | Stage::CutLog | Stage::CutMarks => return None,
            }
            done = !proc.redo && failing != Stage::SyncGlobal;
        }
        _ => return None,
    }
    exit(state, at, op, done);
    Some(())
}

/// Whether a change's place is but an index of what the last lines say.
fn is_upkeep(change: Change) -> bool {
    matches!(change, Change::End(_) | Change::Close | Change::Delete)
}

/// A report is synced without the lock, so others may have written to the log before the sync fails. The kernel reports the failure
/// once to each who has the file open; who opens it later learns nothing.
fn fail_log_sync(model: &Protocol, state: &mut State, agent: Agent) {
    state.disk.log_mut(agent).file.fail_sync();
    for at in 0..state.procs.len() {
        let proc = &state.procs[at];
        let reported = matches!(proc.pc, Pc::UnlockReported | Pc::SyncReport)
            && model.op(at, proc).and_then(Op::agent) == Some(agent);
        let applied = matches!(model.stage(proc), Some((Stage::SyncLog, line, _)) if line.change.agent() == Some(agent));
        state.procs[at].warned |= reported || applied;
    }
}
