//! Words that stand where nothing takes them, and where they were meant to stand.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use super::explain::before_escape;

/// For `--wait 5s`, where the value has to be joined to its option.
pub fn joined(word: &str, command: &Command, words: &[OsString]) -> Option<String> {
    let before: Vec<_> = before_escape(words).collect();
    let pairs = before.iter().zip(before.iter().skip(1));
    let mut options = pairs
        .filter(|(_, value)| **value == word)
        .filter_map(|(option, _)| option.to_str()?.strip_prefix("--"));
    options
        .find(|name| {
            let takes = |argument: &&Arg| argument.get_long() == Some(name);
            let found = command.get_arguments().find(takes);
            found.is_some_and(Arg::is_require_equals_set)
        })
        .map(|name| format!("did you mean --{name}={word}?"))
}

/// For a command line that stands without the `--` it has to follow.
pub fn escaped(word: &str, command: &Command, words: &[OsString]) -> Option<String> {
    command.get_arguments().find(|one| one.is_last_set())?;
    let at = words.iter().position(|one| one == word)?;
    let shown: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    let (options, line) = shown.split_at(at);
    let line = line
        .iter()
        .filter(|word| *word != "--")
        .cloned()
        .collect::<Vec<_>>();
    Some(format!(
        "the command follows `--`: agentreg {} -- {}",
        options.join(" "),
        line.join(" ")
    ))
}

/// As a shell reads it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
