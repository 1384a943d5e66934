//! `run`: registers an agent, starts its command, and records how that ends.
//!
//! | file | subject |
//! |---|---|
//! | [`job`] | one command, from its start to the record of its end |
//! | [`record`] | what is recorded, and what if it cannot be |
//! | [`output`] | what becomes of the command's output |
//! | [`tee`] | output that is kept as well as shown |
//! | [`wanted`] | whether somebody has terminated the agent meanwhile |
//! | [`detach`] | a supervisor in a session of its own |

mod detach;
mod job;
mod output;
mod record;
mod tee;
mod wanted;

use std::ffi::OsString;
use std::path::Path;

use agentreg::model::rules::Registration;
use agentreg::model::{Agent, AgentType, Kind, TaskId, masked};
use agentreg::process::{Signals, die_of};
use agentreg::store::{Lease, Store};
use rustix::process::Signal;

use super::context::Context;
use super::register::{register_unused, registration};
use super::slots::Slot;
use crate::cli::RunArgs;
use crate::output::{Answer, Exit, Failure, finish};
use job::{Conclusion, Job, NotRun, Streams};

pub use detach::supervisor;

/// So much of a command line is kept.
const MAX_COMMAND: usize = 4096;

/// Runs the command, and ends as it did.
pub fn main(args: &RunArgs, context: &Context) -> u8 {
    let ran = if args.detach {
        detach::start(args, context).map(|answer| {
            // The command runs: what cannot be printed is no failure of its start.
            finish(Ok(answer), context.json()).into()
        })
    } else {
        attached(args, context).map(|conclusion| end_like(&conclusion, context))
    };
    ran.unwrap_or_else(|NotRun { code, failure }| {
        finish(Err(failure), context.json());
        code
    })
}

fn attached(args: &RunArgs, context: &Context) -> Result<Conclusion, NotRun> {
    let mut signals = Signals::hear().map_err(|error| Failure::io("listen to signals", &error))?;
    let store = context.store()?;
    let (agent, lease) = registered(args, context, &mut || heed(&mut signals))?;
    let streams = if args.tee {
        let output = store.output(&agent.task, &agent.id).map_err(Failure::from);
        output.map(Streams::Tee)
    } else {
        Ok(Streams::Inherited)
    };
    let job = Job {
        store,
        home: context.home()?,
        agent,
        lease,
        words: &args.command,
        timeout: args.timeout,
        grace: args.grace,
        require_report: args.require_report,
        leave_background: args.leave_background,
    };
    match streams {
        Ok(streams) => job.carry_out(&mut signals, streams, || ()),
        Err(failure) => Err(job.give_up(failure)),
    }
}

/// Registers the agent; its lease is held from before anybody sees it.
fn registered(
    args: &RunArgs,
    context: &Context,
    pause: &mut dyn FnMut(),
) -> Result<(Agent, Lease), Failure> {
    let task = context.task_to_change(None)?;
    let store = context.store()?;
    let agent_type = match &args.agent_type {
        Some(agent_type) => agent_type.clone(),
        None => type_of(&args.command)?,
    };
    let new = Registration {
        command: Some(kept(&args.command, args.hide_args)),
        ..registration(&agent_type, &args.options, &task, store)?
    };
    let slot = Slot {
        store,
        task: &task,
        unique: new.unique,
        wait: args.options.wait,
    };
    let (done, lease) = slot.get(pause, || register(store, &task, &new, args))?;
    if let Some(warning) = &done.warning {
        finish(Ok(Answer::nothing().warn(Some(warning))), context.json());
    }
    Ok((done.value, lease))
}

type Registered = (agentreg::store::Done<Agent>, Lease);

fn register(
    store: &dyn Store,
    task: &TaskId,
    new: &Registration,
    args: &RunArgs,
) -> Result<Registered, Failure> {
    let once = |new: &Registration| store.register_leased(task, new);
    match args.options.id {
        Some(_) => Ok(once(new)?),
        None => register_unused(store, task, new.clone(), once, |_| true),
    }
}

/// Nothing runs yet: a signal ends this call as it ends any other.
fn heed(signals: &mut Signals) {
    for signal in signals.take() {
        match signal {
            Signal::CHILD | Signal::WINCH | Signal::CONT | Signal::URG => {}
            signal => die_of(signal.as_raw()),
        }
    }
    signals.take_real_time().into_iter().for_each(die_of);
}

/// The command's name, without its directory.
fn type_of(words: &[OsString]) -> Result<AgentType, Failure> {
    let name = words.first().and_then(|word| Path::new(word).file_name());
    let name = name.unwrap_or_default().to_string_lossy();
    name.parse().map_err(|_| {
        Failure::usage(format!("the command's name {name:?} is no type of agent"))
            .hint("name one with --type")
    })
}

/// The command line as it is kept: without the values of its secrets, cut where it gets long.
fn kept(words: &[OsString], hide_args: bool) -> Vec<String> {
    let count = if hide_args { 1 } else { words.len() };
    let words = words.iter().take(count);
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut left = MAX_COMMAND;
    let mut shown = Vec::new();
    for word in masked(&words) {
        if word.len() > left {
            let cut = word.char_indices().map(|(at, _)| at);
            let end = cut.take_while(|at| *at <= left).last().unwrap_or(0);
            shown.push(format!("{}…", &word[..end]));
            break;
        }
        left -= word.len();
        shown.push(word);
    }
    shown
}

/// Says what went wrong, then ends as the command did.
fn end_like(conclusion: &Conclusion, context: &Context) -> u8 {
    let ended = &conclusion.ended;
    let mut code = ended.code.and_then(|code| u8::try_from(code).ok());
    if let Some(failure) = &conclusion.unrecorded {
        finish(Err(failure.clone()), context.json());
        // Who exits with 0 has said that it is on disk.
        code = code.map(|code| if code == 0 { Exit::Run as u8 } else { code });
    } else if !context.quiet() {
        let warnings = conclusion.warnings.clone();
        finish(Ok(Answer::nothing().warn_of(warnings)), context.json());
    }
    if ended.timed_out {
        return Exit::TimedOut.into();
    }
    if let Some(signal) = ended.signal {
        die_of(signal);
        code = u8::try_from(128 + signal).ok();
    }
    code.unwrap_or(Exit::Run.into())
}

impl From<Failure> for NotRun {
    /// What is understood wrong, or waited for in vain, exits as everywhere.
    fn from(failure: Failure) -> Self {
        let code = match failure.kind {
            Kind::Usage | Kind::TimedOut => Exit::from(failure.kind),
            _ => Exit::Run,
        };
        Self {
            code: code as u8,
            failure,
        }
    }
}

impl From<agentreg::store::Error> for NotRun {
    fn from(error: agentreg::store::Error) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_is_cut_at_a_character() {
        let words = [
            "claude".into(),
            "-p".into(),
            "ä".repeat(9000).into(),
            "x".into(),
        ];
        let shown = kept(&words, false);
        assert_eq!(shown.len(), 3);
        assert!(shown[2].ends_with("ä…"));
        assert!(shown.concat().len() < MAX_COMMAND + 4);
    }

    #[test]
    fn the_type_is_the_commands_name() {
        let type_of = |word: &str| super::type_of(&[word.into()]).map(|t| t.to_string());
        assert_eq!(type_of("/usr/bin/claude"), Ok("claude".to_owned()));
        assert_eq!(type_of("./worker.sh"), Ok("worker.sh".to_owned()));
        assert!(type_of("[").is_err());
    }
}
