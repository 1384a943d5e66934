//! One line of an agent's progress log.

use serde_json::Value;

use super::Zone;
use super::fields::{self, Fields};
use super::note::{Notes, Place};
use crate::model::{AgentId, Extra, Status, Timestamp};

/// What an agent said of itself.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) place: Place,
    pub(super) at: Timestamp,
    pub(super) status: Status,
    pub(super) percent: Option<u8>,
    pub(super) message: Option<String>,
    /// Fields that are not ours, and values that were not understood or do not stand.
    pub(super) extra: Extra,
}

/// What `agent` said, by time. A line without a time was said when the one before it was, the first at `start`; one
/// without a status leaves the agent's as it was.
pub(super) fn read(
    agent: &AgentId,
    start: Option<Timestamp>,
    default: Timestamp,
    lines: Vec<Fields>,
    zone: &Zone,
    notes: &mut Notes,
) -> Vec<Said> {
    let mut before = start;
    let mut said = Vec::with_capacity(lines.len());
    for mut from in lines {
        let at = from.take("timestamp", notes, fields::time(zone)).or(before);
        before = at;
        let by = from.take("agent_id", notes, fields::text);
        if let Some(by) = by.filter(|by| by != agent.as_str()) {
            notes.differs(
                &from.place,
                format!("a report of {by:?} in the log of agent {agent}: kept as its own"),
            );
            from.put_back("agent_id", Value::String(by));
        }
        let status = from.take("status", notes, fields::status);
        said.push((
            status,
            Said {
                at: at.unwrap_or(default),
                status: Status::Working,
                percent: from.take("progress", notes, fields::percent),
                message: from.take("message", notes, fields::any_text),
                place: from.place.clone(),
                extra: from.into_rest(),
            },
        ));
    }
    said.sort_by_key(|(_, said)| said.at);
    let mut status = Status::Working;
    said.into_iter()
        .map(|(own, said)| {
            status = own.unwrap_or(status);
            Said { status, ..said }
        })
        .collect()
}
