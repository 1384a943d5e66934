//! Ids are found whole or by a beginning that only one has.

use std::collections::BTreeSet;

use agentreg::store::Store;

use super::model::Model;
use super::operation::{AGENTS, TASKS};
use super::real::id;

/// Every id and every beginning of one is found, or refused, as the model says.
pub fn assert_found(store: &impl Store, model: &Model) {
    for name in beginnings(&TASKS) {
        let all = model.tasks.keys().map(|task| (*task, *task));
        let found = store.find_task(name).map(|task| task.to_string());
        assert_eq!(kind(found), expected(all, name), "{name}");
    }
    for name in beginnings(&AGENTS) {
        let open = model.tasks.iter().filter(|(_, task)| task.is_open);
        let in_open = open.flat_map(|(id, task)| task.agents.keys().map(|agent| (*id, *agent)));
        let in_open: Vec<_> = in_open.collect();
        let found = store
            .find_agent(None, name)
            .map(|(task, _)| task.to_string());
        assert_eq!(
            kind(found),
            expected(in_open.iter().copied(), name),
            "{name}"
        );
        let whole = in_open.iter().copied().filter(|(_, agent)| *agent == name);
        let found = store.task_of(&id(name)).map(|task| task.to_string());
        assert_eq!(kind(found), expected(whole, name), "{name}");
        for (task, known) in &model.tasks {
            let agents = known.agents.keys().map(|agent| (*agent, *agent));
            let found = store.find_agent(Some(&id(task)), name);
            let found = found.map(|(_, agent)| agent.to_string());
            assert_eq!(kind(found), expected(agents, name), "{name} in {task}");
        }
    }
}

/// The ids, and each without its last letter.
fn beginnings(ids: &[&'static str]) -> BTreeSet<&'static str> {
    let shorter = ids.iter().map(|id| &id[..id.len() - 1]);
    let all = ids.iter().copied().chain(shorter);
    all.filter(|name| !name.is_empty()).collect()
}

fn kind(found: agentreg::store::Result<String>) -> Result<String, &'static str> {
    found.map_err(|error| error.kind().as_str())
}

/// The one whose name this is; else the one whose name alone begins so.
fn expected<'a>(
    known: impl Iterator<Item = (&'a str, &'a str)>,
    name: &str,
) -> Result<String, &'static str> {
    let mut matching: Vec<_> = known.filter(|(_, id)| id.starts_with(name)).collect();
    if matching.iter().any(|(_, id)| *id == name) {
        matching.retain(|(_, id)| *id == name);
    }
    match matching[..] {
        [] => Err("not_found"),
        [(answer, _)] => Ok(answer.to_owned()),
        _ => Err("usage"),
    }
}
