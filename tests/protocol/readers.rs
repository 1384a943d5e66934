//! Readers, who take no lock: a task's view, and the overview. What a reader shows must be what the registry held after one of its
//! commits, and no older than what was durable when the reader began.

use crate::disk::{Disk, LogPlace, Swept, TaskPlace};
use crate::model::{Omission, Pc, Proc, Protocol, State};
use crate::records::{Change, Counts, Dir, Line, Mark, Op, Task};
use crate::rule::{Verdict, judge};

/// A reader's next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    Own,
    Last,
    OwnAgain,
    ListFirst,
    ListSecond,
    Logs,
    Finish,
    ListTasks,
    ListClosed,
    Tasks,
    FinishOverview,
}

/// What a reader has read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    dir: Dir,
    /// Known to this model only: the rev of the task's last durable commit when the reader began.
    least: u8,
    own: Option<Mark>,
    /// The journal's last line; of a view from the moment that it is overlaid only.
    last: Option<Line>,
    /// The rev of which the view is, and its counts.
    rev: u8,
    expected: Counts,
    /// Which logs or directories were listed and not yet read, one bit each.
    listed: u8,
    counts: [Counts; 2],
}

impl View {
    pub fn is_moved(&self, disk: &Disk) -> bool {
        disk.mark(self.dir) != self.own.as_ref()
    }

    pub fn overlays(&self) -> bool {
        self.last.is_some()
    }
}

/// Begins to read; none where there is no such task.
pub fn begin(disk: &Disk, op: Op) -> Option<(View, Look)> {
    let Op::View(task) = op else {
        let last = disk.journal.last().copied();
        let view = View {
            last,
            ..View::default()
        };
        return Some((view, Look::ListTasks));
    };
    let durable = disk.journal.slots.iter().rev().find_map(|(slot, written)| {
        let line = slot.good().filter(|line| line.task == task)?;
        (*written == crate::disk::Written::Synced).then_some(line.rev)
    });
    let view = View {
        dir: disk.find(task)?,
        least: durable.unwrap_or(0),
        ..View::default()
    };
    Some((view, Look::Own))
}

pub fn step(model: &Protocol, state: &mut State, at: usize, look: Look) {
    let Some(mut view) = state.procs[at].view else {
        unreachable!("a reader has begun")
    };
    match next(model, state, &mut view, look) {
        Some(next) => {
            state.procs[at].view = Some(view);
            state.procs[at].pc = Pc::Read(next);
        }
        None => state.procs[at] = Proc::at(state.procs[at].op + 1),
    }
}

fn next(model: &Protocol, state: &mut State, view: &mut View, look: Look) -> Option<Look> {
    let disk = &state.disk;
    Some(match look {
        Look::Own if disk.is_deleted(view.dir) => return None,
        Look::Own => {
            view.own = disk.mark(view.dir).copied();
            Look::Last
        }
        Look::Last => {
            view.last = disk.journal.last().copied();
            Look::OwnAgain
        }
        Look::OwnAgain => return own_again(model, state, view),
        Look::ListFirst | Look::ListSecond => {
            let in_active = (look == Look::ListFirst) != model.omits(Omission::ListOrder);
            let folder = if in_active {
                LogPlace::Active
            } else {
                LogPlace::Ended
            };
            list_logs(disk, view, folder);
            if look == Look::ListFirst {
                Look::ListSecond
            } else {
                Look::Logs
            }
        }
        Look::Logs if view.listed == 0 => Look::Finish,
        Look::Logs => {
            read_log(model, disk, view);
            Look::Logs
        }
        // The files may have been removed under the reader: then the journal's end says so, or is gone.
        Look::Finish if disk.is_deleted(view.dir) && !model.omits(Omission::LastLook) => {
            return None;
        }
        Look::Finish => {
            state.misread |= view.counts[0] != view.expected || view.rev < view.least;
            return None;
        }
        Look::ListTasks => {
            list_dirs(disk, view, TaskPlace::Tasks);
            Look::ListClosed
        }
        Look::ListClosed => {
            list_dirs(disk, view, TaskPlace::Closed);
            Look::Tasks
        }
        Look::Tasks if view.listed == 0 => Look::FinishOverview,
        Look::Tasks => {
            read_task(model, disk, view);
            Look::Tasks
        }
        Look::FinishOverview => {
            let last = view.last?;
            if view.counts[0] + view.counts[1] == last.totals {
                state.misread |= (0..2)
                    .any(|task| view.counts[usize::from(task)] != after(disk, last.rev, task));
                return None;
            }
            if disk.journal.last() == Some(&last) {
                state.misread = true;
                return None;
            }
            *view = begin(disk, Op::Overview)?.0;
            Look::ListTasks
        }
    })
}

fn own_again(model: &Protocol, state: &mut State, view: &mut View) -> Option<Look> {
    let disk = &state.disk;
    let last = view.last?;
    if disk.mark(view.dir) != view.own.as_ref() {
        return Some(Look::Own);
    }
    let is_own = disk.is_of(&last, view.dir);
    let own = disk.own(view.dir, model.omission);
    match judge(own, &last, is_own) {
        Verdict::Damage if disk.journal.last() == Some(&last) => {
            state.damaged = true;
            return None;
        }
        Verdict::Damage => return Some(Look::Own),
        // A deletion is overlaid by seeing no task.
        Verdict::ToApply if last.change == Change::Delete && !model.omits(Omission::Overlay) => {
            return None;
        }
        Verdict::ToApply | Verdict::Recount if !model.omits(Omission::Overlay) => {
            view.rev = last.rev;
            view.expected = last.counts;
        }
        _ => {
            view.last = None;
            view.rev = own.rev.unwrap_or(0);
            view.expected = view.own.map(|mark| mark.counts).unwrap_or_default();
        }
    }
    view.own = None;
    Some(Look::ListFirst)
}

fn list_logs(disk: &Disk, view: &mut View, folder: LogPlace) {
    for (agent, log) in (0..).zip(&disk.logs) {
        let is_there = log.dir == view.dir
            && log.place.now == folder
            && disk.dir(view.dir).swept.now == Swept::Nothing;
        let overlaid = view
            .last
            .is_some_and(|last| last.change.agent() == Some(agent));
        if is_there || overlaid {
            view.listed |= 1 << agent;
        }
    }
}

fn take_first(listed: &mut u8) -> u8 {
    let first = (0..8)
        .find(|bit| *listed >> bit & 1 == 1)
        .expect("something is listed");
    *listed &= *listed - 1;
    first
}

/// Reads one log, in whichever folder it lies by now.
fn read_log(model: &Protocol, disk: &Disk, view: &mut View) {
    let agent = take_first(&mut view.listed);
    let log = &disk.logs[usize::from(agent)];
    let overlaid = view
        .last
        .filter(|last| last.change.agent() == Some(agent))
        .and_then(|last| last.record);
    let is_there =
        log.place.now != LogPlace::Nowhere && disk.dir(view.dir).swept.now == Swept::Nothing;
    let read = log
        .file
        .good()
        .rfind(|record| record.rev <= view.rev || model.omits(Omission::Bounded))
        .filter(|_| is_there);
    let [counts, _] = &mut view.counts;
    match overlaid.or(read.copied()) {
        Some(record) if record.active => counts.active += 1,
        Some(_) => counts.ended += 1,
        None => {}
    }
}

fn list_dirs(disk: &Disk, view: &mut View, place: TaskPlace) {
    for dir in disk.dirs() {
        let found = disk.dir(dir);
        if found.place.now == place && found.swept.now < Swept::All {
            view.listed |= 1 << dir;
        }
    }
}

/// Reads one task's last mark of the overview's moment or before.
fn read_task(model: &Protocol, disk: &Disk, view: &mut View) {
    let dir = take_first(&mut view.listed);
    let (found, Some(last)) = (disk.dir(dir), view.last) else {
        return;
    };
    if found.place.now == TaskPlace::Deleted || found.swept.now >= Swept::Journal {
        return;
    }
    let bounded = !model.omits(Omission::Bounded);
    let mark = found
        .journal
        .good()
        .rfind(|mark| mark.rev <= last.rev || !bounded);
    let is_behind = mark.is_none_or(|mark| mark.rev < last.rev);
    let overlaid = disk.is_of(&last, dir) && is_behind && !model.omits(Omission::Overlay);
    let counts = if overlaid {
        // What is left of an earlier task of this name is not what the line opens.
        let is_left = last.change == Change::Open && last.dir != dir;
        Some(last.counts).filter(|_| !is_left)
    } else {
        mark.map(|mark| mark.counts)
    };
    let sum = &mut view.counts[usize::from(found.task)];
    *sum = *sum + counts.unwrap_or_default();
}

/// What the journal says of a task after the line of this rev.
fn after(disk: &Disk, rev: u8, task: Task) -> Counts {
    disk.journal
        .good()
        .rfind(|line| line.task == task && line.rev <= rev)
        .map_or(Counts::default(), |line| line.counts)
}
