//! Names: whole ids, unique beginnings of them, and the nearest match for one that is unknown.

use std::collections::BTreeSet;

use super::FileStore;
use super::home::{Home, TASKS};
use super::task::{Folder, TaskDir};
use crate::model::{AgentId, Kind, Rejection, TaskId};
use crate::store::{Error, Result, Scope};

/// The ids of tasks, in order. One whose opening is not applied yet counts; one whose closing is not may count as open.
pub(crate) fn task_ids(home: &Home, scope: Scope) -> Result<BTreeSet<TaskId>> {
    let tasks = match scope {
        Scope::All => TaskDir::all(home)?,
        Scope::Open => TaskDir::all_in(home, TASKS)?,
    };
    let mut ids: BTreeSet<TaskId> = tasks.into_iter().map(|task| task.id).collect();
    ids.extend(
        home.last_commit_head()?
            .filter(|last| last.built.is_some())
            .map(|last| last.task),
    );
    Ok(ids)
}

fn agent_ids(home: &Home, task: &TaskDir) -> Result<BTreeSet<AgentId>> {
    let mut ids: BTreeSet<AgentId> = task.agents_in(Folder::Active)?.into_iter().collect();
    ids.extend(task.agents_in(Folder::Ended)?);
    let last = home.last_commit()?.filter(|last| last.task == task.id);
    ids.extend(last.and_then(|last| last.agent).map(|agent| agent.id));
    Ok(ids)
}

pub(crate) fn task(store: &FileStore, name: &str) -> Result<TaskId> {
    let home = store.home()?;
    if let Ok(id) = name.parse::<TaskId>()
        && TaskDir::find(&home, &id)?.is_some()
    {
        return Ok(id);
    }
    let mut matching = task_ids(&home, Scope::All)?;
    matching.retain(|id| id.as_str().starts_with(name));
    match matching.len() {
        1 if !name.is_empty() => Ok(matching.pop_first().expect("there is one")),
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
    let mut found = Vec::new();
    for id in task_ids(&home, Scope::Open)? {
        let Some(task) = TaskDir::find(&home, &id)? else {
            continue;
        };
        let is_pending = || -> Result<bool> {
            let last = home.last_commit()?.filter(|last| last.task == id);
            Ok(last
                .and_then(|last| last.agent)
                .is_some_and(|pending| pending.id == *agent))
        };
        if task.has_agent(agent)? || is_pending()? {
            found.push(id);
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(unknown_in_open_tasks(&home, agent.as_str())?),
        _ => Err(in_several_tasks(agent.as_str(), &found)),
    }
}

pub(crate) fn agent(
    store: &FileStore,
    task: Option<&TaskId>,
    name: &str,
) -> Result<(TaskId, AgentId)> {
    let home = store.home()?;
    let tasks = match task {
        Some(task) => BTreeSet::from([task.clone()]),
        None => task_ids(&home, Scope::Open)?,
    };
    let exact: Option<AgentId> = name.parse().ok();
    let mut matching = Vec::new();
    for id in tasks {
        let found = match task {
            Some(_) => Some(FileStore::task_dir(&home, &id)?),
            None => TaskDir::find(&home, &id)?,
        };
        let Some(found) = found else { continue };
        for agent in agent_ids(&home, &found)? {
            if agent.as_str().starts_with(name) {
                matching.push((id.clone(), agent));
            }
        }
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
        (0 | 1, None) => Err(unknown_in_open_tasks(&home, name)?),
        _ if matching
            .iter()
            .all(|(_, agent)| Some(agent) == exact.as_ref()) =>
        {
            let tasks: Vec<TaskId> = matching.into_iter().map(|(task, _)| task).collect();
            Err(in_several_tasks(name, &tasks))
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

/// The refusal of an agent that is unknown in a task, with the nearest one named.
pub(crate) fn unknown_agent(task: &TaskDir, name: &str) -> Error {
    let mut known = task.agents_in(Folder::Active).unwrap_or_default();
    known.extend(task.agents_in(Folder::Ended).unwrap_or_default());
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

fn unknown_in_open_tasks(home: &Home, name: &str) -> Result<Error> {
    let mut known = BTreeSet::new();
    for id in task_ids(home, Scope::Open)? {
        if let Some(task) = TaskDir::find(home, &id)? {
            known.extend(agent_ids(home, &task)?);
        }
    }
    let refusal = Rejection::new(
        Kind::NotFound,
        format!("no open task has an agent {name:?}"),
    );
    Ok(match nearest(name, known.iter().map(AgentId::as_str)) {
        Some(nearest) => refusal.hint(format!("did you mean {nearest}?")).into(),
        None => refusal.hint("name its task with --task").into(),
    })
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
    Rejection::new(
        Kind::Usage,
        format!(
            "{} {noun}s begin with {name:?}: {}{}",
            matching.len(),
            matching[..matching.len().min(3)].join(", "),
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
