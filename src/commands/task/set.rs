//! `task set`: changes a task's settings.

use agentreg::model::TaskChange;

use crate::cli::SetArgs;
use crate::commands::context::Context;
use crate::commands::{Outcome, text, workspace};
use crate::output::{Answer, Failure};

pub fn run(args: &SetArgs, context: &Context) -> Outcome {
    let task = context.task_to_change(args.name.as_deref())?;
    let change = change(args)?;
    if change == TaskChange::default() {
        return Err(
            Failure::usage("nothing is to be changed").hint("see `agentreg task set --help`")
        );
    }
    let state = context.store()?.set_task(&task, &change)?;
    let answer = if context.json() {
        Answer::text(super::document(&state))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(super::page(&state, context))
    };
    Ok(answer.of_change())
}

fn change(args: &SetArgs) -> Result<TaskChange, Failure> {
    let description = args.description.as_deref();
    Ok(TaskChange {
        description: description
            .map(|text| text::needed_message(text, "a description"))
            .transpose()?,
        priority: args.priority,
        max_agents: args.max_agents.map(|limit| limit.0),
        max_concurrent: args.max_concurrent.map(|limit| limit.0),
        max_depth: args.max_depth,
        workspace: args
            .workspace
            .as_deref()
            .map(workspace::named)
            .transpose()?,
        require_evidence: args.require_evidence,
    })
}
