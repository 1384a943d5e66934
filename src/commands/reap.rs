//! `reap`: ends as failed the agents that are known to be dead.

use agentreg::model::{Agent, TaskId};
use agentreg::store::{AgentsWanted, Error, Scope, Store};

use super::alive::alive;
use super::context::Context;
use super::death::{Findings, Judged, Orphaned, judge, names};
use super::skipped::Skipped;
use super::{Outcome, stop};
use crate::cli::ReapArgs;
use crate::output::json::{self, AgentObject, Keyed};
use crate::output::{Answer, Failure, escape};

pub fn run(_: &ReapArgs, context: &Context) -> Outcome {
    let store = context.store()?;
    let mut skipped = Skipped::default();
    let tasks = match context.named_task(None)? {
        Some(task) => vec![task],
        None => open_tasks(store, &mut skipped)?,
    };
    let mut found = Findings::default();
    let mut reaped = Vec::new();
    let mut warnings = Vec::new();
    for task in &tasks {
        let seen = dead_of(store, task, &mut found);
        let Some((dead, orphaned)) = skipped.unless_odd(seen)? else {
            continue;
        };
        reaped.extend(dead);
        for orphaned in orphaned {
            let (swept, done) = orphaned.end(store, stop::GRACE)?;
            let living = [swept.left, swept.above].concat();
            match done {
                Some(done) => reaped.extend(Some(done.value).filter(|_| done.changed)),
                None => warnings.push(format!(
                    "agent {} is not reaped: {} of it could not be ended from here",
                    orphaned.agent.id,
                    names(&living)
                )),
            }
        }
    }
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
    Ok(skipped.told_with(answer.of_change().warn_of(warnings)))
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

/// Who of a task's active agents is dead, and of whom only processes are left.
pub fn among_active(
    store: &dyn Store,
    task: &TaskId,
    found: &mut Findings,
) -> Result<Judged, Error> {
    let active = store.view(task, AgentsWanted::ActiveAndLast(0))?.agents;
    Ok(judge(store, active, found))
}

/// Reaps a task's dead. Gives those that were, and those of whom processes are left.
pub fn dead_of(
    store: &dyn Store,
    task: &TaskId,
    found: &mut Findings,
) -> Result<(Vec<Agent>, Vec<Orphaned>), Error> {
    let Judged { dead, orphaned } = among_active(store, task, found)?;
    let mut reaped = Vec::new();
    for dead in dead {
        let done = dead.record(store)?;
        reaped.extend(Some(done.value).filter(|_| done.changed));
    }
    Ok((reaped, orphaned))
}
