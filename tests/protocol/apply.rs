//! Applying a committed line to its task, step by step: the writer's own line, or one that it redoes.

use crate::disk::{Disk, LogPlace, TaskPlace};
use crate::model::Omission;
use crate::records::{Change, Line};

/// One system call (or a pair that nobody can come between) of applying a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The commit.
    SyncGlobal,
    CutLog,
    WriteLog,
    SyncLog,
    /// A registration: sync `agents/active/`. An end: rename the log to `ended/`. A task: rename its directory.
    Place,
    CutMarks,
    Mark,
}

/// The stages of a change, in order.
pub fn stages(change: Change, omission: Option<Omission>) -> &'static [Stage] {
    use Stage::{CutLog, CutMarks, Mark, Place, SyncGlobal, SyncLog, WriteLog};
    match (
        change.agent().is_some(),
        omission == Some(Omission::MarkLast),
    ) {
        (true, false) => &[SyncGlobal, CutLog, WriteLog, SyncLog, Place, CutMarks, Mark],
        (true, true) => &[SyncGlobal, CutMarks, Mark, CutLog, WriteLog, SyncLog, Place],
        (false, false) => &[SyncGlobal, Place, CutMarks, Mark],
        (false, true) => &[SyncGlobal, CutMarks, Mark, Place],
    }
}

/// Does one stage. A redo cannot know how far its predecessor came, so it looks before it appends.
pub fn perform(disk: &mut Disk, line: &Line, stage: Stage, redo: bool, omission: Option<Omission>) {
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
        (Stage::Place, _) => place(disk, line),
        (Stage::CutMarks, _) if cuts => disk.task_mut(line.task).journal.cut(),
        // A redone opening may find its mark made, and only the rename undone.
        (Stage::Mark, _) if !(redo && disk.applied(line, omission)) => {
            disk.task_mut(line.task).journal.append(line.mark());
        }
        _ => {}
    }
}

fn place(disk: &mut Disk, line: &Line) {
    let task = &mut disk.task_mut(line.task).place;
    match line.change {
        Change::Open if task.now == TaskPlace::Staged => task.now = TaskPlace::Tasks,
        Change::Open => {}
        Change::Close => task.now = TaskPlace::Closed,
        Change::Register(agent) => disk.log_mut(agent).place.sync(),
        Change::End(agent) => disk.log_mut(agent).place.now = LogPlace::Ended,
    }
}
