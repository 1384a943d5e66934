//! The file store: the registry in a directory.
//!
//! | file | subject |
//! |---|---|
//! | `dir` | every path that is named to the system |
//! | `lock` | `flock` with a deadline |
//! | `jsonl`, `line`, `document` | appended files, their lines, replaced documents |
//! | `home`, `record`, `task` | the global and the local registry |
//! | `commit`, `rev`, `rotate` | the protocol: one journal line commits a change to both |
//! | `agents`, `tasks`, `findings`, `import` | the operations that write |
//! | `lease` | what an agent's supervisor holds |
//! | `read`, `moment`, `overview`, `ended`, `events`, `find` | the operations that only read |
//! | `watch`, `follow`, `changed` | waiting for a change, reading on where something changed |
//! | `check`, `proof` | `doctor`, and that locks hold |
//!
//! # The system calls of a report
//!
//! `progress` that ends nothing and `finding` are made all day; each of their system calls has a reason, and a test
//! (`tests/suite/hot_path.rs`) fails when one is added.
//!
//! | call | of | why |
//! |---|---|---|
//! | `open`, `fstat` | the home | everything is named from here on; a home that others can enter is refused |
//! | `openat2` | `tasks/<task>` | held open, so that a close may move it; `openat2` follows no link on the way |
//! | `openat`, `flock` | the task's `lock` | tried first: only a call that finds it taken pays for waiting |
//! | `openat`, `fstat`, `pread`, `close` | the global `journal.jsonl` | its last line, if it is this task's, may be unapplied; `fstat` tells where it ends, and that it is a file |
//! | the first three | the task's `journal.jsonl` | only if that line is this task's: whether it is applied; stays open for a mark |
//! | `openat2`, `fstat`, `pread` | the agent's log | what the agent is now; stays open for the line (a `finding` closes it and opens `findings.jsonl` the same way; an empty log is no agent's) |
//! | `write` | the log | the report, one line in one write |
//! | `close`, `close`, `close` | the task, its journal, its lock | the lock is free before the disk is waited for |
//! | `fdatasync`, `close` | the log | the one sync: now it is acknowledged |
//! | `close` | the home | |
//! | `write` | standard output | the answer, unless `-q` |

mod agents;
mod changed;
mod check;
mod commit;
mod dir;
mod document;
mod ended;
mod events;
mod find;
mod findings;
mod first;
mod follow;
mod home;
mod import;
mod jsonl;
mod lease;
mod line;
mod lock;
mod moment;
mod overview;
mod proof;
#[cfg(any(test, fuzzing))]
pub mod properties;
mod read;
mod record;
mod recount;
mod rev;
mod rotate;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod watch;

pub use proof::{play as play_lock_proof, prove_locks};

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::dir::Access;
use self::home::Home;
use self::lock::{Lock, Mode, Patience};
use self::moment::Unapplied;
use self::task::{TaskDir, TaskGuard};
use super::{
    AgentsWanted, Check, Done, EventQuery, Fill, FindingQuery, Holder, Import, Lease, LeaseState,
    NewReports, Overview, Pace, ReportQuery, Result, Scope, Store, TaskView, Watched, Watcher,
};
use crate::model::rules::{Registration, Update};
use crate::model::{
    Agent, AgentId, Ending, Event, FilesChanged, Finding, NewFinding, NewTask, Report, Settings,
    Status, TaskChange, TaskId, TaskState, Timestamp, Totals,
};

/// The journal is rotated when it has grown to this many bytes.
const JOURNAL_LIMIT: u64 = 64 * 1024 * 1024;

/// How a [`FileStore`] is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The registry's directory.
    pub home: PathBuf,
    /// How long an operation waits for locks.
    pub lock_timeout: Duration,
    /// Called once when an operation has to wait for a lock, with the lock's path.
    pub announce: Option<fn(&Path)>,
    /// The size in bytes at which the journal is rotated.
    pub journal_limit: u64,
}

impl Options {
    /// The usual options for a home.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            lock_timeout: Duration::from_secs(10),
            announce: None,
            journal_limit: JOURNAL_LIMIT,
        }
    }
}

/// The registry in a directory. It opens nothing before an operation needs it, and keeps nothing open after.
#[derive(Debug)]
pub struct FileStore {
    options: Options,
}

impl FileStore {
    /// The store with these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn patience(&self) -> Patience {
        Patience::new(self.options.lock_timeout, self.options.announce)
    }

    /// The home, of a registry that must be there.
    fn home(&self) -> Result<Home> {
        Home::need(&self.options.home)
    }

    /// The home for reading; none where there is no registry yet.
    fn home_if_any(&self) -> Result<Option<Home>> {
        match Home::open(&self.options.home)? {
            Some(home) if home.is_registry()? => Ok(Some(home)),
            _ => Ok(None),
        }
    }

    /// A task that must be there.
    fn task_dir(home: &Home, task: &TaskId) -> Result<TaskDir> {
        let found = TaskDir::find_existing(home, task)?
            .ok_or_else(|| find::unknown_task(home, task.as_str()))?;
        found.is_as_named()?;
        Ok(found)
    }

    /// A task with its lock held and all its changes applied.
    fn lock_task(home: &Home, task: &TaskId, patience: &Patience) -> Result<TaskGuard> {
        loop {
            let found = TaskDir::find(home, task)?
                .ok_or_else(|| find::unknown_task(home, task.as_str()))?;
            let is_built = found.is_built;
            let mut guard = found.lock(patience)?;
            guard.recover(home)?;
            if !is_built {
                return Ok(guard);
            }
            // Its opening was not applied: by now it is, or it was taken back.
        }
    }

    /// Runs a lifecycle operation under its task's lock until it need not start over.
    fn lifecycle<T>(
        &self,
        home: &Home,
        task: &TaskId,
        mut operation: impl FnMut(&mut TaskGuard, &Patience) -> Result<Option<T>>,
    ) -> Result<T> {
        let patience = self.patience();
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(outcome) =
                operation(&mut Self::lock_task(home, task, &patience)?, &patience)?
            {
                return Ok(outcome);
            }
            // Another task's change is unfinished and its lock is taken: whoever has that is about to finish it.
            if patience.is_over() {
                return Err(commit::unfinished(home, &patience));
            }
            std::thread::sleep(
                pause.min(patience.deadline.saturating_duration_since(Instant::now())),
            );
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_jiff(jiff::Timestamp::now())
    }
}

impl Store for FileStore {
    fn identity(&self) -> Result<String> {
        self.home()?.identity()
    }

    fn place(&self) -> &Path {
        &self.options.home
    }

    fn holder(&self, task: &TaskId, lease_of: Option<&AgentId>) -> Result<Option<Holder>> {
        let task = Self::task_dir(&self.home()?, task)?;
        let name = match lease_of {
            Some(agent) => format!("{}/{agent}", task::LEASES),
            None => home::LOCK.to_owned(),
        };
        let Some(file) = task.dir.file(&name, Access::Read)? else {
            return Ok(None);
        };
        if lease_of.is_some() {
            // Whoever only looks must not look like holding.
            return Ok(lock::holder_of(&file));
        }
        // Mostly it is free, and the machine's list of locks need not be read.
        let tried = Lock::try_take(file, &task.dir.at(&name), Mode::Shared)?;
        Ok(tried.err().and_then(|taken| lock::holder_of(&taken)))
    }

    fn open_task(&self, new: &NewTask) -> Result<Done<TaskState>> {
        tasks::open(self, new)
    }

    fn set_task(&self, task: &TaskId, change: &TaskChange) -> Result<TaskState> {
        tasks::set(self, task, change)
    }

    fn close_task(
        &self,
        task: &TaskId,
        force: Option<&Ending>,
    ) -> Result<Done<(TaskState, Vec<Agent>)>> {
        tasks::close(self, task, force)
    }

    fn register(&self, task: &TaskId, new: &Registration) -> Result<Done<Agent>> {
        agents::register(self, task, new)
    }

    fn register_leased(&self, task: &TaskId, new: &Registration) -> Result<(Done<Agent>, Lease)> {
        agents::register_leased(self, task, new)
    }

    fn lease(&self, task: &TaskId, agent: &AgentId) -> Result<LeaseState> {
        lease::state(self, task, agent)
    }

    fn output(&self, task: &TaskId, agent: &AgentId) -> Result<File> {
        lease::output(self, task, agent)
    }

    fn replace_output(&self, task: &TaskId, agent: &AgentId, fill: Fill<'_>) -> Result<File> {
        lease::replace_output(self, task, agent, fill)
    }

    fn update(
        &self,
        task: &TaskId,
        agent: &AgentId,
        said: &Update,
        files_changed: Option<FilesChanged>,
    ) -> Result<Done<Agent>> {
        agents::update(self, task, agent, said, files_changed)
    }

    fn end(
        &self,
        task: &TaskId,
        agent: &AgentId,
        status: Status,
        ending: &Ending,
    ) -> Result<Done<Agent>> {
        agents::end(self, task, agent, status, ending, &|_| true)
    }

    fn reap(
        &self,
        task: &TaskId,
        agent: &AgentId,
        ending: &Ending,
        is_dead: &dyn Fn(&Agent) -> bool,
    ) -> Result<Done<Agent>> {
        agents::end(self, task, agent, Status::Failed, ending, is_dead)
    }

    fn share(&self, task: &TaskId, agent: &AgentId, finding: &NewFinding) -> Result<Finding> {
        findings::share(self, task, agent, finding)
    }

    fn totals(&self) -> Result<Totals> {
        read::totals(self)
    }

    fn overview(&self, scope: Scope) -> Result<Overview> {
        overview::overview(self, scope)
    }

    fn view(&self, task: &TaskId, wanted: AgentsWanted<'_>) -> Result<TaskView> {
        read::view(self, task, wanted, Unapplied::LaidOver)
    }

    fn applied(&self, task: &TaskId, wanted: AgentsWanted<'_>) -> Result<TaskView> {
        read::view(self, task, wanted, Unapplied::LeftOut)
    }

    fn finish(&self, task: &TaskId) -> Result<bool> {
        commit::finish_if_free(self, task)
    }

    fn registered(&self, task: &TaskId, agent: &AgentId) -> Result<Agent> {
        first::registered(self, task, agent)
    }

    fn reports(&self, task: &TaskId, query: &ReportQuery) -> Result<Vec<Report>> {
        read::reports(self, task, query)
    }

    fn follow_reports(&self, task: &TaskId, query: &ReportQuery) -> Result<Box<dyn NewReports>> {
        Ok(Box::new(follow::reports(self, task, query)?))
    }

    fn printed(&self, task: &TaskId, agent: &AgentId) -> Result<Option<File>> {
        let task = Self::task_dir(&self.home()?, task)?;
        task.dir
            .file(&format!("{}/{agent}.log", task::OUTPUT), Access::Read)
    }

    fn findings(&self, task: &TaskId, query: &FindingQuery) -> Result<Vec<Finding>> {
        findings::list(self, task, query)
    }

    fn events(&self, query: &EventQuery) -> Result<Vec<Event>> {
        events::events(self, query)
    }

    fn find_task(&self, name: &str) -> Result<TaskId> {
        find::task(self, name)
    }

    fn task_of(&self, agent: &AgentId) -> Result<TaskId> {
        find::task_of(self, agent)
    }

    fn find_agent(&self, task: Option<&TaskId>, name: &str) -> Result<(TaskId, AgentId)> {
        find::agent(self, task, name)
    }

    fn settings(&self) -> Result<Settings> {
        match self.home_if_any()? {
            Some(home) => home.settings(),
            None => Ok(Settings::default()),
        }
    }

    fn set_settings(&self, change: &dyn Fn(&mut Settings)) -> Result<Settings> {
        let patience = self.patience();
        let home = Home::make(&self.options.home, &patience)?;
        let _lock = home.lock(&patience)?;
        let mut settings = home.settings()?;
        change(&mut settings);
        document::write(&home.dir, home::REGISTRY, &settings)
            .map_err(|error| error.unsynced("the settings are"))?;
        Ok(settings)
    }

    fn import(
        &self,
        import: Import<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<Option<Done<TaskState>>> {
        import::import(self, import, progress)
    }

    fn watcher(&self, scope: &[Watched<'_>], pace: Pace) -> Result<Box<dyn Watcher>> {
        Ok(Box::new(watch::watcher(self, scope, pace)?))
    }

    fn check(&self, repair: bool) -> Result<Check> {
        check::check(self, repair)
    }
}
