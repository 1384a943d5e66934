//! `reap`: ends as failed the agents that are known to be dead.

use agentreg::model::{Agent, End, EndHow, Liveness, TaskId};
use agentreg::store::{AgentsWanted, Done, Error, Scope, Store};

use super::Outcome;
use super::alive::{alive, cause};
use super::context::Context;
use super::skipped::Skipped;
use crate::cli::ReapArgs;
use crate::output::json::{self, AgentObject, Keyed};
use crate::output::{Answer, Failure, escape};

pub fn run(_: &ReapArgs, context: &Context) -> Outcome {
    let store = context.store()?;
    let mut skipped = Skipped::default();
    let reaped = match context.named_task(None)? {
        Some(task) => dead_of(store, &task)?,
        None => dead_of_all(store, &mut skipped)?,
    };
    let answer = if context.json() {
        let objects: Vec<_> = reaped
            .iter()
            .map(|agent| AgentObject::new(agent, alive(store, agent)))
            .collect();
        Answer::text(json::document(&skipped.within(Keyed("reaped", objects))))
    } else if context.quiet() {
        Answer::lines(reaped.iter().map(|agent| &agent.id))
    } else {
        Answer::lines(reaped.iter().map(|agent| {
            let end = agent.end.as_ref();
            let reason = end.and_then(|end| end.reason.as_deref()).unwrap_or("");
            format!("{}: {}", agent.id, escape(reason))
        }))
    };
    Ok(skipped.told_with(answer.of_change()))
}

/// The open tasks.
pub fn open_tasks(store: &dyn Store, skipped: &mut Skipped) -> Result<Vec<TaskId>, Failure> {
    let mut overview = store.overview(Scope::Open)?;
    skipped.add(&mut overview);
    Ok(overview
        .tasks
        .into_iter()
        .map(|state| state.task.id)
        .collect())
}

/// Reaps the dead of all open tasks; gives those that were.
pub fn dead_of_all(store: &dyn Store, skipped: &mut Skipped) -> Result<Vec<Agent>, Failure> {
    let mut reaped = Vec::new();
    for task in open_tasks(store, skipped)? {
        reaped.extend(
            skipped
                .unless_odd(dead_of(store, &task))?
                .unwrap_or_default(),
        );
    }
    Ok(reaped)
}

/// Reaps a task's dead; gives those that were.
pub fn dead_of(store: &dyn Store, task: &TaskId) -> Result<Vec<Agent>, Error> {
    let mut reaped = Vec::new();
    for agent in store.view(task, AgentsWanted::ActiveAndLast(0))?.agents {
        if alive(store, &agent) == Liveness::No {
            let done = if_dead(store, &agent)?;
            reaped.extend(Some(done.value).filter(|_| done.changed));
        }
    }
    Ok(reaped)
}

/// Ends an agent as failed if it is dead when nobody can change it any more.
pub fn if_dead(store: &dyn Store, agent: &Agent) -> Result<Done<Agent>, Error> {
    let end = End {
        how: EndHow::Reaped,
        code: None,
        signal: None,
        reason: Some(cause(agent)),
    };
    store.reap(&agent.task, &agent.id, &end, &|agent| {
        alive(store, agent) == Liveness::No
    })
}
