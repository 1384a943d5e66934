//! What holds of the orchestrator's documents and logs whatever the bytes are: the targets of `fuzz/` and the tests below
//! call these functions and differ only in who makes the bytes. Each panics where its sentence does not hold.
//!
//! `base` is a directory of the caller's, in which a workspace is written anew each time.
// A property that does not hold panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::HashSet;
use std::fmt::Debug;
use std::fs;
use std::io::BufReader;
use std::path::Path;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::elements::{self, Element, Uncut};
use super::lines::MAX_RECORD;
use super::{Note, Workspace, Zone};
use crate::model::{
    Agent, AgentId, Counts, Finding, Foreign, MAX_MESSAGE, MAX_PROMPT, Status, Task,
};
use crate::store::Import;

const ID: &str = "TASK-20251017-213512-5169d812";
const REGISTRY: &str = r#"{"task_id":"TASK-20251017-213512-5169d812","created_at":"2025-10-17T21:35:12.211797","agents":[{"id":"a","status":"working","started_at":"2025-10-17T21:35:38"},{"id":"b","parent":"a"}]}"#;
const GLOBAL: &str = r#"{"total_tasks":1,"tasks":{"TASK-20251017-213512-5169d812":{}},"agents":{"a":{"task_id":"TASK-20251017-213512-5169d812","status":"completed"}}}"#;
const LOG: &[u8] = b"{\"timestamp\":\"2025-10-17T21:36:00\",\"agent_id\":\"a\",\"status\":\"working\",\"message\":\"m\",\"progress\":5}\n";

/// So many notes are kept of one file; beyond them lines are not named one by one.
const FEW: usize = 1000;

/// A task's registry is cut into its agents wherever the chunks of reading end, as a parser of the whole would have it; and
/// with a workspace around it, what comes in is sound, or the registry is refused by its name.
pub fn registry(base: &Path, bytes: &[u8]) {
    let whole = cut(bytes, bytes.len().max(1));
    for capacity in [1, 7] {
        assert_eq!(cut(bytes, capacity), whole, "chunks of {capacity}");
    }
    match &whole {
        Ok((_, members)) => {
            for (at, member) in members {
                let begin = usize::try_from(at.offset).expect("it lies in memory");
                let there = bytes
                    .get(begin..begin + at.len)
                    .expect("it lies in the file");
                assert!(there == member || at.len > MAX_RECORD);
                assert_eq!(at.line, lines(&bytes[..begin]) + 1);
            }
        }
        Err((line, what)) => {
            assert!((1..=lines(bytes) + 1).contains(line) && !what.is_empty());
        }
    }
    if let Some(agents) = agents(bytes) {
        let (outline, members) = whole.expect("a registry can be cut");
        let cut: Vec<Value> = members.iter().map(|(_, member)| read(member)).collect();
        assert_eq!(cut, agents);
        assert_eq!(read::<Value>(&outline)["agents"], Value::Array(Vec::new()));
    }
    comes_in_sound(base, bytes, GLOBAL.as_bytes(), LOG);
}

/// Whatever the registry of all tasks is, a task comes in as its own files say, and what is amiss is named.
pub fn global(base: &Path, bytes: &[u8]) {
    let counts = comes_in_sound(base, REGISTRY.as_bytes(), bytes, LOG);
    let counts = counts.expect("the task does not depend on it");
    assert_eq!((counts.spawned, counts.active), (2, 2));
}

/// Whatever the logs of an agent are, its life is sound, and each line of them comes in or is named.
pub fn log(base: &Path, bytes: &[u8]) {
    let counts = comes_in_sound(base, REGISTRY.as_bytes(), GLOBAL.as_bytes(), bytes);
    assert_eq!(counts.map(|counts| counts.spawned), Some(2));
}

type Members = Vec<(Element, Vec<u8>)>;

fn cut(bytes: &[u8], capacity: usize) -> Result<(Vec<u8>, Members), (u64, String)> {
    let mut members = Vec::new();
    let reader = BufReader::with_capacity(capacity, bytes);
    match elements::cut(reader, |at, member| members.push((at, member.to_vec()))) {
        Ok(outline) => Ok((outline.json, members)),
        Err(Uncut::Malformed(line, what)) => Err((line, what)),
        Err(Uncut::Io(error)) => panic!("memory can be read: {error}"),
    }
}

/// The agents that a parser finds, where the document has one list of them under a name that is written plainly.
fn agents(bytes: &[u8]) -> Option<Vec<Value>> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = std::str::from_utf8(bytes).ok()?;
    let is_plain = text.matches("\"agents\"").count() == 1 && !text.contains('\\');
    value
        .get("agents")?
        .as_array()
        .filter(|_| is_plain)
        .cloned()
}

fn read<T: DeserializeOwned>(json: &[u8]) -> T {
    serde_json::from_slice(json).expect("a part of JSON is JSON")
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').skip(1).count() as u64
}

/// Takes in a workspace with these files; gives the counts of its task, if that came in.
fn comes_in_sound(base: &Path, registry: &[u8], global: &[u8], log: &[u8]) -> Option<Counts> {
    let task = base.join(ID);
    let files = [
        (task.join("AGENT_REGISTRY.json"), registry),
        (task.join("progress/a_progress.jsonl"), log),
        (task.join("findings/a_findings.jsonl"), log),
        (base.join("registry/GLOBAL_REGISTRY.json"), global),
    ];
    for (path, content) in &files {
        fs::create_dir_all(path.parent().expect("it lies in a directory")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    let named = |note: &Note| {
        let of = files
            .iter()
            .find(|(path, _)| path.as_path() == Path::new(&note.path));
        let (_, content) = of.unwrap_or_else(|| panic!("of none of the files: {note}"));
        assert!(!note.what.is_empty());
        let last = lines(content) + 1;
        assert!(
            note.line.is_none_or(|line| (1..=last).contains(&line)),
            "{note}"
        );
    };
    let workspace = Workspace::open(base).expect("the base can be listed");
    workspace.refused().iter().for_each(named);
    let [directory] = workspace.tasks() else {
        panic!("one task is there");
    };
    let reader = match directory.open(&Zone::new(TimeZone::UTC)) {
        Ok(reader) => reader,
        Err(note) => {
            named(&note);
            assert_eq!(Path::new(&note.path), files[0].0);
            return None;
        }
    };
    let Import {
        task,
        agents,
        findings: shared,
    } = reader.import(workspace.global());
    is_task(&task);
    let mut ids = HashSet::new();
    let mut counts = Counts::default();
    for agent in agents {
        let lines: Vec<Agent> = agent.lines.collect();
        is_log(&agent.id, agent.status, &lines);
        assert!(ids.insert(agent.id), "agents have ids of their own");
        counts = counts.with(agent.status);
    }
    let mut findings = 0;
    let mut before = None;
    for finding in shared {
        findings += 1;
        assert_eq!(finding.seq, findings);
        assert!(before <= Some(finding.at));
        before = Some(finding.at);
        is_finding(&finding);
    }
    let recount = reader.finish();
    assert_eq!((recount.counts, recount.findings), (counts, findings));
    workspace.came_in(&ID.parse().expect("an id"), &recount);
    let notes = &recount.notes;
    for note in notes.damages.iter().chain(&notes.differences) {
        named(note);
    }
    if ids.contains("a") {
        let damaged = |path: &Path| {
            let of = |note: &&Note| Path::new(&note.path) == path;
            let lines = notes.damages.iter().filter(of).filter_map(|note| note.line);
            lines.collect::<HashSet<_>>().len() as u64
        };
        let said = log
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty());
        let said = said.count() as u64;
        if notes.damages.len() + notes.differences.len() < FEW {
            assert!(recount.reports + damaged(&files[1].0) >= said);
            assert!(findings + damaged(&files[2].0) >= said);
        }
    }
    workspace.differences().iter().for_each(named);
    Some(counts)
}

fn is_task(task: &Task) {
    assert!(task.description.len() <= MAX_MESSAGE);
    is_kept(task);
    is_shallow(&task.foreign);
}

/// What a store relies on.
pub(super) fn is_log(id: &AgentId, status: Status, lines: &[Agent]) {
    let last = lines.last().expect("a log begins with the registration");
    assert_eq!(last.status, status);
    assert_eq!(lines[0].updated_at, lines[0].registered_at);
    for (number, line) in (1..).zip(lines) {
        assert_eq!((&line.id, line.seq), (id, number));
        assert_eq!(line.end.is_some(), !line.status.is_active());
        assert_eq!(line.ended_at.is_some(), !line.status.is_active());
        assert!(line.percent <= 100);
        assert!(
            line.message
                .as_ref()
                .is_none_or(|message| message.len() <= MAX_MESSAGE)
        );
        assert!(
            line.prompt
                .as_ref()
                .is_none_or(|prompt| prompt.len() <= MAX_PROMPT)
        );
        assert!(number == 1 || (line.prompt.is_none() && line.foreign.is_empty()));
        is_shallow(&line.foreign);
        is_shallow(&line.report_foreign);
        is_kept(line);
    }
    for pair in lines.windows(2) {
        assert!(pair[0].updated_at <= pair[1].updated_at);
        assert!(pair[0].status.is_active() || pair[0].status == pair[1].status);
    }
}

fn is_finding(finding: &Finding) {
    assert!(finding.message.len() <= MAX_MESSAGE);
    is_shallow(&finding.foreign);
    is_kept(finding);
}

/// A line with it can be read again by whoever gives up at 128 levels.
fn is_shallow(fields: &Foreign) {
    assert!(fields.iter().all(|(_, value)| value.depth() <= 64));
}

/// A line or a document of it reads back, and is one line.
fn is_kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(record: &T) {
    let text = serde_json::to_string(record).expect("a record has a form in JSON");
    assert!(!text.contains('\n'));
    assert_eq!(&read::<T>(text.as_bytes()), record);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::nearly_valid::{bytes, cases};

    const REGISTRIES: [&str; 3] = [
        super::REGISTRY,
        "{\n  \"task_id\": \"TASK-20251017-213512-5169d812\",\n  \"task_description\": \"Fix it\",\n  \"created_at\": \"2025-10-17T21:35:12.211797\",\n  \"workspace\": \"/srv/x\",\n  \"client_cwd\": null,\n  \"status\": \"INITIALIZED\",\n  \"priority\": \"P1\",\n  \"agents\": [\n    {\n      \"id\": \"a\",\n      \"type\": \"code_auditor\",\n      \"tmux_session\": \"agent_a\",\n      \"parent\": \"orchestrator\",\n      \"depth\": 1,\n      \"status\": \"completed\",\n      \"started_at\": \"2025-10-17T21:35:38.243152\",\n      \"progress\": 100,\n      \"last_update\": 1760000000.5,\n      \"completed_at\": \"2025-10-17T21:37:49\",\n      \"prompt\": \"You are\\nan auditor\",\n      \"completion_validation\": {\"confidence\": 0.9, \"warnings\": [\"131 seconds\"], \"evidence_summary\": {\"workspace_evidence\": {\"modified_files_count\": 12, \"progress_entries_count\": 4, \"findings_count\": 6}, \"progress_pattern\": {\"elapsed_seconds\": 131.09}}}\n    },\n    {\"id\": \"c\", \"type\": \"t\", \"parent\": \"a\", \"depth\": 2, \"status\": \"terminated\", \"terminated_at\": \"2025-10-17T22:00:00\", \"termination_reason\": \"slow\"}\n  ],\n  \"active_count\": 0,\n  \"completed_count\": 1,\n  \"total_spawned\": 2,\n  \"max_agents\": 45,\n  \"max_depth\": 5,\n  \"max_concurrent\": 20\n}\n",
        r#"{"agents":[],"task_id":"TASK-20251017-213512-5169d812","budget":1e400}"#,
    ];

    const GLOBALS: [&str; 2] = [
        super::GLOBAL,
        "{\n  \"total_tasks\": 5,\n  \"total_agents_spawned\": 27,\n  \"active_agents\": 1,\n  \"tasks\": {\n    \"TASK-20251017-213512-5169d812\": {\"description\": \"Fix\", \"status\": \"INITIALIZED\"},\n    \"TASK-2\": {}\n  },\n  \"agents\": {\n    \"b\": {\"task_id\": \"TASK-2\", \"status\": \"working\"}\n  }\n}\n",
    ];

    const LOGS: [&str; 3] = [
        "{\"timestamp\": \"2025-10-17T21:35:48.419100\", \"agent_id\": \"a\", \"status\": \"working\", \"message\": \"Starting\", \"progress\": 0}\n{\"timestamp\": \"2025-10-17T21:35:40\", \"agent_id\": \"b\", \"status\": \"completed\", \"message\": null, \"progress\": 99.9}\n{\"status\": \"failed\"}\n",
        "{\"timestamp\": \"2025-10-17T21:38:55.046076\", \"agent_id\": \"a\", \"finding_type\": \"insight\", \"severity\": \"high\", \"message\": \"found\", \"data\": {\"n\": [1e2, 18446744073709551617, {\"p\": null}]}, \"file\": \"x.rs\", \"line\": 3}\n\n{\"severity\": 5, \"message\": {\"a\": 1}, \"agent_id\": \"nobody\"}\r\n",
        "{\"timestamp\": 1760000000, \"status\": \"done\", \"agent_id\": null, \"odd\": \"\\ud83d\\ude00\"}",
    ];

    /// In memory where there is such a place: nothing is lost here.
    fn base() -> tempfile::TempDir {
        let base = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        base.expect("a temporary directory")
    }

    proptest! {
        #![proptest_config(cases(2_000))]

        #[test]
        fn a_registry_is_refused_by_its_name_or_its_task_comes_in_sound(text in bytes(&REGISTRIES)) {
            super::registry(base().path(), &text);
        }

        #[test]
        fn a_task_comes_in_whatever_the_registry_of_all_tasks_is(text in bytes(&GLOBALS)) {
            super::global(base().path(), &text);
        }

        #[test]
        fn each_line_of_a_log_comes_in_or_is_named(text in bytes(&LOGS)) {
            super::log(base().path(), &text);
        }
    }
}
