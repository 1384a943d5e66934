//! `run`, `terminate` and `reap`: agents that live and die.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::agent::AgentOptions;
use super::value;
use crate::commands::complete;
use agentreg::model::{AgentId, AgentType};

/// Register an agent, run its command, and record how it ends
#[derive(Debug, Args)]
#[command(
    after_help = "The command gets AGENTREG_HOME, AGENTREG_TASK and AGENTREG_AGENT. Whatever becomes of it or of this call, \
                  its end is recorded: exit 0 as completed, anything else as failed, unless the agent reports its end itself. This call \
                  ends as the command does, with its code or killed by the same signal; 124 if it ran out of time, 125 if it was refused or \
                  failed itself, 126 or 127 if the command cannot be executed or is not found.

When it has ended, everything that the command started has ended, in whatever session or group it was: it is asked to (TERM), \
and killed after the grace. That is so when the time is over, after terminate, when the command was killed, and for what it \
leaves running when it exits, unless --leave-background lets go of that. If this call is killed, a second process, its \
guardian, does the same. What neither can see is what a service starts for the command (docker, systemd-run, at, a tmux server \
that was there before), and processes of other users that it may not signal, which it names.

The output that is kept is bounded, see agentreg config. In the command that is recorded, *** stands for what looks like a \
secret by the name of its option or variable.

Example:
  agentreg run --wait --timeout 30m -- claude -p \"Review src/parser.rs\"
  agent=$(agentreg run --detach --label shard=3 -- ./worker.sh 3) &&
    agentreg output \"$agent\" --follow"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that the user gives"
)]
pub struct RunArgs {
    /// What kind of worker it is [default: the command's name]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub agent_type: Option<AgentType>,

    #[command(flatten)]
    pub options: AgentOptions,

    /// Let it run for so long; then ask it to end (TERM)
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub timeout: Option<Duration>,

    /// How long after that to kill it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = value::duration)]
    pub grace: Duration,

    /// Return when the command has started; its output is kept
    #[arg(long, conflicts_with = "tee")]
    pub detach: bool,

    /// Keep the output as well as showing it
    #[arg(long)]
    pub tee: bool,

    /// Keep the name of the command and none of its arguments
    #[arg(long)]
    pub hide_args: bool,

    /// Let go of what the command leaves running when it exits
    #[arg(long)]
    pub leave_background: bool,

    /// Take an exit 0 without a report of its end for a failure
    #[arg(long)]
    pub require_report: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

/// End an agent, and the process it is
#[derive(Debug, Args)]
#[command(
    after_help = "The end is recorded first. Then what `run` started, or `--pid` named, is asked to end (TERM) and killed after \
                  the grace; of any other agent the end is only recorded. If something lives on 5 seconds after the grace, it exits 124 and \
                  names it; the same call waits again. A process that is not the agent's is never signalled: not a later one of \
                  the same number, not one of another host, namespace or copy of the registry.

Example:
  agentreg terminate \"$agent\" --reason \"superseded\" --grace 30s"
)]
pub struct TerminateArgs {
    /// The agent
    #[arg(value_name = "AGENT", value_parser = value::agent_id, add = ArgValueCompleter::new(complete::agents))]
    pub agent: AgentId,

    /// Why
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub reason: Option<String>,

    /// How long after it was asked to end to kill it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = value::duration)]
    pub grace: Duration,
}

/// End as failed the agents that are known to be dead
#[derive(Debug, Args)]
#[command(
    after_help = "Known to be dead is an agent whose `run` is gone, whose --pid is gone, or that was silent for longer than \
                  its --ttl. Where `run` and its guardian were both killed, processes of the agent are searched for and ended first. \
                  Without a task: those of all open ones.

Example:
  agentreg reap && agentreg status"
)]
pub struct ReapArgs {}
