//! The agents that are waited for, of one task: as far as changes are applied, and recorded as dead when they are.

use std::collections::HashSet;

use agentreg::model::{Agent, AgentId, Counts, Status, TaskId, TaskStatus};
use agentreg::store::{AgentsWanted, Store};

use super::goal::Tally;
use super::passing::Passing;
use crate::cli::words::Until;
use crate::commands::death::{Findings, judge};
use crate::output::Failure;

/// The agents of one task that are waited for.
pub struct Party {
    pub task: TaskId,
    /// These, or all of the task.
    named: Option<Vec<AgentId>>,
    /// Where they are to pass through a status that they may leave again.
    passing: Option<Passing>,
    /// The task's counts at the last look. Whoever is registered or ends changes them.
    counts: Counts,
    /// And its status.
    status: TaskStatus,
    /// The named ones, or the active ones.
    agents: Vec<Agent>,
    /// Whether agents were registered or ended since those were read.
    is_stale: bool,
    /// Who is dead and could not be recorded so: they count as ended.
    lost: HashSet<AgentId>,
    /// What is left of those whose `run` was killed.
    found: Findings,
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
                Some(Passing::new(&task, named.as_deref(), status, store)?)
            }
            _ => None,
        };
        Ok(Self {
            task,
            named,
            passing,
            counts: Counts::default(),
            status: TaskStatus::Open,
            agents: Vec::new(),
            is_stale: true,
            lost: HashSet::new(),
            found: Findings::default(),
        })
    }

    /// How they stand now. It reads agents only where it has to.
    pub fn look(&mut self, store: &dyn Store, until: Until) -> Result<Tally, Failure> {
        let state = store.applied(&self.task, AgentsWanted::None)?.state;
        self.is_stale |= std::mem::replace(&mut self.counts, state.counts) != state.counts;
        self.status = state.status;
        let may_grow = self.named.is_none() && state.status == TaskStatus::Open;
        let tally = if let Some(passing) = &mut self.passing {
            passing.look()?;
            passing.tally(&self.lost)
        } else if self.named.is_some() {
            self.read_again(store)?;
            let statuses = self.agents.iter().map(|agent| agent.status);
            self.tally(statuses.fold(Counts::default(), Counts::with), until)
        } else {
            if !self.lost.is_empty() {
                self.read_again(store)?;
            }
            self.tally(state.counts, until)
        };
        Ok(Tally { may_grow, ..tally })
    }

    /// Reads the agents where some were registered or ended.
    fn read_again(&mut self, store: &dyn Store) -> Result<(), Failure> {
        if self.is_stale {
            let wanted = match &self.named {
                Some(ids) => AgentsWanted::These(ids),
                None => AgentsWanted::ActiveAndLast(0),
            };
            self.agents = store.applied(&self.task, wanted)?.agents;
            self.is_stale = false;
        }
        Ok(())
    }

    fn tally(&self, mut counts: Counts, until: Until) -> Tally {
        let is_lost = |agent: &&Agent| self.lost.contains(&agent.id) && agent.status.is_active();
        for _ in self.agents.iter().filter(is_lost) {
            counts = counts.with_ended(Status::Failed);
        }
        let met = match until {
            Until::Is(Status::Failed) => counts.failed,
            Until::Is(Status::Terminated) => counts.terminated,
            _ => counts.completed,
        };
        Tally {
            met,
            open: counts.active,
            lost: counts.spawned.saturating_sub(met + counts.active),
            may_grow: false,
        }
    }

    /// Applies what a killed call left, and records those that are known to be dead as failed. What cannot be recorded
    /// counts as ended all the same, and is told. Whether there is something new to look at.
    pub fn bury(
        &mut self,
        store: &dyn Store,
        tell: &mut dyn FnMut(Failure),
    ) -> Result<bool, Failure> {
        // Who cannot write, or finds somebody at work, is told of it by the change.
        let mut any = store.finish(&self.task).unwrap_or(false);
        self.is_stale |= any;
        self.read_again(store)?;
        let active = self
            .agents
            .iter()
            .filter(|agent| !self.lost.contains(&agent.id));
        let judged = judge(store, active.cloned(), &mut self.found);
        let seems_dead: Vec<AgentId> = judged.dead.into_iter().map(|dead| dead.agent.id).collect();
        for id in seems_dead {
            // It may have ended, or said something, since it was read.
            let one = std::slice::from_ref(&id);
            for agent in store.applied(&self.task, AgentsWanted::These(one))?.agents {
                let now = judge(store, [agent.clone()], &mut self.found);
                if let Some(dead) = now.dead.first() {
                    any = true;
                    if let Err(error) = dead.record(store) {
                        tell(error.into());
                        self.lost.insert(agent.id);
                    }
                } else if let Some(known) = self.agents.iter_mut().find(|known| known.id == id) {
                    *known = agent;
                }
            }
        }
        // A look between a commit and the mark that it is applied leaves it out, and no file that is watched tells of that
        // mark.
        let state = store.applied(&self.task, AgentsWanted::None)?.state;
        Ok(any || state.counts != self.counts || state.status != self.status)
    }

    /// All of them, whole.
    pub fn agents(&self, store: &dyn Store) -> Result<Vec<Agent>, Failure> {
        let wanted = match &self.named {
            Some(ids) => AgentsWanted::These(ids),
            None => AgentsWanted::All,
        };
        Ok(store.applied(&self.task, wanted)?.agents)
    }
}
