//! Names: whole ids, unique beginnings of them, and the nearest match for one that is unknown.

use std::collections::BTreeSet;

use super::FileStore;
use super::home::Home;
use super::line::Commit;
use super::overview::task_ids;
use super::task::{Folder, TaskDir};
use crate::model::{AgentId, Kind, Rejection, TaskId};
use crate::store::{Error, Problem, Result, Scope};

/// The open tasks, one after the other. One that cannot be read hides no other: it is passed over, and named where
/// nothing was found.
struct OpenTasks<'a> {
    home: &'a Home,
    unreadable: Vec<Problem>,
}

impl<'a> OpenTasks<'a> {
    fn of(home: &'a Home) -> Self {
        Self {
            home,
            unreadable: Vec::new(),
        }
    }

    fn each(&mut self, mut look: impl FnMut(&TaskId, &TaskDir) -> Result<()>) -> Result<()> {
        for id in task_ids(self.home, Scope::Open)? {
            let looked = match TaskDir::find(self.home, &id) {
                Ok(Some(task)) => look(&id, &task),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                self.unreadable.push(error.of_one_task()?);
            }
        }
        Ok(())
    }

    /// The refusal of an agent that is unknown in all of them, with the nearest one named.
    fn unknown_agent(mut self, name: &str) -> Result<Error> {
        let mut known = BTreeSet::new();
        let last = self.home.last_commit()?;
        self.each(|_, task| {
            known.extend(agent_ids(task, last.as_ref())?);
            Ok(())
        })?;
        let refusal = Rejection::new(
            Kind::NotFound,
            format!("no open task has an agent {name:?}"),
        );
        let hint = match (
            nearest(name, known.iter().map(AgentId::as_str)),
            self.unreadable.first(),
        ) {
            (Some(nearest), _) => format!("did you mean {nearest}?"),
            (None, Some(odd)) => format!(
                "name its task with --task; passed over was {}: {}, see `agentreg doctor`",
                odd.path, odd.what
            ),
            (None, None) => "name its task with --task".to_owned(),
        };
        Ok(refusal.hint(hint).into())
    }
}

/// The ids of a task's agents; `last` is the journal's last line, which may not be applied yet.
fn agent_ids(task: &TaskDir, last: Option<&Commit>) -> Result<BTreeSet<AgentId>> {
    let mut ids: BTreeSet<AgentId> = task.agents_in(Folder::Active)?.into_iter().collect();
    ids.extend(task.agents_in(Folder::Ended)?);
    let last = last.filter(|last| last.task == task.id);
    let agent = last.and_then(|last| last.agent.as_ref());
    ids.extend(agent.map(|agent| agent.id.clone()));
    Ok(ids)
}

pub(crate) fn task(store: &FileStore, name: &str) -> Result<TaskId> {
    let home = store.home()?;
    if let Ok(id) = name.parse::<TaskId>()
        && let Some(found) = TaskDir::find_existing(&home, &id)?
    {
        found.is_as_named()?;
        return Ok(id);
    }
    let mut matching = task_ids(&home, Scope::All)?;
    matching.retain(|id| id.as_str().starts_with(name));
    match matching.len() {
        1 if !name.is_empty() => matching
            .pop_first()
            .ok_or_else(|| unknown_task(&home, name)),
        0 | 1 => Err(unknown_task(&home, name)),
        _ => Err(ambiguous(
            "task",
            name,
            matching.iter().map(ToString::to_string),
        )),
    }
}

/// The open task that has this very agent.
pub(crate) fn task_of(store: &FileStore, agent: &AgentId) -> Result<TaskId> {
    let home = store.home()?;
    let last = home.last_commit()?;
    let mut found = Vec::new();
    let mut open = OpenTasks::of(&home);
    open.each(|id, task| {
        let is_pending = || {
            let last = last.as_ref().filter(|last| last.task == *id);
            last.and_then(|last| last.agent.as_ref())
                .is_some_and(|pending| pending.id == *agent)
        };
        if task.has_agent(agent)? || is_pending() {
            found.push(id.clone());
        }
        Ok(())
    })?;
    let found = without_copies(&home, found);
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(open.unknown_agent(agent.as_str())?),
        several => Err(in_several_tasks(agent.as_str(), several)),
    }
}

/// Those of several that are no copies of another's directory under another name.
fn without_copies(home: &Home, mut found: Vec<TaskId>) -> Vec<TaskId> {
    if found.len() > 1 {
        let is_itself = |id: &TaskId| {
            let task = TaskDir::find(home, id).ok().flatten();
            task.and_then(|task| task.settings().ok())
                .is_some_and(|settings| settings.id == *id)
        };
        found.retain(is_itself);
    }
    found
}

pub(crate) fn agent(
    store: &FileStore,
    task: Option<&TaskId>,
    name: &str,
) -> Result<(TaskId, AgentId)> {
    let home = store.home()?;
    let exact: Option<AgentId> = name.parse().ok();
    let last = home.last_commit()?;
    let mut matching = Vec::new();
    let mut open = OpenTasks::of(&home);
    let mut look = |id: &TaskId, found: &TaskDir| {
        for agent in agent_ids(found, last.as_ref())? {
            if agent.as_str().starts_with(name) {
                matching.push((id.clone(), agent));
            }
        }
        Ok(())
    };
    match task {
        Some(id) => look(id, &FileStore::task_dir(&home, id)?)?,
        None => open.each(look)?,
    }
    if matching
        .iter()
        .any(|(_, agent)| Some(agent) == exact.as_ref())
    {
        matching.retain(|(_, agent)| Some(agent) == exact.as_ref());
    }
    match (matching.len(), task) {
        (1, _) if !name.is_empty() => Ok(matching.remove(0)),
        (0 | 1, Some(task)) => Err(unknown_agent(&FileStore::task_dir(&home, task)?, name)),
        (0 | 1, None) => Err(open.unknown_agent(name)?),
        _ if matching
            .iter()
            .all(|(_, agent)| Some(agent) == exact.as_ref()) =>
        {
            let tasks = matching.into_iter().map(|(task, _)| task).collect();
            match (without_copies(&home, tasks).as_slice(), exact) {
                ([one], Some(agent)) => Ok((one.clone(), agent)),
                (several, _) => Err(in_several_tasks(name, several)),
            }
        }
        _ => Err(ambiguous(
            "agent",
            name,
            matching.iter().map(|(_, agent)| agent.to_string()),
        )),
    }
}

/// The refusal of an unknown task, with the nearest one named.
pub(crate) fn unknown_task(home: &Home, name: &str) -> Error {
    let known = task_ids(home, Scope::All).unwrap_or_default();
    let refusal = Rejection::new(Kind::NotFound, format!("there is no task {name:?}"));
    match nearest(name, known.iter().map(TaskId::as_str)) {
        Some(nearest) => refusal.hint(format!("did you mean {nearest}?")).into(),
        None => refusal
            .hint("list them with `agentreg task list --all`")
            .into(),
    }
}

/// The refusal of an agent that is unknown in a task, with the nearest one named; or what is damaged, where there is no
/// directory that could tell.
pub(crate) fn unknown_agent(task: &TaskDir, name: &str) -> Error {
    let known = match agent_ids(task, None) {
        Ok(known) => known,
        Err(error @ Error::Damaged { .. }) if matches!(task.is_deleted(), Ok(false)) => {
            return error;
        }
        Err(_) => BTreeSet::new(),
    };
    let refusal = Rejection::new(
        Kind::NotFound,
        format!("task {} has no agent {name:?}", task.id),
    );
    match nearest(name, known.iter().map(AgentId::as_str)) {
        Some(nearest) => refusal.hint(format!("did you mean {nearest}?")).into(),
        None => refusal
            .hint(format!(
                "list them with `agentreg status {} --all`",
                task.id
            ))
            .into(),
    }
}

fn in_several_tasks(agent: &str, tasks: &[TaskId]) -> Error {
    let listed: Vec<&str> = tasks.iter().take(3).map(TaskId::as_str).collect();
    Rejection::new(
        Kind::Usage,
        format!(
            "{} open tasks have an agent {agent:?}: {}",
            tasks.len(),
            listed.join(", ")
        ),
    )
    .hint("name its task with --task")
    .into()
}

fn ambiguous(noun: &str, name: &str, matching: impl Iterator<Item = String>) -> Error {
    let matching: Vec<String> = matching.collect();
    let shown: Vec<&str> = matching.iter().take(3).map(String::as_str).collect();
    Rejection::new(
        Kind::Usage,
        format!(
            "{} {noun}s begin with {name:?}: {}{}",
            matching.len(),
            shown.join(", "),
            if matching.len() > 3 { ", …" } else { "" }
        ),
    )
    .hint("write more of the id")
    .into()
}

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
