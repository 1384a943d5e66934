//! `terminate`: ends an agent, and what it is.

use agentreg::model::{End, EndHow, Status};

use super::context::Context;
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
    let done = store.end(&task, &args.agent, Status::Terminated, &end.into())?;
    // Also when it was terminated already: that call may have been killed before it signalled anybody.
    let warnings = stop::all(store, std::slice::from_ref(&done.value), args.grace);
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
    Ok(answer.warn(done.warning.as_ref()).warn_of(warnings))
}
