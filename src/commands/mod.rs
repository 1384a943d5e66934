//! What each command does: reads what it needs, asks the store for one whole operation, and answers.

pub mod complete;
pub mod completions;
mod config;
mod context;
mod doctor;
mod events;
mod export;
mod feeds;
mod finding;
mod findings;
mod follow;
mod import;
mod output;
mod progress;
mod register;
mod reports;
mod selection;
mod status;
mod task;
mod text;
mod wait;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use agentreg::model::Agent;
use agentreg::process;
use context::Context;

use crate::cli::{self, Call, Stop, Verb};
use crate::output::json::{self, AgentObject, Keyed};
use crate::output::{Answer, Failure, Terminal, finish};

pub use doctor::LOCK_PROOF;

/// How a command ends.
pub type Outcome = Result<Answer, Failure>;

/// Runs the call that `words` make.
pub fn main(words: &[OsString]) -> ExitCode {
    let (outcome, as_json) = match cli::parse(words) {
        Ok(call) => {
            let as_json = call.globals.json;
            (run(call), as_json)
        }
        Err(Stop::Show(text)) => {
            let text = if Terminal::stdout(cli::wanted_color(words)).color {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            (Ok(Answer::text(text)), false)
        }
        Err(Stop::Usage { message, hint }) => (
            Err(Failure::usage(message).hint(hint)),
            cli::wants_json(words),
        ),
    };
    finish(outcome, as_json).into()
}

/// What `register` and `progress` answer in JSON.
fn agent_document(agent: &Agent) -> String {
    json::document(&Keyed(
        "agent",
        AgentObject::new(agent, process::liveness(agent)),
    ))
}

fn run(call: Call) -> Outcome {
    let context = Context::new(call.globals);
    match call.verb {
        Verb::Task(args) => task::run(&args, &context),
        Verb::Register(args) => register::run(&args, &context),
        Verb::Progress(args) => progress::run(&args, &context),
        Verb::Finding(args) => finding::run(&args, &context),
        Verb::Status(args) => status::run(&args, &context),
        Verb::Findings(args) => findings::run(&args, &context),
        Verb::Reports(args) => reports::run(&args, &context),
        Verb::Events(args) => events::run(&args, &context),
        Verb::Wait(args) => wait::run(&args, &context),
        Verb::Output(args) => output::run(&args, &context),
        Verb::Doctor(args) => doctor::run(&args, &context),
        Verb::Import(args) => import::run(&args, &context),
        Verb::Export(args) => export::run(&args, &context),
        Verb::Config(args) => config::run(&args, &context),
        Verb::Completions(args) => Ok(completions::run(&args)),
    }
}
