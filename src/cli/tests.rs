//! One branch of the tree prints what the whole tree prints.

use std::ffi::OsString;

use agentreg::model::{Limits, Priority};
use clap::Command;
use proptest::prelude::*;

use super::{COMMANDS, Stop, alone, branch, entry, parse_alone, parse_with, whole};

/// The words of every command, also those below `task`.
fn all_commands() -> Vec<Vec<String>> {
    fn below(command: &Command, path: &[String], found: &mut Vec<Vec<String>>) {
        for inner in command.get_subcommands() {
            let mut path = path.to_vec();
            path.push(inner.get_name().to_owned());
            below(inner, &path, found);
            found.push(path);
        }
    }
    let mut found = Vec::new();
    below(&whole(), &[], &mut found);
    found
}

fn shown(tree: Command, words: &[String]) -> String {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    match parse_with(tree, &words) {
        Ok(call) => format!("{call:?}"),
        Err(Stop::Show(text)) => text.ansi().to_string(),
        Err(Stop::Usage { message, hint }) => format!("{message}\n{hint}"),
    }
}

#[test]
fn clap_finds_no_fault_in_the_tree() {
    whole().debug_assert();
    for entry in COMMANDS {
        branch(entry).debug_assert();
        alone(entry).debug_assert();
    }
}

#[test]
fn a_branch_alone_prints_what_the_whole_tree_prints() {
    let endings = [
        "--help",
        "-h",
        "--bogus",
        "--bogus x y",
        "--lock-timeout soon",
        "--json --task",
        "a b c d",
        "-- -x -y",
        "help",
        "--version",
        "",
        "-s compelted",
        "--percent 101",
        "--color red",
        "--task t --json -q",
    ];
    for path in all_commands() {
        for ending in endings {
            let mut words = path.clone();
            words.extend(ending.split_whitespace().map(str::to_owned));
            let alone = branch(entry(&words[0]).unwrap());
            assert_eq!(shown(alone, &words), shown(whole(), &words), "{words:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_command_alone_understands_what_its_branch_understands(
        at in 0..COMMANDS.len(),
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..7),
    ) {
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let entry = &COMMANDS[at];
        let called = [&[OsString::from(entry.name)], words.as_slice()].concat();
        let by_branch = parse_with(branch(entry), &called).ok();
        let alone = parse_alone(entry, &words);
        prop_assert_eq!(format!("{alone:?}"), format!("{by_branch:?}"));
    }
}

/// Options of some commands and of none, values that are right and wrong.
pub(super) const WORDS: [&str; 60] = [
    "-q",
    "--quiet",
    "--json",
    "--home",
    "--home=/h",
    "--task",
    "--task=t",
    "--lock-timeout",
    "--color",
    "--color=never",
    "-m",
    "--message",
    "-s",
    "--status",
    "-p",
    "--percent",
    "--agent",
    "-t",
    "--type",
    "--severity",
    "--data",
    "--file",
    "--line",
    "--tree",
    "--all",
    "--only",
    "--label",
    "--wait",
    "--wait=5s",
    "--any",
    "--agents",
    "--until",
    "--id",
    "--help",
    "-h",
    "--version",
    "-V",
    "--",
    "-",
    "-x",
    "-p40",
    "--percent=40",
    "40",
    "101",
    "done",
    "blocked",
    "high",
    "issue",
    "two words",
    "../x",
    "a-1",
    "10s",
    "help",
    "",
    "k=v",
    "src/a.rs",
    "-5 degrees",
    "new",
    "list",
    "bash",
];

#[test]
fn the_defaults_shown_are_the_defaults_of_the_model() {
    let words = ["task", "new", "x"].map(OsString::from);
    let Ok(super::Call {
        verb: super::Verb::Task(task),
        ..
    }) = super::parse(&words)
    else {
        panic!("not understood");
    };
    let super::TaskVerb::New(new) = &task.verb else {
        panic!("another command");
    };
    let limits = Limits {
        max_agents: new.max_agents.0,
        max_concurrent: new.max_concurrent.0,
        max_depth: new.max_depth,
    };
    assert_eq!(limits, Limits::default());
    assert_eq!(new.priority, Priority::default());
}

#[test]
fn every_help_shows_an_example() {
    for path in all_commands() {
        let mut words = path.clone();
        words.push("--help".to_owned());
        let help = shown(whole(), &words);
        assert!(help.contains("Example"), "{path:?}");
        assert!(help.contains("agentreg "), "{path:?}");
    }
}

#[test]
fn no_line_of_help_is_broken_in_two_on_a_terminal_of_80_columns() {
    for path in all_commands() {
        let command = path.iter().fold(whole(), |tree, word| {
            tree.find_subcommand(word).expect("a command").clone()
        });
        let help = command.get_after_help().expect("an example").to_string();
        // A paragraph of one line is wrapped as a whole.
        let lines: Vec<_> = [""].into_iter().chain(help.lines()).chain([""]).collect();
        for around in lines.windows(3) {
            let is_paragraph = around[0].is_empty() && around[2].is_empty();
            let fits = around[1].chars().count() <= 76;
            assert!(is_paragraph || fits, "{path:?}: {}", around[1]);
        }
    }
}

fn refused(line: &str) -> (String, String) {
    let words: Vec<OsString> = line.split('|').map(OsString::from).collect();
    match super::parse(&words) {
        Err(Stop::Usage { message, hint }) => (message, hint),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_misspelt_option_is_not_taken_for_the_text() {
    for line in [
        "progress|--percnt",
        "progress|--percnt|40",
        "progress|--percnt=40",
        "progress|-s|working|--percnt|40|half way",
        "task|new|--percnt",
    ] {
        let (message, hint) = refused(line);
        assert!(message.contains("no option --percnt"), "{line}: {message}");
        assert!(hint.contains("-m") && hint.contains("--"), "{line}: {hint}");
    }
    assert!(
        refused("progress|--percnt|40")
            .1
            .contains("did you mean --percent?")
    );
    assert!(refused("finding|-x").0.contains("no option -x"));
}

#[test]
fn a_text_may_look_like_an_option_where_it_cannot_be_one() {
    for line in [
        "progress|--|--percnt",
        "progress|-m|--percnt",
        "progress|--message=--percnt",
        "progress|-- half way",
        "progress|- one item",
        "progress|-5 degrees",
        "progress|-",
        "finding|-p40 is too low",
        "task|new|-v does nothing",
    ] {
        let words: Vec<OsString> = line.split('|').map(OsString::from).collect();
        assert!(super::parse(&words).is_ok(), "{line}");
    }
}

#[test]
fn a_text_of_two_words_is_told_about_quotes() {
    for line in [
        "progress|half|way",
        "finding|two|words",
        "task|new|two|words",
    ] {
        assert!(refused(line).1.contains("quotes"), "{line}");
    }
}

#[test]
fn what_is_misspelt_gets_the_nearest_named() {
    for (line, near) in [
        ("progess", "`agentreg progress`"),
        ("task|nwe", "`agentreg task new`"),
        ("progress|-s|compelted", "completed"),
        ("finding|-s|hihg|x", "high"),
        ("task|new|x|--priority|P7", "P"),
        ("status|--al", "--all"),
        ("config|max-concurent", "max-concurrent"),
        ("completions|bsh", "bash"),
    ] {
        let (_, hint) = refused(line);
        assert!(hint.contains(near), "{line}: {hint}");
    }
}

#[test]
fn a_value_or_a_command_in_the_wrong_place_is_shown_in_the_right_one() {
    for (line, right) in [
        ("run|sleep|1", "agentreg run -- sleep 1"),
        (
            "run|--json|sh|-c|echo a",
            "agentreg run --json -- sh -c 'echo a'",
        ),
        ("run|--wait|5s|--|true", "--wait=5s"),
        ("register|--type|x|--wait|5s", "--wait=5s"),
    ] {
        let (_, hint) = refused(line);
        assert!(hint.contains(right), "{line}: {hint}");
    }
}

#[test]
fn what_is_wrong_is_said_in_plain_words() {
    for (line, sentence) in [
        (
            "status|--watch=50ms",
            "--watch: \"50ms\" is less than 100ms",
        ),
        (
            "wait|--agents|0",
            "--agents: \"0\" is not a whole number from 1",
        ),
        ("output|a/b", "AGENT: "),
        (
            "output|",
            "AGENT: it is empty: the command it was to come from",
        ),
        (
            "wait|",
            "AGENT: it is empty: the command it was to come from",
        ),
        (
            "reports|",
            "AGENT: it is empty: the command it was to come from",
        ),
        (
            "findings|",
            "AGENT: it is empty: the command it was to come from",
        ),
    ] {
        let (message, hint) = refused(line);
        assert!(message.starts_with(sentence), "{line}: {message}");
        assert!(!hint.contains("did you mean"), "{line}: {hint}");
    }
}
