//! The command line, as types.
//!
//! Building clap's tree of all commands takes longer than most calls do the rest of their work. So a call whose first
//! word is a command is read by that command alone, which takes the global options for its own: handing them down from
//! a root costs clap as much again. Where that does not end in a call (help, a mistake) the command's branch of the tree
//! says why; every other call, and everything that renders help for all, builds the whole tree. What either understands
//! and prints is the same. The two calls that are made all day need no tree at all (see [`plain`]).

mod agent;
mod explain;
mod globals;
mod look;
mod machine;
mod misplaced;
mod plain;
mod run;
mod task;
pub mod value;
mod wait;
pub mod words;

use std::ffi::OsString;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::output::ColorChoice;

pub use agent::{AgentOptions, FindingArgs, ProgressArgs, RegisterArgs};
pub use explain::Stop;
pub use globals::Globals;
pub use look::{EventsArgs, FindingsArgs, ReportsArgs, StatusArgs};
pub use machine::{
    CompletionsArgs, ConfigArgs, DoctorArgs, ExportArgs, ImportArgs, Setting, Shell,
};
pub use run::{ReapArgs, RunArgs, TerminateArgs};
pub use task::{CloseArgs, ListArgs, NewArgs, SetArgs, ShowArgs, TaskArgs, TaskVerb};
pub use wait::{OutputArgs, WaitArgs};

/// A call as it was understood.
#[derive(Debug)]
pub struct Call {
    pub globals: Globals,
    pub verb: Verb,
}

/// A command's name, how its branch is built, and how its arguments are read.
struct Entry {
    name: &'static str,
    build: fn(Command) -> Command,
    read: fn(&ArgMatches) -> Result<Verb, clap::Error>,
}

macro_rules! commands {
    ($($name:literal $verb:ident($args:ty),)*) => {
        /// What is to be done.
        #[derive(Debug)]
        pub enum Verb { $($verb(Box<$args>),)* }

        const COMMANDS: &[Entry] = &[$(Entry {
            name: $name,
            build: <$args as Args>::augment_args,
            read: |matches| Ok(Verb::$verb(Box::new(<$args>::from_arg_matches(matches)?))),
        },)*];
    };
}

commands! {
    "task" Task(TaskArgs),
    "register" Register(RegisterArgs),
    "run" Run(RunArgs),
    "progress" Progress(ProgressArgs),
    "finding" Finding(FindingArgs),
    "status" Status(StatusArgs),
    "findings" Findings(FindingsArgs),
    "reports" Reports(ReportsArgs),
    "events" Events(EventsArgs),
    "terminate" Terminate(TerminateArgs),
    "reap" Reap(ReapArgs),
    "wait" Wait(WaitArgs),
    "output" Output(OutputArgs),
    "doctor" Doctor(DoctorArgs),
    "import" Import(ImportArgs),
    "export" Export(ExportArgs),
    "config" Config(ConfigArgs),
    "completions" Completions(CompletionsArgs),
}

fn root() -> Command {
    Globals::augment_args(Command::new("agentreg"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("A registry for fleets of headless agents")
        .after_help(
            "Example:\n  export AGENTREG_TASK=$(agentreg task new \"Review the parser\")\n  \
             export AGENTREG_AGENT=$(agentreg register --type reviewer)\n  \
             agentreg progress -p 40 \"lexer reviewed\"\n  \
             agentreg finding -s high \"unbounded recursion\"\n  \
             agentreg progress -s completed \"done with src/\"\n  \
             agentreg status",
        )
        .bin_name("agentreg")
        .no_binary_name(true)
        .subcommand_required(true)
}

/// The tree of all commands.
pub fn whole() -> Command {
    COMMANDS.iter().fold(root(), |root, entry| {
        root.subcommand((entry.build)(Command::new(entry.name)))
    })
}

/// The tree of one command alone.
fn branch(entry: &Entry) -> Command {
    root().subcommand((entry.build)(Command::new(entry.name)))
}

/// One command without a root.
fn alone(entry: &Entry) -> Command {
    (entry.build)(Globals::augment_args(Command::new(entry.name))).no_binary_name(true)
}

fn entry(name: &str) -> Option<&'static Entry> {
    COMMANDS.iter().find(|entry| entry.name == name)
}

/// Reads the words after the program's name.
///
/// # Errors
/// Help that was asked for, or a usage error.
pub fn parse(words: &[OsString]) -> Result<Call, Stop> {
    if let Some(call) = plain::read(words) {
        return Ok(call);
    }
    let named = words
        .split_first()
        .and_then(|(name, rest)| Some((entry(name.to_str()?)?, rest)));
    match named {
        Some((entry, rest)) => match parse_alone(entry, rest) {
            Some(call) => Ok(call),
            None => parse_with(branch(entry), words),
        },
        None => parse_with(whole(), words),
    }
}

/// The call that a command's words make, if they make one.
fn parse_alone(entry: &Entry, words: &[OsString]) -> Option<Call> {
    let mut command = alone(entry);
    let matches = command.try_get_matches_from_mut(words).ok()?;
    explain::check_text(&matches, &command, words).ok()?;
    Some(Call {
        globals: Globals::from_arg_matches(&matches).ok()?,
        verb: (entry.read)(&matches).ok()?,
    })
}

fn parse_with(mut tree: Command, words: &[OsString]) -> Result<Call, Stop> {
    let stop = |error: &clap::Error, tree: &Command| explain::stop(error, tree, words);
    let matches = match tree.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error) => return Err(stop(&error, &tree)),
    };
    explain::check_text(&matches, &tree, words)?;
    read(&matches).map_err(|error| stop(&error, &tree))
}

fn read(matches: &ArgMatches) -> Result<Call, clap::Error> {
    let globals = Globals::from_arg_matches(matches)?;
    let named = matches
        .subcommand()
        .and_then(|(name, inner)| Some((entry(name)?, inner)));
    let Some((entry, inner)) = named else {
        return Err(clap::Error::new(clap::error::ErrorKind::MissingSubcommand));
    };
    Ok(Call {
        globals,
        verb: (entry.read)(inner)?,
    })
}

/// Whether the words ask for JSON, told without understanding them: for errors in them.
pub fn wants_json(words: &[OsString]) -> bool {
    explain::before_escape(words).any(|word| word == "--json")
}

/// Which colours the words ask for, told without understanding them: for help.
pub fn wanted_color(words: &[OsString]) -> ColorChoice {
    let mut words = explain::before_escape(words).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        match value {
            Some("always") => return ColorChoice::Always,
            Some("never") => return ColorChoice::Never,
            _ => {}
        }
    }
    ColorChoice::Auto
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // It writes files of the project, none of a registry.
mod generated;
#[cfg(test)]
mod tests;
