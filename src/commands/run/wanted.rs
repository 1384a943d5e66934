//! Whether an agent is still wanted: somebody may terminate it, from wherever its registry can be reached. Then its
//! supervisor ends what it runs, whom nobody else need be able to signal.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use agentreg::model::{Agent, EndHow, Kind, Rejection};
use agentreg::process::Wanted;
use agentreg::store::{AgentsWanted, Pace, Store, Watched, Watcher};

use crate::output::Failure;

/// An agent whose log is watched.
pub struct WantedAgent<'a> {
    store: &'a dyn Store,
    agent: &'a Agent,
    /// What its processes get to end in, where nobody says.
    grace: Duration,
    /// None where it cannot be watched.
    watcher: Option<Box<dyn Watcher>>,
}

impl<'a> WantedAgent<'a> {
    /// Watches from now on.
    pub fn watch(store: &'a dyn Store, agent: &'a Agent, grace: Duration) -> Self {
        let mut wanted = Self {
            store,
            agent,
            grace,
            watcher: None,
        };
        wanted.watch_again();
        wanted
    }

    /// Whoever ended the agent before it was watched is not told of.
    pub fn check(&self) -> Result<(), Failure> {
        match self.now()? {
            Some(agent) if !agent.status.is_active() => Err(Rejection::new(
                Kind::IllegalTransition,
                format!("agent {} has ended before its command began", agent.id),
            )
            .into()),
            _ => Ok(()),
        }
    }

    fn now(&self) -> agentreg::store::Result<Option<Agent>> {
        let wanted = AgentsWanted::These(std::slice::from_ref(&self.agent.id));
        Ok(self.store.view(&self.agent.task, wanted)?.agents.pop())
    }

    /// The log may be another file by now.
    fn watch_again(&mut self) {
        let log = [Watched::Agent(&self.agent.task, &self.agent.id)];
        self.watcher = self.store.watcher(&log, Pace::Prompt).ok();
    }
}

impl Wanted for WantedAgent<'_> {
    fn changes(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().and_then(|watcher| watcher.source())
    }

    fn is_withdrawn(&mut self) -> Option<Duration> {
        // Before the look, so that nothing is missed after it.
        self.watch_again();
        let agent = self.now().ok().flatten()?;
        let is_terminated = agent
            .end
            .as_ref()
            .is_some_and(|end| end.how == EndHow::Terminated);
        let grace = agent.run.grace_ms.map(Duration::from_millis);
        is_terminated.then(|| grace.unwrap_or(self.grace))
    }
}
