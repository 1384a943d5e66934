//! `output`: what an agent's command printed.

use std::time::Duration;

use agentreg::model::{Agent, AgentId, Kind, SCHEMA, TaskId, format_amount};
use agentreg::process::{Found, Kept};
use agentreg::store::{AgentsWanted, Pace, Store, Watched};
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::OutputArgs;
use crate::output::{Answer, Failure, Printed, inert, json, nobody_reads, say, warn};

/// How much is read at a time.
const BLOCK: usize = 64 * 1024;
/// So often it is looked whether anybody still reads.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// So much of what was shown last is held against the file, to know it again.
const KNOWN: usize = 64;

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
    let mut shown = Shown::new(&agent, args.follow, context);
    let mut has_begun = false;
    loop {
        // Asked first: what is there once the agent has ended is all there will be.
        let now = state(store, &task, &agent)?;
        let is_to_come =
            args.follow && !has_begun && now.status.is_active() && is_starting(store, &now)?;
        let goes_on = args.follow && now.status.is_active();
        // Opened each time: another file may have taken its place, or somebody may have removed it.
        match store.printed(&task, &agent)? {
            Some(file) => {
                let unreadable = |error| unreadable(&agent, &error);
                let kept = Kept::new(file).map_err(unreadable)?;
                let is_read = if has_begun {
                    shown.know_again(&kept).map_err(unreadable)?;
                    true
                } else {
                    let lines = args.lines.map(|lines| kept.start_of_last(lines));
                    shown.begin(lines.transpose().map_err(unreadable)?)?
                };
                has_begun = true;
                if !is_read || !shown.copy(&kept)? {
                    return Ok(Answer::nothing());
                }
            }
            None if is_to_come || has_begun => {}
            None => return Err(not_kept(&agent)),
        }
        let (Some(watcher), true) = (&mut watcher, goes_on) else {
            return shown.end();
        };
        while !watcher.wait(HEARTBEAT)? {
            if nobody_reads() {
                return Ok(Answer::nothing());
            }
            if !has_begun {
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

/// What is shown of an output, as it comes, and how far that is.
struct Shown<'a> {
    agent: &'a AgentId,
    context: &'a Context,
    form: Form,
    printed: Printed,
    /// Up to here it was shown.
    place: u64,
    /// The last bytes before that.
    known: Vec<u8>,
    /// Whether what was shown ends with a line.
    is_at_line: bool,
    dropped: u64,
}

/// In what form it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it was printed.
    Plain,
    /// One JSON document, written as it is read.
    Document,
    /// A JSON document for each part.
    Parts,
    /// Not at all.
    Nothing,
}

impl<'a> Shown<'a> {
    fn new(agent: &'a AgentId, follows: bool, context: &'a Context) -> Self {
        Self {
            agent,
            context,
            form: match (context.json(), context.quiet()) {
                (true, _) if follows => Form::Parts,
                (true, _) => Form::Document,
                (false, true) => Form::Nothing,
                (false, false) => Form::Plain,
            },
            printed: Printed::new(&context.terminal()),
            place: 0,
            known: Vec::new(),
            is_at_line: true,
            dropped: 0,
        }
    }

    /// Begins at `place`; false if nobody reads.
    fn begin(&mut self, place: Option<u64>) -> Result<bool, Failure> {
        self.place = place.unwrap_or(0);
        if self.form != Form::Document {
            return Ok(true);
        }
        let agent = as_json(self.agent.as_str())?;
        let start = format!("{{\"schema\":{SCHEMA},\"agent\":{agent},\"output\":\"");
        say(start.as_bytes())
    }

    /// Starts again where the file is not what was shown any more: somebody has emptied it.
    fn know_again(&mut self, kept: &Kept) -> std::io::Result<()> {
        let is_shorter = kept.end()? < self.place;
        if !is_shorter && self.ends_as_known(kept)? {
            return Ok(());
        }
        self.place = 0;
        self.known.clear();
        self.printed = Printed::new(&self.context.terminal());
        self.is_at_line = true;
        if !self.context.json() {
            let agent = self.agent;
            warn(&format!(
                "the output of agent {agent} was cut off; it is shown from its new beginning"
            ));
        }
        Ok(())
    }

    /// Whether what was shown last still stands before the place, unless it was dropped.
    fn ends_as_known(&self, kept: &Kept) -> std::io::Result<bool> {
        if self.known.is_empty() {
            return Ok(true);
        }
        let mut now = vec![0; self.known.len()];
        let from = self.place - self.known.len() as u64;
        Ok(match kept.read(from, &mut now)? {
            Found::Text(read) => now.get(..read) == self.known.get(..read),
            Found::Dropped(_) | Found::End => true,
        })
    }

    /// Shows what came since the last time; false if nobody reads any more.
    fn copy(&mut self, kept: &Kept) -> Result<bool, Failure> {
        let mut block = vec![0; BLOCK];
        loop {
            let found = kept.read(self.place, &mut block);
            let goes_on = match found.map_err(|error| unreadable(self.agent, &error))? {
                Found::End => return Ok(true),
                Found::Text(read) => {
                    self.place += read as u64;
                    let text = block.get(..read).unwrap_or_default();
                    self.remember(text);
                    let shown = self.printed.show(text, self.context.json());
                    self.say(&shown, 0)?
                }
                Found::Dropped(bytes) => {
                    self.place += bytes;
                    self.known.clear();
                    self.tell_of_gap(bytes)?
                }
            };
            if !goes_on {
                return Ok(false);
            }
        }
    }

    fn remember(&mut self, text: &[u8]) {
        let new = text.len().saturating_sub(KNOWN);
        self.known.extend(text.get(new..).unwrap_or(text));
        let old = self.known.len().saturating_sub(KNOWN);
        self.known.drain(..old);
    }

    fn tell_of_gap(&mut self, bytes: u64) -> Result<bool, Failure> {
        let rest = self.printed.rest();
        if !self.say(&rest, 0)? {
            return Ok(false);
        }
        self.dropped += bytes;
        let newline = if self.is_at_line { "" } else { "\n" };
        let line = format!("{newline}[… {} dropped …]\n", format_amount(bytes));
        self.say(line.as_bytes(), bytes)
    }

    /// Shows this, which is whole characters wherever they matter; false if nobody reads any more.
    fn say(&mut self, shown: &[u8], dropped: u64) -> Result<bool, Failure> {
        if let Some(last) = shown.last() {
            self.is_at_line = *last == b'\n';
        }
        match self.form {
            _ if shown.is_empty() => Ok(true),
            Form::Nothing => Ok(true),
            Form::Plain => say(shown),
            Form::Document => say(within_quotes(&as_json(&text(shown))?).as_bytes()),
            Form::Parts => {
                #[derive(Serialize)]
                struct Part<'a> {
                    agent: &'a AgentId,
                    output: &'a str,
                    dropped_bytes: u64,
                }
                say(json::document(&Part {
                    agent: self.agent,
                    output: &text(shown),
                    dropped_bytes: dropped,
                })
                .as_bytes())
            }
        }
    }

    /// What was held back because it might go on, and the end of the document.
    fn end(mut self) -> Outcome {
        let rest = self.printed.rest();
        if self.say(&rest, 0)? && self.form == Form::Document {
            let dropped = self.dropped;
            say(format!("\",\"dropped_bytes\":{dropped}}}\n").as_bytes())?;
        }
        Ok(Answer::nothing())
    }
}

fn text(shown: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(shown)
}

fn as_json(text: &str) -> Result<String, Failure> {
    let mut json = Vec::new();
    inert::write(&mut json, &text).map_err(|error| Failure::io("write JSON", &error))?;
    Ok(String::from_utf8_lossy(&json).into_owned())
}

fn within_quotes(json: &str) -> &str {
    json.strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'))
        .unwrap_or(json)
}
