//! `status`, `findings`, `reports` and `events`: what people and CI call.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::value::{self, Since};
use super::words;
use crate::commands::complete;
use agentreg::model::{Severity, Status};

/// Show where the fleet, or a task, stands
#[derive(Debug, Args)]
#[command(
    after_help = "Without a task: the totals and every open task. With one: its counts, its active agents and \
                  the last to end.

Example:
  agentreg status \"$AGENTREG_TASK\" --tree
  agentreg status -q --only failed |
    while read -r agent; do agentreg reports \"$agent\"; done"
)]
pub struct StatusArgs {
    /// The task, or the beginning of its id [default: $AGENTREG_TASK]
    #[arg(value_name = "TASK", value_parser = value::task_name, add = ArgValueCompleter::new(complete::tasks))]
    pub name: Option<String>,

    /// Show the agents below their parents
    #[arg(long)]
    pub tree: bool,

    /// All agents, or closed tasks too
    #[arg(long)]
    pub all: bool,

    /// Agents of these statuses, separated by commas
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',', value_parser = words::STATUS)]
    pub only: Vec<Status>,

    /// Agents with this label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    pub labels: Vec<(String, String)>,

    /// Show it anew when it changes, and as often as this [default: 2s]; `q` ends it
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "2s",
        value_parser = value::pause)]
    pub watch: Option<Duration>,
}

/// List what agents found, oldest first
#[derive(Debug, Args)]
#[command(after_help = "Without a task: of all open ones.

Example:
  agentreg findings --min-severity high --since 1h --json |
    jq -r '.findings[].message'")]
pub struct FindingsArgs {
    /// Of these agents only; the beginning of an id will do
    #[arg(value_name = "AGENT", value_parser = value::not_empty, add = ArgValueCompleter::new(complete::agents))]
    pub agents: Vec<String>,

    /// Of this type only
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = value::finding_type,
        add = ArgValueCompleter::new(complete::finding_types))]
    pub finding_type: Option<String>,

    /// At least so severe
    #[arg(long, value_name = "SEVERITY", value_parser = words::SEVERITY)]
    pub min_severity: Option<Severity>,

    /// Since then: a time, or how long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = value::since)]
    pub since: Option<Since>,

    /// Numbered higher than this in their task
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,

    /// The newest so many
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Count them by severity instead
    #[arg(long, conflicts_with_all = ["limit", "follow"])]
    pub summary: bool,

    /// Then print what comes as it comes, until the task is closed
    #[arg(short, long)]
    pub follow: bool,
}

/// List the agents' reports by time
#[derive(Debug, Args)]
#[command(after_help = "Without a task: of all open ones.

Example:
  agentreg reports --since 10m --limit 20")]
pub struct ReportsArgs {
    /// Of these agents only; the beginning of an id will do
    #[arg(value_name = "AGENT", value_parser = value::not_empty, add = ArgValueCompleter::new(complete::agents))]
    pub agents: Vec<String>,

    /// Since then: a time, or how long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = value::since)]
    pub since: Option<Since>,

    /// The newest so many
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Then print what comes as it comes, until the task is closed
    #[arg(short, long)]
    pub follow: bool,
}

/// List the journal: agents registered and ended, tasks opened and closed
#[derive(Debug, Args)]
#[command(after_help = "Example:
  agentreg events --since 2026-11-23 --json |
    jq '.events[] | select(.change == \"failed\")'")]
pub struct EventsArgs {
    /// Since then: a time, or how long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = value::since)]
    pub since: Option<Since>,

    /// The newest so many
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Then print what comes as it comes, until the task is closed
    #[arg(short, long)]
    pub follow: bool,
}
