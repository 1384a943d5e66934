//! What each command does: reads what it needs, asks the store for one whole operation, and answers.

mod alive;
pub mod complete;
pub mod completions;
mod config;
mod context;
mod death;
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
mod reap;
mod register;
mod reports;
mod run;
mod selection;
mod skipped;
mod slots;
mod status;
mod stop;
mod task;
mod terminate;
mod text;
mod wait;
mod workspace;

use std::ffi::{OsStr, OsString};

use agentreg::model::Agent;
use agentreg::process;
use agentreg::store::file::play_lock_proof;
use agentreg::store::{Store, lease};
use context::Context;

use crate::cli::{self, Call, Stop, Verb};
use crate::output::json::{self, AgentObject, Keyed};
use crate::output::{Answer, Failure, Terminal, finish};

/// How a command ends.
pub type Outcome = Result<Answer, Failure>;

/// Runs the call that `words` make.
pub fn main(words: &[OsString]) -> u8 {
    let (outcome, as_json) = match cli::parse(words) {
        Ok(Call {
            globals,
            verb: Verb::Run(args),
        }) => return run::main(&args, &Context::new(globals)),
        Ok(call) => {
            let as_json = call.globals.json;
            (answer(call), as_json)
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

/// Runs one of the parts that this program plays under another name; none if it was called to be itself.
pub fn part(name: &OsStr, words: &[OsString]) -> Option<u8> {
    match name.to_str()? {
        process::SUPERVISOR => Some(run::supervisor(words)),
        doctor::LOCK_PROOF => Some(play_lock_proof(words)),
        _ => process::part(name, &|lease| lease::clear(lease)),
    }
}

/// What `progress` and others answer in JSON.
fn agent_document(store: &dyn Store, agent: &Agent) -> String {
    json::document(&Keyed(
        "agent",
        AgentObject::new(agent, alive::alive(store, agent)),
    ))
}

fn answer(call: Call) -> Outcome {
    let context = Context::new(call.globals);
    match call.verb {
        Verb::Task(args) => task::run(&args, &context),
        Verb::Register(args) => register::run(&args, &context),
        Verb::Run(_) => unreachable!("a command's exit is no answer"),
        Verb::Terminate(args) => terminate::run(&args, &context),
        Verb::Reap(args) => reap::run(&args, &context),
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
