//! Ending the processes of agents whose end is recorded.

use std::thread::sleep;
use std::time::{Duration, Instant};

use agentreg::model::{Agent, EndHow, TaskId};
use agentreg::process::Target;
use agentreg::store::{AgentsWanted, Result, Store};

/// How long after they were asked to end processes are killed, where nobody says.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long a supervisor may take to write down what it starts, and the system to end what is killed.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// Asks what belongs to the terminated among `agents` to end, all at once, and kills after `grace` what is left. Gives
/// what could not be done, in words.
pub fn all(store: &dyn Store, agents: &[Agent], grace: Duration) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut asked = Vec::new();
    for agent in agents.iter().filter(|agent| is_terminated(agent)) {
        let Some(target) = target(store, agent) else {
            continue;
        };
        match target.ask() {
            Ok(true) => asked.push((agent, target)),
            Ok(false) => {}
            Err(error) => warnings.push(format!("agent {} was not signalled: {error}", agent.id)),
        }
    }
    let deadline = Instant::now() + grace;
    asked.retain(|(_, target)| !target.wait_gone(deadline));
    for (_, target) in &asked {
        target.kill();
    }
    let deadline = Instant::now() + PATIENCE;
    asked.retain(|(_, target)| !target.wait_gone(deadline));
    warnings.extend(
        asked
            .iter()
            .map(|(agent, _)| format!("agent {} was killed and is not gone yet", agent.id)),
    );
    warnings
}

fn is_terminated(agent: &Agent) -> bool {
    agent
        .end
        .as_ref()
        .is_some_and(|end| end.how == EndHow::Terminated)
}

/// The agents of a task that were terminated and live on: whoever terminated them may have been killed before it
/// signalled anybody.
pub fn left_over(store: &dyn Store, task: &TaskId) -> Result<Vec<Agent>> {
    let mut agents = store.view(task, AgentsWanted::Terminated)?.agents;
    agents.retain(|agent| is_terminated(agent) && lives_on(store, agent));
    Ok(agents)
}

/// A lease that is free says that everything is gone: then nothing is asked for by its number.
fn lives_on(store: &dyn Store, agent: &Agent) -> bool {
    if agent.leased {
        let lease = store.lease(&agent.task, &agent.id);
        return lease.is_ok_and(|lease| lease.held == Some(true));
    }
    target(store, agent).is_some_and(|target| target.lives())
}

/// What is to be signalled for an agent, if anything.
fn target(store: &dyn Store, agent: &Agent) -> Option<Target> {
    if !agent.leased {
        let process = agent.process.as_ref()?;
        return Target::process(agent.pid?, process, agent.host.as_deref());
    }
    // A supervisor that has not written down its command yet will look once more whether the agent is active after it
    // has: either it sees the end, or what it wrote is seen here.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lease = store.lease(&agent.task, &agent.id).ok()?;
        if let Some(running) = &lease.running {
            return Target::group(running);
        }
        if lease.held != Some(true) || Instant::now() >= deadline {
            return None;
        }
        sleep(LOOK);
    }
}
