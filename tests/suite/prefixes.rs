//! Whatever is cut off the end of whichever file, every reader loads the registry or says that it is damaged.
//!
//! `doctor` finds all that can be known to be lost. What cannot:
//! - the last reports of an active agent: a report that ends nothing is written to the agent's log and nowhere else;
//! - the last findings of a task: they are written to its findings and nowhere else;
//! - and nothing is lost with the last marks of the task that the global journal's last line names, since the next call
//!   writes them again, or with the last line of a rotated journal, since the next journal begins with it.
//!
//! In these cases all the rest must read as before.

mod snapshot;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentreg::store::Store;
use agentreg::store::file::{FileStore, Options};

use self::snapshot::Snapshot;
use crate::env::{Env, copy_tree};

/// A registry with agents in every state, an open task, a closed one, and a rotated journal.
fn small_registry() -> Env {
    let env = Env::new();
    env.task("T");
    for agent in ["a", "b", "c", "d"] {
        env.agent("T", agent);
    }
    let progress = |agent, rest: &[&str]| {
        env.ok(&[&["progress", "--task", "T", "--agent", agent], rest].concat());
    };
    progress("a", &["-p", "10", "half of a line is no line"]);
    progress(
        "a",
        &[
            "-s",
            "blocked",
            "é\u{202e} and \"quotes\" and \\ and \n lines",
        ],
    );
    progress("b", &["-p", "50"]);
    for severity in ["low", "high", "low"] {
        env.ok(&[
            "finding", "--task", "T", "--agent", "b", "-s", severity, "found",
        ]);
    }
    progress("b", &["-s", "completed", "all done"]);
    env.task("U");
    env.agent("U", "u");
    env.ok(&["progress", "--task", "U", "--agent", "u", "-s", "failed"]);
    env.ok(&["task", "close", "U"]);
    rotate_now(&env.home(), "T", "c").unwrap();
    env.agent("T", "e");
    progress("d", &["-s", "failed", "no way"]);
    env
}

/// Begins a new journal with the end of an agent, as the change does that finds the journal full. Waits for no lock.
pub fn rotate_now(home: &Path, task: &str, agent: &str) -> Result<(), agentreg::store::Error> {
    let store = FileStore::new(Options {
        journal_limit: 1,
        lock_timeout: Duration::from_millis(20),
        ..Options::new(home)
    });
    let end = agentreg::model::End {
        how: agentreg::model::EndHow::Terminated,
        code: None,
        signal: None,
        reason: None,
    };
    let (task, agent) = (task.parse().unwrap(), agent.parse().unwrap());
    let status = agentreg::model::Status::Terminated;
    store.end(&task, &agent, status, &end.into()).map(drop)
}

/// Every `.jsonl` file of a registry that holds anything.
fn jsonl_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(jsonl_files(&path));
        } else if path.extension().is_some_and(|ext| ext == "jsonl")
            && fs::metadata(&path).unwrap().len() > 0
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The lengths to cut a file to: around every line's end all, between them every few bytes.
fn lengths(content: &[u8]) -> Vec<usize> {
    let ends = content
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n');
    let mut lengths: Vec<usize> = ends
        .flat_map(|(end, _)| [end - 1, end, end + 1, end + 2])
        .chain((0..content.len()).step_by(37))
        .filter(|length| *length < content.len())
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

#[test]
fn every_prefix_of_every_file_loads_as_it_was_or_is_reported_by_doctor() {
    let env = small_registry();
    let home = env.home();
    let store = FileStore::new(Options::new(&home));
    let whole = Snapshot::take(&store).expect("the whole registry reads");
    assert_eq!(store.check(false).unwrap().problems, []);
    let files = jsonl_files(&home);
    assert_eq!(files.len(), 11, "{files:?}");
    for file in files {
        let content = fs::read(&file).unwrap();
        for length in lengths(&content) {
            fs::write(&file, &content[..length]).unwrap();
            let place = format!("{} cut to {length} bytes", file.display());
            let problems = store.check(false).expect(&place).problems;
            let read = Snapshot::take(&store);
            if let Err(error) = &read {
                assert_eq!(error.kind().as_str(), "damaged", "{place}: {error}");
            }
            if problems.is_empty() {
                let lines = content[..length].split_inclusive(|byte| *byte == b'\n');
                let lines = lines.filter(|line| line.ends_with(b"\n")).count();
                read.expect(&place)
                    .assert_lacks_only_unknowable(&whole, &file, lines, &place);
            } else {
                let named = problems
                    .iter()
                    .any(|problem| Path::new(&problem.path) == file);
                assert!(named, "{place}: {problems:?}");
            }
        }
        fs::write(&file, &content).unwrap();
    }
    assert_eq!(Snapshot::take(&store).unwrap(), whole);
}

#[test]
fn no_command_panics_on_a_file_that_is_cut() {
    let env = small_registry();
    let commands: [&[&str]; 9] = [
        &["status"],
        &["status", "T", "--all"],
        &["task", "list", "--all"],
        &["task", "show", "T"],
        &["reports", "--task", "T"],
        &["findings", "--task", "T"],
        &["events"],
        &["export", "T"],
        &["doctor"],
    ];
    for file in jsonl_files(&env.home()) {
        let content = fs::read(&file).unwrap();
        let last_line = content[..content.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        for length in [0, 1, last_line / 2, last_line, content.len() - 1] {
            fs::write(&file, &content[..length]).unwrap();
            for command in commands {
                let ran = env.run(command);
                let place = format!("{command:?}, {} cut to {length}: {ran:?}", file.display());
                assert!(matches!(ran.code, Some(0 | 6)), "{place}");
                assert!(!ran.stderr.contains("panicked"), "{place}");
                let said = format!("{}{}", ran.stdout, ran.stderr);
                assert_eq!(
                    ran.code == Some(6),
                    said.contains("damaged") || said.contains("wrong"),
                    "{place}"
                );
            }
        }
        fs::write(&file, &content).unwrap();
    }
}

#[test]
fn repair_mends_whatever_was_cut_or_is_gone() {
    let env = small_registry();
    for file in jsonl_files(&env.home()) {
        let content = fs::read(&file).unwrap();
        let ends = content
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n');
        let cuts = ends
            .map(|(end, _)| Some(end + 1))
            .chain([None, Some(0), Some(20)]);
        for cut in cuts {
            let copy = Env::new();
            copy_tree(&env.home(), &copy.home());
            let damaged = copy.home().join(file.strip_prefix(env.home()).unwrap());
            match cut {
                Some(length) => fs::write(&damaged, &content[..length]).unwrap(),
                None => fs::remove_file(&damaged).unwrap(),
            }
            let place = format!("{} cut to {cut:?}", file.display());
            let store = FileStore::new(Options::new(copy.home()));
            store.check(true).expect(&place);
            let check = store.check(false).expect(&place);
            assert_eq!(check.problems, [], "{place}");
            let again = store.check(true).expect(&place);
            assert_eq!(again.repaired, [], "{place}: it was mended already");
            let read = Snapshot::take(&store).expect(&place);
            read.assert_adds_up(&place);
            copy.ok(&["register", "--task", "T", "--type", "coder", "--id", "new"]);
            assert_eq!(
                store.check(false).unwrap().problems,
                [],
                "{place}, then written to"
            );
        }
    }
}
