//! One line of an agent's findings.

use super::entry::Context;
use super::fields::{self, Fields};
use super::note::Notes;
use crate::model::{AgentId, Extra, Finding, MAX_MESSAGE, Severity, Timestamp};

/// Whose a finding is: `owner` is the agent that its file is named after.
pub(super) fn agent(owner: Option<&AgentId>, from: &Fields, notes: &mut Notes) -> Option<AgentId> {
    let agent = from
        .peek("agent_id", notes, fields::word)
        .or_else(|| owner.cloned());
    if agent.is_none() {
        notes.damaged(&from.place, "a finding of no agent: left out");
    }
    agent
}

/// The finding of `agent`, shared at `at`, whose fields are read.
pub(super) fn read(
    agent: AgentId,
    at: Timestamp,
    mut from: Fields,
    cx: &Context<'_>,
    notes: &mut Notes,
) -> Finding {
    // Both are told where the file was looked through.
    let mut told = Notes::default();
    from.take("agent_id", &mut told, fields::word::<AgentId>);
    from.take("timestamp", &mut told, fields::time(cx.zone));
    if !cx.known.contains_key(&agent) {
        let what = format!("a finding of agent {agent}, which the registry does not have: kept");
        notes.differs(&from.place, what);
    }
    let severity = severity(&mut from, notes);
    let message = from.take("message", notes, fields::any_text);
    Finding {
        seq: 0,
        at,
        task: cx.task.clone(),
        agent,
        finding_type: from
            .take("finding_type", notes, fields::any_text)
            .unwrap_or_else(|| "insight".to_owned()),
        severity,
        message: within_bound(message, &mut from).unwrap_or_default(),
        data: from.take("data", notes, fields::anything),
        file: from.take("file", notes, fields::text),
        line: from.take("line", notes, fields::whole),
        foreign: from.into_foreign(),
        extra: Extra::new(),
    }
}

/// A message; the whole of a long one stays with the foreign fields.
pub(super) fn within_bound(message: Option<String>, from: &mut Fields) -> Option<String> {
    let mut message = message?;
    if message.len() > MAX_MESSAGE {
        from.put_back("message", &message);
        fields::cut(&mut message, MAX_MESSAGE);
    }
    Some(message)
}

fn severity(from: &mut Fields, notes: &mut Notes) -> Severity {
    let Some(word) = from.take("severity", notes, fields::any_text) else {
        return Severity::Low;
    };
    word.parse().unwrap_or_else(|what| {
        notes.differs(&from.place, format!("severity: {what}: kept as low"));
        from.put_back("severity", &word);
        Severity::Low
    })
}
