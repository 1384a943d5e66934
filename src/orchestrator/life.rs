//! Makes an agent's log of what the registry says of it and what it said itself.

use serde_json::Value;

use super::entry::{Context, Entry};
use super::fields::Fields;
use super::note::Notes;
use super::outcome::{self, Outcome};
use super::said::{self, Said};
use crate::model::{Agent, End, EndHow, Extra, REPORT_EXTRA, Status, Timestamp};
use crate::store::ImportedAgent;

/// The life of the agent of `entry`, whose progress log holds `lines` and who shared so many `findings`.
pub(super) fn write(
    mut entry: Entry,
    lines: Vec<Fields>,
    findings: u64,
    cx: &Context<'_>,
    notes: &mut Notes,
) -> ImportedAgent {
    let default = entry.last_update.unwrap_or(cx.created_at);
    let said = said::read(&entry.id, entry.started_at, default, lines, cx.zone, notes);
    let statuses: Vec<Status> = said.iter().map(|said| said.status).collect();
    let outcome = outcome::decide(entry.status, &statuses);
    tell(&entry, &said, outcome, notes);

    let start = entry
        .started_at
        .or_else(|| said.first().map(|said| said.at))
        .unwrap_or(default);
    let end = End {
        how: match outcome.status {
            Status::Terminated => EndHow::Terminated,
            _ => EndHow::Reported,
        },
        code: None,
        signal: None,
        reason: entry.reason.take(),
    };
    let mut lines = vec![registered(&entry, start, cx)];
    for (number, said) in said.into_iter().enumerate() {
        let ended = outcome.ended_by.is_some_and(|by| number >= by);
        let next = reported(
            lines.last(),
            said,
            ended.then_some((outcome.status, &end)),
            notes,
        );
        lines.extend(next);
    }
    lines.extend(closing(lines.last(), &entry, outcome, &end));
    if let Some(last) = lines.last_mut() {
        finish(last, entry, findings);
    }
    ImportedAgent { lines }
}

fn registered(entry: &Entry, start: Timestamp, cx: &Context<'_>) -> Agent {
    Agent {
        id: entry.id.clone(),
        task: cx.task.clone(),
        agent_type: entry.agent_type.clone(),
        parent: entry.parent.clone(),
        depth: entry.depth,
        status: Status::Running,
        percent: 0,
        message: None,
        labels: std::collections::BTreeMap::new(),
        registered_at: start,
        updated_at: start,
        ended_at: None,
        seq: 1,
        pid: None,
        ttl: None,
        host: None,
        command: None,
        prompt: entry.prompt.clone(),
        evidence: None,
        end: None,
        process: None,
        // No finding is known to be older, so none is left out when its own are counted.
        leased: false,
        run: crate::model::RunRecord::default(),
        findings_before: 0,
        extra: Extra::new(),
    }
}

/// The line after `before`, `at` or as late as `before`.
fn next(before: &Agent, at: Timestamp, status: Status, end: &End) -> Agent {
    let updated_at = at.max(before.updated_at);
    let ended = !status.is_active();
    Agent {
        seq: before.seq + 1,
        status,
        updated_at,
        ended_at: before.ended_at.or(ended.then_some(updated_at)),
        end: ended.then(|| end.clone()),
        extra: Extra::new(),
        ..before.clone()
    }
}

/// The line of a report. After the end that stands its own status does not count; before it no other end does.
fn reported(
    before: Option<&Agent>,
    mut said: Said,
    ended: Option<(Status, &End)>,
    notes: &mut Notes,
) -> Option<Agent> {
    const NO_END: End = End {
        how: EndHow::Reported,
        code: None,
        signal: None,
        reason: None,
    };
    let before = before?;
    let (status, end) = match ended {
        Some(ended) => ended,
        None if said.status.is_active() => (said.status, &NO_END),
        None => (Status::Working, &NO_END),
    };
    if status != said.status {
        said.extra
            .entry("status")
            .or_insert_with(|| Value::String(said.status.to_string()));
    }
    if said.at < before.updated_at {
        notes.differs(
            &said.place,
            format!("a report from before the agent {} was registered: its time is the registration's now", before.id),
        );
        said.extra
            .entry("timestamp")
            .or_insert_with(|| Value::String(said.at.to_string()));
    }
    let mut next = next(before, said.at, status, end);
    next.percent = percent(said.percent, before, status);
    next.message = said.message.or(next.message);
    if !said.extra.is_empty() {
        next.extra
            .insert(REPORT_EXTRA.to_owned(), Value::Object(said.extra));
    }
    Some(next)
}

fn percent(said: Option<u8>, before: &Agent, status: Status) -> u8 {
    match (said, status) {
        (Some(percent), _) => percent,
        (None, Status::Completed) if before.status.is_active() => 100,
        (None, _) => before.percent,
    }
}

/// One line more, where the registry knows more than the log: an end, or how an agent without a log stands.
fn closing(before: Option<&Agent>, entry: &Entry, outcome: Outcome, end: &End) -> Option<Agent> {
    let before = before?;
    let silent = before.seq == 1;
    if outcome.status == before.status && !(silent && entry.percent.is_some_and(|p| p > 0)) {
        return None;
    }
    let at = if outcome.status.is_active() {
        entry.last_update
    } else {
        entry.ended_at.or(entry.last_update)
    };
    let mut next = next(before, at.unwrap_or(before.updated_at), outcome.status, end);
    next.percent = percent(entry.percent, before, outcome.status);
    Some(next)
}

/// What is known of the agent as it stands now: the evidence and the fields that are not ours.
fn finish(last: &mut Agent, entry: Entry, findings: u64) {
    if last.status == Status::Completed
        && let Some(validation) = entry.validation
    {
        let ended_at = last.ended_at.unwrap_or(last.updated_at);
        let elapsed = ended_at.since(last.registered_at).as_secs_f64();
        last.evidence = Some(validation.evidence(last.seq - 1, findings, elapsed));
    }
    let report = std::mem::replace(&mut last.extra, entry.extra);
    last.extra.extend(report);
}

/// Tells where the registry and the log disagree.
fn tell(entry: &Entry, said: &[Said], outcome: Outcome, notes: &mut Notes) {
    let id = &entry.id;
    let stands = outcome.status;
    if let Some(registry) = entry.status.filter(|registry| *registry != stands) {
        notes.differs(
            &entry.place,
            format!("agent {id} is {registry} here, but {stands} by its own log: it is {stands}"),
        );
    }
    let (before, after) = said.split_at(outcome.ended_by.unwrap_or(said.len()));
    for said in before.iter().filter(|said| !said.status.is_active()) {
        let what = format!(
            "agent {id} reported {} and went on: kept as working",
            said.status
        );
        notes.differs(&said.place, what);
    }
    for said in after.iter().filter(|said| said.status != stands) {
        let what = format!(
            "agent {id} reported {} after it was {stands}: it stays {stands}",
            said.status
        );
        notes.differs(&said.place, what);
    }
}
