//! `status`: where the fleet, or a task, stands.

use agentreg::model::{Agent, Counts, Status, TaskId, Totals};
use agentreg::process;
use agentreg::store::{AgentsWanted, Scope, TaskView};
use serde::Serialize;

use super::Outcome;
use super::context::{Context, no_task, now};
use crate::cli::StatusArgs;
use crate::output::json::{self, AgentObject, FindingSums, TaskItem, TaskObject};
use crate::output::{Answer, Failure, people};

/// How many of the agents that have ended are shown unless more is asked for.
const LAST_ENDED: usize = 10;

pub fn run(args: &StatusArgs, context: &Context) -> Outcome {
    match context.task_to_read(args.name.as_deref())? {
        Some(task) => of_task(args, context, &task),
        None if args.tree || !args.only.is_empty() || !args.labels.is_empty() => Err(Failure {
            message: "--tree, --only and --label show agents of a task, and none is named"
                .to_owned(),
            ..no_task()
        }),
        None => overview(args, context),
    }
}

fn overview(args: &StatusArgs, context: &Context) -> Outcome {
    #[derive(Serialize)]
    struct Overview<'a> {
        totals: Totals,
        tasks: Vec<TaskItem<'a>>,
    }
    let scope = if args.all { Scope::All } else { Scope::Open };
    let (totals, tasks) = context.store()?.tasks(scope)?;
    Ok(if context.json() {
        Answer::text(json::document(&Overview {
            totals,
            tasks: tasks.iter().map(TaskItem::from).collect(),
        }))
    } else if context.quiet() {
        Answer::lines(tasks.iter().map(|state| &state.task.id))
    } else {
        Answer::text(people::overview(
            &totals,
            &tasks,
            now(),
            &context.terminal(),
        ))
    })
}

fn of_task(args: &StatusArgs, context: &Context, task: &TaskId) -> Outcome {
    #[derive(Serialize)]
    struct Page<'a> {
        task: TaskObject<'a>,
        counts: Counts,
        agents: Vec<AgentObject<'a>>,
        findings: FindingSums,
    }
    let mut view = context.store()?.view(task, wanted(args))?;
    filter(&mut view, args);
    Ok(if context.json() {
        let object = |agent| AgentObject::new(agent, process::liveness(agent));
        Answer::text(json::document(&Page {
            task: TaskObject::new(&view.state.task, view.state.status),
            counts: view.state.counts,
            agents: view.agents.iter().map(object).collect(),
            findings: view.state.findings.into(),
        }))
    } else if context.quiet() {
        Answer::lines(view.agents.iter().map(|agent| &agent.id))
    } else {
        Answer::text(people::task_status(
            &view,
            &process::liveness,
            args.tree,
            now(),
            &context.terminal(),
        ))
    })
}

/// What has to be read: all agents where those that have ended are searched.
fn wanted(args: &StatusArgs) -> AgentsWanted<'static> {
    let active_only = !args.only.is_empty() && args.only.iter().all(|status| status.is_active());
    let searched = !args.only.is_empty() || !args.labels.is_empty();
    match (args.all, active_only, searched) {
        (false, true, _) => AgentsWanted::ActiveAndLast(0),
        (false, false, false) => AgentsWanted::ActiveAndLast(LAST_ENDED),
        _ => AgentsWanted::All,
    }
}

fn filter(view: &mut TaskView, args: &StatusArgs) {
    view.agents
        .retain(|agent| shows_status(agent.status, &args.only) && has_labels(agent, &args.labels));
    // Those with a label are searched among all, but only the last of them shown, as without one.
    if !args.all && args.only.is_empty() {
        let mut ended = 0;
        view.agents.retain(|agent| {
            ended += usize::from(!agent.status.is_active());
            agent.status.is_active() || ended <= LAST_ENDED
        });
    }
}

fn shows_status(status: Status, only: &[Status]) -> bool {
    only.is_empty() || only.contains(&status)
}

fn has_labels(agent: &Agent, labels: &[(String, String)]) -> bool {
    labels
        .iter()
        .all(|(key, value)| agent.labels.get(key) == Some(value))
}
