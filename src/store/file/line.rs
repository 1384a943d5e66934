//! The lines of the registry's files: one JSON object each, `"schema"` first. Lines of journals end in a checksum.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::{
    Agent, AgentId, Change, Counts, Event, Extra, Finding, NEWEST_SCHEMA, SeveritySums, Task,
    TaskId, TaskStatus, Timestamp, Totals, number,
};

/// A line of the global journal: one lifecycle change, whole, and what both registries count after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub(crate) schema: u32,
    #[serde(deserialize_with = "number::counted")]
    pub(crate) rev: u64,
    /// The task's rev before this one, 0 if there is none; lines of 0.1.0 do not say. See [`super::rev`].
    #[serde(
        default,
        deserialize_with = "number::counted_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) prev: Option<u64>,
    pub(crate) at: Timestamp,
    pub(crate) task: TaskId,
    pub(crate) change: Change,
    /// The agent's new record, of a change to one agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<Agent>,
    /// The settings of a task that is opened or imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<Task>,
    /// The name in `tasks/` under which a task that is opened or imported was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) built: Option<String>,
    /// Agents that ended last, of a task that is imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) recent: Vec<AgentId>,
    pub(crate) status: TaskStatus,
    pub(crate) counts: Counts,
    pub(crate) totals: Totals,
}

/// What the hot path needs to know of the global journal's last line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct CommitHead {
    #[serde(deserialize_with = "number::counted")]
    pub(crate) rev: u64,
    #[serde(default, deserialize_with = "number::counted_if_any")]
    pub(crate) prev: Option<u64>,
    pub(crate) task: TaskId,
    pub(crate) change: Change,
    #[serde(default)]
    pub(crate) built: Option<String>,
}

/// A line of a task's journal: the mark that a change is applied, and what the task counts after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) schema: u32,
    #[serde(deserialize_with = "number::counted")]
    pub(crate) rev: u64,
    pub(crate) at: Timestamp,
    pub(crate) change: Change,
    #[serde(default)]
    pub(crate) agent: Option<AgentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) recent: Vec<AgentId>,
    pub(crate) status: TaskStatus,
    pub(crate) counts: Counts,
}

/// What the hot path needs to know of a task's last mark.
#[derive(Debug, Deserialize)]
pub(crate) struct MarkHead {
    #[serde(deserialize_with = "number::counted")]
    pub(crate) rev: u64,
    pub(crate) change: Change,
}

/// A line of an agent's log: the whole agent, and the `rev` of the agent's last lifecycle change. Reports carry it on, so
/// that a redo sees that the change is there however many reports came after it. Imported lines have none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AgentLine {
    pub(crate) schema: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rev: Option<u64>,
    #[serde(flatten)]
    pub(crate) agent: Agent,
}

/// A line of a task's findings, with the sums by severity up to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FindingLine {
    pub(crate) schema: u32,
    pub(crate) sums: SeveritySums,
    #[serde(flatten)]
    pub(crate) finding: Finding,
}

// What `flatten` would derive sets every field aside before it reads the first. Here the line's own fields are taken
// from among those that the record does not know, which halves the time of reading a line.
impl<'de> Deserialize<'de> for AgentLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut agent: Agent = Deserialize::deserialize(deserializer)?;
        let rev = take::<Option<u64>, D::Error>(&mut agent.extra, "rev")?;
        Ok(Self {
            schema: take_schema(&mut agent.extra)?,
            rev: rev.map(number::within).transpose()?,
            agent,
        })
    }
}

impl<'de> Deserialize<'de> for FindingLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut finding: Finding = Deserialize::deserialize(deserializer)?;
        Ok(Self {
            schema: take_schema(&mut finding.extra)?,
            sums: take(&mut finding.extra, "sums")?,
            finding,
        })
    }
}

/// That it is known was checked of the first `schema` in the line; of two the last one is read here.
fn take_schema<E: serde::de::Error>(extra: &mut Extra) -> Result<u32, E> {
    let schema = take(extra, "schema")?;
    if schema > NEWEST_SCHEMA {
        return Err(E::custom("two schemas"));
    }
    Ok(schema)
}

fn take<T: DeserializeOwned, E: serde::de::Error>(extra: &mut Extra, key: &str) -> Result<T, E> {
    let value = extra.shift_remove(key).unwrap_or_default();
    T::deserialize(value).map_err(|error| E::custom(format_args!("{key}: {error}")))
}

impl Commit {
    /// Its beginning.
    pub(crate) fn head(&self) -> CommitHead {
        CommitHead {
            rev: self.rev,
            prev: self.prev,
            task: self.task.clone(),
            change: self.change,
            built: self.built.clone(),
        }
    }

    /// The mark it leaves in its task's journal.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            schema: self.change.schema(),
            rev: self.rev,
            at: self.at,
            change: self.change,
            agent: self.agent.as_ref().map(|agent| agent.id.clone()),
            recent: self.recent.clone(),
            status: self.status,
            counts: self.counts,
        }
    }

    /// It as `events` lists it.
    pub(crate) fn event(self) -> Event {
        Event {
            rev: self.rev,
            at: self.at,
            task: self.task,
            agent: self.agent.map(|agent| agent.id),
            change: self.change,
            counts: self.counts,
            totals: self.totals,
        }
    }
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It does not parse, or its checksum is wrong.
    Garbage(String),
    /// It is of a newer schema.
    Newer(u64),
}

/// A line with its newline.
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::with_capacity(1024);
    #[expect(
        clippy::expect_used,
        reason = "memory takes every byte, and their types have no map whose keys are no strings"
    )]
    serde_json::to_writer(&mut line, value).expect("the registry's own lines serialize");
    line.push(b'\n');
    line
}

/// A line with its checksum and its newline.
pub(crate) fn encode_checked(value: &impl Serialize) -> Vec<u8> {
    let mut line = encode(value);
    line.truncate(line.len() - 2);
    let crc = crc32fast::hash(&line);
    line.extend_from_slice(format!(",\"crc\":\"{crc:08x}\"}}\n").as_bytes());
    line
}

/// Reads a whole document.
pub(crate) fn decode_document<T: DeserializeOwned>(text: &[u8]) -> Result<T, Bad> {
    check_schema(text)?;
    parse(text)
}

/// Looked at as UTF-8 once, and not each string in it for itself.
fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Bad> {
    let bad = |error: &dyn std::fmt::Display| Bad::Garbage(format!("it does not parse: {error}"));
    let text = std::str::from_utf8(text).map_err(|error| bad(&error))?;
    serde_json::from_str(text).map_err(|error| bad(&error))
}

/// Reads a line of a file that may have lost unsynced pages in a power cut.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, Bad> {
    finished(line)?;
    decode_document(after_lost_page(line))
}

/// A line without its newline is none, even if it looks whole: its writer did not finish.
fn finished(line: &[u8]) -> Result<&[u8], Bad> {
    line.strip_suffix(b"\n")
        .ok_or_else(|| Bad::Garbage("it has no end".to_owned()))
}

/// Reads a line that ends in a checksum.
pub(crate) fn decode_checked<T: DeserializeOwned>(line: &[u8]) -> Result<T, Bad> {
    let line = finished(line)?;
    check_schema(line)?;
    let bad = || Bad::Garbage("its checksum is missing or wrong".to_owned());
    let (body, tail) = line
        .split_at_checked(line.len().saturating_sub(18))
        .ok_or_else(bad)?;
    let crc = tail
        .strip_prefix(b",\"crc\":\"")
        .and_then(|tail| tail.strip_suffix(b"\"}"))
        .and_then(|hex| u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())
        .ok_or_else(bad)?;
    if crc32fast::hash(body) != crc {
        return Err(bad());
    }
    parse(line)
}

/// Reads a mark of a task's journal, or a part of one: checked, and in a file that may have lost unsynced pages.
pub(crate) fn decode_mark<T: DeserializeOwned>(line: &[u8]) -> Result<T, Bad> {
    decode_checked(after_lost_page(line))
}

/// A page that never reached the disk reads as zeros. If it held a newline, the line after it stands behind zeros.
fn after_lost_page(line: &[u8]) -> &[u8] {
    if line.starts_with(b"{") {
        return line;
    }
    line.rsplit(|&byte| byte == 0).next().unwrap_or(line)
}

fn check_schema(line: &[u8]) -> Result<(), Bad> {
    // All else is passed over where it stands: `flatten` would read each number in it, and some are beyond any type.
    #[derive(Deserialize)]
    struct Versioned {
        schema: u64,
    }
    // What this program wrote is recognized by its first bytes; all else is looked at closely.
    if line.starts_with(b"{\"schema\":1,") || line.starts_with(b"{\"schema\":2,") {
        return Ok(());
    }
    // A list would do for the parser.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(Bad::Garbage("it does not parse: not an object".to_owned()));
    }
    match serde_json::from_slice::<Versioned>(line) {
        Ok(versioned) if versioned.schema > u64::from(NEWEST_SCHEMA) => {
            Err(Bad::Newer(versioned.schema))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Bad::Garbage(format!("it does not parse: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            schema: 1,
            rev: 7,
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            change: Change::Registered,
            agent: Some("a-1".parse().unwrap()),
            recent: Vec::new(),
            status: TaskStatus::Open,
            counts: Counts::default(),
        }
    }

    #[test]
    fn a_checked_line_reads_back_and_no_changed_byte_goes_unnoticed() {
        let line = encode_checked(&mark());
        assert_eq!(decode_checked::<Mark>(&line), Ok(mark()));
        for at in 0..line.len() - 1 {
            let mut changed = line.clone();
            changed[at] ^= 1;
            assert!(decode_checked::<Mark>(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_line_behind_a_lost_page_reads() {
        let line = [b"\0\0\0".as_slice(), &encode_checked(&mark())].concat();
        assert_eq!(decode_mark(&line), Ok(mark()));
        assert!(
            decode_checked::<Mark>(&line).is_err(),
            "the global journal has no lost pages"
        );
    }

    #[test]
    fn a_line_without_its_newline_is_none() {
        let line = encode_checked(&mark());
        let torn = &line[..line.len() - 1];
        assert!(matches!(decode_checked::<Mark>(torn), Err(Bad::Garbage(_))));
        assert!(matches!(decode::<Mark>(torn), Err(Bad::Garbage(_))));
    }

    #[test]
    fn a_newer_schema_is_told_from_garbage() {
        assert_eq!(decode::<Mark>(b"{\"schema\":3}\n"), Err(Bad::Newer(3)));
        assert_eq!(
            decode_checked::<Mark>(b"{\"x\":[1],\"schema\":3}\n"),
            Err(Bad::Newer(3))
        );
        assert!(matches!(
            decode::<Mark>(b"{\"schema\":1,"),
            Err(Bad::Garbage(_))
        ));
    }
}
