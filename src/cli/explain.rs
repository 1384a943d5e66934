//! Why a call was not understood, in one sentence and a hint.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command};

use super::misplaced::{escaped, joined};
use super::value::BadValue;
use super::words::nearest;

/// Why there is no call to run.
#[derive(Debug)]
pub enum Stop {
    /// Help or the version was asked for.
    Show(StyledStr),
    /// The words are wrong.
    Usage { message: String, hint: String },
}

/// The words before `--`.
pub fn before_escape(words: &[OsString]) -> impl Iterator<Item = &OsString> {
    words.iter().take_while(|word| *word != "--")
}

/// Translates clap's error.
pub fn stop(error: &clap::Error, tree: &Command, words: &[OsString]) -> Stop {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return Stop::Show(error.render());
    }
    let command = called(tree, words);
    let (message, hint) = explain(error, command, words);
    Stop::Usage {
        message,
        hint: hint.unwrap_or_else(|| see_help(command)),
    }
}

fn explain(error: &clap::Error, command: &Command, words: &[OsString]) -> (String, Option<String>) {
    let context = |kind| error.get(kind).map(in_words);
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(&argument, command, words),
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            let near = nearest(&word, command.get_subcommands().map(Command::get_name));
            let hint = near.map(|near| format!("did you mean `{} {near}`?", path(command)));
            (
                format!("there is no command `{} {word}`", path(command)),
                hint,
            )
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let names: Vec<_> = command
                .get_subcommands()
                .map(Command::get_name)
                .filter(|name| *name != "help")
                .collect();
            let hint = format!("the commands are {}", names.join(", "));
            (format!("`{}` needs a command", path(command)), Some(hint))
        }
        ErrorKind::MissingRequiredArgument => {
            (format!("{} is missing", without_brackets(&argument)), None)
        }
        ErrorKind::ValueValidation => {
            let source = std::error::Error::source(error);
            let bad = source.and_then(|source| source.downcast_ref::<BadValue>());
            let sentence = source.map(ToString::to_string).unwrap_or_default();
            (
                format!("{}: {sentence}", without_brackets(&argument)),
                bad.and_then(|bad| bad.hint.clone()),
            )
        }
        _ => first_paragraph(error),
    }
}

/// An argument that nothing takes: an option that does not exist, or a word too many.
fn unknown(argument: &str, command: &Command, words: &[OsString]) -> (String, Option<String>) {
    // Where a text may begin with a hyphen, the first option that does not exist was taken for the text, and clap
    // complains about what follows.
    let culprit = takes_text(command)
        .then(|| before_escape(words).filter_map(|word| word.to_str()))
        .and_then(|mut words| words.find(|word| looks_like_option(word) && !exists(word, command)));
    if let Some(option) = culprit {
        return no_such_option(option, command);
    }
    if argument.starts_with('-') {
        return no_such_option(argument, command);
    }
    let text =
        || "a text of several words is one argument: put it in quotes, \"like this\"".to_owned();
    let hint = joined(argument, command, words)
        .or_else(|| escaped(argument, command, words))
        .or_else(|| takes_text(command).then(text));
    (format!("{argument:?} is one argument too many"), hint)
}

fn no_such_option(word: &str, command: &Command) -> (String, Option<String>) {
    let name = word.split('=').next().unwrap_or(word);
    let longs = command
        .get_arguments()
        .flat_map(|argument| argument.get_long_and_visible_aliases().unwrap_or_default());
    let near = nearest(name.trim_start_matches('-'), longs)
        .filter(|_| name.starts_with("--"))
        .map(|near| format!("did you mean --{near}?"));
    let hint = match (near, takes_text(command)) {
        (Some(near), true) => Some(format!("{near} To send it as text, {AS_TEXT}")),
        (None, true) => Some(format!("to send it as text, {AS_TEXT}")),
        (near, false) => near,
    };
    (format!("`{}` has no option {name}", path(command)), hint)
}

const AS_TEXT: &str = "give it with -m or after --";

/// Refuses a text that is more likely a misspelt option.
pub fn check_text(matches: &ArgMatches, tree: &Command, words: &[OsString]) -> Result<(), Stop> {
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let Ok(Some(text)) = innermost.try_get_one::<String>("text") else {
        return Ok(());
    };
    let escaped = !before_escape(words).any(|word| word == text.as_str());
    if escaped || !looks_like_option(text) {
        return Ok(());
    }
    let command = called(tree, words);
    let (message, hint) = no_such_option(text, command);
    Err(Stop::Usage {
        message,
        hint: hint.unwrap_or_else(|| see_help(command)),
    })
}

/// `-x`, `--word`, `--word=anything`, without white space.
fn looks_like_option(word: &str) -> bool {
    let Some(rest) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
        return false;
    };
    let name = rest.split('=').next().unwrap_or(rest);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        && !word.contains(char::is_whitespace)
}

fn exists(word: &str, command: &Command) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        return name == "help"
            || command.get_arguments().any(|argument| {
                argument
                    .get_long_and_visible_aliases()
                    .is_some_and(|longs| longs.contains(&name))
            });
    }
    // `-sworking` and `-qm` are known by their first letter.
    let letter = word.chars().nth(1);
    letter == Some('h')
        || command
            .get_arguments()
            .any(|argument| argument.get_short().is_some() && argument.get_short() == letter)
}

fn takes_text(command: &Command) -> bool {
    command
        .get_arguments()
        .any(|argument| argument.get_id() == "text")
}

/// The command that `words` call.
fn called<'a>(tree: &'a Command, words: &[OsString]) -> &'a Command {
    before_escape(words)
        .filter_map(|word| word.to_str())
        .fold(tree, |command, word| {
            command.find_subcommand(word).unwrap_or(command)
        })
}

fn path(command: &Command) -> &str {
    command.get_bin_name().unwrap_or("agentreg")
}

fn see_help(command: &Command) -> String {
    format!("see `{} --help`", path(command))
}

fn in_words(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(list) => list.join(" and "),
        other => other.to_string(),
    }
}

/// `--percent <PERCENT>` and `--watch[=<DURATION>]` become `--percent` and `--watch`, `<DESCRIPTION>` and `[MESSAGE]`
/// lose their brackets.
fn without_brackets(argument: &str) -> String {
    let of_one = |one: &str| match one.split([' ', '[', '=']).next() {
        Some(option) if option.starts_with('-') => option.to_owned(),
        _ => one.trim_matches(['<', '>', '[', ']', '.']).to_owned(),
    };
    argument
        .split(" and ")
        .map(of_one)
        .collect::<Vec<_>>()
        .join(" and ")
}

/// clap's own words, for what is rare.
fn first_paragraph(error: &clap::Error) -> (String, Option<String>) {
    let text = error.render().to_string();
    let sentence: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let sentence = sentence.join(" ");
    (
        sentence
            .strip_prefix("error: ")
            .unwrap_or(&sentence)
            .to_owned(),
        None,
    )
}
