//! The global journal read whole: its lines in order, and what they say of each task and agent.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::super::FileStore;
use super::super::dir::Access;
use super::super::events::journals;
use super::super::home::{Home, JOURNAL};
use super::super::jsonl::Backward;
use super::super::line::{Bad, Commit, decode_checked};
use super::super::rotate::old_name;
use super::Found;
use crate::model::{Agent, AgentId, Change, Counts, Status, Task, TaskId, TaskStatus};
use crate::store::{Error, Result};

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The rev of the last line.
    pub(super) last_rev: u64,
    /// The tasks it names.
    pub(super) tasks: HashMap<TaskId, TaskHistory>,
    /// Journals with lines before the last that cannot be read.
    pub(super) unreadable: BTreeSet<String>,
    /// Tasks whose older lines are of another one that had the id and was deleted.
    done: BTreeSet<TaskId>,
}

/// What the journal says of one task.
#[derive(Debug)]
pub(super) struct TaskHistory {
    pub(super) last_rev: u64,
    /// The last change.
    pub(super) change: Change,
    pub(super) status: TaskStatus,
    pub(super) counts: Counts,
    pub(super) settings: Option<Task>,
    /// The last rev and status of each agent.
    pub(super) agents: HashMap<AgentId, (u64, Status)>,
}

impl History {
    /// Reads the journal, and reads it again under the global lock if anything seems wrong with it: it may have been
    /// rotated meanwhile.
    pub(super) fn read_again(store: &FileStore, home: &Home) -> Result<(Self, Found)> {
        let mut found = Found::default();
        let history = Self::read(home, &mut found)?;
        if found.0.problems.is_empty() {
            return Ok((history, found));
        }
        let _lock = match home.lock(&store.patience()) {
            Ok(lock) => Some(lock),
            Err(error @ Error::LockTimeout { .. }) => return Err(error),
            // On a read-only file system nobody can rotate it either.
            Err(_) => None,
        };
        let mut found = Found::default();
        let history = Self::read(home, &mut found)?;
        Ok((history, found))
    }

    /// Reads the journal and all rotated ones, the newest line first.
    fn read(home: &Home, found: &mut Found) -> Result<Self> {
        let mut history = Self::default();
        let mut after: Option<(u64, Change)> = None;
        // A `repaired` line says that everything before it was lost or counted: what is missing there is known.
        let mut vouched = false;
        let mut wrong = |vouched: bool, path: &Path, what: &str| {
            if vouched {
                found.note(path, what);
            } else {
                found.problem(path, what);
            }
        };
        for name in journals(home)? {
            let path = home.dir.at(&name);
            let opened = home.dir.need_file(&name, Access::Read);
            let file = match opened {
                Ok(file) if is_regular(&file) => file,
                Ok(_) => {
                    wrong(vouched, &path, "it is not a regular file");
                    history.unreadable.insert(name);
                    continue;
                }
                Err(Error::Damaged { path, detail }) => {
                    wrong(vouched, &path, &detail);
                    history.unreadable.insert(name);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut lines = Backward::new(&file, &path)?;
            let mut is_last_of_all = name == JOURNAL;
            while let Some(line) = lines.next_line()? {
                let is_last = std::mem::take(&mut is_last_of_all);
                match decode_checked::<Commit>(line) {
                    Ok(commit) => {
                        if let Some((rev, _)) = after {
                            if commit.rev >= rev {
                                continue;
                            }
                            if commit.rev + 1 != rev {
                                wrong(
                                    vouched,
                                    &path,
                                    &format!("after rev {} follows rev {rev}", commit.rev),
                                );
                            }
                        }
                        vouched |= commit.change == Change::Repaired;
                        after = Some((commit.rev, commit.change));
                        history.take(commit);
                    }
                    Err(Bad::Newer(schema)) => {
                        return Err(super::super::jsonl::newer(&path, schema));
                    }
                    // What is torn may be a line without its end, and a whole bad one cannot stand before it.
                    Err(Bad::Garbage(_)) if is_last => wrong(
                        true,
                        &path,
                        "its last line was never acknowledged; the next change cuts it off",
                    ),
                    Err(Bad::Garbage(what)) => {
                        let at = lines.unread();
                        wrong(
                            vouched,
                            &path,
                            &format!("the line at byte {at} cannot be read: {what}"),
                        );
                        history.unreadable.insert(name.clone());
                    }
                }
            }
        }
        match after {
            // A journal begins with the last line of the one before it.
            Some((rev, _)) if rev != 1 => wrong(
                vouched,
                &home.dir.at(&old_name(rev)),
                &format!("the history before rev {rev} is missing"),
            ),
            None if home.has_tasks()? => wrong(
                vouched,
                &home.journal_path(),
                "the journal is empty, and there are tasks",
            ),
            _ => {}
        }
        Ok(history)
    }

    /// Takes in what was committed since it was read.
    pub(super) fn catch_up(&mut self, home: &Home) -> Result<()> {
        *self = Self::read(home, &mut Found::default())?;
        Ok(())
    }

    fn take(&mut self, commit: Commit) {
        self.last_rev = self.last_rev.max(commit.rev);
        if self.done.contains(&commit.task) {
            return;
        }
        if commit.change == Change::Deleted {
            self.done.insert(commit.task.clone());
            if self.tasks.contains_key(&commit.task) {
                return;
            }
        }
        let task = self.tasks.entry(commit.task).or_insert(TaskHistory {
            last_rev: commit.rev,
            change: commit.change,
            status: commit.status,
            counts: commit.counts,
            settings: None,
            agents: HashMap::new(),
        });
        if let Some(agent) = commit.agent {
            task.agents
                .entry(agent.id)
                .or_insert((commit.rev, agent.status));
        }
        if task.settings.is_none() {
            task.settings = commit.settings;
        }
    }
}

fn is_regular(file: &std::fs::File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// All records of an agent that the journal has, the first one first, for one whose log is lost or lost its end.
pub(super) fn records(home: &Home, task: &TaskId, agent: &AgentId) -> Result<Vec<(u64, Agent)>> {
    let mut records: Vec<(u64, Agent)> = Vec::new();
    for name in journals(home)? {
        let path = home.dir.at(&name);
        let file = match home.dir.file(&name, Access::Read) {
            Ok(Some(file)) if is_regular(&file) => file,
            Ok(_) | Err(Error::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        let mut lines = Backward::new(&file, &path)?;
        while let Some(line) = lines.next_line()? {
            let Ok(commit) = decode_checked::<Commit>(line) else {
                continue;
            };
            if commit.change == Change::Deleted && commit.task == *task {
                // What comes before is of another task that had the id.
                records.reverse();
                return Ok(records);
            }
            let rev = commit.rev;
            let is_new = records.last().is_none_or(|(later, _)| rev < *later);
            let record = commit
                .agent
                .filter(|record| is_new && commit.task == *task && record.id == *agent);
            records.extend(record.map(|record| (rev, record)));
        }
    }
    records.reverse();
    Ok(records)
}
