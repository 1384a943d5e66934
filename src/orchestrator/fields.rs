//! Takes the fields we know from a record and leaves the others. A value that cannot be understood is named and left
//! with the others, so that nothing is lost.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::Zone;
use super::note::{Notes, Place};
use crate::model::{Extra, Status, Timestamp};

/// Where fields go that bear a name of ours.
pub(super) const ORCHESTRATOR: &str = "orchestrator";

/// The names that lines, documents and the output of this program give to fields of their own.
const OURS: [&str; 60] = [
    "active",
    "agent",
    "agents",
    "alive",
    "at",
    "by_severity",
    "change",
    "command",
    "completed",
    "counts",
    "crc",
    "created_at",
    "data",
    "depth",
    "description",
    "end",
    "ended_at",
    "events",
    "evidence",
    "failed",
    "file",
    "findings",
    "findings_before",
    "host",
    "id",
    "labels",
    "limits",
    "line",
    "max_agents",
    "max_concurrent",
    "max_depth",
    "message",
    "parent",
    "percent",
    "pid",
    "priority",
    "process",
    "prompt",
    "record",
    "registered_at",
    "report",
    "reports",
    "require_evidence",
    "rev",
    "schema",
    "seq",
    "severity",
    "spawned",
    "status",
    "sums",
    "task",
    "tasks_closed",
    "tasks_open",
    "terminated",
    "totals",
    "ttl",
    "type",
    "updated_at",
    "workspace",
    ORCHESTRATOR,
];

/// A record that is being read.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) place: Place,
    map: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(place: Place, map: Map<String, Value>) -> Self {
        Self { place, map }
    }

    /// Takes the field if `read` understands it. `null` is none.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        notes: &mut Notes,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.peek(key, notes, read);
        if value.is_some() || self.map.get(key).is_some_and(Value::is_null) {
            self.map.shift_remove(key);
        }
        value
    }

    /// Reads the field and leaves it where it is.
    pub(super) fn peek<T>(
        &self,
        key: &str,
        notes: &mut Notes,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.map.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => read(value)
                .map_err(|what| notes.damaged(&self.place, format!("{key}: {what}")))
                .ok(),
        }
    }

    /// Leaves a value with those that were not understood.
    pub(super) fn put_back(&mut self, key: &str, value: Value) {
        self.map.insert(key.to_owned(), value);
    }

    /// The fields that nobody took, those with a name of ours apart from the others.
    pub(super) fn into_extra(self) -> Extra {
        let (ours, mut extra): (Extra, Extra) = self
            .map
            .into_iter()
            .partition(|(key, _)| OURS.contains(&key.as_str()));
        if !ours.is_empty() {
            extra.insert(ORCHESTRATOR.to_owned(), Value::Object(ours));
        }
        extra
    }

    /// The fields that nobody took, as they are.
    pub(super) fn into_rest(self) -> Extra {
        self.map
    }
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(format!("{} is not a text", shown(other))),
    }
}

/// A text, or the JSON of anything else: a message is kept whatever it is.
#[allow(
    clippy::unnecessary_wraps,
    reason = "one of the readers that `take` is given"
)]
pub(super) fn any_text(value: &Value) -> Result<String, String> {
    Ok(text(value).unwrap_or_else(|_| value.to_string()))
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "one of the readers that `take` is given"
)]
pub(super) fn anything(value: &Value) -> Result<Value, String> {
    Ok(value.clone())
}

pub(super) fn word<T: FromStr<Err: ToString>>(value: &Value) -> Result<T, String> {
    text(value)?.parse().map_err(|e: T::Err| e.to_string())
}

pub(super) fn status(value: &Value) -> Result<Status, String> {
    word(value)
}

pub(super) fn time(zone: &Zone) -> impl Fn(&Value) -> Result<Timestamp, String> + '_ {
    |value| zone.read(&text(value)?)
}

pub(super) fn whole(value: &Value) -> Result<u64, String> {
    value
        .as_u64()
        .ok_or_else(|| format!("{} is not a whole number", shown(value)))
}

/// 0 to 100; a fraction is cut off.
pub(super) fn percent(value: &Value) -> Result<u8, String> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within 0 to 100"
    )]
    value
        .as_f64()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent as u8)
        .ok_or_else(|| format!("{} is not a percentage", shown(value)))
}

/// At most a line of a value, for a message.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
