//! Applying a committed line to its task, step by step: the writer's own line, or one that it redoes.

use crate::disk::{Disk, LogPlace, Swept, TaskPlace};
use crate::model::Omission;
use crate::records::{Change, Dir, Line};

/// One system call (or a pair that nobody can come between) of applying a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The commit.
    SyncGlobal,
    /// The highest rev, in the locks of the home and of the task: written in place, not synced, and no harm if it fails.
    Record,
    CutLog,
    WriteLog,
    SyncLog,
    /// A registration: sync `agents/active/`. An end: rename the log to `ended/`. A task: rename its directory.
    Place,
    /// A deletion: sync `closed/`, so that what is removed is removed under no task's name.
    SyncPlace,
    CutMarks,
    Mark,
}

/// The stages of a change, in order.
pub fn stages(change: Change, omission: Option<Omission>) -> &'static [Stage] {
    use Stage::{CutLog, CutMarks, Mark, Place, Record, SyncGlobal, SyncLog, SyncPlace, WriteLog};
    match (change, omission) {
        (Change::Delete, Some(Omission::SyncPlace)) => &[SyncGlobal, Record, Place, CutMarks, Mark],
        (Change::Delete, _) => &[SyncGlobal, Record, Place, SyncPlace, CutMarks, Mark],
        (Change::Open | Change::Close, Some(Omission::MarkLast)) => {
            &[SyncGlobal, Record, CutMarks, Mark, Place]
        }
        (Change::Open | Change::Close, _) => &[SyncGlobal, Record, Place, CutMarks, Mark],
        (_, Some(Omission::MarkLast)) => &[
            SyncGlobal, Record, CutMarks, Mark, CutLog, WriteLog, SyncLog, Place,
        ],
        (_, Some(Omission::RecordAfterSync)) => &[
            Record, SyncGlobal, CutLog, WriteLog, SyncLog, Place, CutMarks, Mark,
        ],
        _ => &[
            SyncGlobal, Record, CutLog, WriteLog, SyncLog, Place, CutMarks, Mark,
        ],
    }
}

/// Does one stage in the line's directory. A redo cannot know how far its predecessor came, so it looks before it appends.
pub fn perform(
    disk: &mut Disk,
    line: &Line,
    dir: Dir,
    stage: Stage,
    redo: bool,
    omission: Option<Omission>,
) {
    let rewrites = redo && omission != Some(Omission::Rewrite);
    let cuts = omission != Some(Omission::CutTornTails);
    let agent = line.change.agent();
    match (stage, agent) {
        (Stage::SyncGlobal, _) => {
            if rewrites {
                disk.journal.rewrite_last();
            }
            disk.journal.sync();
        }
        (Stage::Record, _) => record(disk, line, dir, redo, omission),
        (Stage::CutLog, Some(agent)) if cuts => disk.log_mut(agent).file.cut(),
        (Stage::WriteLog, Some(agent)) => {
            let log = disk.log_mut(agent);
            if log.place.now == LogPlace::Nowhere {
                log.place.now = LogPlace::Active;
            }
            let record = line.record.expect("an agent's change holds its record");
            match log.file.last() {
                Some(last) if redo && last.rev == line.rev => {
                    if rewrites {
                        log.file.rewrite_last();
                    }
                }
                _ => log.file.append(record),
            }
        }
        (Stage::SyncLog, Some(agent)) => disk.log_mut(agent).file.sync(),
        (Stage::Place, _) => place(disk, line, dir),
        (Stage::SyncPlace, _) => disk.dir_mut(dir).place.sync(),
        (Stage::CutMarks | Stage::Mark, _) if disk.dir(dir).swept.now >= Swept::Journal => {}
        (Stage::CutMarks, _) if cuts => disk.dir_mut(dir).journal.cut(),
        // A redone opening may find its mark made, and only the rename undone.
        (Stage::Mark, _) if !(redo && disk.mark(dir) == Some(&line.mark())) => {
            disk.dir_mut(dir).journal.append(line.mark());
        }
        _ => {}
    }
}

/// Version 0.1.0 writes no record, and whoever has not recounted a home of another identity leaves its record alone.
fn record(disk: &mut Disk, line: &Line, dir: Dir, redo: bool, omission: Option<Omission>) {
    let left_out = redo && omission == Some(Omission::RedoRecord);
    if line.prev.is_some() && disk.known && !left_out {
        if omission != Some(Omission::HomeRecord) {
            disk.highest = line.rev;
        }
        disk.dir_mut(dir).highest = line.rev;
    }
}

fn place(disk: &mut Disk, line: &Line, dir: Dir) {
    let task = line.task;
    let is_free = |place| disk.is_taken(task, place).is_none();
    let to = match line.change {
        Change::Open if is_free(TaskPlace::Tasks) => TaskPlace::Tasks,
        // What is left of an earlier task of this name is in the way; the place is but an index.
        Change::Close if is_free(TaskPlace::Closed) => TaskPlace::Closed,
        Change::Delete => TaskPlace::Deleted,
        Change::Open | Change::Close => return,
        Change::Register(agent) => return disk.log_mut(agent).place.sync(),
        Change::End(agent) => {
            disk.log_mut(agent).place.now = LogPlace::Ended;
            return;
        }
    };
    let place = &mut disk.dir_mut(dir).place;
    place.now = place.now.max(to);
}

/// What follows a deletion, without any lock: the directory is removed, its journal only once no power cut can give it back
/// its name without its journal.
pub fn sweep(disk: &mut Disk, dir: Dir) -> bool {
    let found = disk.dir_mut(dir);
    found.swept.now = match (found.swept.now, found.place.now) {
        (Swept::Nothing, _) => Swept::Logs,
        (Swept::Logs, TaskPlace::Deleted) => Swept::Journal,
        (Swept::Journal, _) => Swept::All,
        _ => return false,
    };
    true
}
