//! `task new`: opens a task.

use agentreg::model::{Kind, Limits, NewTask, TaskId, TaskState};
use agentreg::store::{Done, Store};

use crate::cli::NewArgs;
use crate::commands::context::{Context, now, random};
use crate::commands::{Outcome, text, workspace};
use crate::output::{Answer, Failure};

/// Eight hex digits a second: a clash is rare, ten in a row are no accident.
const MAX_CLASHES: u32 = 10;

pub fn run(args: &NewArgs, context: &Context) -> Outcome {
    let new = new_task(args)?;
    let store = context.store()?;
    let done = match args.id {
        Some(_) => store.open_task(&new)?,
        None => open_unused(store, new)?,
    };
    let answer = if context.json() {
        Answer::text(super::document(&done.value))
    } else {
        Answer::lines([&done.value.task.id])
    };
    let answer = answer.of_new("task", &done.value.task.id);
    Ok(answer.warn(done.warning.as_ref()))
}

fn new_task(args: &NewArgs) -> Result<NewTask, Failure> {
    let description = args
        .description
        .as_deref()
        .or(args.message.as_deref())
        .unwrap_or_default();
    Ok(NewTask {
        id: match &args.id {
            Some(id) => id.clone(),
            None => TaskId::generate(now(), random()?),
        },
        workspace: match &args.workspace {
            Some(directory) => Some(workspace::named(directory)?),
            None => workspace::current(),
        },
        description: text::needed_message(description, "a description")?,
        priority: args.priority,
        limits: Limits {
            max_agents: args.max_agents.0,
            max_concurrent: args.max_concurrent.0,
            max_depth: args.max_depth,
        },
        require_evidence: args.require_evidence.unwrap_or_default(),
    })
}

/// Opens it under an id that was made up, another one if it is taken, be it by an equal task.
fn open_unused(store: &dyn Store, mut new: NewTask) -> Result<Done<TaskState>, Failure> {
    for _ in 0..MAX_CLASHES {
        match store.open_task(&new) {
            Ok(done) if done.changed => return Ok(done),
            Ok(_) => {}
            Err(error) if error.kind() == Kind::Duplicate => {}
            Err(error) => return Err(error.into()),
        }
        new.id = TaskId::generate(now(), random()?);
    }
    Err(Failure::new(Kind::Duplicate, "no unused id was found").hint("give one with --id"))
}
