//! The options that every command has.
// What stands above an argument is its help, not Markdown.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::value;
use super::words;
use crate::commands::complete;
use crate::output::ColorChoice;

/// The options that every command has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// The registry's directory [default: $AGENTREG_HOME, else $XDG_STATE_HOME/agentreg, else ~/.local/state/agentreg]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub home: Option<PathBuf>,

    /// The task [default: $AGENTREG_TASK]
    // The id differs from the positional TASK of some commands.
    #[arg(id = "global_task", long = "task", global = true, value_name = "TASK",
        value_parser = value::task_name, add = ArgValueCompleter::new(complete::tasks))]
    pub task: Option<String>,

    /// Print one JSON document
    #[arg(long, global = true)]
    pub json: bool,

    /// Print ids alone, or nothing
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// How long to wait for a lock
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = value::duration)]
    pub lock_timeout: Duration,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = words::COLOR)]
    pub color: ColorChoice,
}

impl Globals {
    /// For a call that was never typed, such as a shell's question.
    pub fn unspoken(home: Option<PathBuf>, lock_timeout: Duration) -> Self {
        Self {
            home,
            task: None,
            json: false,
            quiet: true,
            lock_timeout,
            color: ColorChoice::Never,
        }
    }
}
