//! `output`: what an agent's command printed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use agentreg::model::{Agent, AgentId, Kind, TaskId};
use agentreg::store::{AgentsWanted, Pace, Store, Watched};
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::OutputArgs;
use crate::output::{Answer, Failure, Printed, json, nobody_reads, say};

/// How much is read at a time.
const BLOCK: usize = 64 * 1024;
/// So often it is looked whether anybody still reads.
const HEARTBEAT: Duration = Duration::from_millis(500);

pub fn run(args: &OutputArgs, context: &Context) -> Outcome {
    let store = context.store()?;
    let named = context.task_to_read(None)?;
    let (task, agent) = store.find_agent(named.as_ref(), &args.agent)?;
    // What is watched from here on is looked at after this.
    let mut watcher = if args.follow {
        Some(store.watcher(&[Watched::Output(&task), Watched::Machine], Pace::Prompt)?)
    } else {
        None
    };
    let mut file = None;
    let mut to = Shown {
        printed: Printed::new(&context.terminal()),
        agent: &agent,
        context,
        whole: (context.json() && !args.follow).then(Vec::new),
    };
    let mut place = 0;
    loop {
        // Asked first: what is there once the agent has ended is all there will be.
        let now = state(store, &task, &agent)?;
        let is_to_come =
            args.follow && file.is_none() && now.status.is_active() && is_starting(store, &now)?;
        if file.is_none() {
            file = store.printed(&task, &agent)?;
            if let (Some(file), Some(lines)) = (&mut file, args.lines) {
                place = start_of_last(file, lines).map_err(|error| unreadable(&agent, &error))?;
            }
        }
        let goes_on = args.follow && now.status.is_active();
        match &file {
            None if is_to_come => {}
            None => return Err(not_kept(&agent)),
            Some(file) if !to.copy(file, &mut place)? => {
                return Ok(Answer::nothing());
            }
            Some(_) => {}
        }
        let (Some(watcher), true) = (&mut watcher, goes_on) else {
            return Ok(to.rest());
        };
        while !watcher.wait(HEARTBEAT)? {
            if nobody_reads() {
                return Ok(Answer::nothing());
            }
            if file.is_none() {
                break;
            }
        }
    }
}

/// Whether `run` has registered the agent and not started its command yet: the file for its output comes before that.
fn is_starting(store: &dyn Store, agent: &Agent) -> Result<bool, Failure> {
    let has_command = agent.leased && agent.command.is_some();
    Ok(has_command && store.lease(&agent.task, &agent.id)?.running.is_none())
}

fn state(store: &dyn Store, task: &TaskId, agent: &AgentId) -> Result<Agent, Failure> {
    let one = std::slice::from_ref(agent);
    let mut agents = store.view(task, AgentsWanted::These(one))?.agents;
    agents.pop().ok_or_else(|| not_kept(agent))
}

fn not_kept(agent: &AgentId) -> Failure {
    Failure::new(
        Kind::NotFound,
        format!("no output of agent {agent} is kept"),
    )
    .hint("what `agentreg run --detach` or `agentreg run --tee` starts has its output kept")
}

fn unreadable(agent: &AgentId, error: &std::io::Error) -> Failure {
    Failure::io(format_args!("read the output of agent {agent}"), error)
}

/// Where the output goes.
struct Shown<'a> {
    printed: Printed,
    agent: &'a AgentId,
    context: &'a Context,
    /// All of it so far, where it is to be one document.
    whole: Option<Vec<u8>>,
}

impl Shown<'_> {
    /// Prints what came since `place`; false if nobody reads any more.
    fn copy(&mut self, file: &File, place: &mut u64) -> Result<bool, Failure> {
        let mut block = vec![0; BLOCK];
        loop {
            let read = match file.read_at(&mut block, *place) {
                Ok(0) => return Ok(true),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(self.agent, &error)),
            };
            *place += read as u64;
            let shown = self.printed.show(&block[..read], self.context.json());
            if let Some(whole) = &mut self.whole {
                whole.extend(shown);
            } else if !shown.is_empty() && !say(&wrapped(shown, self.agent, self.context))? {
                return Ok(false);
            }
        }
    }

    /// What was held back because it might go on, or the whole document.
    fn rest(self) -> Answer {
        let rest = self.printed.rest();
        let is_part = self.whole.is_none();
        let mut shown = self.whole.unwrap_or_default();
        shown.extend(rest);
        if is_part && shown.is_empty() {
            return Answer::nothing();
        }
        let text = wrapped(shown, self.agent, self.context);
        Answer::text(String::from_utf8_lossy(&text))
    }
}

fn wrapped(shown: Vec<u8>, agent: &AgentId, context: &Context) -> Vec<u8> {
    #[derive(Serialize)]
    struct Part<'a> {
        agent: &'a AgentId,
        output: &'a str,
    }
    if context.json() {
        let output = String::from_utf8_lossy(&shown);
        json::document(&Part {
            agent,
            output: &output,
        })
        .into_bytes()
    } else if context.quiet() {
        Vec::new()
    } else {
        shown
    }
}

/// Where the last `lines` lines begin.
fn start_of_last(file: &mut File, lines: usize) -> std::io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut start = end;
    let mut found = 0;
    let mut block = vec![0; BLOCK];
    while start > 0 {
        let size = start.min(BLOCK as u64);
        start -= size;
        file.seek(SeekFrom::Start(start))?;
        let block = &mut block[..usize::try_from(size).unwrap_or(BLOCK)];
        file.read_exact(block)?;
        for (at, _) in block
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| **byte == b'\n')
        {
            let after = start + at as u64 + 1;
            // The newline at the very end ends the last line.
            if after < end {
                found += 1;
            }
            if found == lines || lines == 0 {
                return Ok(if lines == 0 { end } else { after });
            }
        }
    }
    Ok(if lines == 0 { end } else { 0 })
}
