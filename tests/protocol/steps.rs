//! What a process does next, one system call at a time.
//!
//! Two reductions keep the space small and lose nothing. Reading is one step with the branch that follows from it, for what is
//! read under a lock does not change, and the one file read without its lock is read in a step of its own. And to exit 0 is one
//! step with the one before it: to die between the two promises less and leaves the same disk.

use crate::apply::{Stage, perform, stages};
use crate::disk::{Entry, LogPlace, TaskPlace};
use crate::model::{FailedCommit, Omission, Pc, Proc, Protocol, State, promise};
use crate::records::{Agent, Change, Decision, Line, Op, Record, Seen, decide};

/// The next state, or none while the process waits for a lock.
pub fn step(model: &Protocol, last: &State, at: usize) -> Option<State> {
    let op = model.op(at, &last.procs[at])?;
    let mut state = last.clone();
    let task = usize::from(op.task());
    match last.procs[at].pc {
        Pc::TakeTask => return take_task(model, state, at, op),
        Pc::TakeGlobal => {
            if last.global_lock.is_some() {
                return None;
            }
            state.global_lock = Some(at);
            state.procs[at].pc = Pc::CutGlobal;
        }
        Pc::CutGlobal => {
            if !model.omits(Omission::CutTornTails) {
                state.disk.journal.cut();
            }
            state.procs[at].pc = Pc::ReadTails;
        }
        Pc::ReadTails => read_tails(model, &mut state, at, op),
        Pc::TryOther => {
            let line = state.procs[at].seen.expect("the tails are read").last;
            let other = usize::from(line.task);
            if state.task_locks[other].is_some() {
                if model.omits(Omission::LetGo) {
                    return None;
                }
                // Somebody at work there may be waiting for the lock that this process holds: let go of both, start again.
                state.release(at);
                state.procs[at] = Proc::at(state.procs[at].op);
            } else {
                state.task_locks[other] = Some(at);
                begin(&mut state.procs[at], line, true);
            }
        }
        Pc::Apply(done) => apply(model, &mut state, at, done, task),
        Pc::SyncTasks | Pc::SyncOther => sync_predecessor(model, &mut state, at, op),
        Pc::Commit => match decision(model, &state, at, op) {
            Decision::Change(line) => {
                state.disk.journal.append(line);
                begin(&mut state.procs[at], line, false);
            }
            decided => {
                state.procs[at].pc = Pc::UnlockGlobal {
                    done: decided == Decision::Already,
                }
            }
        },
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
            state.task_locks[task] = None;
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
        Pc::UnlockTask { done } => exit(&mut state, at, op, done),
    }
    Some(state)
}

fn take_task(model: &Protocol, mut state: State, at: usize, op: Op) -> Option<State> {
    let dir = state.disk.task_mut(op.task());
    match dir.place.now {
        TaskPlace::Nowhere if matches!(op, Op::Change(_, Change::Open)) => {
            // Nobody else knows the new directory's random name, so building it is one step.
            dir.place = Entry::at(TaskPlace::Staged);
            if model.omits(Omission::StagedSync) {
                dir.place.synced = TaskPlace::Nowhere;
            }
            return Some(state);
        }
        TaskPlace::Nowhere | TaskPlace::Staged if !matches!(op, Op::Change(_, Change::Open)) => {
            exit(&mut state, at, op, false);
            return Some(state);
        }
        _ => {}
    }
    if model.omits(Omission::TailAfterLock) && state.procs[at].seen.is_none() {
        state.procs[at].seen = Some(state.disk.read(op.task(), op.agent(), model.omission));
        return Some(state);
    }
    let lock = &mut state.task_locks[usize::from(op.task())];
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

/// Step 1's syncs: once the journal's last line is no longer the last, nobody will redo it.
fn sync_predecessor(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let proc = &mut state.procs[at];
    let last = proc.seen.expect("the tails are read").last;
    let dir = state.disk.task_mut(last.task);
    if proc.pc == Pc::SyncTasks {
        if !model.omits(Omission::TasksSync) {
            dir.place.sync();
        }
        proc.pc = if last.task == op.task() {
            Pc::Commit
        } else {
            Pc::SyncOther
        };
        return;
    }
    if !model.omits(Omission::Rewrite) {
        dir.journal.rewrite_last();
    }
    if !model.omits(Omission::OtherTaskSync) {
        dir.journal.sync();
    }
    proc.pc = Pc::Commit;
}

fn begin(proc: &mut Proc, line: Line, redo: bool) {
    *proc = Proc {
        pc: Pc::Apply(0),
        seen: None,
        line: Some(line),
        redo,
        op: proc.op,
        warned: false,
    };
}

/// Reads, unless it was (wrongly) done before the lock; and branches on what it finds in the last line.
fn read_tails(model: &Protocol, state: &mut State, at: usize, op: Op) {
    let seen: Seen = state.procs[at]
        .seen
        .unwrap_or_else(|| state.disk.read(op.task(), op.agent(), model.omission));
    let proc = &mut state.procs[at];
    proc.seen = Some(seen);
    let own = seen.last.task == op.task();
    let applied = seen.applied || model.omits(Omission::Redo);
    let hot = matches!(op, Op::Report(..));
    match (hot, own, applied) {
        (_, true, false) => begin(proc, seen.last, true),
        (true, ..) => proc.pc = Pc::CutLog,
        (false, false, false) => proc.pc = Pc::TryOther,
        (false, ..) if seen.last.change == Change::Open => proc.pc = Pc::SyncTasks,
        (false, true, true) => proc.pc = Pc::Commit,
        (false, false, true) => proc.pc = Pc::SyncOther,
    }
    // A report decides by the agent's log alone, which is read when the line is appended.
    if proc.pc == Pc::CutLog && !model.omits(Omission::TailAfterLock) {
        proc.seen = None;
    }
}

/// Does the stage after the first `done` ones.
fn apply(model: &Protocol, state: &mut State, at: usize, done: u8, own: usize) {
    let Proc {
        line: Some(line),
        redo,
        op,
        ..
    } = state.procs[at]
    else {
        unreachable!("there is a line to apply")
    };
    let all = stages(line.change, model.omission);
    let next = all[usize::from(done)];
    perform(&mut state.disk, &line, next, redo, model.omission);
    if usize::from(done) + 1 < all.len() {
        state.procs[at].pc = Pc::Apply(done + 1);
    } else if redo {
        if usize::from(line.task) != own {
            state.task_locks[usize::from(line.task)] = None;
        }
        state.procs[at] = Proc {
            pc: Pc::ReadTails,
            ..Proc::at(op)
        };
    } else {
        state.procs[at] = Proc {
            pc: Pc::UnlockGlobal { done: true },
            ..Proc::at(op)
        };
    }
}

fn decision(model: &Protocol, state: &State, at: usize, op: Op) -> Decision {
    match (op, &state.procs[at].seen) {
        (Op::Change(task, change), Some(seen)) => {
            decide(seen, task, change, model.scenario.max_concurrent)
        }
        _ => unreachable!("a lifecycle change has read the tails"),
    }
}

/// The line that a report appends; none when the agent cannot report.
fn reported(model: &Protocol, state: &State, at: usize, op: Op) -> Option<Record> {
    let Op::Report(task, agent, bit) = op else {
        unreachable!("only reports come here")
    };
    let now = match state.procs[at].seen {
        Some(seen) => seen.record,
        None => state.disk.read(task, Some(agent), model.omission).record,
    }?;
    let rev = if model.omits(Omission::RevCarried) {
        0
    } else {
        now.rev
    };
    now.active.then_some(Record {
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
    if done {
        promise(&mut state.promised, op);
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
        (_, Some((Stage::WriteLog, line))) => {
            let log = state.disk.log_mut(line.change.agent()?);
            if state.procs[at].redo && log.file.last().is_some_and(|last| last.rev == line.rev) {
                return None;
            }
            if log.place.now == LogPlace::Nowhere {
                log.place.now = LogPlace::Active;
            }
            log.file.append_torn();
        }
        (_, Some((Stage::Mark, line))) => state.disk.task_mut(line.task).journal.append_torn(),
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
        (Pc::SyncOther, _) => state
            .disk
            .task_mut(proc.seen?.last.task)
            .journal
            .fail_sync(),
        (_, Some((failing, line))) => {
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
                Stage::CutLog | Stage::CutMarks => return None,
            }
            done = !proc.redo && failing != Stage::SyncGlobal;
        }
        _ => return None,
    }
    exit(state, at, op, done);
    Some(())
}

/// A report is synced without the lock, so others may have written to the log before the sync fails. The kernel reports the failure
/// once to each who has the file open; who opens it later learns nothing.
fn fail_log_sync(model: &Protocol, state: &mut State, agent: Agent) {
    state.disk.log_mut(agent).file.fail_sync();
    for at in 0..state.procs.len() {
        let proc = &state.procs[at];
        let reported = matches!(proc.pc, Pc::UnlockReported | Pc::SyncReport)
            && model.op(at, proc).and_then(Op::agent) == Some(agent);
        let applied = matches!(model.stage(proc), Some((Stage::SyncLog, line)) if line.change.agent() == Some(agent));
        state.procs[at].warned |= reported || applied;
    }
}
