//! `status`: where the fleet, or a task, stands.

mod watch;

use std::collections::HashMap;
use std::fmt::Display;

use agentreg::model::{
    Agent, AgentId, Counts, Kind, Liveness, Status, Timestamp, Totals, parse_duration,
};
use agentreg::store::{AgentsWanted, Overview, Scope, Store, TaskView};
use serde::Serialize;

use super::Outcome;
use super::alive::alive;
use super::context::{Context, no_task, now};
use super::skipped::{self, With};
use crate::cli::StatusArgs;
use crate::output::json::{self, AgentObject, FindingSums, TaskItem, TaskObject};
use crate::output::{Answer, Failure, Terminal, people};

/// How many of the agents that have ended are shown unless more is asked for.
const LAST_ENDED: usize = 10;

// A function of its own, so that it can lie beside what else everyday calls run.
#[inline(never)]
pub fn run(args: &StatusArgs, context: &Context) -> Outcome {
    let task = context
        .task_to_read(args.name.as_deref())
        .map_err(|failure| hint_at_pause(args, failure))?;
    if task.is_none() && (args.tree || !args.only.is_empty() || !args.labels.is_empty()) {
        return Err(Failure {
            message: "--tree, --only and --label show agents of a task, and none is named"
                .to_owned(),
            ..no_task()
        });
    }
    if let Some(pause) = args.watch {
        return watch::run(args, context, task.as_ref(), pause);
    }
    let store = context.store()?;
    let page = match &task {
        Some(task) => Page::of_task(store, store.view(task, wanted(args))?, args),
        None => Page::overview(args, context)?,
    };
    let text = page.show(args, context, &context.terminal(), now());
    let warnings = page.warnings();
    // The process ends with this: to take apart what was read would take as long as a tenth of reading it.
    std::mem::forget(page);
    Ok(Answer::text(text).warn_of(warnings))
}

/// In `--watch 5s` the duration is taken for a task.
fn hint_at_pause(args: &StatusArgs, failure: Failure) -> Failure {
    match args.name.as_deref().filter(|_| args.watch.is_some()) {
        Some(name) if failure.kind == Kind::NotFound && parse_duration(name).is_ok() => {
            failure.hint(format!("did you mean --watch={name}?"))
        }
        _ => failure,
    }
}

/// What is shown, as it was read at one moment.
#[derive(PartialEq)]
enum Page {
    Overview(Overview),
    /// A task, and of each agent whether it lives.
    Task(Box<TaskView>, HashMap<AgentId, Liveness>),
}

impl Page {
    fn overview(args: &StatusArgs, context: &Context) -> Result<Self, Failure> {
        let scope = if args.all { Scope::All } else { Scope::Open };
        Ok(Self::Overview(context.store()?.overview(scope)?))
    }

    fn of_task(store: &dyn Store, mut view: TaskView, args: &StatusArgs) -> Self {
        filter(&mut view, args);
        let agents = view.agents.iter();
        let alive = agents.map(|agent| (agent.id.clone(), alive(store, agent)));
        let alive = alive.collect();
        Self::Task(Box::new(view), alive)
    }

    fn show(
        &self,
        args: &StatusArgs,
        context: &Context,
        terminal: &Terminal,
        now: Timestamp,
    ) -> String {
        match self {
            _ if context.json() => self.document(),
            Self::Overview(seen) if context.quiet() => {
                lines(seen.tasks.iter().map(|state| &state.task.id))
            }
            Self::Task(view, _) if context.quiet() => {
                lines(view.agents.iter().map(|agent| &agent.id))
            }
            Self::Overview(seen) => {
                let home = context.home().unwrap_or_default();
                people::overview(&home, &seen.totals, &seen.tasks, now, terminal)
            }
            Self::Task(view, alive) => {
                let alive = |agent: &Agent| alive[&agent.id];
                people::task_status(view, &alive, args.tree, now, terminal)
            }
        }
    }

    /// What was passed over, a sentence of each.
    fn warnings(&self) -> Vec<String> {
        match self {
            Self::Overview(seen) => seen.skipped.iter().map(skipped::sentence).collect(),
            Self::Task(..) => Vec::new(),
        }
    }

    fn document(&self) -> String {
        #[derive(Serialize)]
        struct Machine<'a> {
            totals: &'a Totals,
            tasks: Vec<TaskItem<'a>>,
        }
        #[derive(Serialize)]
        struct OfTask<'a> {
            task: TaskObject<'a>,
            counts: Counts,
            agents: Vec<AgentObject<'a>>,
            findings: FindingSums,
        }
        match self {
            Self::Overview(seen) => json::document(&With {
                document: Machine {
                    totals: &seen.totals,
                    tasks: seen.tasks.iter().map(TaskItem::from).collect(),
                },
                skipped: &seen.skipped,
            }),
            Self::Task(view, alive) => json::document(&OfTask {
                task: TaskObject::new(&view.state.task, view.state.status),
                counts: view.state.counts,
                agents: view
                    .agents
                    .iter()
                    .map(|agent| AgentObject::new(agent, alive[&agent.id]))
                    .collect(),
                findings: view.state.findings.into(),
            }),
        }
    }
}

fn lines<T: Display>(items: impl Iterator<Item = T>) -> String {
    let lines: Vec<String> = items.map(|item| format!("{item}\n")).collect();
    lines.concat()
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
