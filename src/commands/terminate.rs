//! `terminate`: ends an agent, and what it is.

use agentreg::model::{End, EndHow, Ending, Status};
use agentreg::store::AgentsWanted;

use super::context::Context;
use super::stop::millis;
use super::{Outcome, stop, text};
use crate::cli::TerminateArgs;
use crate::output::{Answer, escape};

pub fn run(args: &TerminateArgs, context: &Context) -> Outcome {
    let store = context.store()?;
    let task = match context.named_task(None)? {
        Some(task) => task,
        None => store.task_of(&args.agent)?,
    };
    let reason = args.reason.as_deref();
    let end = End {
        how: EndHow::Terminated,
        code: None,
        signal: None,
        reason: reason
            .map(|reason| text::message(reason, "a reason"))
            .transpose()?,
    };
    let agent = std::slice::from_ref(&args.agent);
    let before = store.view(&task, AgentsWanted::These(agent))?.agents;
    let (mut orphaned, before) = stop::orphaned(store, before, args.grace);
    let ending = Ending {
        warnings: orphaned.pop().map_or_else(Vec::new, |(_, ended)| ended),
        grace_ms: Some(millis(args.grace)),
        ..Ending::from(end)
    };
    let done = stop::past_the_stopped(store, &task, || {
        store.end(&task, &args.agent, Status::Terminated, &ending)
    })?;
    // Also when it was terminated already: that call may have been killed, or have given up, before it was gone.
    let stopped = stop::all(store, std::slice::from_ref(&done.value), args.grace);
    let recorded = format!("agent {} is recorded as terminated", args.agent);
    if let Some(failure) = stopped.failure(&recorded) {
        return Err(failure);
    }
    let agent = &done.value;
    let answer = if context.json() {
        Answer::text(super::agent_document(store, agent))
    } else if context.quiet() {
        Answer::nothing()
    } else if done.changed {
        Answer::lines([format!("{}: terminated", escape(agent.id.as_str()))])
    } else {
        Answer::lines([format!(
            "{}: had ended already, {}",
            escape(agent.id.as_str()),
            agent.status
        )])
    };
    let answer = answer.of_change().warn(done.warning.as_ref());
    Ok(answer.warn_of(before.warnings).warn_of(stopped.warnings))
}
