//! `doctor`, `import`, `export`, `config` and `completions`: what concerns the whole machine.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::value;
use super::words;
use crate::commands::complete;

/// Check the registry by recounting everything
#[derive(Debug, Args)]
#[command(
    after_help = "It exits 6 while something is wrong. --repair may be run at any time, beside any calls: it touches \
                  nothing that is sound or in use, names what was lost, and keeps what it could not read beside where it was.

Example:
  agentreg doctor || agentreg doctor --repair"
)]
pub struct DoctorArgs {
    /// Mend what is wrong
    #[arg(long)]
    pub repair: bool,

    /// Also prove with real processes that locks hold on this file system
    #[arg(long)]
    pub locks: bool,
}

/// Take in an orchestrator's workspace
#[derive(Debug, Args)]
#[command(after_help = "Example:
  agentreg import ~/orchestrator/workspace --json | jq '.differences'")]
pub struct ImportArgs {
    /// The workspace: the directory of the tasks
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

/// Print a whole task as one JSON document
#[derive(Debug, Args)]
#[command(after_help = "Example:
  agentreg export \"$AGENTREG_TASK\" > task.json")]
pub struct ExportArgs {
    /// The task, or the beginning of its id [default: $AGENTREG_TASK]
    #[arg(value_name = "TASK", value_parser = value::task_name, add = ArgValueCompleter::new(complete::tasks))]
    pub name: Option<String>,
}

/// Show or change the machine's settings
#[derive(Debug, Args)]
#[command(after_help = "The settings are:
  max-concurrent  how many agents may be active at once: a number or none
  output-limit    how much is kept of what an agent's command prints: bytes,
                  or 2M to 9999G, or none [default: 64M]

Of output beyond its limit the first MiB and the newest part are kept. What
runs already keeps the limit that it was started with.

Example:
  agentreg config max-concurrent 200")]
pub struct ConfigArgs {
    /// The setting [default: all of them]
    #[arg(value_name = "KEY", value_parser = words::SETTING)]
    pub key: Option<Setting>,

    /// Its new value
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub value: Option<String>,
}

/// A setting of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Agents active at once; none: no limit.
    MaxConcurrent,
    /// Bytes that are kept of an agent's output; none: all.
    OutputLimit,
}

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:
  dir=~/.local/share/bash-completion/completions
  agentreg completions bash > \"$dir/agentreg\"")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = words::SHELL)]
    pub shell: Shell,
}

/// A shell that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}
