//! `task new|list|show|set|close`.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use clap_complete::ArgValueCompleter;

use super::value::{self, Limit, Since};
use super::words;
use crate::commands::complete;
use agentreg::model::{Priority, Requirement, TaskId};

/// Open, list, change and close tasks
#[derive(Debug, Args)]
#[command(after_help = "Example:
  export AGENTREG_TASK=$(agentreg task new \"Review the parser\")")]
pub struct TaskArgs {
    #[command(subcommand)]
    pub verb: TaskVerb,
}

/// What to do with tasks.
#[derive(Debug, Subcommand)]
pub enum TaskVerb {
    New(NewArgs),
    List(ListArgs),
    Show(ShowArgs),
    Set(SetArgs),
    Close(CloseArgs),
}

/// Open a task and print its id alone
#[derive(Debug, Args)]
#[command(override_usage = "agentreg task new [OPTIONS] <DESCRIPTION>")]
#[command(after_help = "Example:
  AGENTREG_TASK=$(agentreg task new \"Review it\" --max-concurrent 8) || exit
  export AGENTREG_TASK")]
pub struct NewArgs {
    /// What is to be done; - reads it from standard input
    #[arg(
        id = "text",
        value_name = "DESCRIPTION",
        allow_hyphen_values = true,
        required_unless_present = "message"
    )]
    pub description: Option<String>,

    /// What is to be done, where it might be taken for an option
    #[arg(
        short,
        long,
        visible_alias = "description",
        value_name = "DESCRIPTION",
        allow_hyphen_values = true,
        conflicts_with = "text"
    )]
    pub message: Option<String>,

    /// The task's id [default: TASK-YYYYMMDD-HHMMSS-<8 hex>]; a repeated call with equal arguments opens one task
    #[arg(long, value_name = "ID")]
    pub id: Option<TaskId>,

    /// How urgent it is
    #[arg(long, value_name = "PRIORITY", default_value = "P2", value_parser = words::PRIORITY)]
    pub priority: Priority,

    /// How many agents it takes, ever: a number or none
    #[arg(long, value_name = "N", default_value = "none", value_parser = value::limit)]
    pub max_agents: Limit,

    /// How many agents may be active at once: a number or none
    #[arg(long, value_name = "N", default_value = "20", value_parser = value::limit)]
    pub max_concurrent: Limit,

    /// How deep agents may register agents
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_depth: u32,

    /// The directory the agents work in [default: the current one]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,

    /// What a completion must show, such as reports=2,findings=1
    #[arg(long, value_name = "WHAT", value_parser = value::requirement)]
    pub require_evidence: Option<Requirement>,
}

/// List the open tasks
#[derive(Debug, Args)]
#[command(after_help = "Example:
  for task in $(agentreg task list -q --workspace .); do
    agentreg task close \"$task\"
  done")]
pub struct ListArgs {
    /// Closed tasks too
    #[arg(long)]
    pub all: bool,

    /// Opened since then: a time, or how long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = value::since)]
    pub since: Option<Since>,

    /// Whose workspace is this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,
}

/// Show a task's settings and counts
#[derive(Debug, Args)]
#[command(after_help = "Example:
  agentreg task show \"$AGENTREG_TASK\" --json | jq .counts.active")]
pub struct ShowArgs {
    /// The task, or the beginning of its id [default: $AGENTREG_TASK]
    #[arg(value_name = "TASK", value_parser = value::task_name, add = ArgValueCompleter::new(complete::tasks))]
    pub name: Option<String>,
}

/// Change a task's settings; what is left out stays
#[derive(Debug, Args)]
#[command(after_help = "Example:
  agentreg task set \"$AGENTREG_TASK\" --max-concurrent 40 --priority P0")]
pub struct SetArgs {
    /// The task [default: $AGENTREG_TASK]
    #[arg(value_name = "TASK", value_parser = value::task_name, add = ArgValueCompleter::new(complete::tasks))]
    pub name: Option<String>,

    /// What is to be done; - reads it from standard input
    #[arg(
        short = 'm',
        long,
        visible_alias = "message",
        value_name = "DESCRIPTION",
        allow_hyphen_values = true
    )]
    pub description: Option<String>,

    /// How urgent it is
    #[arg(long, value_name = "PRIORITY", value_parser = words::PRIORITY)]
    pub priority: Option<Priority>,

    /// How many agents it takes, ever: a number or none
    #[arg(long, value_name = "N", value_parser = value::limit)]
    pub max_agents: Option<Limit>,

    /// How many agents may be active at once: a number or none
    #[arg(long, value_name = "N", value_parser = value::limit)]
    pub max_concurrent: Option<Limit>,

    /// How deep agents may register agents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_depth: Option<u32>,

    /// The directory the agents work in
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,

    /// What a completion must show, such as reports=2,findings=1, or none
    #[arg(long, value_name = "WHAT", value_parser = value::requirement)]
    pub require_evidence: Option<Requirement>,
}

/// Close a task: it takes no more agents
#[derive(Debug, Args)]
#[command(after_help = "Example:
  agentreg task close \"$AGENTREG_TASK\" ||
    agentreg task close \"$AGENTREG_TASK\" --force")]
pub struct CloseArgs {
    /// The task [default: $AGENTREG_TASK]
    #[arg(value_name = "TASK", value_parser = value::task_name, add = ArgValueCompleter::new(complete::tasks))]
    pub name: Option<String>,

    /// Terminate the agents that are still active
    #[arg(long)]
    pub force: bool,
}
