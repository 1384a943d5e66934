//! A task's directory, the local registry: found, locked, read and appended to.

use std::cell::Cell;
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::dir::{Access, Dir, Kind};
use super::document;
use super::home::{CLOSED, Home, LOCK, REGISTRY, TASKS};
use super::jsonl::{Backward, Sought, Strictness, Tail, last_that, rewrite_last, sync_data};
use super::line::{
    AgentLine, Commit, FindingLine, Mark, MarkHead, decode, decode_mark, encode, encode_checked,
};
use super::lock::{Lock, Mode, Patience};
use super::record::Record;
use crate::model::{Agent, AgentId, Change, Kind as Refused, Rejection, Task, TaskId};
use crate::store::{Error, Result};

pub(crate) const JOURNAL: &str = "journal.jsonl";
pub(crate) const FINDINGS: &str = "findings.jsonl";
pub(crate) const AGENTS: &str = "agents";
pub(crate) const ACTIVE: &str = "agents/active";
pub(crate) const ENDED: &str = "agents/ended";
pub(crate) const LEASES: &str = "leases";
pub(crate) const OUTPUT: &str = "output";
/// How the names of what is left of deleted tasks begin.
pub(crate) const DELETED: &str = ".deleted-";
/// What lies in a task's directory.
pub(crate) const NAMES: [&str; 7] = [LOCK, REGISTRY, JOURNAL, FINDINGS, AGENTS, LEASES, OUTPUT];
/// What stands in the names of what a repair keeps, before its time.
pub(crate) const KEPT: &str = ".damaged-";

/// Whether something of this name was kept by a repair and is no task.
pub(crate) fn is_kept_name(name: &str) -> bool {
    name.rsplit_once(KEPT).is_some_and(|(_, time)| {
        time.len() >= 15
            && time
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

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

/// What `look` finds under a name of an agent's log, wherever that lies.
fn wherever_it_lies<T>(
    agent: &AgentId,
    look: impl Fn(&str) -> Result<Option<T>>,
) -> Result<Option<T>> {
    for folder in LOOKED_INTO {
        let found = look(&format!("{}/{}", folder.path(), log_name(agent)))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

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
    Line(Box<AgentLine>),
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
            Ok(Some(Sought::Found(line))) => Self::Line(Box::new(line)),
            Ok(Some(Sought::NoneOfThem)) => Self::NotYet,
            Ok(Some(Sought::Nothing)) => Self::NoLine(unreadable(path)),
            Err(error @ Error::Damaged { .. }) => Self::NoLine(error),
            Err(error) => return Err(error),
        }))
    }
}

impl AgentLog {
    /// The last line of a log in this folder; none if there is no such log, or it is empty: then its agent was about to
    /// be registered, and is not.
    pub(crate) fn last_line(folder: &Dir, name: &str) -> Result<Option<AgentLine>> {
        let Some(file) = folder.file(name, Access::Read)? else {
            return Ok(None);
        };
        let path = folder.at(name);
        let tail = Tail::<AgentLine>::read(&file, &path, Strictness::Log, decode)?;
        match tail.last {
            Some(line) => Ok(Some(line)),
            None if tail.is_empty() => Ok(None),
            None => Err(unreadable(path)),
        }
    }
}

/// Whether a file system may take one of two names for the other: it merges upper and lower case, and vfat drops dots at
/// the end as well.
pub(crate) fn is_other_spelling(asked: &str, own: &str) -> bool {
    asked != own && spelling(asked).eq_ignore_ascii_case(spelling(own))
}

/// What of a name a file system looks at that drops the dots at its end.
pub(crate) fn spelling(name: &str) -> &str {
    name.trim_end_matches('.')
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
                let closed = Self::new(id, dir, false);
                // One that a deletion could not move away may lie beside another of its id that is being opened.
                if !closed.is_deleted()? {
                    return Ok(Some(closed));
                }
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

    /// The directory that has the task's name, whatever the journal says.
    pub(crate) fn find_by_name(home: &Home, id: &TaskId) -> Result<Option<Self>> {
        for place in [home.tasks()?, home.closed()?] {
            if place.kind(id.as_str())? == Some(Kind::Dir)
                && let Some(dir) = place.dir(id.as_str())?
            {
                return Ok(Some(Self::new(id, dir, false)));
            }
        }
        Ok(None)
    }

    /// The same of a task that was not deleted.
    pub(crate) fn find_existing(home: &Home, id: &TaskId) -> Result<Option<Self>> {
        match Self::find(home, id)? {
            Some(task) if task.is_deleted()? => Ok(None),
            found => Ok(found),
        }
    }

    /// The directory of the task that the journal's last line is of, also where that deleted it.
    pub(crate) fn find_last(home: &Home, last: &Commit) -> Result<Option<Self>> {
        if last.change == Change::Deleted {
            let name = deleted_name(&last.task, last.rev);
            if let Some(dir) = home.dir.dir(&format!("{CLOSED}/{name}"))? {
                return Ok(Some(Self::new(&last.task, dir, false)));
            }
            // What an earlier deletion of the same id left is not what this one deleted.
            let found = Self::find(home, &last.task)?;
            return Ok(match found {
                Some(earlier) if earlier.is_deleted()? => None,
                found => found,
            });
        }
        Self::find(home, &last.task)
    }

    /// Every task that has a directory of its own, open and closed, in no order. What is no directory, has nothing of a task
    /// in it, or was kept by a repair is none.
    pub(crate) fn all(home: &Home) -> Result<Vec<Self>> {
        let mut tasks = Self::all_in(home, TASKS)?;
        tasks.extend(Self::all_in(home, CLOSED)?);
        Ok(tasks)
    }

    /// The same of those in one place.
    pub(crate) fn all_in(home: &Home, place: &str) -> Result<Vec<Self>> {
        let place = home.dir.need_dir(place)?;
        let mut tasks = Vec::new();
        for name in place.names()? {
            let Ok(id) = name.parse::<TaskId>() else {
                continue;
            };
            if is_kept_name(&name) || place.kind(&name)? != Some(Kind::Dir) {
                continue;
            }
            if let Some(dir) = place.dir(&name)? {
                let task = Self::new(&id, dir, false);
                if !task.is_bare()? {
                    tasks.push(task);
                }
            }
        }
        Ok(tasks)
    }

    /// Whether neither its journal nor its agents are there: the task was deleted and swept, or somebody removed them.
    pub(crate) fn is_hollow(&self) -> Result<bool> {
        Ok(self.dir.kind(JOURNAL)?.is_none() && self.dir.kind(AGENTS)?.is_none())
    }

    /// Whether nothing in the directory is a task's: it is somebody else's, or all of the task was removed.
    pub(crate) fn is_bare(&self) -> Result<bool> {
        let names = self.dir.all_names()?;
        let mut names = names.iter().map(String::as_str);
        Ok(!names.any(|name| NAMES.contains(&name) || name.starts_with(DELETED)))
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

    /// Refuses a task that was asked for in another spelling than its own, where the file system does not tell the two
    /// apart: everything would be done under a name that no task has. Settings that cannot be read say nothing.
    pub(crate) fn is_as_named(&self) -> Result<()> {
        match self.settings() {
            Ok(settings) => self.is_named(&settings.id),
            Err(_) => Ok(()),
        }
    }

    fn is_named(&self, own: &TaskId) -> Result<()> {
        if is_other_spelling(self.id.as_str(), own.as_str()) {
            return Err(Rejection::new(
                Refused::NotFound,
                format!("there is no task {:?}", self.id.as_str()),
            )
            .hint(format!("write it as it was opened: {own}"))
            .into());
        }
        Ok(())
    }

    /// The settings of a task that is to be changed, asked for by its own name.
    pub(crate) fn own_settings(&self) -> Result<Task> {
        let settings = self.settings()?;
        self.is_named(&settings.id)?;
        Ok(settings)
    }

    /// The journal's last mark; `None` before the first change is applied.
    pub(crate) fn last_mark(&self) -> Result<Option<Mark>> {
        self.last_line()
    }

    /// The journal's last mark by `rev`, and the rev of its last mark of all.
    pub(crate) fn mark_at(&self, rev: u64) -> Result<(Sought<Mark>, u64)> {
        let file = self.dir.need_file(JOURNAL, Access::Read)?;
        let newest = Cell::new(0);
        let sought = last_that(&file, &self.dir.at(JOURNAL), decode_mark::<Mark>, |mark| {
            newest.set(newest.get().max(mark.rev));
            mark.rev <= rev
        })?;
        Ok((sought, newest.get()))
    }

    fn last_line<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let file = self.dir.need_file(JOURNAL, Access::Read)?;
        Ok(Tail::read(&file, &self.dir.at(JOURNAL), Strictness::Log, decode_mark)?.last)
    }

    /// The rev of the last change that is applied here; 0 before the first.
    pub(crate) fn applied_rev(&self) -> Result<u64> {
        Ok(self.last_line()?.map_or(0, |mark: MarkHead| mark.rev))
    }

    /// Whether the task was deleted. What is left of its directory may lie anywhere and is no task any more; its journal
    /// may be swept already.
    pub(crate) fn is_deleted(&self) -> Result<bool> {
        let Some(file) = self.dir.file(JOURNAL, Access::Read)? else {
            return Ok(self.dir.kind("agents")?.is_none());
        };
        let path = self.dir.at(JOURNAL);
        let tail = Tail::<MarkHead>::read(&file, &path, Strictness::Log, decode_mark)?;
        Ok(tail.last.is_some_and(|mark| mark.change == Change::Deleted))
    }

    /// Waits until the last mark is on disk, whatever became of earlier waits.
    pub(crate) fn sync_journal(&self) -> Result<()> {
        let file = self.dir.need_file(JOURNAL, Access::Rewrite)?;
        rewrite_last(&file, &self.dir.at(JOURNAL), |line| {
            decode_mark::<Mark>(line).is_ok()
        })
    }

    /// Opens an agent's log, wherever it lies; `None` if there is no such agent. What opens under another spelling of the
    /// agent's id or the task's is `not_found`: it is another's.
    pub(crate) fn log(&self, agent: &AgentId, access: Access) -> Result<Option<AgentLog>> {
        for folder in LOOKED_INTO {
            let name = format!("{}/{}", folder.path(), log_name(agent));
            if let Some(file) = self.dir.file(&name, access)? {
                let path = self.dir.at(&name);
                let tail = Tail::<AgentLine>::read(&file, &path, Strictness::Log, decode)?;
                if let Some(AgentLine { agent: own, .. }) = &tail.last {
                    self.is_named(&own.task)?;
                    if is_other_spelling(agent.as_str(), own.id.as_str()) {
                        return Err(self.spelled_otherwise(agent, &own.id));
                    }
                }
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
            None if log.tail.is_empty() => Ok(None),
            None => Err(unreadable(log.path)),
        }
    }

    /// Opens an agent's log for reading, wherever it lies; none if there is no such log.
    pub(crate) fn open_log(&self, agent: &AgentId) -> Result<Option<(File, PathBuf)>> {
        wherever_it_lies(agent, |name| {
            let file = self.dir.file(name, Access::Read)?;
            Ok(file.map(|file| (file, self.dir.at(name))))
        })
    }

    /// An agent's log as it was at a rev, wherever it lies; none if there is no such log.
    pub(crate) fn log_at(&self, agent: &AgentId, rev: u64) -> Result<Option<LogAt>> {
        wherever_it_lies(agent, |name| LogAt::read(&self.dir, name, rev))
    }

    fn spelled_otherwise(&self, asked: &AgentId, own: &AgentId) -> Error {
        Rejection::new(
            Refused::NotFound,
            format!("task {} has no agent {:?}", self.id, asked.as_str()),
        )
        .hint(format!("write it as it was registered: {own}"))
        .into()
    }

    /// Whether there is such an agent.
    pub(crate) fn has_agent(&self, agent: &AgentId) -> Result<bool> {
        match self.agent(agent) {
            Err(error) if error.kind() == Refused::NotFound => Ok(false),
            found => Ok(found?.is_some()),
        }
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
        let file = self.dir.need_file(LOCK, Access::Rewrite)?;
        let lock = Lock::take(file, &self.dir.at(LOCK), Mode::Exclusive, patience)?;
        Ok(TaskGuard {
            task: self,
            journal: None,
            lock: lock.into_file(),
        })
    }

    /// Takes the task's lock alone if it is free.
    pub(crate) fn try_lock(self) -> Result<Option<TaskGuard>> {
        let file = self.dir.need_file(LOCK, Access::Rewrite)?;
        let taken = Lock::try_take(file, &self.dir.at(LOCK), Mode::Exclusive)?;
        Ok(taken.ok().map(|lock| TaskGuard {
            task: self,
            journal: None,
            lock: lock.into_file(),
        }))
    }
}

/// A task whose lock is held: only through it is the task written to, and the global lock taken.
#[derive(Debug)]
pub(crate) struct TaskGuard {
    task: TaskDir,
    /// The task's journal, open for appending once it is needed. Nobody else appends to it while the lock is held.
    journal: Option<(File, Tail<Mark>)>,
    lock: File,
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
    fn journal(&mut self) -> Result<&mut (File, Tail<Mark>)> {
        let journal = if let Some(journal) = self.journal.take() {
            journal
        } else {
            let file = self.dir.need_file(JOURNAL, Access::Append)?;
            let path = self.dir.at(JOURNAL);
            let tail = Tail::<Mark>::read(&file, &path, Strictness::Log, decode_mark)?;
            (file, tail)
        };
        Ok(self.journal.insert(journal))
    }

    /// The rev of the last change that is applied here; 0 before the first.
    pub(crate) fn own_rev(&mut self) -> Result<u64> {
        let (_, tail) = self.journal()?;
        Ok(tail.last.as_ref().map_or(0, |mark| mark.rev))
    }

    /// # Errors
    /// `not_found` of a task that was deleted while its lock was waited for.
    pub(crate) fn not_deleted(&mut self) -> Result<()> {
        let (_, tail) = self.journal()?;
        if let Some(mark) = &tail.last
            && mark.change == Change::Deleted
        {
            return Err(deleted(&self.id));
        }
        Ok(())
    }

    /// The highest rev that was ever committed of this task, where its lock file says so.
    pub(crate) fn noted_rev(&self) -> u64 {
        Record::read(&self.lock).map_or(0, |record| record.rev)
    }

    /// Notes the highest rev that is committed of this task.
    pub(crate) fn note(&self, rev: u64) {
        let record = Record {
            rev,
            home: String::new(),
        };
        record.write(&self.lock);
    }

    /// The task's last mark, without which it has no counts.
    ///
    /// The task's last mark, if there is any.
    pub(crate) fn last(&mut self) -> Result<Option<Mark>> {
        let (_, tail) = self.journal()?;
        Ok(tail.last.clone())
    }

    /// The journal is another file now.
    pub(crate) fn forget_journal(&mut self) {
        self.journal = None;
    }

    /// # Errors
    /// `not_found` of a task that was deleted while its lock was waited for, `Damaged` where there is no mark.
    pub(crate) fn mark(&mut self) -> Result<Mark> {
        self.not_deleted()?;
        let (_, tail) = self.journal()?;
        match &tail.last {
            Some(mark) => Ok(mark.clone()),
            None => Err(Error::damaged(
                self.dir.at(JOURNAL),
                "the task's journal is empty",
            )),
        }
    }

    /// What is missing in this task's directory: the task was deleted while its lock was waited for, or `error`.
    pub(crate) fn missing(&self, error: Error) -> Error {
        match self.is_deleted() {
            Ok(true) => deleted(&self.id),
            _ => error,
        }
    }

    /// An agent's log for writing; puts it into the folder it belongs in if it lies in the other.
    pub(crate) fn log_to_write(&self, agent: &AgentId) -> Result<Option<AgentLog>> {
        let Some(mut log) = self.log(agent, Access::Append)? else {
            return Ok(None);
        };
        if let Some(line) = &log.tail.last {
            // The folder is an index: who cannot put it right goes on without.
            let _ = self.file_away(&line.agent, &mut log.folder);
        }
        Ok(Some(log))
    }

    /// The log of an agent that is about to be registered, made before that is committed. Empty, it is no agent's yet.
    pub(crate) fn new_log(&self, agent: &AgentId) -> Result<AgentLog> {
        let active = self.dir.need_dir(ACTIVE)?;
        let name = log_name(agent);
        Ok(AgentLog {
            file: active.create(&name)?,
            path: active.at(&name),
            folder: Folder::Active,
            tail: Tail::empty(),
            rev: None,
        })
    }

    /// Takes a log away again whose registration did not come about.
    pub(crate) fn discard_new_log(&self, agent: &AgentId) {
        if let Ok(active) = self.dir.need_dir(ACTIVE) {
            let _ = active.remove_file(&log_name(agent));
        }
    }

    /// The log that a commit's line goes on, held against that line.
    ///
    /// A log that has the commit's rev has it applied, whatever its number. Otherwise the line must come after the log's
    /// last one; reports between that were not acknowledged may be lost in a power cut that the commit survived.
    pub(crate) fn log_to_redo(&self, agent: &Agent, commit: &Commit) -> Result<AgentLog> {
        let log = self.log(&agent.id, Access::Append)?;
        let last = log.as_ref().and_then(|log| log.tail.last.as_ref());
        let rev = last.and_then(|line| line.rev).unwrap_or(0);
        let seq = last.map_or(0, |line| line.agent.seq);
        let follows = if seq == 0 {
            agent.seq == 1
        } else {
            rev < commit.rev && seq < agent.seq
        };
        if rev == commit.rev || follows {
            return log.map_or_else(|| self.new_log(&agent.id), Ok);
        }
        let name = format!("{}/{}", Folder::of(agent).path(), log_name(&agent.id));
        Err(Error::damaged(
            log.map_or_else(|| self.dir.at(&name), |log| log.path),
            format!(
                "it ends with line {seq} of rev {rev}, and the journal's last line is line {} of rev {}",
                agent.seq, commit.rev
            ),
        ))
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
    pub(crate) fn record(
        &self,
        log: &mut AgentLog,
        agent: &Agent,
        rev: u64,
        is_new: bool,
    ) -> Result<()> {
        if log.tail.last.as_ref().and_then(|line| line.rev) == Some(rev) {
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
            self.dir.need_dir(ACTIVE)?.sync()?;
        }
        Ok(())
    }

    /// Notes in the journal that a change is applied; once, however often it is called.
    pub(crate) fn mark_applied(&mut self, mark: &Mark) -> Result<()> {
        let path = self.dir.at(JOURNAL);
        let (file, tail) = self.journal()?;
        if tail.last.as_ref().is_some_and(|last| last.rev >= mark.rev) {
            return Ok(());
        }
        tail.append(file, &path, &encode_checked(mark))?;
        tail.last = Some(mark.clone());
        Ok(())
    }

    /// Moves a task that was deleted to a name of its own, and what calls look for in it out of their sight.
    pub(crate) fn put_away(&self, home: &Home, rev: u64) -> Result<()> {
        let name = deleted_name(&self.id, rev);
        let closed = home.closed()?;
        for place in [home.tasks()?, home.closed()?] {
            let is_this = match place.dir(self.id.as_str())? {
                Some(dir) => dir.is_same(&self.dir)?,
                None => false,
            };
            if is_this {
                place.rename(self.id.as_str(), &closed, &name)?;
            }
        }
        for name in ["agents", FINDINGS] {
            if self.dir.kind(name)?.is_some() {
                self.dir
                    .rename(name, &self.dir, &format!(".deleted-{name}"))?;
            }
        }
        Ok(())
    }
}

/// The name in `closed/` of what is left of a task that was deleted with this rev.
fn deleted_name(task: &TaskId, rev: u64) -> String {
    format!("{DELETED}{task}-{rev}")
}

/// The refusal of a call that waited for the lock of a task that was deleted meanwhile.
fn deleted(task: &TaskId) -> Error {
    Rejection::new(Refused::NotFound, format!("task {task} was deleted")).into()
}
