//! The decisions: may this agent be registered, may it report that, may this task be closed?

use super::{
    Agent, AgentId, AgentType, Counts, End, EndHow, Ending, Evidence, Extra, FilesChanged, Foreign,
    Kind, ProcessIdentity, Rejection, RunRecord, Settings, Status, Task, TaskId, TaskStatus,
    Timestamp, Totals,
};

/// What somebody who registers an agent says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Its id.
    pub id: AgentId,
    /// What kind of worker it is.
    pub agent_type: AgentType,
    /// The agent that registers it, if one does.
    pub parent: Parent,
    /// Refuse while another agent of the type is active.
    pub unique: bool,
    /// The process to look at for its life.
    pub pid: Option<u32>,
    /// What tells that process from a later one of its number.
    pub process: Option<ProcessIdentity>,
    /// Seconds without a report or finding after which it counts as dead.
    pub ttl: Option<u64>,
    /// The machine it is registered on.
    pub host: Option<String>,
    /// Free labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// The command that is started for it.
    pub command: Option<Vec<String>>,
    /// What it is asked to do.
    pub prompt: Option<String>,
}

/// The agent that registers another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// There is none.
    None,
    /// This one, which has to be an agent of the task.
    Told(AgentId),
    /// Whoever calls, if it is an agent of the task: it may be one of an outer task.
    Caller(AgentId),
    /// The agent that is registered calls itself, which nobody's parent does: one that is registered keeps its parent.
    Itself,
}

impl Parent {
    /// The agent that is to be looked for.
    pub fn id(&self) -> Option<&AgentId> {
        match self {
            Self::Told(id) | Self::Caller(id) => Some(id),
            Self::None | Self::Itself => None,
        }
    }

    /// The one that counts, where the agent that was looked for was found or not.
    fn found(&self, found: Option<&Agent>) -> Option<&AgentId> {
        match self {
            Self::Caller(_) if found.is_none() => None,
            named => named.id(),
        }
    }
}

/// What the store read under its locks for [`admit`].
#[derive(Debug)]
pub struct Situation<'a> {
    /// The task.
    pub task: &'a Task,
    /// Whether it takes agents.
    pub status: TaskStatus,
    /// Its agents, counted.
    pub counts: Counts,
    /// The machine's agents, counted.
    pub totals: Totals,
    /// The machine's settings.
    pub settings: &'a Settings,
    /// The agent that already has the id, if one does.
    pub existing: Option<&'a Agent>,
    /// The parent that was named, if it is known.
    pub parent: Option<&'a Agent>,
    /// An active agent of the same type; looked for only when it must be unique.
    pub same_type: Option<&'a AgentId>,
    /// How many findings the task has.
    pub findings: u64,
    /// The time.
    pub now: Timestamp,
}

/// What [`admit`] decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// The same call was made before: nothing to change.
    Already(Agent),
    /// A new agent.
    New(Agent),
}

/// Whether, and as what, an agent is registered.
///
/// # Errors
/// `duplicate`, `task_closed`, `not_found` for the parent, `limit_reached`; in this order, so that the first thing to
/// mend is named first. A retry of a registration that was made is no duplicate.
pub fn admit(new: &Registration, at: &Situation<'_>) -> Result<Admission, Rejection> {
    if let Some(existing) = at.existing {
        let agent = registered(new, at, existing.depth, existing.registered_at);
        let parent = match new.parent {
            Parent::Itself => existing.parent.clone(),
            _ => agent.parent.clone(),
        };
        let same = Agent {
            parent,
            findings_before: existing.findings_before,
            process: existing.process.clone(),
            foreign: existing.foreign.clone(),
            extra: existing.extra.clone(),
            ..agent
        } == *existing;
        return if same {
            Ok(Admission::Already(existing.clone()))
        } else {
            Err(Rejection::new(
                Kind::Duplicate,
                format!("agent {} is already registered in task {} with other arguments or has reported since", new.id, at.task.id),
            )
            .hint("choose another --id, or leave it out to have one made"))
        };
    }
    if at.status == TaskStatus::Closed {
        return Err(closed(&at.task.id));
    }
    let depth = match (new.parent.found(at.parent), at.parent) {
        (None, _) => 1,
        (Some(_), Some(parent)) => parent.depth.saturating_add(1),
        (Some(id), None) => {
            return Err(Rejection::new(
                Kind::NotFound,
                format!("the parent {id} is not registered in task {}", at.task.id),
            )
            .hint("name an agent of the task with --parent, or --parent none"));
        }
    };
    within_limits(at, depth)?;
    if let Some(other) = at.same_type.filter(|_| new.unique) {
        return Err(Rejection::new(
            Kind::Duplicate,
            format!(
                "agent {other} of type {} is active in task {}",
                new.agent_type, at.task.id
            ),
        )
        .hint("wait until it has ended, or leave out --unique"));
    }
    Ok(Admission::New(registered(new, at, depth, at.now)))
}

fn within_limits(at: &Situation<'_>, depth: u32) -> Result<(), Rejection> {
    let limits = &at.task.limits;
    if depth > limits.max_depth {
        return Err(Rejection::new(
            Kind::LimitReached,
            format!(
                "depth {depth} is beyond the max depth of task {}, {}",
                at.task.id, limits.max_depth
            ),
        )
        .hint(format!(
            "raise it with `agentreg task set {} --max-depth N`",
            at.task.id
        )));
    }
    if let Some(max) = limits.max_agents.filter(|max| at.counts.spawned >= *max) {
        return Err(Rejection::new(
            Kind::LimitReached,
            format!("task {} has had its {max} agents", at.task.id),
        )
        .hint(format!(
            "raise it with `agentreg task set {} --max-agents N`",
            at.task.id
        )));
    }
    if let Some(max) = limits.max_concurrent.filter(|max| at.counts.active >= *max) {
        return Err(Rejection::new(
            Kind::LimitReached,
            format!(
                "task {} has {} active agents of at most {max}",
                at.task.id, at.counts.active
            ),
        )
        .hint("try again when one has ended")
        .retryable());
    }
    if let Some(max) = at
        .settings
        .max_concurrent
        .filter(|max| at.totals.agents.active >= *max)
    {
        return Err(Rejection::new(
            Kind::LimitReached,
            format!(
                "this machine has {} active agents of at most {max}",
                at.totals.agents.active
            ),
        )
        .hint("try again when one has ended")
        .retryable());
    }
    Ok(())
}

fn registered(new: &Registration, at: &Situation<'_>, depth: u32, when: Timestamp) -> Agent {
    Agent {
        id: new.id.clone(),
        task: at.task.id.clone(),
        agent_type: new.agent_type.clone(),
        parent: new.parent.found(at.parent).cloned(),
        depth,
        status: Status::Running,
        percent: 0,
        message: None,
        labels: new.labels.clone(),
        registered_at: when,
        updated_at: when,
        ended_at: None,
        seq: 1,
        pid: new.pid,
        ttl: new.ttl,
        host: new.host.clone(),
        command: new.command.clone(),
        prompt: new.prompt.clone(),
        evidence: None,
        end: None,
        process: new.process.clone(),
        leased: false,
        run: RunRecord::default(),
        findings_before: at.findings,
        foreign: Foreign::new(),
        report_foreign: Foreign::new(),
        extra: Extra::new(),
    }
}

/// The refusal of anything that needs an open task.
pub fn closed(task: &TaskId) -> Rejection {
    Rejection::new(Kind::TaskClosed, format!("task {task} is closed"))
        .hint("open another with `agentreg task new DESCRIPTION`")
}

/// What an agent, or somebody for it, says of its state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// Left out, `running` becomes `working` and the others stay.
    pub status: Option<Status>,
    /// Left out, it stays; on a completion it becomes 100.
    pub percent: Option<u8>,
    /// Left out, it stays.
    pub message: Option<String>,
}

/// What [`update`] decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Updated {
    /// The agent had already ended just so.
    Unchanged,
    /// The agent's next line.
    Reported(Agent),
    /// The agent's last line, a lifecycle change.
    Ended(Agent),
}

/// What the store counted for the evidence of a completion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observed {
    /// The agent's findings.
    pub findings: u64,
    /// Files of the workspace that changed in its life.
    pub files_changed: Option<FilesChanged>,
}

/// The agent's next line after it reported `said`. An end is [`End::how`] `reported`.
///
/// # Errors
/// `illegal_transition` from an agent that ended otherwise.
pub fn update(agent: &Agent, said: &Update, now: Timestamp) -> Result<Updated, Rejection> {
    if !agent.status.is_active() {
        if said.status == Some(agent.status) {
            return Ok(Updated::Unchanged);
        }
        return Err(Rejection::new(
            Kind::IllegalTransition,
            format!(
                "agent {} has {}{} and cannot report any more",
                agent.id,
                ended_word(agent.status),
                agent.end.as_ref().map_or_else(String::new, how)
            ),
        )
        .hint("a finding from it is still welcome; for more work register another agent"));
    }
    let status = said.status.unwrap_or(match agent.status {
        Status::Running => Status::Working,
        other => other,
    });
    let mut next = next_line(agent, status, now);
    if let Some(message) = &said.message {
        next.message = Some(message.clone());
    }
    next.percent = match (said.percent, status) {
        (Some(percent), _) => percent,
        (None, Status::Completed) => 100,
        (None, _) => agent.percent,
    };
    if status.is_active() {
        return Ok(Updated::Reported(next));
    }
    next.end = Some(End {
        how: EndHow::Reported,
        code: None,
        signal: None,
        reason: None,
    });
    Ok(Updated::Ended(next))
}

fn ended_word(status: Status) -> &'static str {
    match status {
        Status::Terminated => "been terminated",
        other => other.as_str(),
    }
}

/// How and why a life ended, as a part of a sentence.
fn how(end: &End) -> String {
    let how = match (end.how, end.code, end.signal) {
        (EndHow::Reported, _, _) => "as it reported itself".to_owned(),
        (EndHow::Exit | EndHow::Signal, Some(code), _) => format!("its command exited with {code}"),
        (EndHow::Exit | EndHow::Signal, _, Some(signal)) => {
            format!("signal {signal} killed its command")
        }
        (EndHow::Exit | EndHow::Signal, None, None) => "its command ended".to_owned(),
        (EndHow::Timeout, _, _) => "its time was over".to_owned(),
        (EndHow::Idle, _, _) => "nothing was heard from it for too long".to_owned(),
        (EndHow::Reaped, _, _) => "it was found dead".to_owned(),
        (EndHow::Terminated, _, _) => "somebody ended it".to_owned(),
        (EndHow::Evidence, _, _) => "its evidence was missing".to_owned(),
        (EndHow::Hook, _, _) => "its harness said so".to_owned(),
    };
    match &end.reason {
        Some(reason) => format!(" ({how}: {reason})"),
        None => format!(" ({how})"),
    }
}

fn next_line(agent: &Agent, status: Status, now: Timestamp) -> Agent {
    let mut next = agent.clone();
    // The first line has it for good.
    next.prompt = None;
    if agent.seq == 1 {
        next.foreign = Foreign::new();
    }
    next.report_foreign = Foreign::new();
    next.status = status;
    next.seq += 1;
    next.updated_at = now;
    next.ended_at = (!status.is_active()).then_some(now);
    next
}

/// The completing line with its evidence; refused if it lacks what `task` requires.
///
/// # Errors
/// `evidence_missing`, naming all that is missing.
pub fn completed(
    task: &Task,
    before: &Agent,
    said: &Update,
    mut next: Agent,
    observed: Observed,
) -> Result<Agent, Rejection> {
    let evidence = Evidence::gather(
        before,
        &next,
        said.message.is_some(),
        observed.findings,
        observed.files_changed,
        next.updated_at,
    );
    let missing = task.require_evidence.missing(&evidence);
    if !missing.is_empty() {
        return Err(Rejection::new(
            Kind::EvidenceMissing,
            format!(
                "agent {} cannot complete: task {} requires {}",
                next.id,
                task.id,
                missing.join(" and ")
            ),
        )
        .hint("report progress and share findings first, or report failed"));
    }
    next.evidence = Some(evidence);
    Ok(next)
}

/// The last line of an agent that is ended by something else than its own report; none if it has ended already.
pub fn end(agent: &Agent, status: Status, ending: Ending, now: Timestamp) -> Option<Agent> {
    agent.status.is_active().then(|| {
        let mut next = next_line(agent, status, now);
        next.end = Some(ending.end);
        next.run.warnings.extend(ending.warnings);
        next.run.grace_ms = ending.grace_ms;
        if status == Status::Completed {
            next.percent = 100;
        }
        next
    })
}

/// The last line of [`end`] with what stands behind it, if it is a completion. It is never refused: what its command
/// did is so, whatever the task requires.
pub fn with_evidence(before: &Agent, next: Agent, findings: u64) -> Agent {
    let evidence = (next.status == Status::Completed)
        .then(|| Evidence::gather(before, &next, false, findings, None, next.updated_at));
    Agent { evidence, ..next }
}

/// What [`close`] decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is closed already.
    Already,
    /// It can be closed now.
    Now,
    /// Its active agents have to be terminated first.
    TerminateFirst,
}

/// Whether a task can be closed.
///
/// # Errors
/// `task_active` while agents are active, unless `force`.
pub fn close(
    task: &TaskId,
    status: TaskStatus,
    counts: Counts,
    force: bool,
) -> Result<Closing, Rejection> {
    match (status, counts.active, force) {
        (TaskStatus::Closed, _, _) => Ok(Closing::Already),
        (TaskStatus::Open, 0, _) => Ok(Closing::Now),
        (TaskStatus::Open, _, true) => Ok(Closing::TerminateFirst),
        (TaskStatus::Open, active, false) => Err(Rejection::new(
            Kind::TaskActive,
            format!(
                "task {task} still has {active} active agent{}",
                if active == 1 { "" } else { "s" }
            ),
        )
        .hint("wait until they have ended, or terminate them with --force")
        .retryable()),
    }
}
