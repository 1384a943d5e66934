//! The files: what every process sees, and what a power cut may leave of it.
//!
//! The page cache outlives processes, so a death loses nothing that was written; a power cut keeps or loses each write that no
//! sync has covered, independently, file by file and line by line. The assumptions about the medium are the usual ones: a sync
//! that succeeds covers the whole file, a rename is there or not, and a sync that fails marks pages clean that never arrived.

use crate::model::Omission;
use crate::records::{Agent, Change, Dir, Line, Mark, Phase, Record, Seen, Task};
use crate::rule::{Verdict, judge};

/// How sure it is that a line is on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    Synced,
    Dirty,
    /// A sync failed over it: the kernel holds it for clean and the next sync will not write it.
    Doubtful,
}

/// A place for a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot<T> {
    Good(T),
    /// A line that does not parse.
    Garbage,
    /// The beginning of a line: whatever is appended becomes part of it.
    Torn,
}

impl<T> Slot<T> {
    pub fn good(&self) -> Option<&T> {
        match self {
            Slot::Good(line) => Some(line),
            Slot::Garbage | Slot::Torn => None,
        }
    }
}

/// A file that is only appended to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct File<T> {
    pub slots: Vec<(Slot<T>, Written)>,
    /// What was cut off since the last sync: it may come back, instead of all that was appended after it.
    ghost: Vec<Slot<T>>,
}

impl<T> Default for File<T> {
    fn default() -> Self {
        File {
            slots: Vec::new(),
            ghost: Vec::new(),
        }
    }
}

impl<T: Copy + PartialEq> File<T> {
    /// The good lines, oldest first; readers skip the rest.
    pub fn good(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.slots.iter().filter_map(|(slot, _)| slot.good())
    }

    pub fn last(&self) -> Option<&T> {
        self.good().next_back()
    }

    /// Whether the next writer has something to cut off.
    pub fn ends_badly(&self) -> bool {
        self.slots
            .last()
            .is_some_and(|(slot, _)| !matches!(slot, Slot::Good(_)))
    }

    /// Cuts off what follows the last good line.
    pub fn cut(&mut self) {
        let keep = self
            .slots
            .iter()
            .rposition(|(slot, _)| matches!(slot, Slot::Good(_)))
            .map_or(0, |at| at + 1);
        self.truncate(keep);
    }

    /// Takes back the last line.
    pub fn cut_last(&mut self) {
        self.truncate(self.slots.len() - 1);
    }

    fn truncate(&mut self, keep: usize) {
        let cut: Vec<_> = self.slots.drain(keep..).map(|(slot, _)| slot).collect();
        // Of two cuts the one that could bring back a line is the one to fear.
        let fearsome = |slots: &[Slot<T>]| slots.iter().any(|slot| matches!(slot, Slot::Good(_)));
        if !cut.is_empty() && (fearsome(&cut) || !fearsome(&self.ghost)) {
            self.ghost = cut;
        }
    }

    pub fn append(&mut self, line: T) {
        let glued = self.slots.pop_if(|(slot, _)| *slot == Slot::Torn).is_some();
        self.slots.push((
            if glued {
                Slot::Garbage
            } else {
                Slot::Good(line)
            },
            Written::Dirty,
        ));
    }

    /// An append that stopped in the middle: its writer was killed, or the disk is full.
    pub fn append_torn(&mut self) {
        if self
            .slots
            .last()
            .is_none_or(|(slot, _)| *slot != Slot::Torn)
        {
            self.slots.push((Slot::Torn, Written::Dirty));
        }
    }

    /// Writes the last good line once more in its place, so that a sync will cover it.
    pub fn rewrite_last(&mut self) {
        if let Some((_, written)) = self
            .slots
            .iter_mut()
            .rfind(|(slot, _)| matches!(slot, Slot::Good(_)))
            && *written == Written::Doubtful
        {
            *written = Written::Dirty;
        }
    }

    pub fn sync(&mut self) {
        self.relabel(Written::Synced);
        self.ghost.clear();
    }

    pub fn fail_sync(&mut self) {
        self.relabel(Written::Doubtful);
    }

    fn relabel(&mut self, to: Written) {
        for (_, written) in &mut self.slots {
            if *written == Written::Dirty {
                *written = to;
            }
        }
    }

    /// Everything that a power cut may leave of this file.
    fn after_power_cut(&self) -> Vec<Self> {
        let sure = self
            .slots
            .iter()
            .take_while(|(_, written)| *written == Written::Synced)
            .count();
        let mut left = vec![self.slots[..sure].to_vec()];
        if !self.ghost.is_empty() {
            let returned = self.ghost.iter().map(|slot| (*slot, Written::Synced));
            left.push(self.slots[..sure].iter().copied().chain(returned).collect());
        }
        // `whole` are the outcomes in which the file is as long as the line before; each line may be there or be garbage.
        let mut whole = vec![self.slots[..sure].to_vec()];
        for &(slot, written) in &self.slots[sure..] {
            let mut longer = Vec::new();
            for prefix in whole {
                let mut with =
                    |slot| longer.push([prefix.as_slice(), &[(slot, Written::Synced)]].concat());
                with(slot);
                if written != Written::Synced && matches!(slot, Slot::Good(_)) {
                    with(Slot::Garbage);
                }
            }
            if written == Written::Synced {
                // The file cannot end before what is on the medium for certain.
                left.clear();
            }
            left.extend(longer.iter().cloned());
            whole = longer;
        }
        left.into_iter()
            .map(|slots| File {
                slots,
                ghost: Vec::new(),
            })
            .collect()
    }

    fn settle(&mut self) {
        self.slots
            .iter_mut()
            .for_each(|(_, written)| *written = Written::Synced);
        self.ghost.clear();
    }
}

/// A name in a directory: where it points now, and where it would after a power cut that loses the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry<P> {
    pub now: P,
    pub synced: P,
}

impl<P: Copy + PartialEq> Entry<P> {
    pub fn at(place: P) -> Self {
        Entry {
            now: place,
            synced: place,
        }
    }

    pub fn sync(&mut self) {
        self.synced = self.now;
    }

    fn after_power_cut(self) -> Vec<Self> {
        let mut left = vec![Entry::at(self.now)];
        if self.now != self.synced {
            left.push(Entry::at(self.synced));
        }
        left
    }
}

impl Entry<TaskPlace> {
    /// Of two renames the second may be lost.
    fn after_power_cuts(self) -> Vec<Self> {
        let mut left = self.after_power_cut();
        if self.now == TaskPlace::Deleted && self.synced < TaskPlace::Closed {
            left.push(Entry::at(TaskPlace::Closed));
        }
        left
    }
}

impl Entry<Swept> {
    /// Of several removals each may be lost; a journal that is gone is all that is asked of the rest.
    fn after_power_cuts(self) -> Vec<Self> {
        [Swept::Nothing, Swept::Logs, Swept::Journal, Swept::All]
            .into_iter()
            .filter(|swept| (self.synced..=self.now).contains(swept))
            .map(Entry::at)
            .collect()
    }
}

/// Where an agent's log lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogPlace {
    Nowhere,
    Active,
    Ended,
}

/// Where a task's directory lies. It only moves downwards here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskPlace {
    Nowhere,
    /// `tasks/.new-*`
    Staged,
    Tasks,
    Closed,
    /// `closed/.deleted-*`
    Deleted,
}

/// How much of a deleted task's directory has been removed. It only goes downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Swept {
    Nothing,
    Logs,
    /// And the journal.
    Journal,
    /// And the directory.
    All,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    pub dir: Dir,
    pub place: Entry<LogPlace>,
    pub file: File<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskDir {
    pub task: Task,
    pub place: Entry<TaskPlace>,
    pub swept: Entry<Swept>,
    pub journal: File<Mark>,
    /// The task's highest rev, as its `lock` holds it.
    pub highest: u8,
}

/// All that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    pub journal: File<Line>,
    /// The journal's highest rev, as the home's `lock` holds it. Neither this nor a task's is ever synced; a power cut that sets one
    /// back only makes the rule say less, so the one that keeps it is looked at.
    pub highest: u8,
    /// Whether the identity that the home's `lock` holds is this home's.
    pub known: bool,
    pub tasks: Vec<TaskDir>,
    pub logs: Vec<Log>,
}

impl Disk {
    pub fn empty(dirs: &[Task], agents: &[Dir]) -> Self {
        let task = |&task| TaskDir {
            task,
            place: Entry::at(TaskPlace::Nowhere),
            swept: Entry::at(Swept::Nothing),
            journal: File::default(),
            highest: 0,
        };
        let log = |&dir| Log {
            dir,
            place: Entry::at(LogPlace::Nowhere),
            file: File::default(),
        };
        Disk {
            journal: File::default(),
            highest: 0,
            known: true,
            tasks: dirs.iter().map(task).collect(),
            logs: agents.iter().map(log).collect(),
        }
    }

    pub fn dirs(&self) -> impl Iterator<Item = Dir> + use<> {
        0..u8::try_from(self.tasks.len()).expect("scenarios are small")
    }

    pub fn dir(&self, dir: Dir) -> &TaskDir {
        &self.tasks[usize::from(dir)]
    }

    pub fn dir_mut(&mut self, dir: Dir) -> &mut TaskDir {
        &mut self.tasks[usize::from(dir)]
    }

    /// The last mark in a directory's journal; none where there is none, or no journal.
    pub fn mark(&self, dir: Dir) -> Option<&Mark> {
        let dir = self.dir(dir);
        dir.journal
            .last()
            .filter(|_| dir.swept.now < Swept::Journal)
    }

    /// Whether what lies here is no task any more, whatever its name: its journal ends with its deletion, or is gone.
    pub fn is_deleted(&self, dir: Dir) -> bool {
        self.dir(dir).swept.now >= Swept::Journal
            || self
                .mark(dir)
                .is_some_and(|mark| mark.phase == Phase::Deleted)
    }

    /// Whether a task lies here under its name.
    pub fn is_task(&self, dir: Dir) -> bool {
        matches!(
            self.dir(dir).place.now,
            TaskPlace::Tasks | TaskPlace::Closed
        ) && !self.is_deleted(dir)
    }

    /// The directory of a task, wherever it lies.
    pub fn find(&self, task: Task) -> Option<Dir> {
        let last = self
            .journal
            .last()
            .filter(|last| last.change == Change::Open);
        self.dirs()
            .find(|&dir| self.dir(dir).task == task && self.is_task(dir))
            .or_else(|| {
                let built = last.filter(|last| last.task == task)?.dir;
                (self.dir(built).place.now == TaskPlace::Staged).then_some(built)
            })
    }

    /// The directory that the journal's last line is to be applied to.
    pub fn folder(&self, line: &Line) -> Option<Dir> {
        let unmarked = |&dir: &Dir| {
            let found = self.dir(dir);
            let is_older =
                self.is_deleted(dir) && self.mark(dir).is_none_or(|mark| mark.rev != line.rev);
            found.task == line.task && found.place.now >= TaskPlace::Tasks && !is_older
        };
        match line.change {
            Change::Delete => self.dirs().find(unmarked),
            _ => self.find(line.task),
        }
    }

    /// Whether the name in `tasks/` or `closed/` is taken, by a task or by what is left of one.
    pub fn is_taken(&self, task: Task, place: TaskPlace) -> Option<Dir> {
        self.dirs().find(|&dir| {
            let found = self.dir(dir);
            found.task == task && found.place.now == place && found.swept.now < Swept::All
        })
    }

    pub fn log_mut(&mut self, agent: Agent) -> &mut Log {
        &mut self.logs[usize::from(agent)]
    }

    /// Reads the tails that a call on this directory and agent decides by; none where the journal is damaged.
    pub fn read(&self, dir: Dir, agent: Option<Agent>, omission: Option<Omission>) -> Option<Seen> {
        let last = *self.journal.last()?;
        let of = if self.is_of(&last, dir) {
            Some(dir)
        } else {
            self.folder(&last)
        };
        Some(Seen {
            last,
            verdict: self.verdict(&last, of, omission),
            of,
            mark: self.mark(dir).copied(),
            record: agent.and_then(|agent| self.logs[usize::from(agent)].file.last().copied()),
        })
    }

    /// What the last line's task makes of it, its log and its counts looked at before anything is redone.
    pub fn verdict(&self, last: &Line, of: Option<Dir>, omission: Option<Omission>) -> Verdict {
        let Some(of) = of else {
            // A deletion whose directory is nowhere has nothing left to be applied to.
            return if last.change == Change::Delete {
                Verdict::Applied
            } else {
                Verdict::Damage
            };
        };
        if last.change == Change::Delete && self.dir(of).swept.now >= Swept::Journal {
            return Verdict::Applied;
        }
        match judge(self.own(of, omission), last, true) {
            Verdict::ToApply | Verdict::Recount if !self.fits(last, omission) => Verdict::Damage,
            Verdict::Recount if last.change != Change::Delete && !self.gives(last, of) => {
                Verdict::Damage
            }
            verdict => verdict,
        }
    }

    /// Whether the task is found under its name.
    pub fn named(&self, dir: Dir) -> bool {
        !matches!(
            self.dir(dir).place.now,
            TaskPlace::Nowhere | TaskPlace::Staged
        )
    }

    /// Makes all of it durable: how a scenario begins.
    pub fn settle(&mut self) {
        self.journal.settle();
        self.tasks.iter_mut().for_each(|task| {
            task.place.sync();
            task.swept.sync();
            task.journal.settle();
        });
        self.logs.iter_mut().for_each(|log| {
            log.place.sync();
            log.file.settle();
        });
    }

    /// Every disk that a power cut may leave of this one.
    pub fn after_power_cut(&self) -> Vec<Disk> {
        let mut disks: Vec<Disk> = self
            .journal
            .after_power_cut()
            .into_iter()
            .map(|journal| Disk {
                journal,
                ..self.clone()
            })
            .collect();
        for (at, task) in self.tasks.iter().enumerate() {
            disks = product(&disks, &task.journal.after_power_cut(), |disk, journal| {
                disk.tasks[at].journal = journal;
            });
            disks = product(&disks, &task.place.after_power_cuts(), |disk, place| {
                disk.tasks[at].place = place;
            });
            disks = product(&disks, &task.swept.after_power_cuts(), |disk, swept| {
                disk.tasks[at].swept = swept;
            });
        }
        for (at, log) in self.logs.iter().enumerate() {
            disks = product(&disks, &log.file.after_power_cut(), |disk, file| {
                disk.logs[at].file = file;
            });
            disks = product(&disks, &log.place.after_power_cut(), |disk, place| {
                disk.logs[at].place = place;
            });
        }
        // A name leads to one directory.
        disks.retain(|disk| {
            disk.dirs().all(|dir| {
                let found = disk.dir(dir);
                found.place.now == TaskPlace::Deleted
                    || found.place.now <= TaskPlace::Staged
                    || found.swept.now == Swept::All
                    || disk.is_taken(found.task, found.place.now) == Some(dir)
            })
        });
        for log in disks.iter_mut().flat_map(|disk| &mut disk.logs) {
            if log.place.now == LogPlace::Nowhere {
                log.file = File::default();
            }
        }
        disks
    }
}

fn product<T: Clone>(disks: &[Disk], outcomes: &[T], put: impl Fn(&mut Disk, T)) -> Vec<Disk> {
    let each = |disk: &Disk| {
        let put = &put;
        let disk = disk.clone();
        outcomes
            .iter()
            .map(move |outcome| {
                let mut disk = disk.clone();
                put(&mut disk, outcome.clone());
                disk
            })
            .collect::<Vec<_>>()
    };
    disks.iter().flat_map(each).collect()
}
