//! `register`, `progress` and `finding`: what agents call.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::value::{self, Wait};
use super::words;
use crate::commands::complete;
use agentreg::model::{AgentId, AgentType, Severity, Status};

/// Register an agent and print its id alone
#[derive(Debug, Args)]
#[command(after_help = "Example:
  AGENTREG_AGENT=$(agentreg register --type reviewer --pid $$) || exit
  export AGENTREG_AGENT")]
pub struct RegisterArgs {
    /// What kind of worker it is
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub agent_type: AgentType,

    /// The process to look at for its life
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub pid: Option<u32>,

    #[command(flatten)]
    pub options: AgentOptions,
}

/// What may be said of an agent that is registered, by `register` and `run`.
#[derive(Debug, Args)]
pub struct AgentOptions {
    /// The agent's id [default: <type>-HHMMSS-<6 hex>]; a repeated call with equal arguments registers one agent
    #[arg(long, value_name = "ID")]
    pub id: Option<AgentId>,

    /// The agent that registers it, or none [default: --agent]
    #[arg(long, value_name = "AGENT", value_parser = value::parent, add = ArgValueCompleter::new(complete::agents))]
    pub parent: Option<value::Parent>,

    /// Who I am, the parent [default: $AGENTREG_AGENT if its task is the same]
    #[arg(long, value_name = "AGENT", value_parser = value::agent_id, add = ArgValueCompleter::new(complete::agents))]
    pub agent: Option<AgentId>,

    /// Without a report or finding for longer than this it counts as dead; one that `run` started lives as long as its
    /// command, whatever it says
    #[arg(long, value_name = "DURATION", value_parser = value::ttl)]
    pub ttl: Option<Duration>,

    /// A label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    pub labels: Vec<(String, String)>,

    /// What it is asked to do; - reads it from standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub prompt: Option<String>,

    /// Refuse while another agent of the type is active
    #[arg(long)]
    pub unique: bool,

    /// Sleep for a slot rather than be refused, for so long or for ever
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
        default_missing_value = "forever", value_parser = value::wait)]
    pub wait: Option<Wait>,
}

/// Report where an agent stands
#[derive(Debug, Args)]
#[command(
    after_help = "What is left out stays, and running becomes working. A completion without a percent is 100.

Example:
  agentreg progress -p 40 \"lexer reviewed, parser next\"
  agentreg progress -s completed \"reviewed 12 files\""
)]
pub struct ProgressArgs {
    /// What it says; - reads it from standard input
    #[arg(id = "text", value_name = "MESSAGE", allow_hyphen_values = true)]
    pub text: Option<String>,

    /// What it says, where it might be taken for an option or a status
    #[arg(
        short,
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        conflicts_with = "text"
    )]
    pub message: Option<String>,

    /// Where it stands
    #[arg(short, long, value_name = "STATUS", value_parser = words::STATUS)]
    pub status: Option<Status>,

    /// How far it is, 0 to 100
    #[arg(short, long, value_name = "PERCENT", value_parser = value::percent, allow_negative_numbers = true)]
    pub percent: Option<u8>,

    /// Who I am [default: $AGENTREG_AGENT]
    #[arg(long, value_name = "AGENT", value_parser = value::agent_id, add = ArgValueCompleter::new(complete::agents))]
    pub agent: Option<AgentId>,
}

/// Share a finding with the other agents of the task
#[derive(Debug, Args)]
#[command(override_usage = "agentreg finding [OPTIONS] <MESSAGE>")]
#[command(after_help = "Example:
  agentreg finding -t issue -s high --file src/parser.rs --line 42 \\
    \"unbounded recursion\"")]
pub struct FindingArgs {
    /// What was found; - reads it from standard input
    #[arg(
        id = "text",
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        required_unless_present = "message"
    )]
    pub text: Option<String>,

    /// What was found, where it might be taken for an option
    #[arg(
        short,
        long,
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        conflicts_with = "text"
    )]
    pub message: Option<String>,

    /// issue, solution, insight, recommendation, blocker, or any word
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "insight",
        value_parser = value::finding_type, add = ArgValueCompleter::new(complete::finding_types))]
    pub finding_type: String,

    /// How much it matters
    #[arg(short, long, value_name = "SEVERITY", default_value = "low", value_parser = words::SEVERITY)]
    pub severity: Severity,

    /// Anything more, for programs: JSON, @FILE or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub data: Option<String>,

    /// The file it is about
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<String>,

    /// The line of that file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), requires = "file")]
    pub line: Option<u64>,

    /// Who I am [default: $AGENTREG_AGENT]
    #[arg(long, value_name = "AGENT", value_parser = value::agent_id, add = ArgValueCompleter::new(complete::agents))]
    pub agent: Option<AgentId>,
}
