//! What the files of a registry say, read without the program: the truth that its answers are held against.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// A registry as its files have it. A last line without its newline is not there.
#[derive(Debug)]
pub struct State {
    /// The global journal with all rotated ones.
    pub journal: Vec<Value>,
    /// The machine's settings; null where there are none.
    pub settings: Value,
    /// The tasks by their ids.
    pub tasks: BTreeMap<String, Task>,
}

/// A task as its files have it.
#[derive(Debug, Default)]
pub struct Task {
    /// Whether it lies in `closed/`.
    pub is_closed: bool,
    /// Its settings.
    pub settings: Value,
    /// Its journal.
    pub marks: Vec<Value>,
    /// Its agents' logs.
    pub agents: BTreeMap<String, Vec<Value>>,
    /// Its findings.
    pub findings: Vec<Value>,
}

impl State {
    /// Reads the registry at `home`.
    pub fn read(home: &Path) -> Self {
        let mut tasks = BTreeMap::new();
        for (place, is_closed) in [("tasks", false), ("closed", true)] {
            for id in names(&home.join(place)) {
                if !id.starts_with('.') {
                    let task = Task::read(&home.join(place).join(&id), is_closed);
                    assert!(
                        tasks.insert(id, task).is_none(),
                        "a task lies in both places"
                    );
                }
            }
        }
        Self {
            journal: journal(home),
            settings: document(&home.join("registry.json")),
            tasks,
        }
    }

    /// Every line that is here is there as well, at its place.
    pub fn is_kept_in(&self, later: &Self, at: &str) {
        let kept = |here: &[Value], there: &[Value], what: &str| {
            assert!(
                there.starts_with(here),
                "{at}: lines of {what} are lost: {here:#?} {there:#?}"
            );
        };
        kept(&self.journal, &later.journal, "the journal");
        for (id, task) in &self.tasks {
            let after = later.tasks.get(id);
            let after = after.unwrap_or_else(|| panic!("{at}: task {id} is lost"));
            kept(&task.marks, &after.marks, id);
            kept(&task.findings, &after.findings, id);
            for (agent, lines) in &task.agents {
                let log = after.agents.get(agent);
                let log = log.unwrap_or_else(|| panic!("{at}: agent {agent} is lost"));
                kept(lines, log, agent);
            }
        }
    }

    /// The numbers of all lines rise by one.
    pub fn has_no_gap(&self, at: &str) {
        let numbered = |lines: &[Value], key: &str, what: &str| {
            for (line, expected) in lines.iter().zip(1_u64..) {
                assert_eq!(line[key], expected, "{at}: a gap in {what}: {lines:#?}");
            }
        };
        numbered(&self.journal, "rev", "the journal");
        for (id, task) in &self.tasks {
            numbered(&task.findings, "seq", id);
            for (agent, lines) in &task.agents {
                numbered(lines, "seq", agent);
            }
        }
    }

    /// Whether the journal has this change.
    pub fn has(&self, task: &str, agent: Option<&str>, change: &str) -> bool {
        self.journal.iter().any(|line| {
            line["task"] == task
                && line["change"] == change
                && line["agent"]["id"].as_str() == agent
        })
    }

    /// The state without what differs from one run to the next: times, and numbers that tell the order of the commits.
    pub fn essence(&self) -> Value {
        let tasks: BTreeMap<&String, Value> = self
            .tasks
            .iter()
            .map(|(id, task)| (id, task.essence()))
            .collect();
        let mut changes: Vec<String> = self
            .journal
            .iter()
            .map(|line| {
                format!(
                    "{} {} {}",
                    line["task"], line["agent"]["id"], line["change"]
                )
            })
            .collect();
        changes.sort();
        let totals = self.journal.last().map(|line| line["totals"].clone());
        json!({ "tasks": tasks, "changes": changes, "totals": totals, "settings": self.settings })
    }
}

impl Task {
    fn read(dir: &Path, is_closed: bool) -> Self {
        let mut agents = BTreeMap::new();
        for folder in ["agents/active", "agents/ended"] {
            for name in names(&dir.join(folder)) {
                let id = name
                    .strip_suffix(".jsonl")
                    .expect("a log's name")
                    .to_owned();
                let log = lines(&dir.join(folder).join(&name));
                assert!(
                    agents.insert(id, log).is_none(),
                    "{name} lies in both folders"
                );
            }
        }
        Self {
            is_closed,
            settings: document(&dir.join("registry.json")),
            marks: lines(&dir.join("journal.jsonl")),
            agents,
            findings: lines(&dir.join("findings.jsonl")),
        }
    }

    /// The agents counted by the last lines of their logs.
    pub fn recount(&self) -> Value {
        tally(self.agents.values().filter_map(|log| log.last()))
    }

    fn essence(&self) -> Value {
        let picked = |lines: &[Value], keys: &[&str]| -> Vec<Vec<Value>> {
            let pick = |line: &Value| keys.iter().map(|key| line[*key].clone()).collect();
            lines.iter().map(pick).collect()
        };
        let agents: BTreeMap<&String, _> = self
            .agents
            .iter()
            .map(|(id, log)| {
                let keys = [
                    "seq", "status", "percent", "message", "type", "depth", "end",
                ];
                (id, picked(log, &keys))
            })
            .collect();
        let mut settings = self.settings.clone();
        for differing in ["created_at", "workspace"] {
            settings.as_object_mut().map(|it| it.remove(differing));
        }
        json!({
            "closed": self.is_closed,
            "settings": settings,
            "counts": self.marks.last().map(|mark| mark["counts"].clone()),
            "agents": agents,
            "findings": picked(&self.findings, &["seq", "agent", "type", "severity", "message", "sums"]),
        })
    }
}

/// The agents counted by their statuses.
pub fn tally<'a>(agents: impl Iterator<Item = &'a Value>) -> Value {
    let mut counts = [0_u64; 5];
    for agent in agents {
        counts[0] += 1;
        counts[match agent["status"].as_str() {
            Some("running" | "working" | "blocked") => 1,
            Some("completed") => 2,
            Some("failed") => 3,
            Some("terminated") => 4,
            other => panic!("a status {other:?}"),
        }] += 1;
    }
    let [spawned, active, completed, failed, terminated] = counts;
    json!({ "spawned": spawned, "active": active, "completed": completed, "failed": failed, "terminated": terminated })
}

/// The lines of the journal and the rotated ones; the line that stands in two stands here once.
fn journal(home: &Path) -> Vec<Value> {
    let mut parts: Vec<(u64, String)> = names(home)
        .into_iter()
        .filter_map(|name| {
            let rev = name.strip_prefix("journal-")?.strip_suffix(".jsonl")?;
            Some((rev.parse().ok()?, name))
        })
        .collect();
    parts.push((u64::MAX, "journal.jsonl".to_owned()));
    parts.sort();
    let mut all: Vec<Value> = Vec::new();
    for (_, name) in parts {
        for line in lines(&home.join(name)) {
            if all.last() != Some(&line) {
                all.push(line);
            }
        }
    }
    all
}

/// The finished lines of a file, each of which must parse; none where there is no file.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read(path).unwrap_or_default();
    let end = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    text[..end]
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| {
            serde_json::from_slice(line).unwrap_or_else(|error| {
                let line = String::from_utf8_lossy(line);
                panic!("{} has the line {line}: {error}", path.display())
            })
        })
        .collect()
}

fn document(path: &Path) -> Value {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        Err(_) => Value::Null,
    }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
