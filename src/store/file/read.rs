//! The operations that only read. They take no lock, open nothing for writing and repair nothing: nobody waits for a reader,
//! a reader that is stopped stops nobody, and a home that is mounted read-only is read like any other.
//!
//! # Why a read without the lock is of one moment
//!
//! Every lifecycle change has a rev, and every line of an agent's log carries the rev of the agent's last one. So a reader
//! first takes the task's rev R, the one of its journal's last mark, and then of each log the last line whose rev is at most
//! R. What happens while it reads cannot disturb that:
//!
//! | meanwhile | what it reads |
//! |---|---|
//! | an agent is registered | a log that begins beyond R, or is empty: not there yet |
//! | an agent ends | the last line before its end; its log is in one of the two folders, `active` being read before `ended` |
//! | an agent reports | the report or the one before it: both carry the same rev, and neither changes a count |
//! | the task is closed and moves | the same: its directory is held open |
//! | a finding is shared | nothing: how many there are was read before R, so each of them is of an agent that R has |
//!
//! Everything up to R is in the logs, because the mark is written last. Nothing acknowledged before the reader began is
//! missing either: what is acknowledged has its mark, or is the last line of the machine's journal. That line is read
//! between two readings of the task's rev; where it is this task's next change it is laid over what was read, and R is its
//! rev. Revs that cannot be are damage once they were found three times in a row ([`Moment`]).
//!
//! A look proves itself: what was read of the agents is counted and held against the counts of the mark. Where they differ,
//! because a log moved between two folders just as they were listed, the look is taken again; where they differ three times
//! and nothing moved, a log is damaged or missing, and that is told.
//!
//! What decides or waits leaves the last line out until it is applied, since it may yet be taken back: a commit whose sync
//! fails is.

use std::collections::HashSet;

use super::FileStore;
use super::ended;
use super::find::{unknown_agent, unknown_task};
use super::home::Home;
use super::jsonl::{Backward, newer};
use super::line::{AgentLine, Bad, FindingLine, decode};
use super::moment::{Looks, Moment, Unapplied};
use super::task::{AGENTS, Folder, LogAt, TaskDir, agent_of_log};
use crate::model::{
    Agent, AgentId, Counts, Report, SeveritySums, Status, TaskId, TaskState, Totals,
};
use crate::store::{AgentsWanted, Error, ReportQuery, Result, TaskView};

pub(crate) fn totals(store: &FileStore) -> Result<Totals> {
    match store.home_if_any()? {
        Some(home) => Ok(home
            .last_commit()?
            .map(|last| last.totals)
            .unwrap_or_default()),
        None => Ok(Totals::default()),
    }
}

/// A task's state now.
pub(crate) fn state(home: &Home, task: &TaskDir) -> Result<TaskState> {
    let findings = task.last_finding()?;
    let moment = Moment::of(home, task, Unapplied::LaidOver)?;
    state_at(task, &moment, findings.as_ref())
}

fn state_at(task: &TaskDir, moment: &Moment, findings: Option<&FindingLine>) -> Result<TaskState> {
    Ok(TaskState {
        task: task.settings()?,
        status: moment.mark.status,
        counts: moment.mark.counts,
        findings: findings.map_or(SeveritySums::default(), |line| line.sums),
    })
}

pub(crate) fn view(
    store: &FileStore,
    task: &TaskId,
    wanted: AgentsWanted<'_>,
    unapplied: Unapplied,
) -> Result<TaskView> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    let mut looks = Looks::default();
    loop {
        // Before the moment, so that each of them is of an agent that it has.
        let findings = task.last_finding()?;
        let moment = Moment::of(&home, &task, unapplied)?;
        if moment.is_deleted() {
            return Err(unknown_task(&home, task.id.as_str()));
        }
        let look = Look {
            task: &task,
            moment: &moment,
        };
        let seen = look.agents(wanted).and_then(|looked| {
            let state = state_at(&task, &moment, findings.as_ref())?;
            Ok((state, looked))
        });
        let looked = match seen {
            Ok((state, Looked::Agrees(agents))) => Ok((state, agents)),
            Ok((_, Looked::Disagrees(error))) | Err(error @ Error::Damaged { .. }) => {
                if !looks.are_enough(moment.revs) {
                    continue;
                }
                look.whole(wanted, error)
                    .and_then(|agents| Ok((state_at(&task, &moment, findings.as_ref())?, agents)))
            }
            Err(error) => return Err(error),
        };
        return match looked {
            Ok((state, agents)) => Ok(TaskView {
                state,
                agents,
                rev: moment.rev(),
                last_finding: findings.map_or(0, |line| line.finding.seq),
            }),
            // Its files go one by one.
            Err(_) if task.is_deleted()? => Err(unknown_task(&home, task.id.as_str())),
            Err(error) => Err(error),
        };
    }
}

/// What a look at a task's agents came to.
enum Looked {
    /// They are what the moment counts.
    Agrees(Vec<Agent>),
    /// They are not: something moved meanwhile, or else this is the damage.
    Disagrees(Error),
}

/// A look at the agents of a task at a moment.
struct Look<'a> {
    task: &'a TaskDir,
    moment: &'a Moment,
}

/// The agents of one or both folders.
#[derive(Default)]
struct Listed {
    agents: Vec<Agent>,
    seen: HashSet<AgentId>,
    /// The first log that says nothing: of nobody that is counted, or damaged.
    unreadable: Option<Error>,
}

impl Listed {
    fn take(&mut self, id: AgentId, one: Option<LogAt>) {
        match one {
            Some(LogAt::Line(line)) => {
                self.seen.insert(id);
                self.agents.push(line.agent);
            }
            Some(LogAt::NoLine(error)) => {
                self.unreadable.get_or_insert(error);
            }
            Some(LogAt::NotYet) | None => {}
        }
    }
}

impl Look<'_> {
    fn agents(&self, wanted: AgentsWanted<'_>) -> Result<Looked> {
        if self.moment.is_to_count
            && wanted != AgentsWanted::All
            && let Some(error) = self.disagreement()?
        {
            return Ok(Looked::Disagrees(error));
        }
        match wanted {
            AgentsWanted::None => Ok(Looked::Agrees(Vec::new())),
            AgentsWanted::These(ids) => self.these(ids),
            AgentsWanted::All => self.all(),
            AgentsWanted::ActiveAndLast(limit) => self.active_and_last(limit),
            AgentsWanted::Terminated => self.terminated(),
        }
    }

    fn these(&self, ids: &[AgentId]) -> Result<Looked> {
        let mut agents = Vec::with_capacity(ids.len());
        for id in ids {
            match self.one(id)? {
                Some(LogAt::Line(line)) => agents.push(line.agent),
                // A log without a line is somebody's only if he is missing among the others.
                Some(LogAt::NoLine(error)) if self.disagreement()?.is_some() => {
                    return Ok(Looked::Disagrees(error));
                }
                _ => return Err(unknown_agent(self.task, id.as_str())),
            }
        }
        Ok(Looked::Agrees(agents))
    }

    fn all(&self) -> Result<Looked> {
        let mut listed = self.in_folder(Folder::Active, Listed::default())?;
        listed = self.in_folder(Folder::Ended, listed)?;
        self.add_unapplied(&mut listed)?;
        let statuses = listed.agents.iter().map(|agent| agent.status);
        let counted = statuses.fold(Counts::default(), Counts::with);
        if counted != self.moment.mark.counts {
            let differs = || self.differs(&counted.to_string());
            return Ok(Looked::Disagrees(listed.unreadable.unwrap_or_else(differs)));
        }
        sort(&mut listed.agents);
        Ok(Looked::Agrees(listed.agents))
    }

    /// The same by a look at every log, whatever folder it lies in: those are an index, and may be wrong. Where that finds
    /// no more, `error` is the damage.
    fn whole(&self, wanted: AgentsWanted<'_>, error: Error) -> Result<Vec<Agent>> {
        let (AgentsWanted::ActiveAndLast(limit), Looked::Agrees(mut agents)) =
            (wanted, self.all()?)
        else {
            return Err(error);
        };
        let mut ended = 0;
        agents.retain(|agent| {
            ended += usize::from(!agent.status.is_active());
            agent.status.is_active() || ended <= limit
        });
        Ok(agents)
    }

    /// What is wrong if the logs do not give what the moment counts.
    fn disagreement(&self) -> Result<Option<Error>> {
        match self.all()? {
            Looked::Agrees(_) => Ok(None),
            Looked::Disagrees(error) => Ok(Some(error)),
        }
    }

    fn active_and_last(&self, limit: usize) -> Result<Looked> {
        let mut listed = self.in_folder(Folder::Active, Listed::default())?;
        self.add_unapplied(&mut listed)?;
        let mut agents = listed.agents;
        agents.retain(|agent| agent.status.is_active());
        let counts = self.moment.mark.counts;
        if agents.len() as u64 != counts.active {
            let differs = || self.differs(&format!("{} active", agents.len()));
            return Ok(Looked::Disagrees(listed.unreadable.unwrap_or_else(differs)));
        }
        // Where fewer have ended than are wanted, the whole journal would be searched for more.
        let all = usize::try_from(counts.spawned.saturating_sub(counts.active));
        let limit = limit.min(all.unwrap_or(usize::MAX));
        let ended = ended::last(self.task, self.moment, limit)?;
        self.add(&mut agents, &ended)
    }

    fn terminated(&self) -> Result<Looked> {
        let looked = match ended::terminated(self.task, self.moment)? {
            Some(ids) => self.add(&mut Vec::new(), &ids)?,
            None => self.all()?,
        };
        Ok(match looked {
            Looked::Agrees(mut agents) => {
                agents.retain(|agent| agent.status == Status::Terminated);
                Looked::Agrees(agents)
            }
            disagrees @ Looked::Disagrees(_) => disagrees,
        })
    }

    /// These as well, whom the journal names.
    fn add(&self, agents: &mut Vec<Agent>, ids: &[AgentId]) -> Result<Looked> {
        for id in ids {
            match self.one(id)? {
                Some(LogAt::Line(line)) => agents.push(line.agent),
                Some(LogAt::NoLine(error)) => return Ok(Looked::Disagrees(error)),
                Some(LogAt::NotYet) | None => {
                    return Ok(Looked::Disagrees(self.differs(&format!("no agent {id}"))));
                }
            }
        }
        sort(agents);
        Ok(Looked::Agrees(std::mem::take(agents)))
    }

    /// An agent's log at the moment, with what is laid over it.
    fn one(&self, id: &AgentId) -> Result<Option<LogAt>> {
        let log = self.task.log_at(id, self.moment.rev())?;
        let Some(over) = self
            .moment
            .agent_laid_over()
            .filter(|agent| agent.id == *id)
        else {
            return Ok(log);
        };
        let rev = self.moment.rev();
        let seq = match log {
            // Applied by now, or by a call that was killed before it could mark it.
            Some(LogAt::Line(line)) if line.rev == Some(rev) => {
                return Ok(Some(LogAt::Line(line)));
            }
            Some(LogAt::Line(line)) => line.agent.seq,
            Some(LogAt::NotYet | LogAt::NoLine(_)) | None => 0,
        };
        if over.seq == seq + 1 {
            return Ok(Some(LogAt::Line(Box::new(AgentLine {
                schema: crate::model::SCHEMA,
                rev: Some(rev),
                agent: over.clone(),
            }))));
        }
        let error = format!(
            "line {} of agent {id} is to follow, and its last is {seq}",
            over.seq
        );
        Ok(Some(LogAt::NoLine(self.differs(&error))))
    }

    fn in_folder(&self, folder: Folder, mut listed: Listed) -> Result<Listed> {
        let over = self.moment.agent_laid_over().map(|agent| &agent.id);
        let dir = self.task.dir.need_dir(folder.path())?;
        for name in dir.names()? {
            let Some(id) = agent_of_log(&name) else {
                continue;
            };
            // One that ends while the folders are listed is in both.
            if over == Some(&id) || listed.seen.contains(&id) {
                continue;
            }
            // It may have left the folder since that was listed.
            let log = match LogAt::read(&dir, &name, self.moment.rev())? {
                Some(log) => Some(log),
                None => self.task.log_at(&id, self.moment.rev())?,
            };
            listed.take(id, log);
        }
        Ok(listed)
    }

    /// The agent of a change that is not applied yet: where it is laid over, and where it is left out and its log may have
    /// moved already.
    fn add_unapplied(&self, listed: &mut Listed) -> Result<()> {
        let commit = self.moment.unapplied.as_ref().map(|(commit, _)| commit);
        if let Some(agent) = commit.and_then(|commit| commit.agent.as_ref())
            && !listed.seen.contains(&agent.id)
        {
            listed.take(agent.id.clone(), self.one(&agent.id)?);
        }
        Ok(())
    }

    fn differs(&self, found: &str) -> Error {
        Error::damaged(
            self.task.dir.at(AGENTS),
            format!(
                "the task's journal counts {} at rev {}, and its agents' logs give {found}",
                self.moment.mark.counts,
                self.moment.rev()
            ),
        )
    }
}

/// Active agents by registration, then ended ones, the last to end first.
fn sort(agents: &mut [Agent]) {
    agents.sort_by(|a, b| {
        let (a_ended, b_ended) = (!a.status.is_active(), !b.status.is_active());
        a_ended.cmp(&b_ended).then_with(|| {
            if a_ended {
                b.ended_at.cmp(&a.ended_at).then_with(|| a.id.cmp(&b.id))
            } else {
                (a.registered_at, &a.id).cmp(&(b.registered_at, &b.id))
            }
        })
    });
}

pub(crate) fn reports(
    store: &FileStore,
    task: &TaskId,
    query: &ReportQuery,
) -> Result<Vec<Report>> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    // Read first: a change that is applied after this stands in a log by the time the log is read.
    let moment = Moment::of(&home, &task, Unapplied::LaidOver)?;
    let over = moment.agent_laid_over();
    let ids = if query.agents.is_empty() {
        let mut ids: HashSet<AgentId> = task.agents_in(Folder::Active)?.into_iter().collect();
        ids.extend(task.agents_in(Folder::Ended)?);
        ids.extend(over.iter().map(|agent| agent.id.clone()));
        ids.into_iter().collect()
    } else {
        query.agents.clone()
    };
    let mut reports = Vec::new();
    for id in &ids {
        reports_of(&task, id, query, over, &mut reports)?;
    }
    reports.sort_by(|a, b| (a.at, &a.agent, a.seq).cmp(&(b.at, &b.agent, b.seq)));
    Ok(reports)
}

/// The reports of one agent, the last one first; `over` is laid over the logs.
fn reports_of(
    task: &TaskDir,
    id: &AgentId,
    query: &ReportQuery,
    over: Option<&Agent>,
    reports: &mut Vec<Report>,
) -> Result<()> {
    let over = over.filter(|agent| agent.id == *id);
    let log = task.open_log(id)?;
    if log.is_none() && over.is_none() {
        return Err(unknown_agent(task, id.as_str()));
    }
    let mut last_seq = None;
    let mut found = Vec::new();
    if let Some((file, path)) = &log {
        let mut lines = Backward::new(file, path)?;
        while let Some(line) = lines.next_line()? {
            match decode::<AgentLine>(line) {
                Ok(line) => {
                    let report = line.agent.report();
                    last_seq = last_seq.max(Some(report.seq));
                    if query.since.is_some_and(|since| report.at < since) {
                        break;
                    }
                    found.push(report);
                }
                Err(Bad::Newer(schema)) => return Err(newer(path, schema)),
                Err(Bad::Garbage(_)) => {}
            }
        }
    }
    let over = over.filter(|agent| Some(agent.seq) > last_seq);
    reports.extend(
        over.map(Agent::report)
            .filter(|report| query.admits(report)),
    );
    reports.extend(found);
    Ok(())
}
