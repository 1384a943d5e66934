//! `task show`: a task's settings and counts.

use agentreg::store::AgentsWanted;

use crate::cli::ShowArgs;
use crate::commands::Outcome;
use crate::commands::context::{Context, no_task};
use crate::output::Answer;

pub fn run(args: &ShowArgs, context: &Context) -> Outcome {
    let task = context
        .task_to_read(args.name.as_deref())?
        .ok_or_else(no_task)?;
    let state = context.store()?.view(&task, AgentsWanted::None)?.state;
    Ok(if context.json() {
        Answer::text(super::document(&state))
    } else if context.quiet() {
        Answer::lines([&state.task.id])
    } else {
        Answer::text(super::page(&state, context))
    })
}
