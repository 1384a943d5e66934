//! The agents that are waited for, of one task: looked at without locks, and recorded as dead when they are.

use std::collections::HashSet;

use agentreg::model::{Agent, AgentId, Counts, Liveness, Status, TaskId, TaskState, TaskStatus};
use agentreg::store::{AgentsWanted, NewReports, ReportQuery, Store};

use super::goal::Tally;
use crate::cli::words::Until;
use crate::commands::alive::alive;
use crate::commands::reap;
use crate::output::Failure;

/// The agents of one task that are waited for.
pub struct Party {
    pub task: TaskId,
    /// These, or all of the task.
    named: Option<Vec<AgentId>>,
    /// The status that an agent has to have had since it is waited for, if that is one it may leave again.
    passing: Option<(Status, Box<dyn NewReports>)>,
    /// Those that had it.
    seen: HashSet<AgentId>,
    /// As they were at the last look: the named ones, or the active ones.
    agents: Vec<Agent>,
    /// Who is dead and could not be recorded so: they count as ended.
    lost: HashSet<AgentId>,
}

impl Party {
    /// Nobody is looked at yet.
    pub fn new(
        task: TaskId,
        named: Option<Vec<AgentId>>,
        until: Until,
        store: &dyn Store,
    ) -> Result<Self, Failure> {
        let passing = match until {
            Until::Is(status) if status.is_active() => {
                let query = ReportQuery {
                    agents: named.clone().unwrap_or_default(),
                    since: None,
                };
                let mut reports = store.follow_reports(&task, &query)?;
                // What they were before is not waited for; what they are is looked at.
                reports.next()?;
                Some((status, reports))
            }
            _ => None,
        };
        Ok(Self {
            task,
            named,
            passing,
            seen: HashSet::new(),
            agents: Vec::new(),
            lost: HashSet::new(),
        })
    }

    /// How they stand now.
    pub fn look(&mut self, store: &dyn Store, until: Until) -> Result<Tally, Failure> {
        let wanted = match &self.named {
            Some(ids) => AgentsWanted::These(ids),
            None => AgentsWanted::ActiveAndLast(0),
        };
        let view = store.peek(&self.task, wanted)?;
        self.agents = view.agents;
        if let Some((status, reports)) = &mut self.passing {
            let new = reports.next()?;
            let had = new.into_iter().filter(|report| report.status == *status);
            self.seen.extend(had.map(|report| report.agent));
            let have = self.agents.iter().filter(|agent| agent.status == *status);
            self.seen.extend(have.map(|agent| agent.id.clone()));
        }
        Ok(self.tally(&view.state, until))
    }

    fn tally(&self, state: &TaskState, until: Until) -> Tally {
        let mut counts = state.counts;
        if self.named.is_some() {
            counts = self
                .agents
                .iter()
                .fold(Counts::default(), |counts, agent| counts.with(agent.status));
        }
        let is_lost = |agent: &&Agent| self.lost.contains(&agent.id);
        for _ in self.agents.iter().filter(is_lost) {
            counts = counts.with_ended(Status::Failed);
        }
        let (met, open) = match until {
            Until::Ended | Until::Is(Status::Completed) => (counts.completed, counts.active),
            Until::Is(Status::Failed) => (counts.failed, counts.active),
            Until::Is(Status::Terminated) => (counts.terminated, counts.active),
            Until::Is(_) => {
                let waits = |agent: &&Agent| {
                    agent.status.is_active()
                        && !self.seen.contains(&agent.id)
                        && !self.lost.contains(&agent.id)
                };
                let open = self.agents.iter().filter(waits).count();
                (self.seen.len() as u64, open as u64)
            }
        };
        Tally {
            met,
            open,
            lost: counts.spawned.saturating_sub(met + open),
            may_grow: self.named.is_none() && state.status == TaskStatus::Open,
        }
    }

    /// Records those that are known to be dead as failed. What cannot be recorded counts as ended all the same, and is
    /// told. Whether there was any.
    pub fn bury(
        &mut self,
        store: &dyn Store,
        tell: &mut dyn FnMut(Failure),
    ) -> Result<bool, Failure> {
        let mut any = false;
        for agent in &self.agents {
            if self.lost.contains(&agent.id)
                || !agent.status.is_active()
                || alive(store, agent) != Liveness::No
            {
                continue;
            }
            any = true;
            // It may have ended in order since the last look, so that is looked at again under its lock.
            if let Err(error) = reap::if_dead(store, agent) {
                tell(error.into());
                self.lost.insert(agent.id.clone());
            }
        }
        Ok(any)
    }

    /// All of them, whole.
    pub fn agents(&self, store: &dyn Store) -> Result<Vec<Agent>, Failure> {
        let wanted = match &self.named {
            Some(ids) => AgentsWanted::These(ids),
            None => AgentsWanted::All,
        };
        Ok(store.peek(&self.task, wanted)?.agents)
    }
}
