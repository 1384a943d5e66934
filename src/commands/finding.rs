//! `finding`: an agent shares what it found.

use agentreg::model::NewFinding;

use super::context::Context;
use super::{Outcome, text};
use crate::cli::FindingArgs;
use crate::output::json::{self, FindingObject, Keyed};
use crate::output::{Answer, Failure};

// A function of its own, so that it can lie beside what else everyday calls run.
#[inline(never)]
pub fn run(args: &FindingArgs, context: &Context) -> Outcome {
    let agent = Context::me(args.agent.as_ref())?;
    let task = context.named_task(None)?;
    let new = new_finding(args)?;
    let store = context.store()?;
    let task = match task {
        Some(task) => task,
        None => store.task_of(&agent)?,
    };
    let finding = store.share(&task, &agent, &new)?;
    let answer = if context.json() {
        Answer::text(json::document(&Keyed(
            "finding",
            FindingObject::from(&finding),
        )))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(format!(
            "finding {} ({}) shared\n",
            finding.seq, finding.severity
        ))
    };
    Ok(answer.of_change())
}

fn new_finding(args: &FindingArgs) -> Result<NewFinding, Failure> {
    let message = args
        .text
        .as_deref()
        .or(args.message.as_deref())
        .unwrap_or_default();
    if message == "-" && args.data.as_deref() == Some("-") {
        return Err(
            Failure::usage("message and --data cannot both be standard input")
                .hint("put one of them into a file: --data @FILE"),
        );
    }
    Ok(NewFinding {
        finding_type: args.finding_type.clone(),
        severity: args.severity,
        message: text::needed_message(message, "a message")?,
        data: args.data.as_deref().map(text::data).transpose()?,
        file: args.file.clone(),
        line: args.line,
    })
}
