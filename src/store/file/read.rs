//! The operations that only read. They repair nothing: a change that is committed and not yet applied is laid over what
//! they read.
//!
//! Counts are read without locks, from the journals' last lines: the global one first, so that a task's own line is never
//! older than what the global one said. Agents beside counts are read under the task's lock, shared.

use std::collections::HashSet;
use std::time::Duration;

use super::FileStore;
use super::dir::Access;
use super::ended;
use super::find::task_ids;
use super::home::Home;
use super::jsonl::{Backward, newer};
use super::line::{AgentLine, Bad, Commit, Mark, decode};
use super::task::{AgentLog, Folder, JOURNAL as TASK_JOURNAL, TaskDir, agent_of_log};
use crate::model::{
    Agent, AgentId, Report, SeveritySums, Status, Task, TaskId, TaskState, TaskStatus, Totals,
};
use crate::store::{AgentsWanted, Error, ReportQuery, Result, Scope, TaskView};

/// So often the overview is read again when the journal moved while it was read.
const TRIES: usize = 5;

/// So often a look without locks that met a log without a line is taken again.
const MOST_TRIES: usize = 50;

pub(crate) fn totals(store: &FileStore) -> Result<Totals> {
    match store.home_if_any()? {
        Some(home) => Ok(home
            .last_commit()?
            .map(|last| last.totals)
            .unwrap_or_default()),
        None => Ok(Totals::default()),
    }
}

pub(crate) fn tasks(store: &FileStore, scope: Scope) -> Result<(Totals, Vec<TaskState>)> {
    let Some(home) = store.home_if_any()? else {
        return Ok((Totals::default(), Vec::new()));
    };
    let mut tries = 0;
    loop {
        let last = home.last_commit()?;
        let mut states = Vec::new();
        for id in task_ids(&home, scope)? {
            if let Some(task) = TaskDir::find_existing(&home, &id)? {
                states.push(state_with(&task, pending(&task, last.as_ref())?.as_ref())?);
            }
        }
        let rev = last.as_ref().map(|last| last.rev);
        tries += 1;
        if tries < TRIES && home.last_commit_head()?.map(|head| head.rev) != rev {
            continue;
        }
        states.retain(|state| scope == Scope::All || state.status == TaskStatus::Open);
        states
            .sort_by(|a, b| (a.task.created_at, &a.task.id).cmp(&(b.task.created_at, &b.task.id)));
        return Ok((last.map(|last| last.totals).unwrap_or_default(), states));
    }
}

/// A task's state now.
pub(crate) fn state(home: &Home, task: &TaskDir) -> Result<TaskState> {
    let last = home.last_commit()?;
    state_with(task, pending(task, last.as_ref())?.as_ref())
}

/// The journal's last line if it is this task's and not applied there yet.
pub(crate) fn pending(task: &TaskDir, last: Option<&Commit>) -> Result<Option<Commit>> {
    match last.filter(|last| last.task == task.id) {
        Some(last) if task.applied_rev()? < last.rev => Ok(Some(last.clone())),
        _ => Ok(None),
    }
}

fn state_with(task: &TaskDir, pending: Option<&Commit>) -> Result<TaskState> {
    let settings: Task = task.settings()?;
    let mark: Mark = match pending {
        Some(commit) => commit.mark(),
        None => task.last_mark()?.ok_or_else(|| {
            Error::damaged(task.dir.at(TASK_JOURNAL), "the task's journal is empty")
        })?,
    };
    Ok(TaskState {
        task: settings,
        status: mark.status,
        counts: mark.counts,
        findings: task
            .last_finding()?
            .map_or(SeveritySums::default(), |line| line.sums),
    })
}

pub(crate) fn view(store: &FileStore, task: &TaskId, wanted: AgentsWanted<'_>) -> Result<TaskView> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    if wanted == AgentsWanted::None {
        return without_agents(&home, &task);
    }
    let _lock = task.lock_shared(&store.patience())?;
    look(&home, &task, wanted)
}

/// Counts alone need no lock: they stand in one line.
fn without_agents(home: &Home, task: &TaskDir) -> Result<TaskView> {
    Ok(TaskView {
        state: state(home, task)?,
        agents: Vec::new(),
    })
}

/// The same without the lock; looks again while the task is changing.
pub(crate) fn peek(store: &FileStore, task: &TaskId, wanted: AgentsWanted<'_>) -> Result<TaskView> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    if wanted == AgentsWanted::None {
        return without_agents(&home, &task);
    }
    let mut tries = 0;
    loop {
        let before = task.applied_rev()?;
        let looked = look(&home, &task, wanted);
        tries += 1;
        match &looked {
            // An agent that is just being registered has an empty log; once more, and the journal tells of it.
            Err(Error::Damaged { .. }) if tries < MOST_TRIES => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(_) if tries < TRIES && task.applied_rev()? != before => {}
            _ => return looked,
        }
    }
}

fn look(home: &Home, task: &TaskDir, wanted: AgentsWanted<'_>) -> Result<TaskView> {
    let last = home.last_commit()?;
    let pending = pending(task, last.as_ref())?;
    let unrecorded = match pending.as_ref().and_then(|commit| commit.agent.as_ref()) {
        Some(agent) if !task.has_recorded(agent)? => Some(agent),
        _ => None,
    };
    let agents = Agents {
        task,
        pending: unrecorded,
    };
    let state = state_with(task, pending.as_ref())?;
    let agents = agents.wanted(wanted, &state, pending.as_ref())?;
    Ok(TaskView { state, agents })
}

/// The agents of a task, with what is committed and not yet in a log.
struct Agents<'a> {
    task: &'a TaskDir,
    pending: Option<&'a Agent>,
}

impl Agents<'_> {
    fn wanted(
        &self,
        wanted: AgentsWanted<'_>,
        state: &TaskState,
        pending: Option<&Commit>,
    ) -> Result<Vec<Agent>> {
        match wanted {
            AgentsWanted::None => Ok(Vec::new()),
            AgentsWanted::These(ids) => ids.iter().map(|id| self.one(id)).collect(),
            AgentsWanted::All => {
                let mut agents = self.in_folder(Folder::Active)?;
                // Without the lock one may end, and be in both, while the folders are listed.
                let listed: HashSet<AgentId> = agents.iter().map(|a| a.id.clone()).collect();
                agents.extend(self.in_folder(Folder::Ended)?);
                let mut place = 0..;
                agents.retain(|agent| {
                    place.next() < Some(listed.len()) || !listed.contains(&agent.id)
                });
                sort(&mut agents);
                Ok(agents)
            }
            AgentsWanted::ActiveAndLast(limit) => {
                let mut agents = self.in_folder(Folder::Active)?;
                agents.retain(|agent| agent.status.is_active());
                // Where fewer have ended than are wanted, the whole journal would be searched for more.
                let counts = state.counts;
                let all = usize::try_from(counts.spawned.saturating_sub(counts.active))
                    .unwrap_or(usize::MAX);
                for id in ended::last(self.task, pending, limit.min(all))? {
                    agents.push(self.one(&id)?);
                }
                sort(&mut agents);
                Ok(agents)
            }
            AgentsWanted::Terminated => {
                let mut agents = match ended::terminated(self.task, pending)? {
                    Some(ids) => ids.iter().map(|id| self.one(id)).collect::<Result<_>>()?,
                    None => self.wanted(AgentsWanted::All, state, pending)?,
                };
                agents.retain(|agent| agent.status == Status::Terminated);
                Ok(agents)
            }
        }
    }

    fn one(&self, id: &AgentId) -> Result<Agent> {
        if let Some(pending) = self.pending.filter(|pending| pending.id == *id) {
            return Ok(pending.clone());
        }
        self.task
            .agent(id)?
            .ok_or_else(|| super::find::unknown_agent(self.task, id.as_str()))
    }

    fn in_folder(&self, folder: Folder) -> Result<Vec<Agent>> {
        let mut agents = Vec::new();
        let dir = self.task.dir.need_dir(folder.path())?;
        for name in dir.names()? {
            let Some(id) = agent_of_log(&name) else {
                continue;
            };
            if self.pending.is_some_and(|pending| pending.id == id) {
                continue;
            }
            // Without the lock it may have left the folder since the folder was listed.
            match AgentLog::read_last(&dir, &name)? {
                Some(agent) => agents.push(agent),
                None => agents.extend(self.task.agent(&id)?),
            }
        }
        // The pending agent's log lies, or will lie, in `active`.
        if folder == Folder::Active {
            agents.extend(self.pending.cloned());
        }
        Ok(agents)
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
    let last = home.last_commit()?;
    let pending = pending(&task, last.as_ref())?.and_then(|commit| commit.agent);
    let ids = if query.agents.is_empty() {
        let mut ids: HashSet<AgentId> = task.agents_in(Folder::Active)?.into_iter().collect();
        ids.extend(task.agents_in(Folder::Ended)?);
        ids.extend(pending.iter().map(|agent| agent.id.clone()));
        ids.into_iter().collect()
    } else {
        query.agents.clone()
    };
    let mut reports = Vec::new();
    for id in &ids {
        reports_of(&task, id, query, pending.as_ref(), &mut reports)?;
    }
    reports.sort_by(|a, b| (a.at, &a.agent, a.seq).cmp(&(b.at, &b.agent, b.seq)));
    Ok(reports)
}

fn reports_of(
    task: &TaskDir,
    id: &AgentId,
    query: &ReportQuery,
    pending: Option<&Agent>,
    reports: &mut Vec<Report>,
) -> Result<()> {
    let pending = pending.filter(|agent| agent.id == *id);
    let Some(log) = task.log(id, Access::Read)? else {
        return match pending {
            Some(agent) => {
                reports.push(agent.report());
                Ok(())
            }
            None => Err(super::find::unknown_agent(task, id.as_str())),
        };
    };
    let last_seq = log.tail.last.as_ref().map_or(0, |line| line.agent.seq);
    reports.extend(
        pending
            .filter(|agent| agent.seq > last_seq)
            .map(Agent::report)
            .filter(|report| query.admits(report)),
    );
    let mut lines = Backward::new(&log.file, &log.path)?;
    while let Some(line) = lines.next_line()? {
        match decode::<AgentLine>(line) {
            Ok(line) => {
                let report = line.agent.report();
                if query.since.is_some_and(|since| report.at < since) {
                    break;
                }
                reports.push(report);
            }
            Err(Bad::Newer(schema)) => return Err(newer(&log.path, schema)),
            Err(Bad::Garbage(_)) => {}
        }
    }
    Ok(())
}
