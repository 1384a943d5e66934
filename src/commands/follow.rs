//! `--follow`: what comes is printed as it comes.

use std::time::Duration;

use agentreg::model::{TaskId, TaskStatus};
use agentreg::store::{AgentsWanted, Pace, Scope, Store, Watched};

use super::Outcome;
use super::context::Context;
use super::selection::Selected;
use crate::output::{Answer, Failure, nobody_reads, say};

/// So often it is looked whether anybody still reads.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Where lines come from.
pub trait Feed {
    /// Takes in a task, from its first line on.
    fn add(&mut self, task: &TaskId) -> Result<(), Failure>;

    /// What changes when there are new lines of a task.
    fn watched<'a>(&self, task: &'a TaskId) -> Watched<'a>;

    /// The lines that have come, each once; as they are printed.
    fn next(&mut self) -> Result<String, Failure>;

    /// Whether there are more lines even if nothing changes.
    fn has_more(&self) -> bool {
        false
    }
}

/// Whose lines are followed.
pub enum Followed {
    /// This task's, until it is closed.
    One(TaskId),
    /// These tasks', without an end: agents of theirs were named.
    Some(Vec<TaskId>),
    /// These tasks', and those of every task that is opened.
    Open(Vec<TaskId>),
}

impl Followed {
    /// What `selected` is, chosen by the named `task` or by agents.
    pub fn new(task: Option<TaskId>, by_agent: bool, selected: &[Selected]) -> Self {
        let tasks = || selected.iter().map(|(task, _)| task.clone()).collect();
        match task {
            Some(task) => Self::One(task),
            None if by_agent => Self::Some(tasks()),
            None => Self::Open(tasks()),
        }
    }
}

/// Prints `feed` until its task is closed, or nobody reads any more.
pub fn run(feed: &mut dyn Feed, followed: &Followed, context: &Context) -> Outcome {
    let store = context.store()?;
    let mut tasks = match followed {
        Followed::One(task) => vec![task.clone()],
        Followed::Some(tasks) | Followed::Open(tasks) => tasks.clone(),
    };
    let mut known = None;
    let mut closed = false;
    loop {
        // What is watched from here on is looked at after this.
        let scope: Vec<_> = std::iter::once(Watched::Machine)
            .chain(tasks.iter().map(|task| feed.watched(task)))
            .collect();
        let mut watcher = store.watcher(&scope, Pace::Prompt)?;
        loop {
            // Told from one line of the machine's journal: a look at each task would cost as much as what is followed.
            if changed(store, &mut known)? {
                if matches!(followed, Followed::Open(_)) {
                    let new = open_tasks(store, &tasks)?;
                    if !new.is_empty() {
                        for task in new {
                            feed.add(&task)?;
                            tasks.push(task);
                        }
                        break;
                    }
                }
                closed = is_closed(store, followed)?;
            }
            let text = feed.next()?;
            if !text.is_empty() && !say(text.as_bytes())? {
                return Ok(Answer::nothing());
            }
            if feed.has_more() {
                continue;
            }
            if closed {
                return Ok(Answer::nothing());
            }
            while !watcher.wait(HEARTBEAT)? {
                if nobody_reads() {
                    return Ok(Answer::nothing());
                }
            }
        }
    }
}

/// Whether tasks were opened or closed since the last time.
fn changed(store: &dyn Store, known: &mut Option<(u64, u64)>) -> Result<bool, Failure> {
    let totals = store.totals()?;
    let now = Some((totals.tasks_open, totals.tasks_closed));
    let changed = now != *known;
    *known = now;
    Ok(changed)
}

fn open_tasks(store: &dyn Store, but: &[TaskId]) -> Result<Vec<TaskId>, Failure> {
    Ok(store
        .overview(Scope::Open)?
        .tasks
        .into_iter()
        .map(|state| state.task.id)
        .filter(|id| !but.contains(id))
        .collect())
}

fn is_closed(store: &dyn Store, followed: &Followed) -> Result<bool, Failure> {
    match followed {
        Followed::One(task) => {
            let state = store.view(task, AgentsWanted::None)?.state;
            Ok(state.status == TaskStatus::Closed)
        }
        Followed::Some(_) | Followed::Open(_) => Ok(false),
    }
}
