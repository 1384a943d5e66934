//! What a task's rev means beside the journal's last line: one function, for writers under the task's lock and for readers
//! without it. Whoever calls it has read `own` first and the journal's line after it.

use crate::disk::{Disk, LogPlace, TaskPlace};
use crate::model::Omission;
use crate::records::{Change, Counts, Dir, Line};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The line is this task's, and done.
    Applied,
    /// The line is this task's, and the rest is to be done.
    ToApply,
    /// The line is this task's, and marks before it are missing too: the rest is to be done, and the logs must give its counts.
    Recount,
    /// The line is another task's, and this one is before it.
    Sound,
    Damage,
}

/// What is known of a task's own rev.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The last mark; none in a journal without a good line.
    pub rev: Option<u8>,
    /// Whether the directory has the task's name: a power cut can keep a new task's mark and lose its rename.
    pub named: bool,
    /// The highest rev that the task's `lock` holds.
    pub highest: u8,
}

pub fn judge(own: Own, last: &Line, is_own: bool) -> Verdict {
    let rev = own.rev.unwrap_or(0);
    if !is_own {
        // An opened task has a mark, and marks are synced before the next task commits.
        return if own.rev.is_none() || rev >= last.rev || rev < own.highest {
            Verdict::Damage
        } else {
            Verdict::Sound
        };
    }
    match last.prev {
        _ if rev > last.rev => Verdict::Damage,
        _ if rev == last.rev && own.named => Verdict::Applied,
        Some(prev) if rev == prev || rev == last.rev => Verdict::ToApply,
        Some(prev) if rev > prev => Verdict::Damage,
        _ => Verdict::Recount,
    }
}

impl Disk {
    pub fn own(&self, dir: Dir, omission: Option<Omission>) -> Own {
        let task = self.dir(dir);
        Own {
            rev: self.mark(dir).map(|mark| mark.rev),
            named: self.named(dir) || omission == Some(Omission::NameCheck),
            highest: if omission == Some(Omission::TaskRecord) {
                0
            } else {
                task.highest
            },
        }
    }

    /// Whether the line is about what lies in this directory. One that is being built is not the task that was committed under
    /// the same name.
    pub fn is_of(&self, line: &Line, dir: Dir) -> bool {
        line.task == self.dir(dir).task
            && (self.dir(dir).place.now != TaskPlace::Staged
                || line.change == Change::Open && line.dir == dir)
    }

    /// Whether the agent's log is in a state that the line can be applied to. A power cut may have taken reports between its last
    /// line and this one.
    pub fn fits(&self, line: &Line, omission: Option<Omission>) -> bool {
        let (Some(agent), Some(record)) = (line.change.agent(), line.record) else {
            return true;
        };
        let log = &self.logs[usize::from(agent)];
        let last = log
            .file
            .last()
            .filter(|_| log.place.now != LogPlace::Nowhere);
        match (line.change, last) {
            (_, Some(last)) if last.rev == line.rev => true,
            (Change::Register(_), last) => last.is_none(),
            (_, Some(last)) if omission == Some(Omission::Gaps) => record.seq == last.seq + 1,
            (_, Some(last)) => last.rev < line.rev && last.seq < record.seq,
            (_, None) => false,
        }
    }

    /// Whether the logs of a directory, with the line applied, give the line's counts.
    pub fn gives(&self, line: &Line, dir: Dir) -> bool {
        self.count(dir, Some(line)) == Some(line.counts)
    }

    /// Counts the agents of a directory from their logs, as `doctor` does, with a line overlaid; none where a log is of a later
    /// time than that line.
    pub fn count(&self, dir: Dir, overlay: Option<&Line>) -> Option<Counts> {
        let mut counts = Counts::default();
        for (agent, log) in (0..).zip(&self.logs).filter(|(_, log)| log.dir == dir) {
            let overlaid = overlay
                .filter(|line| line.change.agent() == Some(agent))
                .and_then(|line| line.record);
            let last = log
                .file
                .last()
                .filter(|_| log.place.now != LogPlace::Nowhere);
            if overlay.is_some_and(|line| last.is_some_and(|last| last.rev > line.rev)) {
                return None;
            }
            match overlaid.or(last.copied()) {
                Some(record) if record.active => counts.active += 1,
                Some(_) => counts.ended += 1,
                None => {}
            }
        }
        Some(counts)
    }

    /// What the first lifecycle change in a home of another identity finds: everything, recounted, agrees with the last line.
    pub fn all_agrees(&self, last: &Line) -> bool {
        let mut totals = Counts::default();
        for dir in self.dirs() {
            let is_opened = last.change == Change::Open && last.dir == dir;
            if !self.is_task(dir) && !is_opened {
                continue;
            }
            let is_own = self.is_of(last, dir);
            if is_own && last.change == Change::Delete {
                continue;
            }
            let own = self.own(dir, None);
            let counted = match judge(own, last, is_own) {
                Verdict::Damage => None,
                Verdict::Sound => {
                    let mark = self.mark(dir).map(|mark| mark.counts);
                    let later = |log: &crate::disk::Log| {
                        log.dir == dir && log.file.last().map(|r| r.rev) > own.rev
                    };
                    self.count(dir, None)
                        .filter(|counts| Some(*counts) == mark && !self.logs.iter().any(later))
                }
                // It is applied by now; a copy may have the mark and lack the log, so nothing is overlaid.
                _ => self
                    .count(dir, None)
                    .filter(|counts| *counts == last.counts),
            };
            let Some(counted) = counted else {
                return false;
            };
            totals = totals + counted;
        }
        totals == last.totals
    }
}
