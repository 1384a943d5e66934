//! Which tasks, and which agents in them, `findings` and `reports` are asked for.

use std::collections::BTreeMap;

use agentreg::model::{AgentId, TaskId};

use super::context::Context;
use super::reap;
use super::skipped::Skipped;
use crate::output::Failure;

/// A task, and the agents of it that are asked for; none: all.
pub type Selected = (TaskId, Vec<AgentId>);

/// The tasks that are asked for: of the agents that are named, else the one that is named, else all open ones.
/// `instead` is the command that may have been meant where an agent's name is none.
pub fn tasks(
    names: &[String],
    context: &Context,
    instead: &str,
    skipped: &mut Skipped,
) -> Result<Vec<Selected>, Failure> {
    if let Some(name) = names.iter().find(|name| name.parse::<AgentId>().is_err()) {
        let shown: String = name.chars().take(100).collect();
        return Err(Failure::usage(format!("{shown:?} is no agent's id")).hint(instead));
    }
    let task = context.task_to_read(None)?;
    let store = context.store()?;
    if names.is_empty() {
        if let Some(task) = task {
            return Ok(vec![(task, Vec::new())]);
        }
        let open = reap::open_tasks(store, skipped)?;
        return Ok(open.into_iter().map(|task| (task, Vec::new())).collect());
    }
    let mut selected = BTreeMap::<TaskId, Vec<AgentId>>::new();
    for name in names {
        let (task, agent) = store.find_agent(task.as_ref(), name)?;
        selected.entry(task).or_default().push(agent);
    }
    Ok(selected.into_iter().collect())
}

/// The newest `limit` of `items`, which are in order.
pub fn newest<T>(mut items: Vec<T>, limit: Option<usize>) -> Vec<T> {
    match limit {
        Some(limit) if limit < items.len() => items.split_off(items.len() - limit),
        _ => items,
    }
}
