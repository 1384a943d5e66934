//! `task new|list|show|set|close`.

mod close;
mod list;
mod new;
mod set;
mod show;

use agentreg::model::TaskState;

use super::Outcome;
use super::context::{Context, now};
use crate::cli::{TaskArgs, TaskVerb};
use crate::output::json::{self, TaskAnswer};
use crate::output::people;

pub fn run(args: &TaskArgs, context: &Context) -> Outcome {
    match &args.verb {
        TaskVerb::New(args) => new::run(args, context),
        TaskVerb::List(args) => list::run(args, context),
        TaskVerb::Show(args) => show::run(args, context),
        TaskVerb::Set(args) => set::run(args, context),
        TaskVerb::Close(args) => close::run(args, context),
    }
}

fn document(state: &TaskState) -> String {
    json::document(&TaskAnswer::from(state))
}

fn page(state: &TaskState, context: &Context) -> String {
    people::task_page(state, now(), &context.terminal())
}
