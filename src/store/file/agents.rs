//! The operations on agents: register, report, end.

use super::FileStore;
use super::commit::{Draft, Global};
use super::find;
use super::home::Home;
use super::jsonl::sync_data;
use super::line::{AgentLine, Mark, encode};
use super::lock::Patience;
use super::task::{AgentLog, Folder, TaskGuard};
use crate::model::rules::{self, Admission, Observed, Registration, Situation, Update, Updated};
use crate::model::{
    Agent, AgentId, Change, Counts, Ending, FilesChanged, Kind, Rejection, Status, TaskId,
    Timestamp, Totals,
};
use crate::store::{Done, Error, Lease, Result};

pub(crate) fn register(
    store: &FileStore,
    task: &TaskId,
    new: &Registration,
) -> Result<Done<Agent>> {
    admit(store, task, new, &mut |_, _| Ok(()))
}

pub(crate) fn register_leased(
    store: &FileStore,
    task: &TaskId,
    new: &Registration,
) -> Result<(Done<Agent>, Lease)> {
    let mut lease = None;
    let done = admit(store, task, new, &mut |guard, agent| {
        lease = Some(guard.take_lease(&agent.id)?);
        agent.leased = true;
        Ok(())
    })?;
    match lease.filter(|_| done.changed) {
        Some(lease) => Ok((done, lease)),
        None => Err(Rejection::new(
            Kind::Duplicate,
            format!("agent {} is registered in task {task} already", new.id),
        )
        .hint("choose another --id, or leave it out to have one made")
        .into()),
    }
}

fn same_file(task: &TaskId, new: &Registration) -> Error {
    Rejection::new(
        Kind::Duplicate,
        format!(
            "task {task} has an agent whose id this file system does not tell from {}: it differs in upper and lower case",
            new.id
        ),
    )
    .hint("choose another --id, or leave it out to have one made")
    .into()
}

/// Registers an agent after a last touch, under both locks and before anybody can see it.
fn admit(
    store: &FileStore,
    task: &TaskId,
    new: &Registration,
    last_touch: &mut dyn FnMut(&TaskGuard, &mut Agent) -> Result<()>,
) -> Result<Done<Agent>> {
    let home = store.home()?;
    store.lifecycle(&home, task, |guard, patience| {
        let settings = guard.own_settings()?;
        // What opens under the id and is another's leaves no room for this one.
        let existing = guard.agent(&new.id).map_err(|error| match error.kind() {
            Kind::NotFound => same_file(task, new),
            _ => error,
        })?;
        let parent = match new.parent.id() {
            Some(parent) => guard.agent(parent)?,
            None => None,
        };
        let same_type = if new.unique {
            active_of_type(guard, new)?
        } else {
            None
        };
        let findings = guard.last_finding()?.map_or(0, |line| line.finding.seq);
        let mark = guard.mark()?;
        let Some(global) = guard.lock_global(&home, patience)? else {
            return Ok(None);
        };
        let admission = rules::admit(
            new,
            &Situation {
                task: &settings,
                status: mark.status,
                counts: mark.counts,
                totals: global.totals(),
                settings: &home.settings()?,
                existing: existing.as_ref(),
                parent: parent.as_ref(),
                same_type: same_type.as_ref(),
                findings,
                now: FileStore::now().max(settings.created_at),
            },
        )?;
        match admission {
            Admission::Already(agent) => Ok(Some(Done::unchanged(agent))),
            Admission::New(mut agent) => {
                last_touch(global.task(), &mut agent)?;
                let id = agent.id.clone();
                let log = global.task().new_log(&id)?;
                let change = Change::Registered;
                let limit = store.options.journal_limit;
                let count = Counts::with_registered;
                let done = commit_agent(global, &mark, change, (agent, log), count, limit);
                if done.is_err() {
                    guard.discard_new_log(&id);
                }
                done.map(Some)
            }
        }
    })
}

pub(crate) fn update(
    store: &FileStore,
    task: &TaskId,
    id: &AgentId,
    said: &Update,
    files_changed: Option<FilesChanged>,
) -> Result<Done<Agent>> {
    let home = store.home()?;
    let (outcome, unsynced) = store.lifecycle(&home, task, |guard, patience| {
        let (mut log, agent) = need_log(guard, id)?;
        let now = FileStore::now().max(agent.updated_at);
        match rules::update(&agent, said, now)? {
            Updated::Unchanged => Ok(Some((Done::unchanged(agent), None))),
            Updated::Reported(next) => {
                log.append_report(&next)?;
                Ok(Some((changed(next, None), Some(log))))
            }
            Updated::Ended(next) => {
                let next = if next.status == Status::Completed {
                    let observed = Observed {
                        findings: guard.findings_of(id, agent.findings_before)?,
                        files_changed,
                    };
                    rules::completed(&guard.settings()?, &agent, said, next, observed)?
                } else {
                    next
                };
                let done = commit_end(guard, &home, patience, store, next, log)?;
                Ok(done.map(|done| (done, None)))
            }
        }
    })?;
    // The lock is free again: a slow disk holds up the one who wrote, not its peers.
    if let Some(log) = unsynced {
        sync_data(&log.file, &log.path).map_err(|error| error.unsynced("the report is"))?;
    }
    Ok(outcome)
}

pub(crate) fn end(
    store: &FileStore,
    task: &TaskId,
    id: &AgentId,
    status: Status,
    ending: &Ending,
    only_if: &dyn Fn(&Agent) -> bool,
) -> Result<Done<Agent>> {
    let home = store.home()?;
    store.lifecycle(&home, task, |guard, patience| {
        let (log, agent) = need_log(guard, id)?;
        let now = FileStore::now().max(agent.updated_at);
        match rules::end(&agent, status, ending.clone(), now).filter(|_| only_if(&agent)) {
            None => Ok(Some(Done::unchanged(agent))),
            Some(next) => {
                let findings = guard.findings_of(id, agent.findings_before)?;
                let next = rules::with_evidence(&agent, next, findings);
                commit_end(guard, &home, patience, store, next, log)
            }
        }
    })
}

fn need_log(guard: &TaskGuard, id: &AgentId) -> Result<(AgentLog, Agent)> {
    let Some(mut log) = guard.log_to_write(id)? else {
        return Err(guard.missing(find::unknown_agent(guard, id.as_str())));
    };
    match log.tail.last.take() {
        Some(line) => {
            log.rev = line.rev;
            Ok((log, line.agent))
        }
        None if log.tail.is_empty() => Err(find::unknown_agent(guard, id.as_str())),
        None => Err(Error::damaged(log.path, "no line of it can be read")),
    }
}

impl AgentLog {
    fn append_report(&mut self, agent: &Agent) -> Result<()> {
        let line = encode(&AgentLine {
            schema: agent.schema(),
            rev: self.rev,
            agent: agent.clone(),
        });
        self.tail.append(&self.file, &self.path, &line)
    }
}

fn commit_end(
    guard: &mut TaskGuard,
    home: &Home,
    patience: &Patience,
    store: &FileStore,
    agent: Agent,
    log: AgentLog,
) -> Result<Option<Done<Agent>>> {
    let mark = guard.mark()?;
    let status = agent.status;
    #[expect(clippy::expect_used, reason = "the rules end agents as nothing else")]
    let change = Change::ending_as(status).expect("an agent ends as an ended status");
    let Some(global) = guard.lock_global(home, patience)? else {
        return Ok(None);
    };
    let limit = store.options.journal_limit;
    let count = |counts: Counts| counts.with_ended(status);
    commit_agent(global, &mark, change, (agent, log), count, limit).map(Some)
}

fn commit_agent(
    global: Global<'_>,
    mark: &Mark,
    change: Change,
    (agent, log): (Agent, AgentLog),
    count: impl Fn(Counts) -> Counts,
    journal_limit: u64,
) -> Result<Done<Agent>> {
    let totals = global.totals();
    let draft = Draft {
        at: agent.updated_at,
        change,
        agent: Some((agent.clone(), log)),
        settings: None,
        built: None,
        recent: Vec::new(),
        status: mark.status,
        counts: count(mark.counts),
        totals: Totals {
            agents: count(totals.agents),
            ..totals
        },
    };
    let warning = global.commit(draft, journal_limit)?;
    Ok(changed(agent, warning))
}

fn changed(value: Agent, warning: Option<Error>) -> Done<Agent> {
    Done {
        value,
        changed: true,
        warning,
    }
}

/// An active agent of the type that is to be unique. The cost is the active agents', whom `max_concurrent` bounds.
fn active_of_type(guard: &TaskGuard, new: &Registration) -> Result<Option<AgentId>> {
    for id in guard.agents_in(Folder::Active)? {
        let agent = guard.agent(&id)?;
        if agent.is_some_and(|a| {
            a.agent_type == new.agent_type && a.status.is_active() && a.id != new.id
        }) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The later of a clock and a log's last time: times never run backwards in one log.
pub(crate) fn not_before(last: Option<Timestamp>) -> Timestamp {
    let now = FileStore::now();
    last.map_or(now, |last| last.max(now))
}
