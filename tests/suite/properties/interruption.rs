//! What a call leaves that dies, or that a power cut overtakes: cut out of what a call left that did not.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::operation::{Stage, Torn};

/// Takes back what was done after the commit of the journal's last change, as far as `stage`. Marks and moves are not
/// synced before the next change, so a power cut may take them back even after later reports (`is_fresh` is false); the
/// agent's line is, so only death right after the commit leaves it out.
pub fn interrupt(home: &Path, stage: Stage, is_fresh: bool) {
    let Some(commit) = last_line(&home.join("journal.jsonl")).map(|line| parse(&line)) else {
        return;
    };
    let task = text(&commit, "task");
    let Some(dir) = task_dir(home, task) else {
        return;
    };
    let change = text(&commit, "change");
    let journal = dir.join("journal.jsonl");
    if let Some(mark) = last_line(&journal).filter(|mark| parse(mark)["rev"] == commit["rev"]) {
        cut(&journal, mark.len());
    }
    if stage == Stage::Moved {
        return;
    }
    match change {
        "opened" => rename(&dir, &home.join("tasks").join(text(&commit, "built"))),
        "closed" => rename(&dir, &home.join("tasks").join(task)),
        _ => {}
    }
    let Some(agent) = commit["agent"]["id"].as_str() else {
        return;
    };
    let active = log(&dir, "active", agent);
    rename(&log(&dir, "ended", agent), &active);
    if stage == Stage::Committed && is_fresh {
        let line = last_line(&active).expect("the agent has a line");
        assert_eq!(parse(&line)["rev"], commit["rev"]);
        cut(&active, line.len());
        if change == "registered" {
            fs::remove_file(active).unwrap();
        }
    }
}

/// Appends the beginning of a line that its writer did not finish.
pub fn tear(home: &Path, file: Torn, task: &str, share: u8) {
    let dir = task_dir(home, task);
    let within = |name: &str| dir.as_ref().map(|dir| dir.join(name));
    let path = match file {
        Torn::Journal => Some(home.join("journal.jsonl")),
        Torn::TaskJournal => within("journal.jsonl"),
        Torn::Findings => within("findings.jsonl"),
        Torn::Log(agent) => dir.as_ref().and_then(|dir| {
            ["active", "ended"]
                .map(|folder| log(dir, folder, agent))
                .into_iter()
                .find(|path| path.exists())
        }),
    };
    let Some((path, line)) = path.and_then(|path| last_line(&path).map(|line| (path, line))) else {
        return;
    };
    let part = &line.as_bytes()[..(line.len() - 1) * usize::from(share) / 255];
    let mut content = fs::read(&path).unwrap();
    content.extend_from_slice(part);
    fs::write(path, content).unwrap();
}

/// A task's directory, wherever it lies.
fn task_dir(home: &Path, task: &str) -> Option<PathBuf> {
    ["tasks", "closed"]
        .map(|folder| home.join(folder).join(task))
        .into_iter()
        .find(|dir| dir.exists())
}

fn log(dir: &Path, folder: &str, agent: &str) -> PathBuf {
    dir.join("agents")
        .join(folder)
        .join(format!("{agent}.jsonl"))
}

fn rename(from: &Path, to: &Path) {
    if from.exists() {
        fs::rename(from, to).unwrap();
    }
}

/// The last whole line, with its newline; takes off what was torn after it.
fn last_line(path: &Path) -> Option<String> {
    let mut content = fs::read_to_string(path).ok()?;
    let whole = content.rfind('\n').map_or(0, |newline| newline + 1);
    if whole < content.len() {
        content.truncate(whole);
        fs::write(path, &content).unwrap();
    }
    content.split_inclusive('\n').next_back().map(str::to_owned)
}

fn cut(path: &Path, length: usize) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let whole = file.metadata().unwrap().len();
    file.set_len(whole - length as u64).unwrap();
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect("a line of the registry parses")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
