//! The commit of a lifecycle change: one line appended to the global journal and synced.
//!
//! A change passes through these states, and a process may die in each:
//!
//! | on disk | what it means | who goes on |
//! |---|---|---|
//! | nothing, or a torn line, or an empty log | it did not happen | the next writer cuts the torn line off |
//! | the journal's line | it happened in both registries | whoever next takes the task's lock, or the global one, redoes the rest |
//! | and the rev in the home's `lock` | the same | the same |
//! | and the agent's line | the same | the same; the line is not written twice, its `rev` is looked for |
//! | and the mark in the task's journal | it is applied | nobody needs to |
//! | and the folder, or the task's place | the index is right, too | whoever finds it wrong |
//!
//! Only the journal's last line can be unapplied: nobody appends another before it is. Marks are not synced when they
//! are written but when a change of another task follows, so a power cut cannot leave an older line unapplied either.
//!
//! Nothing that can fail for want of a right, an inode or a mount is left for after the commit: the task's journal and the
//! agent's log are open for appending before it, a registration's log is made before it. Moving a log to `ended/` or a
//! task to `closed/` only keeps an index, since what the last line says is the truth; that it failed is a warning.
//!
//! **Lock order**: task before global, by type: [`Global`] is only to be had from a [`TaskGuard`]. Nobody waits for any
//! lock while holding the global one: another task's lock, needed to finish its line, is only tried, and if it is taken
//! the caller lets go of both and starts again.

use std::fs::File;
use std::path::PathBuf;

use super::FileStore;
use super::dir::{Access, Dir, Kind};
use super::home::{Home, HomeLock, LOCK};
use super::jsonl::{Strictness, Tail, rewrite_last, sync_data};
use super::line::{Commit, decode_checked, encode_checked};
use super::lock::{Patience, holder_of};
use super::moment::{Moment, Unapplied};
use super::recount;
use super::rev::{Standing, judge};
use super::rotate;
use super::task::{AgentLog, JOURNAL, TaskDir, TaskGuard};
use crate::model::{Agent, AgentId, Change, Counts, Task, TaskId, TaskStatus, Timestamp, Totals};
use crate::store::{Error, Result};

/// Both locks, held: what is read now stays so until the change is committed.
#[derive(Debug)]
pub(crate) struct Global<'a> {
    task: &'a mut TaskGuard,
    journal: OpenJournal<'a>,
}

/// The global journal under its lock, with its last line applied.
#[derive(Debug)]
pub(crate) struct OpenJournal<'a> {
    home: &'a Home,
    lock: HomeLock,
    identity: String,
    file: File,
    path: PathBuf,
    tail: Tail<Commit>,
}

/// A change that was decided on and is to be committed.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) at: Timestamp,
    pub(crate) change: Change,
    /// The agent's new record, and its log, open.
    pub(crate) agent: Option<(Agent, AgentLog)>,
    pub(crate) settings: Option<Task>,
    pub(crate) built: Option<String>,
    pub(crate) recent: Vec<AgentId>,
    pub(crate) status: TaskStatus,
    pub(crate) counts: Counts,
    pub(crate) totals: Totals,
}

/// Whether the journal's last line is applied now.
enum Settled {
    Yes,
    /// Another process holds the lock of the task it belongs to.
    Busy,
}

impl TaskGuard {
    /// Finishes what a killed call left of a change to this very task. Needs no global lock: only the holder of a
    /// task's lock appends lines of that task to the global journal.
    pub(crate) fn recover(&mut self, home: &Home) -> Result<()> {
        let Some(head) = home.last_commit_head()? else {
            return if self.is_built {
                Ok(())
            } else {
                Err(home.journal_missing())
            };
        };
        if head.task != self.id {
            return Ok(());
        }
        self.not_deleted()?;
        let own = self.own_rev()?;
        match judge(&self.id, own, Some(&head)) {
            // A power cut can keep the mark and lose the move to the task's own name.
            Standing::Applied if !self.is_built => Ok(()),
            _ => match home.last_commit()?.filter(|last| last.task == self.id) {
                Some(last) => {
                    finish(home, self, &last)?;
                    self.not_deleted()
                }
                None => Ok(()),
            },
        }
    }

    /// Takes the global lock on top of the task's, with everything before applied; `None` if the caller has to let go
    /// of the task and start again.
    pub(crate) fn lock_global<'a>(
        &'a mut self,
        home: &'a Home,
        patience: &Patience,
    ) -> Result<Option<Global<'a>>> {
        let journal = OpenJournal::open(home, patience, Some(self), false)?;
        Ok(journal.map(|journal| Global {
            task: self,
            journal,
        }))
    }

    /// The same for a repair, which is about to put right what contradicts itself in a task.
    pub(crate) fn lock_global_to_repair<'a>(
        &'a mut self,
        home: &'a Home,
        patience: &Patience,
    ) -> Result<Option<Global<'a>>> {
        let journal = OpenJournal::open(home, patience, Some(self), true)?;
        Ok(journal.map(|journal| Global {
            task: self,
            journal,
        }))
    }
}

impl<'a> OpenJournal<'a> {
    /// Takes the global lock, has the last line applied and this home recounted if it is not the one that was written
    /// to last. `own` is the task whose lock the caller holds. `None` if the last line belongs to another task whose lock
    /// is taken: then the caller lets go of everything and starts again.
    ///
    /// For a repair, what contradicts itself in single tasks is no error, and left as it is.
    fn open(
        home: &'a Home,
        patience: &Patience,
        own: Option<&mut TaskGuard>,
        is_repair: bool,
    ) -> Result<Option<Self>> {
        let lock = home.lock(patience)?;
        let file = home.journal(Access::Append)?;
        let path = home.journal_path();
        let mut tail = Tail::read(&file, &path, Strictness::Journal, decode_checked)?;
        let record = lock.record();
        let noted = record.as_ref().map_or(0, |record| record.rev);
        let Some(last) = &tail.last else {
            if noted > 0 || home.has_tasks()? {
                return Err(home.journal_missing());
            }
            tail.cut(&file, &path)?;
            let identity = lock.identity()?;
            return Ok(Some(Self {
                home,
                lock,
                identity,
                file,
                path,
                tail,
            }));
        };
        if last.rev < noted {
            return Err(Error::damaged(
                path,
                format!(
                    "it ends with rev {}, and rev {noted} was committed here: it was cut off or replaced by an older one",
                    last.rev
                ),
            ));
        }
        tail.cut(&file, &path)?;
        let Some(last) = &tail.last else {
            return Ok(None);
        };
        match settle(home, own, last) {
            Ok(Settled::Yes) => {}
            Ok(Settled::Busy) => return Ok(None),
            Err(Error::Damaged { .. } | Error::Rejected(_)) if is_repair => {}
            Err(error) => return Err(error),
        }
        let identity = lock.identity()?;
        if record.is_none_or(|record| record.home != identity) {
            // Copied, moved, restored, or of 0.1.0.
            recount::home(home, last)?;
            lock.note(last.rev, &identity);
        }
        Ok(Some(Self {
            home,
            lock,
            identity,
            file,
            path,
            tail,
        }))
    }

    /// The journal, to be gone on from by a repair.
    pub(crate) fn open_to_repair(
        home: &'a Home,
        patience: &Patience,
        own: Option<&mut TaskGuard>,
    ) -> Result<Option<Self>> {
        Self::open(home, patience, own, true)
    }

    /// The rev of the next line.
    pub(crate) fn next_rev(&self) -> u64 {
        self.last().map_or(1, |last| last.rev + 1)
    }

    /// The last line; none in a new registry.
    pub(crate) fn last(&self) -> Option<&Commit> {
        self.tail.last.as_ref()
    }

    /// The machine's totals.
    pub(crate) fn totals(&self) -> Totals {
        self.last().map(|last| last.totals).unwrap_or_default()
    }

    /// Appends a line and waits until it is on disk: this is the commit. If it fails nothing happened.
    pub(crate) fn append(&mut self, commit: &Commit, journal_limit: u64) -> Result<()> {
        if self.tail.good_len() >= journal_limit
            && let Some(last) = &self.tail.last
            && let Some(begun) = rotate::rotate(self.home, last)?
        {
            (self.file, self.tail) = begun;
        }
        let line = encode_checked(commit);
        self.tail.append(&self.file, &self.path, &line)?;
        if let Err(error) = sync_data(&self.file, &self.path) {
            self.tail.take_back(&self.file, &self.path, line.len())?;
            return Err(error);
        }
        self.lock.note(commit.rev, &self.identity);
        Ok(())
    }
}

/// Applies what a killed call left of a change to a task, if its lock is free; whether there was such a change.
pub(crate) fn finish_if_free(store: &FileStore, task: &TaskId) -> Result<bool> {
    let home = store.home()?;
    let dir = FileStore::task_dir(&home, task)?;
    if Moment::of(&home, &dir, Unapplied::LaidOver)?
        .unapplied
        .is_none()
    {
        return Ok(false);
    }
    let Some(mut guard) = dir.try_lock()? else {
        return Ok(false);
    };
    guard.recover(&home)?;
    Ok(true)
}

/// The error of a call whose time is over because the journal's last line is not applied and the lock of its task is taken:
/// it names that lock, and who holds it.
pub(crate) fn unfinished(home: &Home, patience: &Patience) -> Error {
    let last = home.last_commit().ok().flatten();
    let other = last.and_then(|last| TaskDir::find_last(home, &last).ok().flatten());
    let (path, file) = match &other {
        Some(task) => (task.dir.at(LOCK), task.dir.file(LOCK, Access::Read)),
        None => (home.dir.at(LOCK), home.dir.file(LOCK, Access::Read)),
    };
    Error::LockTimeout {
        path,
        waited: patience.timeout,
        holder: file.ok().flatten().and_then(|file| holder_of(&file)),
    }
}

/// Step 1: the last line is applied, and so that it stays the only one that may not be, what it left unsynced is synced.
fn settle(home: &Home, own: Option<&mut TaskGuard>, last: &Commit) -> Result<Settled> {
    let own = match own {
        // One that is being built is not the task that was committed under the same id.
        Some(own) if last.task == own.id && !own.is_built => {
            finish(home, own, last)?;
            own.not_deleted()?;
            return synced(home, last);
        }
        own => own,
    };
    if let Some(own) = own.filter(|own| !own.is_built) {
        own.not_deleted()?;
        let rev = own.own_rev()?;
        if judge(&own.id, rev, Some(&last.head())) == Standing::Damage {
            return Err(disagree(home, &own.id, rev, last));
        }
        let noted = own.noted_rev();
        if rev < noted {
            return Err(Error::damaged(
                own.dir.at(JOURNAL),
                format!(
                    "it ends with rev {rev}, and rev {noted} was committed of this task: it was cut off or replaced by an older one"
                ),
            ));
        }
    }
    let Some(other) = TaskDir::find_last(home, last)? else {
        // A deletion is done where nothing is left; and a closed task whose directory somebody removed has nothing that
        // could be applied.
        if last.status == TaskStatus::Closed {
            return synced(home, last);
        }
        return Err(Error::damaged(
            home.dir.at(&format!("tasks/{}", last.task)),
            "the journal's last line names this task, and its directory is missing",
        ));
    };
    match judge(&last.task, other.applied_rev()?, Some(&last.head())) {
        Standing::Applied if !other.is_built => other.sync_journal()?,
        _ => {
            let Some(mut other) = other.try_lock()? else {
                return Ok(Settled::Busy);
            };
            finish(home, &mut other, last)?;
            other.sync_journal()?;
        }
    }
    synced(home, last)
}

fn synced(home: &Home, last: &Commit) -> Result<Settled> {
    if last.change.moves_task() {
        home.tasks()?.sync()?;
        home.closed()?.sync()?;
    }
    Ok(Settled::Yes)
}

/// Applies the journal's last line to its task, whose lock is held, if it is not applied.
fn finish(home: &Home, task: &mut TaskGuard, last: &Commit) -> Result<()> {
    let own = task.own_rev()?;
    match judge(&task.id, own, Some(&last.head())) {
        Standing::Applied if !task.is_built => Ok(()),
        Standing::Applied | Standing::ToApply => redo(home, task, last, false),
        Standing::Recount => redo(home, task, last, true),
        Standing::Damage => Err(disagree(home, &task.id, own, last)),
    }
}

/// The journal and a task's own contradict each other as no crash leaves them.
pub(crate) fn disagree(home: &Home, task: &TaskId, own: u64, last: &Commit) -> Error {
    Error::damaged(
        home.journal_path(),
        format!(
            "it ends with rev {} of task {}, and the journal of task {task} with rev {own}: one of them was cut off, or replaced by another copy",
            last.rev, last.task
        ),
    )
}

/// Finishes a change that is committed and maybe not on disk.
fn redo(home: &Home, task: &mut TaskGuard, commit: &Commit, recounted: bool) -> Result<()> {
    let journal = home.journal(Access::Rewrite)?;
    rewrite_last(&journal, &home.journal_path(), |line| {
        decode_checked::<Commit>(line).is_ok()
    })?;
    // Nobody commits anything after this line before it is marked, so this needs no global lock.
    home.note_redone(commit.rev)?;
    task.note(commit.rev);
    let log = match &commit.agent {
        Some(agent) => Some(task.log_to_redo(agent, commit)?),
        None => None,
    };
    apply(home, task, commit, log, recounted)?;
    Ok(())
}

/// Steps 4 and 5: what the line says is done to the task, then marked there. May be done again at any point. Gives why an
/// index could not be kept, which is nothing that is left to be done.
fn apply(
    home: &Home,
    task: &mut TaskGuard,
    commit: &Commit,
    log: Option<AgentLog>,
    recounted: bool,
) -> Result<Option<Error>> {
    let mut upkeep = Ok(());
    match (commit.change, &commit.agent, log) {
        (Change::Opened | Change::Imported, ..) => {
            if let Some(built) = &commit.built {
                let tasks = home.tasks()?;
                move_if_there(&tasks, built, &tasks, &commit.task)?;
            }
        }
        (Change::Closed, ..) => {
            upkeep = move_to_closed(home, &commit.task);
        }
        (change, Some(agent), Some(mut log)) => {
            task.record(&mut log, agent, commit.rev, change == Change::Registered)?;
            upkeep = task.file_away(agent, &mut log.folder);
        }
        _ => {}
    }
    if recounted && commit.change != Change::Deleted {
        let found = recount::task(task)?;
        if found != commit.counts {
            return Err(recount::differ(task, commit.counts, found));
        }
    }
    task.mark_applied(&commit.mark())?;
    if commit.change == Change::Deleted {
        upkeep = task.put_away(home, commit.rev);
    }
    Ok(upkeep.err())
}

/// A closed task's directory goes where closed ones lie.
pub(crate) fn move_to_closed(home: &Home, task: &TaskId) -> Result<()> {
    move_if_there(&home.tasks()?, task.as_str(), &home.closed()?, task)
}

/// The directory may have been moved by a call that was killed before it could mark it.
fn move_if_there(from: &Dir, name: &str, to: &Dir, task: &TaskId) -> Result<()> {
    if from.kind(name)?.is_some() {
        from.rename(name, to, task.as_str())?;
    }
    Ok(())
}

impl Global<'_> {
    /// The task whose lock is held.
    pub(crate) fn task(&self) -> &TaskGuard {
        self.task
    }

    /// The machine's totals.
    pub(crate) fn totals(&self) -> Totals {
        self.journal.totals()
    }

    /// Whether everything that was ever committed of the task is in its journal.
    pub(crate) fn task_is_up_to_date(&mut self) -> Result<bool> {
        let own = self.task.own_rev()?;
        let last = self.journal.last().map(Commit::head);
        Ok(
            judge(&self.task.id, own, last.as_ref()) == Standing::Applied
                && own >= self.task.noted_rev(),
        )
    }

    /// Commits a change and applies it. What fails before the commit is the error, and nothing happened; what fails
    /// after it is the warning, and the next call finishes it.
    pub(crate) fn commit(mut self, draft: Draft, journal_limit: u64) -> Result<Option<Error>> {
        if draft.built.is_some() {
            self.place_is_free()?;
        }
        let (agent, log) = draft.agent.unzip();
        let last = self.journal.last();
        let commit = Commit {
            schema: draft
                .change
                .schema()
                .max(agent.as_ref().map_or(1, Agent::schema)),
            rev: self.journal.next_rev(),
            prev: Some(self.task.own_rev()?),
            at: last.map_or(draft.at, |last| last.at.max(draft.at)),
            task: self.task.id.clone(),
            change: draft.change,
            agent,
            settings: draft.settings,
            built: draft.built,
            recent: draft.recent,
            status: draft.status,
            counts: draft.counts,
            totals: draft.totals,
        };
        self.journal.append(&commit, journal_limit)?;
        self.task.note(commit.rev);
        Ok(apply(self.journal.home, self.task, &commit, log, false).unwrap_or_else(Some))
    }

    /// A task that was built is about to take its name, which must not fail any more once it is committed.
    fn place_is_free(&self) -> Result<()> {
        let tasks = self.journal.home.tasks()?;
        let name = self.task.id.as_str();
        match tasks.kind(name)? {
            None => Ok(()),
            Some(Kind::Dir) => {
                // What a deletion could not move out of the way, or an empty directory; nothing of somebody else's.
                if let Some(dir) = tasks.dir(name)? {
                    let is_empty = dir.all_names()?.is_empty();
                    let task = TaskDir::new(&self.task.id, dir, false);
                    if is_empty || (!task.is_bare()? && task.is_deleted()?) {
                        return tasks.remove_tree(name);
                    }
                }
                Err(Error::damaged(
                    tasks.at(name),
                    "there is a directory in the place of the task, and it is no task",
                ))
            }
            Some(_) => Err(Error::damaged(
                tasks.at(name),
                "there is something else in the place of the task's directory",
            )),
        }
    }
}
