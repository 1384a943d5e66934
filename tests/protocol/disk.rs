//! The files: what every process sees, and what a power cut may leave of it.
//!
//! The page cache outlives processes, so a death loses nothing that was written; a power cut keeps or loses each write that no
//! sync has covered, independently, file by file and line by line. The assumptions about the medium are the usual ones: a sync
//! that succeeds covers the whole file, a rename is there or not, and a sync that fails marks pages clean that never arrived.

use crate::model::Omission;
use crate::records::{Agent, Line, Mark, Record, Seen, Task};

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
        self.slots.iter().filter_map(|(slot, _)| {
            if let Slot::Good(line) = slot {
                Some(line)
            } else {
                None
            }
        })
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

/// Where an agent's log lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogPlace {
    Nowhere,
    Active,
    Ended,
}

/// Where a task's directory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskPlace {
    Nowhere,
    /// `tasks/.new-*`
    Staged,
    Tasks,
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    pub place: Entry<LogPlace>,
    pub file: File<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskDir {
    pub place: Entry<TaskPlace>,
    pub journal: File<Mark>,
}

/// All that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    pub journal: File<Line>,
    pub tasks: Vec<TaskDir>,
    pub logs: Vec<Log>,
}

impl Disk {
    pub fn empty(tasks: usize, agents: usize) -> Self {
        let task = TaskDir {
            place: Entry::at(TaskPlace::Nowhere),
            journal: File::default(),
        };
        let log = Log {
            place: Entry::at(LogPlace::Nowhere),
            file: File::default(),
        };
        Disk {
            journal: File::default(),
            tasks: vec![task; tasks],
            logs: vec![log; agents],
        }
    }

    pub fn task(&self, task: Task) -> &TaskDir {
        &self.tasks[usize::from(task)]
    }

    pub fn task_mut(&mut self, task: Task) -> &mut TaskDir {
        &mut self.tasks[usize::from(task)]
    }

    pub fn log_mut(&mut self, agent: Agent) -> &mut Log {
        &mut self.logs[usize::from(agent)]
    }

    /// Reads the tails that a call on this task and agent decides by.
    pub fn read(&self, task: Task, agent: Option<Agent>, omission: Option<Omission>) -> Seen {
        let last = *self
            .journal
            .last()
            .expect("there is no moment without a journal");
        Seen {
            last,
            applied: self.applied(&last, omission),
            mark: self.task(task).journal.last().copied(),
            record: agent.and_then(|agent| self.logs[usize::from(agent)].file.last().copied()),
        }
    }

    /// Whether the line's task has the mark of it. The task's journal is found by the task's name: a power cut may keep the first
    /// mark of a new task and lose the rename that gave it its name, and then the line is not applied.
    pub fn applied(&self, line: &Line, omission: Option<Omission>) -> bool {
        let named = self.named(line.task) || omission == Some(Omission::NameCheck);
        named
            && self
                .task(line.task)
                .journal
                .last()
                .is_some_and(|mark| mark.rev >= line.rev)
    }

    /// Whether the task is found under its name.
    pub fn named(&self, task: Task) -> bool {
        !matches!(
            self.task(task).place.now,
            TaskPlace::Nowhere | TaskPlace::Staged
        )
    }

    /// Makes all of it durable: how a scenario begins.
    pub fn settle(&mut self) {
        self.journal.settle();
        self.tasks.iter_mut().for_each(|task| {
            task.place.sync();
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
            disks = product(&disks, &task.place.after_power_cut(), |disk, place| {
                disk.tasks[at].place = place;
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
