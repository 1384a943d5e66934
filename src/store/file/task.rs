//! A task's directory, the local registry: found, locked, read and appended to.

use std::cell::Cell;
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::dir::{Access, Dir};
use super::document;
use super::home::{CLOSED, Home, LOCK, REGISTRY, TASKS};
use super::jsonl::{Backward, Sought, Strictness, Tail, last_that, rewrite_last, sync_data};
use super::line::{
    AgentLine, FindingLine, Mark, MarkHead, decode, decode_mark, encode, encode_checked,
};
use super::lock::{Lock, Mode, Patience};
use crate::model::{Agent, AgentId, Task, TaskId};
use crate::store::{Error, Result};

pub(crate) const JOURNAL: &str = "journal.jsonl";
pub(crate) const FINDINGS: &str = "findings.jsonl";
pub(crate) const AGENTS: &str = "agents";
pub(crate) const ACTIVE: &str = "agents/active";
pub(crate) const ENDED: &str = "agents/ended";
pub(crate) const LEASES: &str = "leases";
pub(crate) const OUTPUT: &str = "output";

/// A task's open directory. It may be moved while it is open.
#[derive(Debug)]
pub(crate) struct TaskDir {
    pub(crate) id: TaskId,
    pub(crate) dir: Dir,
    /// Whether it still lies under the name it was built as: its opening is committed and not yet applied, or is taken
    /// back.
    pub(crate) is_built: bool,
}

/// Which folder an agent's log lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    Active,
    Ended,
}

impl Folder {
    /// The folder an agent's log belongs in.
    pub(crate) fn of(agent: &Agent) -> Self {
        if agent.status.is_active() {
            Self::Active
        } else {
            Self::Ended
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Active => ACTIVE,
            Self::Ended => ENDED,
        }
    }
}

/// Where a log is looked for, in this order. Who looks without the lock may look into `active` just after the log left and
/// into `ended` just before it came: or, where a redo puts it back, the other way round.
pub(crate) const LOOKED_INTO: [Folder; 4] =
    [Folder::Active, Folder::Ended, Folder::Active, Folder::Ended];

/// An agent's open log and its end.
#[derive(Debug)]
pub(crate) struct AgentLog {
    pub(crate) file: File,
    pub(crate) path: std::path::PathBuf,
    pub(crate) folder: Folder,
    pub(crate) tail: Tail<AgentLine>,
    /// The rev of the agent's last lifecycle change, once it is known.
    pub(crate) rev: Option<u64>,
}

pub(crate) fn log_name(agent: &AgentId) -> String {
    format!("{agent}.jsonl")
}

/// Whose log has this name; none if it is no log's.
pub(crate) fn agent_of_log(name: &str) -> Option<AgentId> {
    name.strip_suffix(".jsonl")?.parse().ok()
}

/// An agent's log as it was at a rev.
#[derive(Debug)]
pub(crate) enum LogAt {
    /// Its last line by then.
    Line(AgentLine),
    /// Its first line is later: the agent was not registered yet.
    NotYet,
    /// It has no good line: the agent is just being registered, or a call that was to register it was killed, or it is
    /// damaged, and this tells where.
    NoLine(Error),
}

impl LogAt {
    /// The log `name` in a folder; none if there is no such log.
    pub(crate) fn read(folder: &Dir, name: &str, rev: u64) -> Result<Option<Self>> {
        let path = folder.at(name);
        let read = folder.file(name, Access::Read).and_then(|file| match file {
            Some(file) => last_that(&file, &path, decode::<AgentLine>, |line| {
                line.rev.unwrap_or(0) <= rev
            })
            .map(Some),
            None => Ok(None),
        });
        Ok(Some(match read {
            Ok(None) => return Ok(None),
            Ok(Some(Sought::Found(line))) => Self::Line(line),
            Ok(Some(Sought::NoneOfThem)) => Self::NotYet,
            Ok(Some(Sought::Nothing)) => Self::NoLine(unreadable(path)),
            Err(error @ Error::Damaged { .. }) => Self::NoLine(error),
            Err(error) => return Err(error),
        }))
    }
}

fn unreadable(log: std::path::PathBuf) -> Error {
    Error::damaged(log, "no line of it can be read")
}

impl TaskDir {
    /// Opens a task's directory wherever it lies; `None` if there is no such task.
    pub(crate) fn find(home: &Home, id: &TaskId) -> Result<Option<Self>> {
        // A second look catches a task that is moved between the first looks.
        for _ in 0..2 {
            if let Some(dir) = home.dir.dir(&format!("{TASKS}/{id}"))? {
                return Ok(Some(Self::new(id, dir, false)));
            }
            if let Some(dir) = home.dir.dir(&format!("{CLOSED}/{id}"))? {
                return Ok(Some(Self::new(id, dir, false)));
            }
            let last = home.last_commit_head()?.filter(|last| last.task == *id);
            if let Some(name) = last.and_then(|last| last.built)
                && let Some(dir) = home.dir.dir(&format!("{TASKS}/{name}"))?
            {
                return Ok(Some(Self::new(id, dir, true)));
            }
        }
        Ok(None)
    }

    pub(crate) fn new(id: &TaskId, dir: Dir, is_built: bool) -> Self {
        Self {
            id: id.clone(),
            dir,
            is_built,
        }
    }

    /// The settings.
    pub(crate) fn settings(&self) -> Result<Task> {
        document::read(&self.dir, REGISTRY)?
            .ok_or_else(|| Error::damaged(self.dir.at(REGISTRY), "the task's settings are missing"))
    }

    /// The journal's last mark; `None` before the first change is applied.
    pub(crate) fn last_mark(&self) -> Result<Option<Mark>> {
        self.last_line()
    }

    /// The journal's last mark by `rev`, and the rev of its last mark of all.
    pub(crate) fn mark_at(&self, rev: u64) -> Result<(Sought<Mark>, u64)> {
        let file = self.dir.need_file(JOURNAL, Access::Read)?;
        let newest = Cell::new(0);
        let sought = last_that(
            &file,
            &self.dir.at(JOURNAL),
            decode_mark::<Mark>,
            |mark| {
                newest.set(newest.get().max(mark.rev));
                mark.rev <= rev
            },
        )?;
        Ok((sought, newest.get()))
    }

    fn last_line<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let file = self.dir.need_file(JOURNAL, Access::Read)?;
        Ok(Tail::read(&file, &self.dir.at(JOURNAL), Strictness::Log, decode_mark)?.last)
    }

    /// The rev of the last change that is applied here.
    pub(crate) fn applied_rev(&self) -> Result<u64> {
        Ok(self.last_line()?.map_or(0, |mark: MarkHead| mark.rev))
    }

    /// Waits until the last mark is on disk, whatever became of earlier waits.
    pub(crate) fn sync_journal(&self) -> Result<()> {
        let file = self.dir.need_file(JOURNAL, Access::Rewrite)?;
        rewrite_last(&file, &self.dir.at(JOURNAL), |line| {
            decode_mark::<Mark>(line).is_ok()
        })
    }

    /// Opens an agent's log, wherever it lies; `None` if there is no such agent.
    pub(crate) fn log(&self, agent: &AgentId, access: Access) -> Result<Option<AgentLog>> {
        for folder in LOOKED_INTO {
            let name = format!("{}/{}", folder.path(), log_name(agent));
            if let Some(file) = self.dir.file(&name, access)? {
                let path = self.dir.at(&name);
                let tail = Tail::read(&file, &path, Strictness::Log, decode)?;
                return Ok(Some(AgentLog {
                    file,
                    path,
                    folder,
                    tail,
                    rev: None,
                }));
            }
        }
        Ok(None)
    }

    /// An agent's state now; `None` if there is no such agent.
    pub(crate) fn agent(&self, agent: &AgentId) -> Result<Option<Agent>> {
        let Some(log) = self.log(agent, Access::Read)? else {
            return Ok(None);
        };
        match log.tail.last {
            Some(line) => Ok(Some(line.agent)),
            None => Err(unreadable(log.path)),
        }
    }

    /// Opens an agent's log for reading, wherever it lies; none if there is no such log.
    pub(crate) fn open_log(&self, agent: &AgentId) -> Result<Option<(File, PathBuf)>> {
        for folder in LOOKED_INTO {
            let name = format!("{}/{}", folder.path(), log_name(agent));
            if let Some(file) = self.dir.file(&name, Access::Read)? {
                return Ok(Some((file, self.dir.at(&name))));
            }
        }
        Ok(None)
    }

    /// An agent's log as it was at a rev, wherever it lies; none if there is no such log.
    pub(crate) fn log_at(&self, agent: &AgentId, rev: u64) -> Result<Option<LogAt>> {
        for folder in LOOKED_INTO {
            let name = format!("{}/{}", folder.path(), log_name(agent));
            if let Some(log) = LogAt::read(&self.dir, &name, rev)? {
                return Ok(Some(log));
            }
        }
        Ok(None)
    }

    /// Whether there is a log of such an agent.
    pub(crate) fn has_agent(&self, agent: &AgentId) -> Result<bool> {
        Ok(self.open_log(agent)?.is_some())
    }

    /// The ids of the agents in a folder, in no order.
    pub(crate) fn agents_in(&self, folder: Folder) -> Result<Vec<AgentId>> {
        let names = self.dir.need_dir(folder.path())?.names()?;
        Ok(names.iter().filter_map(|name| agent_of_log(name)).collect())
    }

    /// The last finding with the sums up to it.
    pub(crate) fn last_finding(&self) -> Result<Option<FindingLine>> {
        let Some(file) = self.dir.file(FINDINGS, Access::Read)? else {
            return Ok(None);
        };
        Ok(Tail::read(&file, &self.dir.at(FINDINGS), Strictness::Log, decode)?.last)
    }

    /// How many findings numbered above `after` are an agent's.
    pub(crate) fn findings_of(&self, agent: &AgentId, after: u64) -> Result<u64> {
        #[derive(serde::Deserialize)]
        struct Whose {
            seq: u64,
            agent: AgentId,
        }
        let Some(file) = self.dir.file(FINDINGS, Access::Read)? else {
            return Ok(0);
        };
        let path = self.dir.at(FINDINGS);
        let mut lines = Backward::new(&file, &path)?;
        let mut count = 0;
        while let Some(line) = lines.next_line()? {
            match decode::<Whose>(line) {
                Ok(finding) if finding.seq <= after => break,
                Ok(finding) if finding.agent == *agent => count += 1,
                _ => {}
            }
        }
        Ok(count)
    }

    /// Takes the task's lock with other readers.
    pub(crate) fn lock_shared(&self, patience: &Patience) -> Result<Lock> {
        let file = self.dir.need_file(LOCK, Access::Append)?;
        Lock::take(file, &self.dir.at(LOCK), Mode::Shared, patience)
    }

    /// Takes the task's lock alone.
    pub(crate) fn lock(self, patience: &Patience) -> Result<TaskGuard> {
        let file = self.dir.need_file(LOCK, Access::Append)?;
        let lock = Lock::take(file, &self.dir.at(LOCK), Mode::Exclusive, patience)?;
        Ok(TaskGuard {
            task: self,
            _lock: lock,
        })
    }

    /// Takes the task's lock alone if it is free.
    pub(crate) fn try_lock(self) -> Result<Option<TaskGuard>> {
        let file = self.dir.need_file(LOCK, Access::Append)?;
        let taken = Lock::try_take(file, &self.dir.at(LOCK), Mode::Exclusive)?;
        Ok(taken.ok().map(|lock| TaskGuard {
            task: self,
            _lock: lock,
        }))
    }
}

/// A task whose lock is held: only through it is the task written to, and the global lock taken.
#[derive(Debug)]
pub(crate) struct TaskGuard {
    task: TaskDir,
    _lock: Lock,
}

impl Deref for TaskGuard {
    type Target = TaskDir;
    fn deref(&self) -> &TaskDir {
        &self.task
    }
}

impl DerefMut for TaskGuard {
    fn deref_mut(&mut self) -> &mut TaskDir {
        &mut self.task
    }
}

impl TaskGuard {
    /// An agent's log for writing; puts it into the folder it belongs in if it lies in the other.
    pub(crate) fn log_to_write(&self, agent: &AgentId) -> Result<Option<AgentLog>> {
        let Some(mut log) = self.log(agent, Access::Append)? else {
            return Ok(None);
        };
        if let Some(line) = &log.tail.last {
            self.file_away(&line.agent, &mut log.folder)?;
        }
        Ok(Some(log))
    }

    /// Moves an agent's log into the folder that its last line says.
    pub(crate) fn file_away(&self, agent: &Agent, lies_in: &mut Folder) -> Result<()> {
        let belongs_in = Folder::of(agent);
        if *lies_in != belongs_in {
            let name = log_name(&agent.id);
            let from = self.dir.need_dir(lies_in.path())?;
            from.rename(&name, &self.dir.need_dir(belongs_in.path())?, &name)?;
            *lies_in = belongs_in;
        }
        Ok(())
    }

    /// Writes an agent's new record to its log and waits until it is on disk; once, however often it is called.
    pub(crate) fn record(&self, agent: &Agent, rev: u64, is_new: bool) -> Result<()> {
        let active = self.dir.need_dir(ACTIVE)?;
        let mut log = match self.log(&agent.id, Access::Append)? {
            Some(log) => log,
            None => AgentLog {
                file: active.create(&log_name(&agent.id))?,
                path: active.at(&log_name(&agent.id)),
                folder: Folder::Active,
                tail: Tail::empty(),
                rev: None,
            },
        };
        if log
            .tail
            .last
            .as_ref()
            .and_then(|line| line.rev)
            .is_some_and(|there| there >= rev)
        {
            // A redo: whoever wrote the line may have failed to sync it.
            let name = format!("{}/{}", log.folder.path(), log_name(&agent.id));
            let file = self.dir.need_file(&name, Access::Rewrite)?;
            rewrite_last(&file, &log.path, |line| decode::<AgentLine>(line).is_ok())?;
        } else {
            let line = encode(&AgentLine {
                schema: agent.schema(),
                rev: Some(rev),
                agent: agent.clone(),
            });
            log.tail.append(&log.file, &log.path, &line)?;
            sync_data(&log.file, &log.path)?;
        }
        if is_new {
            active.sync()?;
        }
        self.file_away(agent, &mut log.folder)
    }

    /// Notes in the journal that a change is applied; once, however often it is called.
    pub(crate) fn mark_applied(&self, mark: &Mark) -> Result<()> {
        let path = self.dir.at(JOURNAL);
        let file = self.dir.need_file(JOURNAL, Access::Append)?;
        let mut tail = Tail::<Mark>::read(&file, &path, Strictness::Log, decode_mark)?;
        if tail.last.as_ref().is_some_and(|last| last.rev >= mark.rev) {
            return Ok(());
        }
        tail.append(&file, &path, &encode_checked(mark))
    }
}
