//! One line of an agent's findings.

use serde_json::Value;

use super::entry::Context;
use super::fields::{self, Fields};
use super::note::Notes;
use crate::model::{AgentId, Finding, Severity, Timestamp};

/// The findings of one file, in its order. `owner` is the agent the file is named after.
pub(super) fn read(
    owner: Option<&AgentId>,
    lines: Vec<Fields>,
    cx: &Context<'_>,
    notes: &mut Notes,
) -> Vec<Finding> {
    let mut before = None;
    lines
        .into_iter()
        .filter_map(|from| {
            let finding = one(owner, before.unwrap_or(cx.created_at), from, cx, notes)?;
            before = Some(finding.at);
            Some(finding)
        })
        .collect()
}

fn one(
    owner: Option<&AgentId>,
    before: Timestamp,
    mut from: Fields,
    cx: &Context<'_>,
    notes: &mut Notes,
) -> Option<Finding> {
    let agent = from
        .take("agent_id", notes, fields::word)
        .or_else(|| owner.cloned());
    let Some(agent) = agent else {
        notes.damaged(&from.place, "a finding of no agent: left out");
        return None;
    };
    if !cx.known.contains_key(&agent) {
        let what = format!("a finding of agent {agent}, which the registry does not have: kept");
        notes.differs(&from.place, what);
    }
    let at = from.take("timestamp", notes, fields::time(cx.zone));
    let severity = severity(&mut from, notes);
    Some(Finding {
        seq: 0,
        at: at.unwrap_or(before),
        task: cx.task.clone(),
        agent,
        finding_type: from
            .take("finding_type", notes, fields::any_text)
            .unwrap_or_else(|| "insight".to_owned()),
        severity,
        message: from
            .take("message", notes, fields::any_text)
            .unwrap_or_default(),
        data: from.take("data", notes, fields::anything),
        file: from.take("file", notes, fields::text),
        line: from.take("line", notes, fields::whole),
        extra: from.into_extra(),
    })
}

fn severity(from: &mut Fields, notes: &mut Notes) -> Severity {
    let Some(word) = from.take("severity", notes, fields::any_text) else {
        return Severity::Low;
    };
    word.parse().unwrap_or_else(|what| {
        notes.differs(&from.place, format!("severity: {what}: kept as low"));
        from.put_back("severity", Value::String(word));
        Severity::Low
    })
}
