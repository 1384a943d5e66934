//! `progress`: an agent reports.

use agentreg::model::rules::Update;
use agentreg::model::{AgentId, FilesChanged, Status, TaskId};
use agentreg::store::AgentsWanted;

use super::context::Context;
use super::{Outcome, text, workspace};
use crate::cli::ProgressArgs;
use crate::output::{Answer, Failure, escape};

// A function of its own, so that it can lie beside what else everyday calls run.
#[inline(never)]
pub fn run(args: &ProgressArgs, context: &Context) -> Outcome {
    let agent = Context::me(args.agent.as_ref())?;
    let task = context.named_task(None)?;
    let said = Update {
        status: args.status,
        percent: args.percent,
        message: said(args)?,
    };
    let store = context.store()?;
    let task = match task {
        Some(task) => task,
        None => store.task_of(&agent)?,
    };
    let files_changed = match args.status {
        Some(Status::Completed) => files_changed(context, &task, &agent)?,
        _ => None,
    };
    let done = store.update(&task, &agent, &said, files_changed)?;
    let agent = &done.value;
    let answer = if context.json() {
        Answer::text(super::agent_document(store, agent))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(format!(
            "{}: {}, {} %\n",
            escape(agent.id.as_str()),
            agent.status,
            agent.percent
        ))
    };
    Ok(answer.of_change().warn(done.warning.as_ref()))
}

fn said(args: &ProgressArgs) -> Result<Option<String>, Failure> {
    if let Some(word) = args.text.as_deref().map(str::trim)
        && word.parse::<Status>().is_ok()
    {
        let hint = match args.status {
            None => format!("did you mean `-s {word}`? As a message, send it with `-m {word}`"),
            Some(_) => format!("as a message, send it with `-m {word}`"),
        };
        return Err(Failure::usage(format!("the message {word:?} is a status")).hint(hint));
    }
    args.text
        .as_deref()
        .or(args.message.as_deref())
        .map(|text| text::message(text, "a message"))
        .transpose()
        // An empty variable of the agent's script: the report counts, it says nothing new.
        .map(|said| said.filter(|text| !text.trim().is_empty()))
}

/// Evidence for a completion, counted before any lock is taken. An agent that has ended gets none.
fn files_changed(
    context: &Context,
    task: &TaskId,
    agent: &AgentId,
) -> Result<Option<FilesChanged>, Failure> {
    let wanted = AgentsWanted::These(std::slice::from_ref(agent));
    let view = context.store()?.view(task, wanted)?;
    let active = view.agents.iter().find(|agent| agent.status.is_active());
    match (active, &view.state.task.workspace) {
        (Some(agent), Some(directory)) => Ok(workspace::files_changed(
            directory,
            agent.registered_at,
            &context.home()?,
        )),
        _ => Ok(None),
    }
}
