//! What must hold in every state, after everything that stopped there is recovered, and what must be reached at all.

use stateright::{Model, Property};

use crate::apply::Stage;
use crate::disk::{Disk, LogPlace, Slot, Swept, TaskPlace};
use crate::model::{Action, Hand, Mishaps, Pc, Proc, Promised, Protocol, State, promise};
use crate::readers::Look;
use crate::records::{Change, Counts, Dir, Line, Op, Phase};
use crate::recovery::recover;
use crate::rule::Verdict;

pub const NO_DEADLOCK: &str = "no deadlock";
pub const COUNTS: &str = "counts equal a recount";
pub const NOTHING_LOST: &str = "nothing acknowledged is lost";
pub const LIMITS: &str = "no limit is exceeded";
pub const ONCE: &str = "an agent is counted once";
pub const NUMBERS: &str = "numbers rise";
pub const PLACES: &str = "folders do not run ahead of the truth";
pub const HEALTHY: &str = "a sound registry is never called damaged";
pub const APPLIED: &str = "what is taken for applied is";
pub const TOLD: &str = "a change in a damaged registry counts right or is refused";
pub const NOBODY_STOPPED: &str = "moves that fail stop nobody";
pub const ONE_MOMENT: &str = "what a reader shows is of one moment";

pub const REDOES_OWN: &str = "a report redoes a line";
pub const REDOES_OTHER: &str = "another task's line is redone";
pub const STARTS_AGAIN: &str = "both locks are let go of";
pub const CUTS: &str = "a torn tail is cut";
pub const CLOSES: &str = "a close is committed";
pub const OPENS: &str = "an opening is committed";
pub const DELETES: &str = "a deletion is committed";
pub const REOPENS: &str = "an id is used again";
pub const SWEEPS: &str = "a deleted task is removed";
pub const MAKES_ROOM: &str = "what a deletion left is moved away";
pub const RECOUNTS: &str = "marks before the last line are missing";
pub const TELLS: &str = "damage is told";
pub const GOES_ON: &str = "a change is committed in spite of all";
pub const LOOKS_AGAIN: &str = "a reader finds its task moved";
pub const OVERLAYS: &str = "a reader ends with a line unapplied";
pub const ALL_DONE: &str = "all scripts end";
pub const GAP: &str = "a number is missing in a log";
pub const GARBAGE_MARK: &str = "garbage lies between two marks";

/// Holds in every state; of a model that watches one promise, that this one is kept.
pub const KEPT: &str = "every promise is kept";

type Promise = fn(&Protocol, &State, Option<&Disk>) -> bool;

/// What is promised of every state, given the disk that the next writer makes of it: none where it finds damage.
const PROMISES: [(&str, Promise); 12] = [
    (NO_DEADLOCK, |model, state, _| !stuck(model, state)),
    (HEALTHY, |_, state, disk| {
        state.hand != Hand::None || !state.damaged && disk.is_some()
    }),
    (APPLIED, |model, state, _| {
        state.hand != Hand::None || applied(model, &state.disk)
    }),
    (COUNTS, |_, state, disk| sound(state, disk, counts)),
    (NOTHING_LOST, |_, state, disk| {
        sound(state, disk, |disk| kept(state, disk))
    }),
    (LIMITS, |model, state, disk| {
        sound(state, disk, |disk| within_limits(model, disk))
    }),
    (ONCE, |model, state, disk| {
        sound(state, disk, |disk| counted_once(model, disk))
    }),
    (NUMBERS, |_, state, disk| sound(state, disk, numbered)),
    (PLACES, |_, state, disk| sound(state, disk, placed)),
    (TOLD, |_, state, _| {
        state.hand != Hand::Committed || right_or_told(&state.disk)
    }),
    (NOBODY_STOPPED, |model, state, _| {
        model.scenario.mishaps != Mishaps::default()
            || !model.scenario.moves_fail
            || !done(model, state)
            || did_all(model, &state.promised)
    }),
    (ONE_MOMENT, |_, state, _| !state.misread),
];

/// The first promise that is broken, of those that are watched.
pub fn broken(model: &Protocol, state: &State) -> Option<&'static str> {
    let disk = recover(&state.disk, model.omission);
    let is_broken = |(name, holds): &(&'static str, Promise)| {
        model.watched.is_none_or(|watched| watched == *name) && !holds(model, state, disk.as_ref())
    };
    PROMISES
        .iter()
        .find(|promise| is_broken(promise))
        .map(|(name, _)| *name)
}

pub fn all(model: &Protocol) -> Vec<Property<Protocol>> {
    let mut all = vec![Property::always(KEPT, |model, state| {
        broken(model, state).is_none()
    })];
    if model.watched.is_none() {
        all.extend(reached());
    }
    all
}

/// What a search must come across.
fn reached() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes(REDOES_OWN, |model, state| {
            redoing(model, state, |_, op| matches!(op, Op::Report(..)))
        }),
        Property::sometimes(REDOES_OTHER, |model, state| {
            redoing(model, state, |proc, op| {
                proc.line.is_some_and(|(_, into)| Some(into) != proc.dir) && op.task().is_some()
            })
        }),
        Property::sometimes(STARTS_AGAIN, starts_again),
        Property::sometimes(CUTS, cuts),
        Property::sometimes(CLOSES, |_, state: &State| state.promised.closed != 0),
        Property::sometimes(OPENS, |_, state: &State| state.promised.opened != 0),
        Property::sometimes(DELETES, |_, state: &State| state.promised.deleted != 0),
        Property::sometimes(REOPENS, |_, state: &State| {
            state.promised.deleted & state.promised.opened >> 2 & 1 != 0
        }),
        Property::sometimes(SWEEPS, |_, state: &State| {
            let is_swept = |dir: &crate::disk::TaskDir| dir.swept.now == Swept::All;
            state.disk.tasks.iter().any(is_swept)
        }),
        Property::sometimes(MAKES_ROOM, |_, state: &State| {
            state.procs.iter().any(|proc| proc.pc == Pc::MakeRoom)
        }),
        Property::sometimes(RECOUNTS, |_, state: &State| {
            let seen = state.procs.iter().filter_map(|proc| proc.seen);
            seen.into_iter()
                .any(|seen| seen.verdict == Verdict::Recount)
        }),
        Property::sometimes(TELLS, |_, state: &State| state.damaged),
        Property::sometimes(GOES_ON, |_, state: &State| state.hand == Hand::Committed),
        Property::sometimes(LOOKS_AGAIN, |_, state: &State| {
            state.procs.iter().any(|proc| {
                proc.pc == Pc::Read(Look::OwnAgain)
                    && proc.view.is_some_and(|view| view.is_moved(&state.disk))
            })
        }),
        Property::sometimes(OVERLAYS, |_, state: &State| {
            state.procs.iter().any(|proc| {
                matches!(proc.pc, Pc::Read(Look::Logs | Look::Finish))
                    && proc.view.is_some_and(|view| view.overlays())
            })
        }),
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

/// What is promised of files that nobody has tampered with, after what stopped is recovered.
fn sound(state: &State, disk: Option<&Disk>, holds: impl Fn(&Disk) -> bool) -> bool {
    state.hand != Hand::None || disk.is_none_or(holds)
}

fn done(model: &Protocol, state: &State) -> bool {
    (0..)
        .zip(&state.procs)
        .all(|(at, proc)| model.op(at, proc).is_none())
}

/// Whether every call of every script has exited 0.
fn did_all(model: &Protocol, promised: &Promised) -> bool {
    let mut all = Promised::default();
    for &op in model.scenario.scripts.iter().flatten() {
        promise(&mut all, op, op.task().unwrap_or_default());
    }
    *promised == all
}

/// Nobody can move, and somebody has not finished. Two who let go and start again in turn are not stuck: one holds no lock.
fn stuck(model: &Protocol, state: &State) -> bool {
    !done(model, state)
        && (0..state.procs.len()).all(|at| model.next_state(state, Action::Step(at)).is_none())
}

/// Both registries say what a recount of the agents' logs says.
fn counts(disk: &Disk) -> bool {
    let mut totals = Counts::default();
    for dir in disk.dirs().filter(|&dir| disk.is_task(dir)) {
        let counted = disk.count(dir, None);
        if counted != disk.mark(dir).map(|mark| mark.counts) {
            return false;
        }
        totals = totals + counted.unwrap_or_default();
    }
    disk.journal
        .last()
        .is_some_and(|line| line.totals == totals)
}

/// What is taken for applied is.
fn applied(model: &Protocol, disk: &Disk) -> bool {
    let Some(last) = disk.journal.last() else {
        return true;
    };
    let Some(of) = disk.folder(last) else {
        return true;
    };
    disk.verdict(last, Some(of), model.omission) != Verdict::Applied
        || last.change == Change::Delete
        || disk.count(of, None) == Some(last.counts)
}

/// The last change that was committed in spite of all counts right.
fn right_or_told(disk: &Disk) -> bool {
    let Some(last) = disk.journal.last() else {
        return true;
    };
    let mut totals = Counts::default();
    for dir in disk.dirs().filter(|&dir| disk.is_task(dir)) {
        let is_own = disk.is_of(last, dir);
        let Some(counted) = disk.count(dir, Some(last).filter(|_| is_own)) else {
            return false;
        };
        if is_own && counted != last.counts {
            return false;
        }
        totals = totals + counted;
    }
    totals == last.totals
}

fn is_gone(disk: &Disk, dir: Dir) -> bool {
    let deletes = |line: &&Line| line.change == Change::Delete && line.dir == dir;
    disk.journal.good().any(|line| deletes(&line))
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
        is_gone(disk, log.dir)
            || (registered == 0 || last.is_some())
                && (ended == 0 || last.is_some_and(|record| !record.active))
    });
    let reports = disk
        .logs
        .iter()
        .filter_map(|log| log.file.last())
        .fold(0, |all, record| all | record.reports);
    let tasks = disk.dirs().all(|dir| {
        let bit = |promised: u8| promised >> dir & 1 == 1;
        let phase = disk.mark(dir).map(|mark| mark.phase);
        if is_gone(disk, dir) {
            return !disk.is_task(dir);
        }
        !bit(promised.deleted)
            && (!bit(promised.opened) || disk.is_task(dir))
            && (!bit(promised.closed) || phase == Some(Phase::Closed))
    });
    logs && tasks && reports & promised.reports == promised.reports
}

fn within_limits(model: &Protocol, disk: &Disk) -> bool {
    disk.dirs().filter(|&dir| disk.is_task(dir)).all(|dir| {
        let active = disk.count(dir, None).unwrap_or_default().active;
        let is_open = disk.mark(dir).is_some_and(|mark| mark.phase == Phase::Open);
        active
            <= if is_open {
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
            (TaskPlace::Deleted, _) => true,
            (TaskPlace::Closed, mark) => mark.is_some_and(|mark| mark.phase != Phase::Open),
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
        (Pc::TryOther, Some(seen)) => seen
            .of
            .is_some_and(|of| state.task_locks[usize::from(of)].is_some()),
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
            (_, Some((Stage::CutMarks, _, dir)), _) => state.disk.dir(dir).journal.ends_badly(),
            _ => false,
        }
    })
}
