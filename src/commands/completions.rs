//! `completions`: the script that makes a shell ask this program for completions.

use crate::cli::{CompletionsArgs, Shell};
use crate::output::Answer;

use super::complete;

pub fn run(args: &CompletionsArgs) -> Answer {
    Answer::text(script(args.shell))
}

/// The script for `shell`.
pub fn script(shell: Shell) -> String {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Elvish => "elvish",
        Shell::Powershell => "powershell",
    };
    complete::registration(name)
}
