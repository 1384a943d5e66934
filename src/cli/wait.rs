//! `wait` and `output`: what is called beside agents that are at work.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::value;
use super::words::{self, Until};
use crate::commands::complete;

/// Wait for agents to end, or to get to a status
#[derive(Debug, Args)]
#[command(
    after_help = "Without agents it waits for all of the task, also those that are registered meanwhile. It exits 0 when \
                  what it waits for is so, 8 when that can no longer come true or when the agents have ended and not all \
                  completed, 124 when the time is over. An agent whose process is known to be dead is recorded as failed, \
                  as `reap` does it, and counts as ended.

Example:
  agentreg wait --agents 8 --timeout 1h || agentreg status --only failed"
)]
pub struct WaitArgs {
    /// The agents, or the beginnings of their ids [default: all of the task]
    #[arg(value_name = "AGENT", value_parser = value::not_empty, add = ArgValueCompleter::new(complete::agents))]
    pub agents: Vec<String>,

    /// One of them will do
    #[arg(long)]
    pub any: bool,

    /// First wait for so many to be registered in the task
    #[arg(long = "agents", id = "number", value_name = "N", conflicts_with = "agents",
        value_parser = value::count)]
    pub number: Option<u64>,

    /// What to wait for: ended, completed, or any other status
    #[arg(long, value_name = "STATUS", default_value = "ended", value_parser = words::UNTIL)]
    pub until: Until,

    /// How long at most
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub timeout: Option<Duration>,
}

/// Print what an agent's command printed
#[derive(Debug, Args)]
#[command(
    after_help = "Byte for byte where it goes into a pipe; on a terminal with control characters made visible.

Example:
  agentreg output \"$AGENT\" -n 20 --follow"
)]
pub struct OutputArgs {
    /// The agent, or the beginning of its id
    #[arg(value_name = "AGENT", value_parser = value::agent_name, add = ArgValueCompleter::new(complete::agents))]
    pub agent: String,

    /// The last so many lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,

    /// Print what comes as it comes, until the agent has ended
    #[arg(short, long)]
    pub follow: bool,
}
