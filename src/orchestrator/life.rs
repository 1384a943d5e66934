//! Makes an agent's log of what the registry says of it and what it said itself.

use std::cell::RefCell;

use super::entry::{Context, Entry, Validation};
use super::fields;
use super::note::Notes;
use super::outcome::{self, Outcome};
use super::said::{Log, Said};
use crate::model::{Agent, End, EndHow, Extra, Foreign, RunRecord, Status, Timestamp};
use crate::store::ImportedAgent;

/// The life of the agent of `entry`, with its `log`, who shared so many `findings`.
pub(super) fn write<'a>(
    mut entry: Entry,
    log: Log,
    findings: u64,
    cx: Context<'a>,
    notes: &'a RefCell<Notes>,
) -> ImportedAgent<'a> {
    let default = entry.last_update.unwrap_or(cx.created_at);
    let statuses: Vec<Status> = log.heard.iter().map(|heard| heard.status).collect();
    // Of an agent that only its log knows, its last line is all there is to go by.
    let registry = if entry.is_listed {
        entry.status
    } else {
        statuses.last().copied()
    };
    let outcome = outcome::decide(registry, &statuses);
    tell(&entry, &log, outcome, &mut notes.borrow_mut());
    let start = entry
        .started_at
        .or_else(|| log.heard.first().map(|heard| heard.at))
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
    let id = entry.id.clone();
    let mut first = registered(&mut entry, start, &cx);
    let mut next = 0;
    if !entry.is_listed
        && let Some(heard) = log.heard.first()
    {
        // Nothing but its first line tells of the registration.
        let said = log.read(heard, &id, cx.zone, &mut notes.borrow_mut());
        let ended = (outcome.ended_by == Some(0)).then_some((outcome.status, &end));
        if let Some(said) = said {
            first = report(first, said, ended, &mut notes.borrow_mut());
        }
        next = 1;
    }
    let life = Life {
        log,
        entry,
        outcome,
        end,
        findings,
        cx,
        notes,
        next,
        closed: false,
        held: Some(first),
    };
    ImportedAgent {
        id,
        status: outcome.status,
        lines: Box::new(life),
    }
}

/// The lines of an agent's log, each made when it is asked for.
struct Life<'a> {
    log: Log,
    entry: Entry,
    outcome: Outcome,
    end: End,
    findings: u64,
    cx: Context<'a>,
    notes: &'a RefCell<Notes>,
    /// The line of its own log whose turn it is.
    next: usize,
    /// Whether what only the registry knows is told.
    closed: bool,
    /// The line before, which is handed out when the one after it is known: the last one has the evidence.
    held: Option<Agent>,
}

impl Iterator for Life<'_> {
    type Item = Agent;

    fn next(&mut self) -> Option<Agent> {
        let before = self.held.take()?;
        match self.after(&before) {
            Some(next) => {
                self.held = Some(next);
                Some(before)
            }
            None => Some(self.finished(before)),
        }
    }
}

impl Life<'_> {
    fn after(&mut self, before: &Agent) -> Option<Agent> {
        while let Some(heard) = self.log.heard.get(self.next) {
            let ended = self.outcome.ended_by.is_some_and(|by| self.next >= by);
            self.next += 1;
            let notes = &mut *self.notes.borrow_mut();
            if let Some(said) = self.log.read(heard, &before.id, self.cx.zone, notes) {
                let ended = ended.then_some((self.outcome.status, &self.end));
                let next = next(before, said.at, before.status, &self.end);
                return Some(report(next, said, ended, notes));
            }
        }
        if std::mem::replace(&mut self.closed, true) {
            return None;
        }
        closing(before, &self.entry, self.outcome, &self.end)
    }

    /// The last line, with what stands behind it.
    fn finished(&mut self, mut last: Agent) -> Agent {
        if last.status == Status::Completed
            && let Some(validation) = self.entry.validation.take()
        {
            last.evidence = Some(evidence(validation, &last, self.findings));
        }
        last
    }
}

fn evidence(validation: Validation, last: &Agent, findings: u64) -> crate::model::Evidence {
    let ended_at = last.ended_at.unwrap_or(last.updated_at);
    let elapsed = ended_at.since(last.registered_at).as_secs_f64();
    validation.evidence(last.seq - 1, findings, elapsed)
}

/// The first line, which alone holds the prompt and what is foreign to the agent.
fn registered(entry: &mut Entry, start: Timestamp, cx: &Context<'_>) -> Agent {
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
        prompt: entry.prompt.take(),
        evidence: None,
        end: None,
        process: None,
        leased: false,
        run: RunRecord::default(),
        // No finding is known to be older, so none is left out when its own are counted.
        findings_before: 0,
        foreign: std::mem::take(&mut entry.foreign),
        report_foreign: Foreign::new(),
        extra: Extra::new(),
    }
}

/// The line after `before`, `at` or as late as `before`.
fn next(before: &Agent, at: Timestamp, status: Status, end: &End) -> Agent {
    let next = Agent {
        seq: before.seq + 1,
        updated_at: at.max(before.updated_at),
        prompt: None,
        foreign: Foreign::new(),
        report_foreign: Foreign::new(),
        ..before.clone()
    };
    standing(next, status, end)
}

/// The same line with this status, which is `end` if it is one.
fn standing(line: Agent, status: Status, end: &End) -> Agent {
    let ended = !status.is_active();
    Agent {
        status,
        ended_at: line.ended_at.or(ended.then_some(line.updated_at)),
        end: ended.then(|| end.clone()),
        ..line
    }
}

/// `line` as the line of a report. After the end that stands its own status does not count; before it no other end does.
fn report(line: Agent, mut said: Said, ended: Option<(Status, &End)>, notes: &mut Notes) -> Agent {
    const NO_END: End = End {
        how: EndHow::Reported,
        code: None,
        signal: None,
        reason: None,
    };
    let (status, end) = match ended {
        Some(ended) => ended,
        None if said.status.is_active() => (said.status, &NO_END),
        None => (Status::Working, &NO_END),
    };
    if status != said.status && said.foreign.get("status").is_none() {
        fields::put(&mut said.foreign, "status", said.status.as_str());
    }
    if said.at < line.updated_at {
        notes.differs(
            &said.place,
            format!("a report from before the agent {} was registered: its time is the registration's now", line.id),
        );
        if said.foreign.get("timestamp").is_none() {
            fields::put(&mut said.foreign, "timestamp", &said.at.to_string());
        }
    }
    let was_active = line.status.is_active();
    let mut line = standing(line, status, end);
    line.percent = percent(said.percent, was_active, line.percent, status);
    line.message = said.message.or(line.message);
    line.report_foreign = said.foreign;
    line
}

fn percent(said: Option<u8>, was_active: bool, before: u8, status: Status) -> u8 {
    match (said, status) {
        (Some(percent), _) => percent,
        (None, Status::Completed) if was_active => 100,
        (None, _) => before,
    }
}

/// One line more, where the registry knows more than the log: an end, or how an agent without a log stands.
fn closing(before: &Agent, entry: &Entry, outcome: Outcome, end: &End) -> Option<Agent> {
    let silent = before.seq == 1 && entry.is_listed;
    if outcome.status == before.status && !(silent && entry.percent.is_some_and(|p| p > 0)) {
        return None;
    }
    let at = if outcome.status.is_active() {
        entry.last_update
    } else {
        entry.ended_at.or(entry.last_update)
    };
    let mut next = next(before, at.unwrap_or(before.updated_at), outcome.status, end);
    next.percent = percent(
        entry.percent,
        before.status.is_active(),
        before.percent,
        outcome.status,
    );
    Some(next)
}

/// Tells where the registry and the log disagree.
fn tell(entry: &Entry, log: &Log, outcome: Outcome, notes: &mut Notes) {
    let id = &entry.id;
    let stands = outcome.status;
    if let Some(registry) = entry.status.filter(|registry| *registry != stands) {
        notes.differs(
            &entry.place,
            format!("agent {id} is {registry} here, but {stands} by its own log: it is {stands}"),
        );
    }
    let ended_by = outcome.ended_by.unwrap_or(log.heard.len());
    for (number, heard) in log.heard.iter().enumerate() {
        let what = if number < ended_by && !heard.status.is_active() {
            format!(
                "agent {id} reported {} and went on: kept as working",
                heard.status
            )
        } else if number >= ended_by && heard.status != stands {
            format!(
                "agent {id} reported {} after it was {stands}: it stays {stands}",
                heard.status
            )
        } else {
            continue;
        };
        if let Some(place) = log.place(heard) {
            notes.differs(&place, what);
        }
    }
}
