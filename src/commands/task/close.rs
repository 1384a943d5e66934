//! `task close`: a task takes no more agents.

use agentreg::model::Agent;

use crate::cli::CloseArgs;
use crate::commands::context::Context;
use crate::commands::{Outcome, stop};
use crate::output::Answer;

pub fn run(args: &CloseArgs, context: &Context) -> Outcome {
    let task = context.task_to_change(args.name.as_deref())?;
    let store = context.store()?;
    let done = store.close_task(&task, args.force)?;
    let (state, terminated) = &done.value;
    let answer = if context.json() {
        Answer::text(super::document(state))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::lines([match (done.changed, terminated.len()) {
            (false, _) => format!("task {task} was closed already"),
            (true, 0) => format!("task {task} closed"),
            (true, 1) => format!("task {task} closed, 1 agent terminated"),
            (true, n) => format!("task {task} closed, {n} agents terminated"),
        }])
    };
    let mut doomed = terminated.clone();
    let mut unseen = None;
    if args.force {
        // Also those of an earlier call, and of a task that is closed already: a repetition finishes what was killed.
        match stop::left_over(store, &task) {
            Ok(left) => {
                let is_old = |agent: &Agent| terminated.iter().all(|new| new.id != agent.id);
                doomed.extend(left.into_iter().filter(is_old));
            }
            Err(error) => unseen = Some(error),
        }
    }
    let warnings = stop::all(store, &doomed, stop::GRACE);
    let answer = answer.warn(done.warning.as_ref()).warn(unseen.as_ref());
    Ok(answer.of_change().warn_of(warnings))
}
