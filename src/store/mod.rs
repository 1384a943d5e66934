//! The store: one trait of whole operations. Each takes what somebody wants, decides by a pure rule of
//! [`crate::model::rules`] on what it read under its locks, and returns what was applied.
//!
//! The [`mod@file`] store is the first implementation; another on a distributed engine fits behind the same trait, so
//! nothing here speaks of files or locks.

mod error;
pub mod file;
pub mod lease;
mod query;
mod watch;

pub use error::{Error, Holder};
pub use lease::{Lease, LeaseState};
pub use query::{
    AgentsWanted, Check, EventQuery, FindingQuery, Import, ImportedAgent, Problem, ReportQuery,
    Scope,
};
pub use watch::{NewReports, Pace, Watched, Watcher};

use std::fs::File;
use std::path::Path;

use crate::model::rules::{Registration, Update};
use crate::model::{
    Agent, AgentId, Ending, Event, FilesChanged, Finding, NewFinding, NewTask, Report, Settings,
    Status, TaskChange, TaskId, TaskState, Totals,
};

/// What a store's operation gives.
pub type Result<T> = std::result::Result<T, Error>;

/// What was applied. The operation is done and durable even where there is a warning.
#[derive(Debug)]
pub struct Done<T> {
    /// The state after it.
    pub value: T,
    /// Whether anything changed, or it had been so already.
    pub changed: bool,
    /// What went wrong after the commit; the next call finishes it.
    pub warning: Option<Error>,
}

impl<T> Done<T> {
    /// Nothing to do.
    pub fn unchanged(value: T) -> Self {
        Self {
            value,
            changed: false,
            warning: None,
        }
    }

    /// The same outcome with another view of its value.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Done<U> {
        Done {
            value: view(self.value),
            changed: self.changed,
            warning: self.warning,
        }
    }
}

/// A task with agents of it, all of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// The task.
    pub state: TaskState,
    /// The agents that were asked for: active ones by registration, then ended ones, the last to end first.
    pub agents: Vec<Agent>,
    /// The rev of the moment: events up to it belong to it.
    pub rev: u64,
    /// The number of the moment's last finding.
    pub last_finding: u64,
}

/// The machine: its totals and its tasks, all of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overview {
    /// The machine's totals.
    pub totals: Totals,
    /// The tasks, by the time they were opened.
    pub tasks: Vec<TaskState>,
    /// What lies among the tasks and could not be read.
    pub skipped: Vec<Problem>,
}

/// Fills a new file.
pub type Fill<'a> = &'a mut dyn FnMut(&mut File) -> std::io::Result<()>;

/// A registry for headless agents. Every method is one whole operation: it is done, or it changed nothing.
///
/// # Errors
/// All methods: [`Error::Rejected`] where a rule says no (an unknown id is `not_found`), [`Error::LockTimeout`],
/// [`Error::Damaged`], [`Error::NewerSchema`], [`Error::Io`].
pub trait Store {
    /// What tells this registry from a copy of it. A process that was noted in one is nobody's in the other.
    fn identity(&self) -> Result<String>;

    /// What `AGENTREG_HOME` names it by.
    fn place(&self) -> &Path;

    /// Who holds the task's lock, or the lease of an agent of it, as far as the system tells.
    fn holder(&self, task: &TaskId, lease_of: Option<&AgentId>) -> Result<Option<Holder>>;

    /// Opens a task. Opening it again with equal settings changes nothing and succeeds; any other use of a used id is
    /// a `duplicate`.
    fn open_task(&self, new: &NewTask) -> Result<Done<TaskState>>;

    /// Changes a task's settings.
    fn set_task(&self, task: &TaskId, change: &TaskChange) -> Result<TaskState>;

    /// Closes a task; with an end for them terminates its active agents first, one commit each, and gives them.
    fn close_task(
        &self,
        task: &TaskId,
        force: Option<&Ending>,
    ) -> Result<Done<(TaskState, Vec<Agent>)>>;

    /// Registers an agent if [`crate::model::rules::admit`] lets it.
    fn register(&self, task: &TaskId, new: &Registration) -> Result<Done<Agent>>;

    /// Registers an agent that lives as long as its lease is held: by the caller from before anybody can see the agent,
    /// and by every process that it hands the lease to. Any other agent of its id is a `duplicate`.
    fn register_leased(&self, task: &TaskId, new: &Registration) -> Result<(Done<Agent>, Lease)>;

    /// Whether an agent's lease is held, and what its holder noted there. Takes no other lock.
    fn lease(&self, task: &TaskId, agent: &AgentId) -> Result<LeaseState>;

    /// A file, made if it is not there, that what an agent's command prints is appended to.
    fn output(&self, task: &TaskId, agent: &AgentId) -> Result<File>;

    /// Puts a new file that `fill` fills in the place of what [`Self::output`] gave, at once, and gives it opened alike.
    fn replace_output(&self, task: &TaskId, agent: &AgentId, fill: Fill<'_>) -> Result<File>;

    /// Records what an agent says of its state. `files_changed` is evidence, counted before.
    fn update(
        &self,
        task: &TaskId,
        agent: &AgentId,
        said: &Update,
        files_changed: Option<FilesChanged>,
    ) -> Result<Done<Agent>>;

    /// Ends an agent whatever it says itself; an agent that has ended stays as it is.
    fn end(
        &self,
        task: &TaskId,
        agent: &AgentId,
        status: Status,
        ending: &Ending,
    ) -> Result<Done<Agent>>;

    /// Ends an agent as failed if `is_dead` says so of it as it is when nobody can change it any more. `is_dead` may be
    /// asked again, and must not ask this store for anything that waits for the task.
    fn reap(
        &self,
        task: &TaskId,
        agent: &AgentId,
        end: &Ending,
        is_dead: &dyn Fn(&Agent) -> bool,
    ) -> Result<Done<Agent>>;

    /// Shares a finding of an agent with its peers.
    fn share(&self, task: &TaskId, agent: &AgentId, finding: &NewFinding) -> Result<Finding>;

    /// The machine's totals.
    fn totals(&self) -> Result<Totals>;

    /// All tasks in `scope` with the totals of the same moment. One that cannot be read hides no other.
    fn overview(&self, scope: Scope) -> Result<Overview>;

    /// A task with the agents that are wanted, without waiting for anybody: a change that is committed and not applied yet
    /// is laid over them.
    fn view(&self, task: &TaskId, wanted: AgentsWanted<'_>) -> Result<TaskView>;

    /// The same without such a change, which is not acknowledged yet and may be taken back: for what decides or waits.
    fn applied(&self, task: &TaskId, wanted: AgentsWanted<'_>) -> Result<TaskView>;

    /// Applies a change that a killed call left unapplied, unless somebody is at work on the task; whether there was one.
    fn finish(&self, task: &TaskId) -> Result<bool>;

    /// An agent as it was registered. Only this has its prompt, and what is foreign to it; what [`Self::view`] gives has them
    /// as long as nothing was reported, and where a registry of 0.1.0 repeated them.
    fn registered(&self, task: &TaskId, agent: &AgentId) -> Result<Agent>;

    /// A task's reports, by time; those of equal times by agent and number.
    fn reports(&self, task: &TaskId, query: &ReportQuery) -> Result<Vec<Report>>;

    /// A task's reports as they come, beginning with those there are. Waits for nobody.
    fn follow_reports(&self, task: &TaskId, query: &ReportQuery) -> Result<Box<dyn NewReports>>;

    /// What the command of an agent printed so far; none if that is not kept.
    fn printed(&self, task: &TaskId, agent: &AgentId) -> Result<Option<File>>;

    /// A task's findings, oldest first.
    fn findings(&self, task: &TaskId, query: &FindingQuery) -> Result<Vec<Finding>>;

    /// The journal, oldest first.
    fn events(&self, query: &EventQuery) -> Result<Vec<Event>>;

    /// The task that is called so, or whose id alone begins so.
    fn find_task(&self, name: &str) -> Result<TaskId>;

    /// The open task that has this agent.
    fn task_of(&self, agent: &AgentId) -> Result<TaskId>;

    /// The agent, in `task` or else in all open tasks, that is called so or whose id alone begins so.
    fn find_agent(&self, task: Option<&TaskId>, name: &str) -> Result<(TaskId, AgentId)>;

    /// The machine's settings.
    fn settings(&self) -> Result<Settings>;

    /// Changes the machine's settings.
    fn set_settings(&self, change: &dyn Fn(&mut Settings)) -> Result<Settings>;

    /// Takes in a task whole, in one commit; none if its id is known already. `progress` is told how many agents are
    /// written.
    fn import(&self, import: Import<'_>, progress: &dyn Fn(u64))
    -> Result<Option<Done<TaskState>>>;

    /// Watches `scope` at this pace; a task in it that is not there is `not_found`.
    fn watcher(&self, scope: &[Watched<'_>], pace: Pace) -> Result<Box<dyn Watcher>>;

    /// Checks every invariant by recounting everything; with `repair` mends what is wrong.
    fn check(&self, repair: bool) -> Result<Check>;
}
