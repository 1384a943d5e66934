//! The operations on tasks: open, set, close.

use super::agents::not_before;
use super::commit::{Draft, move_to_closed};
use super::dir::Dir;
use super::home::{Home, LOCK, REGISTRY, TASKS};
use super::lock::{Lock, Mode, Patience};
use super::task::{FINDINGS, Folder, JOURNAL, LEASES, OUTPUT, TaskDir, TaskGuard};
use super::{FileStore, agents, commit, document, read};
use crate::model::rules::{self, Closing};
use crate::model::{
    Agent, AgentId, Change, Counts, Ending, Kind, NewTask, Rejection, SeveritySums, Status, Task,
    TaskChange, TaskId, TaskState, TaskStatus, Totals,
};
use crate::store::{AgentsWanted, Done, Error, Result, Store};

pub(crate) fn open(store: &FileStore, new: &NewTask) -> Result<Done<TaskState>> {
    let patience = store.patience();
    let home = Home::make(&store.options.home, &patience)?;
    if let Some(known) = known(store, &home, new)? {
        return Ok(known);
    }
    let task = Task::open(new, FileStore::now());
    let building = Building::start(&home, &task, &patience)?;
    match building.commit(
        store,
        Change::Opened,
        Counts::default(),
        Vec::new(),
        &patience,
    )? {
        Some(done) => Ok(done.map(|()| TaskState {
            task,
            status: TaskStatus::Open,
            counts: Counts::default(),
            findings: SeveritySums::default(),
        })),
        // Somebody opened it meanwhile.
        None => match known(store, &home, new)? {
            Some(known) => Ok(known),
            None => Err(id_taken(&new.id)),
        },
    }
}

/// The task if it was opened before with equal settings.
fn known(store: &FileStore, home: &Home, new: &NewTask) -> Result<Option<Done<TaskState>>> {
    let Some(found) = TaskDir::find_existing(home, &new.id)? else {
        return Ok(None);
    };
    is_not_same_file(&found)?;
    // A killed `task new` may have left its opening unapplied: a retry finishes it.
    drop(FileStore::lock_task(home, &new.id, &store.patience())?);
    let state = store.view(&new.id, AgentsWanted::None)?.state;
    if state.task.equals(new) && state.status == TaskStatus::Open {
        Ok(Some(Done::unchanged(state)))
    } else {
        Err(id_taken(&new.id))
    }
}

/// Refuses to open a task beside one whose id the file system does not tell from its own.
pub(crate) fn is_not_same_file(found: &TaskDir) -> Result<()> {
    found.is_as_named().map_err(|_| {
        Rejection::new(
            Kind::Duplicate,
            format!(
                "there is a task whose id this file system does not tell from {}: it differs in upper and lower case",
                found.id
            ),
        )
        .hint("choose another --id, or leave it out to have one made")
        .into()
    })
}

fn id_taken(id: &TaskId) -> Error {
    Rejection::new(
        Kind::Duplicate,
        format!("the task id {id} is used already, with other settings or by a closed task"),
    )
    .hint("choose another --id, or leave it out to have one made")
    .into()
}

/// A task that is built under a name nobody looks at, to appear whole with one commit.
pub(crate) struct Building<'a> {
    guard: TaskGuard,
    settings: Task,
    unnamed: Unnamed<'a>,
}

/// A directory that is no task yet. What does not become one is taken away.
struct Unnamed<'a> {
    home: &'a Home,
    name: String,
}

impl<'a> Building<'a> {
    /// Makes the task's directory. Its lock is taken first, before anybody can see it.
    pub(crate) fn start(home: &'a Home, task: &Task, patience: &Patience) -> Result<Self> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| Error::io("get a random name for", home.dir.at("tasks"), e))?;
        let name = format!(".new-{:016x}", u64::from_le_bytes(random));
        let tasks = home.tasks()?;
        // Until it has a lock of its own this says that it is no leftover.
        let _begins = Lock::take(tasks.handle()?, tasks.path(), Mode::Shared, patience)?;
        let dir = tasks.make_dir(&name)?;
        let unnamed = Unnamed { home, name };
        dir.create(LOCK)?;
        let guard = TaskDir::new(&task.id, dir, true).lock(patience)?;
        guard.fill(task)?;
        Ok(Self {
            guard,
            settings: task.settings_alone(),
            unnamed,
        })
    }

    /// The directory that is being built.
    pub(crate) fn dir(&self) -> &Dir {
        &self.guard.dir
    }

    /// Waits until all that was built is on disk, then commits it; `None` if the id was taken meanwhile.
    pub(crate) fn commit(
        self,
        store: &FileStore,
        change: Change,
        counts: Counts,
        recent: Vec<AgentId>,
        patience: &Patience,
    ) -> Result<Option<Done<()>>> {
        let Self {
            mut guard,
            settings,
            mut unnamed,
        } = self;
        let home = unnamed.home;
        let id = guard.id.clone();
        sync(home, &guard, change)?;
        loop {
            if let Some(global) = guard.lock_global(home, patience)? {
                if TaskDir::find_existing(home, &id)?.is_some() {
                    return Ok(None);
                }
                let totals = global.totals();
                if totals == Totals::default() {
                    // The home's own entries are on disk before anything in it is acknowledged.
                    home.dir.sync()?;
                }
                let draft = Draft {
                    at: FileStore::now(),
                    change,
                    agent: None,
                    settings: Some(settings),
                    built: Some(unnamed.name.clone()),
                    recent,
                    status: TaskStatus::Open,
                    counts,
                    totals: Totals {
                        agents: totals.agents.plus(counts),
                        tasks_open: totals.tasks_open + 1,
                        ..totals
                    },
                };
                let warning = global.commit(draft, store.options.journal_limit)?;
                // From here on it is the registry's, whatever became of the rest.
                unnamed.name.clear();
                return Ok(Some(Done {
                    value: (),
                    changed: true,
                    warning,
                }));
            }
            if patience.is_over() {
                return Err(commit::unfinished(home, patience));
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

fn sync(home: &Home, guard: &TaskGuard, change: Change) -> Result<()> {
    if change == Change::Imported {
        // Thousands of files: one call for all of them.
        guard.dir.sync_file_system()?;
    } else {
        guard.dir.need_dir("agents")?.sync()?;
        guard.dir.sync()?;
    }
    home.tasks()?.sync()
}

impl Drop for Unnamed<'_> {
    /// What cannot be taken away is a leftover that `doctor` notes.
    fn drop(&mut self) {
        if self.name.is_empty() {
            return;
        }
        // A commit that failed and could not be taken back may yet count: then the directory must stay.
        let Ok(last) = self.home.last_commit_head() else {
            return;
        };
        if last.is_some_and(|last| last.built.as_ref() == Some(&self.name)) {
            return;
        }
        if let Ok(tasks) = self.home.tasks() {
            let _ = tasks.remove_tree(&self.name);
        }
    }
}

impl TaskGuard {
    fn fill(&self, task: &Task) -> Result<()> {
        for file in [JOURNAL, FINDINGS] {
            self.dir.create(file)?;
        }
        for dir in ["agents", LEASES, OUTPUT] {
            self.dir.make_dir(dir)?;
        }
        let agents = self.dir.need_dir("agents")?;
        agents.make_dir("active")?;
        agents.make_dir("ended")?;
        document::write(&self.dir, REGISTRY, task)
    }
}

pub(crate) fn set(store: &FileStore, task: &TaskId, change: &TaskChange) -> Result<TaskState> {
    let home = store.home()?;
    let guard = FileStore::lock_task(&home, task, &store.patience())?;
    guard.is_as_named()?;
    // Read whole before anything is written: nothing that fails later may deny the change.
    let mut state = read::state(&home, &guard)?;
    if state.status == TaskStatus::Closed {
        return Err(rules::closed(task).into());
    }
    let changed = change.apply(&state.task);
    if changed != state.task {
        document::write(&guard.dir, REGISTRY, &changed)
            .map_err(|error| error.unsynced("the settings are"))?;
        state.task = changed;
    }
    Ok(state)
}

pub(crate) fn close(
    store: &FileStore,
    task: &TaskId,
    force: Option<&Ending>,
) -> Result<Done<(TaskState, Vec<Agent>)>> {
    let home = store.home()?;
    let mut terminated = Vec::new();
    let mut in_vain = 0;
    loop {
        let closed = store.lifecycle(&home, task, |guard, patience| {
            guard.is_as_named()?;
            let mark = guard.mark()?;
            // Read before the commit: nothing that fails later may deny the change.
            let mut state = read::state(&home, guard)?;
            match rules::close(task, mark.status, mark.counts, force.is_some())? {
                Closing::Already => {
                    // The place is an index: the first close may not have been able to keep it.
                    let _ = move_to_closed(&home, task);
                    Ok(Some(Some(Done::unchanged(state))))
                }
                Closing::TerminateFirst => Ok(Some(None)),
                Closing::Now => {
                    let Some(global) = guard.lock_global(&home, patience)? else {
                        return Ok(None);
                    };
                    let totals = global.totals();
                    let draft = Draft {
                        at: not_before(Some(mark.at)),
                        change: Change::Closed,
                        agent: None,
                        settings: None,
                        built: None,
                        recent: Vec::new(),
                        status: TaskStatus::Closed,
                        counts: mark.counts,
                        totals: Totals {
                            tasks_open: totals.tasks_open.saturating_sub(1),
                            tasks_closed: totals.tasks_closed + 1,
                            ..totals
                        },
                    };
                    let warning = global.commit(draft, store.options.journal_limit)?;
                    state.status = TaskStatus::Closed;
                    Ok(Some(Some(Done {
                        value: state,
                        changed: true,
                        warning,
                    })))
                }
            }
        })?;
        if let Some(done) = closed {
            return Ok(done.map(|state| (state, terminated)));
        }
        let ended = match force {
            Some(ending) => terminate_all(store, &home, task, ending)?,
            None => Vec::new(),
        };
        // Somebody else may end them first, but not for ever.
        in_vain = if ended.is_empty() { in_vain + 1 } else { 0 };
        if in_vain > 10 {
            return Err(Error::damaged(
                home.dir.at(&format!("{TASKS}/{task}")),
                "it counts active agents, and none is there to be terminated",
            ));
        }
        terminated.extend(ended);
    }
}

fn terminate_all(
    store: &FileStore,
    home: &Home,
    task: &TaskId,
    ending: &Ending,
) -> Result<Vec<Agent>> {
    let mut terminated = Vec::new();
    let dir = FileStore::task_dir(home, task)?;
    for agent in dir.agents_in(Folder::Active)? {
        if !dir.has_agent(&agent)? {
            // It is being registered, or was about to be by a call that was killed.
            continue;
        }
        let done = agents::end(store, task, &agent, Status::Terminated, ending, &|_| true)?;
        terminated.extend(Some(done.value).filter(|_| done.changed));
    }
    Ok(terminated)
}
