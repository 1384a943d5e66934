//! `register`: admits an agent.

use std::collections::BTreeMap;

use agentreg::model::rules::{Parent, Registration};
use agentreg::model::{AgentId, AgentType, Kind, MAX_LABELS, ProcessIdentity, TaskId};
use agentreg::process::{self, OneCommand};
use agentreg::store::{AgentsWanted, Error, Store};

use super::alive::alive;
use super::context::{self, Context, now, random};
use super::slots::Slot;
use super::{Outcome, text};
use crate::cli::value;
use crate::cli::{AgentOptions, RegisterArgs};
use crate::output::json::{self, AgentObject, Keyed};
use crate::output::{Answer, Failure};

/// Six hex digits a second and type run out late; a hundred clashes in a row are no accident.
const MAX_CLASHES: u32 = 100;

// A function of its own, so that it can lie beside what else everyday calls run.
#[inline(never)]
pub fn run(args: &RegisterArgs, context: &Context) -> Outcome {
    let task = context.task_to_change(None)?;
    let store = context.store()?;
    let new = Registration {
        pid: args.pid,
        process: args
            .pid
            .map(|pid| running_process(pid, store))
            .transpose()?,
        ..registration(&args.agent_type, &args.options, &task, store)?
    };
    let once = |new: &Registration| store.register(&task, new);
    let slot = Slot {
        store,
        task: &task,
        unique: new.unique,
        wait: args.options.wait,
    };
    let done = slot.get(&mut || (), || match args.options.id {
        Some(_) => Ok(once(&new)?),
        None => register_unused(store, &task, new.clone(), once, |done| done.changed),
    })?;
    let agent = &done.value;
    let answer = if context.json() {
        let object = AgentObject::new(agent, alive(store, agent));
        let object = object.with_prompt(agent.prompt.as_deref());
        Answer::text(json::document(&Keyed("agent", object)))
    } else {
        Answer::lines([&agent.id])
    };
    let soon_gone = args.pid.and_then(process::one_command);
    let soon_gone = soon_gone.map(|shell| soon_gone_in_words(args.pid.unwrap_or(0), &shell));
    Ok(answer
        .of_new("agent", &agent.id)
        .warn(done.warning.as_ref())
        .warn_of(soon_gone))
}

/// An agent of this type that has no process yet.
pub fn registration(
    agent_type: &AgentType,
    args: &AgentOptions,
    task: &TaskId,
    store: &dyn Store,
) -> Result<Registration, Failure> {
    let labels: BTreeMap<_, _> = args.labels.iter().cloned().collect();
    if labels.len() > MAX_LABELS {
        return Err(Failure::usage(format!(
            "an agent may have at most {MAX_LABELS} labels, this one has {}",
            labels.len()
        ))
        .hint("put what is long into --prompt: labels are what agents are chosen by"));
    }
    Ok(Registration {
        id: match &args.id {
            Some(id) => id.clone(),
            None => AgentId::generate(agent_type, now(), random()?),
        },
        agent_type: agent_type.clone(),
        parent: parent(args, task, store)?,
        unique: args.unique,
        pid: None,
        process: None,
        ttl: args.ttl.map(|ttl| ttl.as_secs()),
        host: Some(process::host_name()),
        labels,
        command: None,
        prompt: args.prompt.as_deref().map(text::prompt).transpose()?,
    })
}

/// Registers under an id that was made up, another one if it is taken. An equal registration of another call is a
/// clash too, though to the store it looks like this one repeated.
pub fn register_unused<T>(
    store: &dyn Store,
    task: &TaskId,
    mut new: Registration,
    once: impl Fn(&Registration) -> Result<T, Error>,
    is_new: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    for _ in 0..MAX_CLASHES {
        match once(&new) {
            Ok(done) if is_new(&done) => return Ok(done),
            Ok(_) => {}
            Err(error) if is_taken(store, task, &new.id, &error) => {}
            Err(error) => return Err(error.into()),
        }
        new.id = AgentId::generate(&new.agent_type, now(), random()?);
    }
    Err(Failure::new(Kind::Duplicate, "no unused id was found").hint("give one with --id"))
}

/// `--unique` refuses as a duplicate as well; only a taken id is worth another try.
fn is_taken(store: &dyn Store, task: &TaskId, id: &AgentId, error: &Error) -> bool {
    error.kind() == Kind::Duplicate
        && store
            .view(task, AgentsWanted::These(std::slice::from_ref(id)))
            .is_ok()
}

fn running_process(pid: u32, store: &dyn Store) -> Result<ProcessIdentity, Failure> {
    process::identify(pid, &store.identity()?)
        .map_err(|error| Failure::io(format_args!("look at process {pid}"), &error))?
        .ok_or_else(|| {
            Failure::usage(format!("--pid: there is no process {pid}"))
                .hint("in a script, --pid $$ is the script itself")
        })
}

/// A shell that runs one command is not the agent: the next one that it is asked for comes from another shell.
fn soon_gone_in_words(pid: u32, shell: &OneCommand) -> String {
    let instead = match &shell.stays {
        Some((stays, name)) => format!(
            "the next process above it that stays is {stays} ({name}): give --pid {stays}, or --ttl"
        ),
        None => "give a process that stays, or --ttl".to_owned(),
    };
    let what = match &shell.called {
        Some(called) => format!("(`{called}`) runs one command and is gone after that"),
        None => "is this call, which took its shell's place, and is gone after it".to_owned(),
    };
    format!("process {pid} {what}; the agent counts as dead then; {instead}")
}

/// Who registers it: as told, else who I am, if that is another agent of the same task. Whoever says with `--agent` who
/// it is and is no agent anywhere is mistaken.
fn parent(args: &AgentOptions, task: &TaskId, store: &dyn Store) -> Result<Parent, Failure> {
    if let Some(value::Parent(told)) = &args.parent {
        return Ok(told.clone().map_or(Parent::None, Parent::Told));
    }
    let me = match &args.agent {
        Some(me) => Some(me.clone()),
        None => context::agent_variable()?,
    };
    let Some(me) = me else {
        return Ok(Parent::None);
    };
    let is_told = args.agent.is_some();
    if !is_told && context::task_variable()?.is_some_and(|mine| mine != task.as_str()) {
        return Ok(Parent::None);
    }
    if args.id.as_ref() == Some(&me) {
        return Ok(Parent::Itself);
    }
    let is_nobody = || {
        store
            .task_of(&me)
            .is_err_and(|error| error.kind() == Kind::NotFound)
    };
    Ok(if is_told && is_nobody() {
        Parent::Told(me)
    } else {
        Parent::Caller(me)
    })
}
