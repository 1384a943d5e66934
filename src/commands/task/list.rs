//! `task list`: the tasks.

use std::fs;
use std::path::Path;

use agentreg::model::TaskState;
use agentreg::store::Scope;

use crate::cli::ListArgs;
use crate::commands::Outcome;
use crate::commands::context::{Context, now};
use crate::commands::skipped::Skipped;
use crate::output::json::{self, List, TaskItem};
use crate::output::{Answer, people};

pub fn run(args: &ListArgs, context: &Context) -> Outcome {
    let scope = if args.all { Scope::All } else { Scope::Open };
    let mut overview = context.store()?.overview(scope)?;
    let mut skipped = Skipped::default();
    skipped.add(&mut overview);
    let mut tasks = overview.tasks;
    if let Some(since) = args.since.map(|since| since.before(now())) {
        tasks.retain(|state| state.task.created_at >= since);
    }
    if let Some(directory) = &args.workspace {
        let directory = same(directory);
        tasks.retain(|state| works_in(state, &directory));
    }
    Ok(skipped.told_with(if context.json() {
        let items: Vec<_> = tasks.iter().map(TaskItem::from).collect();
        Answer::text(json::document(&skipped.within(List {
            key: "tasks",
            total: u64::try_from(items.len()).unwrap_or(u64::MAX),
            items: &items,
        })))
    } else if context.quiet() {
        Answer::lines(tasks.iter().map(|state| &state.task.id))
    } else {
        Answer::text(people::task_list(&tasks, now(), &context.terminal()))
    }))
}

fn works_in(state: &TaskState, directory: &Path) -> bool {
    state
        .task
        .workspace
        .as_deref()
        .is_some_and(|workspace| same(workspace) == directory)
}

/// One name for a directory; a workspace that is gone keeps the one it was recorded with.
fn same(directory: &Path) -> std::path::PathBuf {
    fs::canonicalize(directory)
        .or_else(|_| std::path::absolute(directory))
        .unwrap_or_else(|_| directory.to_owned())
}
