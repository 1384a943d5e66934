//! The commit of a lifecycle change: one line appended to the global journal and synced.
//!
//! A change passes through these states, and a process may die in each:
//!
//! | on disk | what it means | who goes on |
//! |---|---|---|
//! | nothing, or a torn line | it did not happen | the next writer cuts the torn line off |
//! | the journal's line | it happened in both registries | whoever next takes the task's lock, or the global one, redoes the rest |
//! | and the agent's line | the same | the same; the line is not written twice, its `rev` is looked for |
//! | and the folder, or the task's place | the same | the same |
//! | and the mark in the task's journal | it is applied | nobody needs to |
//!
//! Only the journal's last line can be unapplied: nobody appends another before it is. Marks are not synced when they
//! are written but when a change of another task follows, so a power cut cannot leave an older line unapplied either.
//!
//! **Lock order**: task before global, by type: [`Global`] is only to be had from a [`TaskGuard`]. Nobody waits for any
//! lock while holding the global one: another task's lock, needed to finish its line, is only tried, and if it is taken
//! the caller lets go of both and starts again.

use std::fs::File;
use std::path::PathBuf;

use super::FileStore;
use super::dir::{Access, Dir};
use super::home::Home;
use super::jsonl::{Strictness, Tail, rewrite_last, sync_data};
use super::line::{Commit, decode_checked, encode_checked};
use super::lock::{Lock, Patience};
use super::moment::{Moment, Unapplied};
use super::rotate;
use super::task::{TaskDir, TaskGuard};
use crate::model::{Agent, AgentId, Change, Counts, Task, TaskId, TaskStatus, Timestamp, Totals};
use crate::store::{Error, Result};

/// Both locks, held: what is read now stays so until the change is committed.
#[derive(Debug)]
pub(crate) struct Global<'a> {
    home: &'a Home,
    task: &'a mut TaskGuard,
    journal: File,
    path: PathBuf,
    tail: Tail<Commit>,
    journal_limit: u64,
    _lock: Lock,
}

/// A change that was decided on and is to be committed.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) at: Timestamp,
    pub(crate) change: Change,
    pub(crate) agent: Option<Agent>,
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
        let Some(head) = home.last_commit_head()?.filter(|head| head.task == self.id) else {
            return Ok(());
        };
        // A power cut can keep the mark and lose the move to the task's own name.
        if self.applied_rev()? >= head.rev && !self.is_built {
            return Ok(());
        }
        let last = home.last_commit()?.filter(|last| last.task == self.id);
        last.map_or(Ok(()), |last| redo(home, self, &last))
    }

    /// Takes the global lock on top of the task's, with everything before applied; `None` if the caller has to let go
    /// of the task and start again.
    pub(crate) fn lock_global<'a>(
        &'a mut self,
        home: &'a Home,
        patience: &Patience,
        journal_limit: u64,
    ) -> Result<Option<Global<'a>>> {
        let lock = home.lock(patience)?;
        let journal = home.journal(Access::Append)?;
        let path = home.journal_path();
        let mut tail = Tail::read(&journal, &path, Strictness::Journal, decode_checked)?;
        tail.cut(&journal, &path)?;
        if let Some(last) = &tail.last {
            match settle(home, self, last)? {
                Settled::Yes => {}
                Settled::Busy => return Ok(None),
            }
        }
        Ok(Some(Global {
            home,
            task: self,
            journal,
            path,
            tail,
            journal_limit,
            _lock: lock,
        }))
    }
}

/// Applies what a killed call left of a change to a task, if its lock is free; whether there was such a change.
pub(crate) fn finish(store: &FileStore, task: &TaskId) -> Result<bool> {
    let home = store.home()?;
    let dir = FileStore::task_dir(&home, task)?;
    let is_finished = Moment::of(&home, &dir, Unapplied::LaidOver)?.unapplied.is_none();
    if is_finished {
        return Ok(false);
    }
    let Some(mut guard) = dir.try_lock()? else {
        return Ok(false);
    };
    guard.recover(&home)?;
    Ok(true)
}

/// Step 1: the last line is applied, and so that it stays the only one that may not be, what it left unsynced is synced.
fn settle(home: &Home, own: &mut TaskGuard, last: &Commit) -> Result<Settled> {
    // One that is being built is not the task that was committed under the same id.
    if last.task == own.id && !own.is_built {
        if own.applied_rev()? < last.rev {
            redo(home, own, last)?;
        }
    } else {
        let Some(other) = TaskDir::find(home, &last.task)? else {
            return Err(Error::damaged(
                home.dir.at(&format!("tasks/{}", last.task)),
                "the journal's last line names this task, and its directory is missing",
            ));
        };
        let other = if other.applied_rev()? < last.rev || other.is_built {
            let Some(other) = other.try_lock()? else {
                return Ok(Settled::Busy);
            };
            redo(home, &other, last)?;
            other.sync_journal()?;
            None
        } else {
            Some(other)
        };
        if let Some(other) = other {
            other.sync_journal()?;
        }
    }
    if last.change.moves_task() {
        home.tasks()?.sync()?;
        home.closed()?.sync()?;
    }
    Ok(Settled::Yes)
}

/// Finishes a change that is committed and maybe not on disk.
fn redo(home: &Home, task: &TaskGuard, commit: &Commit) -> Result<()> {
    let journal = home.journal(Access::Rewrite)?;
    rewrite_last(&journal, &home.journal_path(), |line| {
        decode_checked::<Commit>(line).is_ok()
    })?;
    apply(home, task, commit)
}

/// Steps 4 and 5: what the line says is done to the task, then marked there. May be done again at any point.
fn apply(home: &Home, task: &TaskGuard, commit: &Commit) -> Result<()> {
    match (commit.change, &commit.agent) {
        (Change::Opened | Change::Imported, _) => {
            if let Some(built) = &commit.built {
                let tasks = home.tasks()?;
                move_if_there(&tasks, built, &tasks, &commit.task)?;
            }
        }
        (Change::Closed, _) => move_if_there(
            &home.tasks()?,
            commit.task.as_str(),
            &home.closed()?,
            &commit.task,
        )?,
        (change, Some(agent)) => task.record(agent, commit.rev, change == Change::Registered)?,
        (_, None) => {}
    }
    task.mark_applied(&commit.mark())
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
        self.tail
            .last
            .as_ref()
            .map(|last| last.totals)
            .unwrap_or_default()
    }

    /// Commits a change and applies it. What fails before the commit is the error, and nothing happened; what fails
    /// after it is the warning, and the next call finishes it.
    pub(crate) fn commit(mut self, draft: Draft) -> Result<Option<Error>> {
        let last = self.tail.last.as_ref();
        let commit = Commit {
            schema: draft
                .change
                .schema()
                .max(draft.agent.as_ref().map_or(1, Agent::schema)),
            rev: last.map_or(1, |last| last.rev + 1),
            at: last.map_or(draft.at, |last| last.at.max(draft.at)),
            task: self.task.id.clone(),
            change: draft.change,
            agent: draft.agent,
            settings: draft.settings,
            built: draft.built,
            recent: draft.recent,
            status: draft.status,
            counts: draft.counts,
            totals: draft.totals,
        };
        if self.tail.good_len() >= self.journal_limit
            && let Some(last) = &self.tail.last
        {
            (self.journal, self.tail) = rotate::rotate(self.home, last)?;
        }
        let line = encode_checked(&commit);
        self.tail.append(&self.journal, &self.path, &line)?;
        if let Err(error) = sync_data(&self.journal, &self.path) {
            self.tail.take_back(&self.journal, &self.path, line.len())?;
            return Err(error);
        }
        Ok(apply(self.home, self.task, &commit).err())
    }
}
