//! What must hold in every state, after everything that stopped there is recovered, and what must be reached at all.

use stateright::{Model, Property};

use crate::apply::Stage;
use crate::disk::{Disk, LogPlace, Slot, TaskPlace};
use crate::model::{Action, Pc, Proc, Protocol, State};
use crate::records::{Change, Counts, Op};
use crate::recovery::{recount, recover};

pub const NO_DEADLOCK: &str = "no deadlock";
pub const COUNTS: &str = "counts equal a recount";
pub const NOTHING_LOST: &str = "nothing acknowledged is lost";
pub const LIMITS: &str = "no limit is exceeded";
pub const ONCE: &str = "an agent is counted once";
pub const NUMBERS: &str = "numbers rise";
pub const PLACES: &str = "folders do not run ahead of the truth";

pub const REDOES_OWN: &str = "a report redoes a line";
pub const REDOES_OTHER: &str = "another task's line is redone";
pub const STARTS_AGAIN: &str = "both locks are let go of";
pub const CUTS: &str = "a torn tail is cut";
pub const CLOSES: &str = "a close is committed";
pub const OPENS: &str = "an opening is committed";
pub const ALL_DONE: &str = "all scripts end";
pub const GAP: &str = "a number is missing in a log";
pub const GARBAGE_MARK: &str = "garbage lies between two marks";

pub fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(NO_DEADLOCK, |model, state| !stuck(model, state)),
        Property::always(COUNTS, |model, state| {
            counts(model, &recovered(model, state))
        }),
        Property::always(NOTHING_LOST, |model, state| {
            kept(state, &recovered(model, state))
        }),
        Property::always(LIMITS, |model, state| {
            within_limits(model, &recovered(model, state))
        }),
        Property::always(ONCE, |model, state| {
            counted_once(model, &recovered(model, state))
        }),
        Property::always(NUMBERS, |model, state| numbered(&recovered(model, state))),
        Property::always(PLACES, |model, state| placed(&recovered(model, state))),
        Property::sometimes(REDOES_OWN, |model, state| {
            redoing(model, state, |_, op| matches!(op, Op::Report(..)))
        }),
        Property::sometimes(REDOES_OTHER, |model, state| {
            redoing(model, state, |proc, op| {
                proc.line.is_some_and(|line| line.task != op.task())
            })
        }),
        Property::sometimes(STARTS_AGAIN, starts_again),
        Property::sometimes(CUTS, cuts),
        Property::sometimes(CLOSES, |_, state: &State| state.promised.closed != 0),
        Property::sometimes(OPENS, |_, state: &State| state.promised.opened != 0),
        Property::sometimes(ALL_DONE, done),
        Property::sometimes(GAP, |_, state: &State| {
            state.disk.logs.iter().any(|log| {
            log.file.slots.windows(2).any(|pair| {
                matches!(pair, [(Slot::Good(one), _), (Slot::Good(next), _)] if next.seq > one.seq + 1)
            })
        })
        }),
        Property::sometimes(GARBAGE_MARK, |_, state: &State| {
            state.disk.tasks.iter().any(|task| {
                let slots = &task.journal.slots;
                slots
                    .windows(2)
                    .any(|pair| matches!(pair, [(Slot::Garbage, _), (Slot::Good(_), _)]))
            })
        }),
    ]
}

fn recovered(model: &Protocol, state: &State) -> Disk {
    recover(&state.disk, model.omission)
}

fn done(model: &Protocol, state: &State) -> bool {
    (0..)
        .zip(&state.procs)
        .all(|(at, proc)| model.op(at, proc).is_none())
}

/// Nobody can move, and somebody has not finished. Two who let go and start again in turn are not stuck: one holds no lock.
fn stuck(model: &Protocol, state: &State) -> bool {
    !done(model, state)
        && (0..state.procs.len()).all(|at| model.next_state(state, Action::Step(at)).is_none())
}

/// Both registries say what a recount of the agents' logs says.
fn counts(model: &Protocol, disk: &Disk) -> bool {
    let mut totals = Counts::default();
    for (at, task) in disk.tasks.iter().enumerate() {
        let counted = recount(model, disk, at);
        if counted
            != task
                .journal
                .last()
                .map_or(Counts::default(), |mark| mark.counts)
        {
            return false;
        }
        totals.active += counted.active;
        totals.ended += counted.ended;
    }
    disk.journal
        .last()
        .is_some_and(|line| line.totals == totals)
}

/// Every call that exited 0 can be seen, in the files and in the states that build on them.
fn kept(state: &State, disk: &Disk) -> bool {
    let promised = &state.promised;
    let logs = (0..).zip(&disk.logs).all(|(agent, log): (u8, _)| {
        let (registered, ended) = (
            promised.registered >> agent & 1,
            promised.ended >> agent & 1,
        );
        let last = log.file.last();
        (registered == 0 || last.is_some())
            && (ended == 0 || last.is_some_and(|record| !record.active))
    });
    let reports = disk
        .logs
        .iter()
        .filter_map(|log| log.file.last())
        .fold(0, |all, record| all | record.reports);
    let tasks = (0..).zip(&disk.tasks).all(|(task, dir): (u8, _)| {
        let (opened, closed) = (promised.opened >> task & 1, promised.closed >> task & 1);
        let found = !matches!(dir.place.now, TaskPlace::Nowhere | TaskPlace::Staged);
        let mark = dir.journal.last();
        (opened == 0 || found && mark.is_some())
            && (closed == 0 || mark.is_some_and(|mark| !mark.open))
    });
    logs && tasks && reports & promised.reports == promised.reports
}

fn within_limits(model: &Protocol, disk: &Disk) -> bool {
    disk.tasks.iter().enumerate().all(|(at, task)| {
        let active = recount(model, disk, at).active;
        let open = task.journal.last().is_some_and(|mark| mark.open);
        active
            <= if open {
                model.scenario.max_concurrent
            } else {
                0
            }
    })
}

fn counted_once(model: &Protocol, disk: &Disk) -> bool {
    (0..).zip(&model.scenario.agents).all(|(agent, _)| {
        let times = |change| {
            disk.journal
                .good()
                .filter(|line| line.change == change)
                .count()
        };
        times(Change::Register(agent)) <= 1 && times(Change::End(agent)) <= 1
    })
}

/// The journal counts without gaps and is strict; logs only rise, for a power cut may take a report that nobody was promised.
fn numbered(disk: &Disk) -> bool {
    let revs: Vec<_> = disk.journal.good().map(|line| line.rev).collect();
    let marks = |task: &crate::disk::TaskDir| {
        task.journal
            .good()
            .map(|mark| mark.rev)
            .is_sorted_by(|a, b| a < b)
    };
    revs.len() == disk.journal.slots.len()
        && revs.windows(2).all(|pair| pair[1] == pair[0] + 1)
        && disk.tasks.iter().all(marks)
        && disk.logs.iter().all(|log| {
            log.file
                .good()
                .map(|record| record.seq)
                .is_sorted_by(|a, b| a < b)
        })
}

/// A log in `ended/` has ended, a task in `closed/` is closed, a task with a mark has left its staging place. The other way round
/// a power cut may undo a rename, and whoever finds that puts it right.
fn placed(disk: &Disk) -> bool {
    let logs = disk
        .logs
        .iter()
        .all(|log| log.place.now != LogPlace::Ended || log.file.last().is_some_and(|r| !r.active));
    let tasks = disk
        .tasks
        .iter()
        .all(|task| match (task.place.now, task.journal.last()) {
            (TaskPlace::Closed, mark) => mark.is_some_and(|mark| !mark.open),
            (TaskPlace::Nowhere | TaskPlace::Staged, mark) => mark.is_none(),
            (TaskPlace::Tasks, mark) => mark.is_some(),
        });
    logs && tasks
}

fn redoing(model: &Protocol, state: &State, which: impl Fn(&Proc, Op) -> bool) -> bool {
    (0..)
        .zip(&state.procs)
        .any(|(at, proc)| proc.redo && model.op(at, proc).is_some_and(|op| which(proc, op)))
}

fn starts_again(_: &Protocol, state: &State) -> bool {
    state.procs.iter().any(|proc| match (proc.pc, proc.seen) {
        (Pc::TryOther, Some(seen)) => state.task_locks[usize::from(seen.last.task)].is_some(),
        _ => false,
    })
}

fn cuts(model: &Protocol, state: &State) -> bool {
    (0..).zip(&state.procs).any(|(at, proc)| {
        match (proc.pc, model.stage(proc), model.op(at, proc)) {
            (Pc::CutGlobal, ..) => state.disk.journal.ends_badly(),
            (Pc::CutLog, _, Some(Op::Report(_, agent, _))) => {
                state.disk.logs[usize::from(agent)].file.ends_badly()
            }
            (_, Some((Stage::CutMarks, line)), _) => {
                state.disk.task(line.task).journal.ends_badly()
            }
            _ => false,
        }
    })
}
