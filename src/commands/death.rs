//! Who is dead, for those who act on it.
//!
//! Mostly that is told at once. Where an agent's supervisor and guardian were both killed, its processes are searched for:
//! those that are found are proof of life, and where none is found it is dead. `reap`, `terminate` and `task close
//! --force` end what they find; everybody else only looks.

use std::collections::HashMap;
use std::time::Duration;

use agentreg::model::{Agent, AgentId, End, EndHow, Ending, Liveness, TaskId};
use agentreg::process::{Carried, Carrier, Census, Swept, sweep};
use agentreg::store::{Done, Error, Store};

use super::alive::{Leased, alive, by_lease, cause};

/// An agent that is dead.
pub struct Dead {
    pub agent: Agent,
    /// Whether nobody knew before its processes were searched for.
    searched: bool,
}

/// An agent whose supervisor and guardian were killed, and whose processes live.
pub struct Orphaned {
    pub agent: Agent,
    pub carried: Carried,
    pub processes: Vec<Carrier>,
}

impl Orphaned {
    /// The numbers of its processes, in words.
    pub fn names(&self) -> String {
        names(&self.processes)
    }
}

/// The numbers of processes, in words.
pub fn names(processes: &[Carrier]) -> String {
    let numbers: Vec<_> = processes.iter().map(|one| one.pid().to_string()).collect();
    let word = if numbers.len() == 1 {
        "process"
    } else {
        "processes"
    };
    format!("{word} {}", numbers.join(", "))
}

/// What is known of some agents.
#[derive(Default)]
pub struct Judged {
    pub dead: Vec<Dead>,
    pub orphaned: Vec<Orphaned>,
}

/// What searches found. As long as a process that was found lives, it is not searched again.
#[derive(Default)]
pub struct Findings(HashMap<(TaskId, AgentId), Vec<Carrier>>);

/// Tells the dead, and those whose processes alone live, from the others.
pub fn judge(
    store: &dyn Store,
    agents: impl IntoIterator<Item = Agent>,
    found: &mut Findings,
) -> Judged {
    let mut judged = Judged::default();
    let mut unsearched = Vec::new();
    for agent in agents.into_iter().filter(|agent| agent.status.is_active()) {
        if agent.leased
            && let Leased::Unsearched(carried) = by_lease(store, &agent)
        {
            unsearched.push((agent, carried));
        } else if alive(store, &agent) == Liveness::No {
            let searched = false;
            judged.dead.push(Dead { agent, searched });
        }
    }
    let key = |agent: &Agent| (agent.task.clone(), agent.id.clone());
    let mut unknown = Vec::new();
    for (agent, carried) in unsearched {
        let known = found.0.remove(&key(&agent)).unwrap_or_default();
        let processes: Vec<_> = known.into_iter().filter(|one| one.lives()).collect();
        unknown.push((agent, carried, processes));
    }
    // A process that starts another and exits may be missed once.
    for _ in 0..2 {
        if unknown.iter().any(|(_, _, processes)| processes.is_empty()) {
            let Ok(census) = Census::take() else {
                unknown.retain(|(_, _, processes)| !processes.is_empty());
                break;
            };
            for (_, carried, processes) in &mut unknown {
                if processes.is_empty() {
                    *processes = census.of(carried);
                }
            }
        }
    }
    for (agent, carried, processes) in unknown {
        if processes.is_empty() {
            let searched = true;
            judged.dead.push(Dead { agent, searched });
        } else {
            found.0.insert(key(&agent), processes.clone());
            judged.orphaned.push(Orphaned {
                agent,
                carried,
                processes,
            });
        }
    }
    judged
}

impl Dead {
    /// Ends it as failed if it is dead when nobody can change it any more.
    pub fn record(&self, store: &dyn Store) -> Result<Done<Agent>, Error> {
        let reason = if self.searched {
            "its `run` was killed and its guardian too, and no process of it is left".to_owned()
        } else {
            cause(store, &self.agent)
        };
        let ending = Ending::from(reaped(reason));
        // A lease that is free is held by nobody ever again, so what was searched for needs no other search.
        let is_dead = |agent: &Agent| match by_lease_if_any(store, agent) {
            Some(Leased::Unsearched(_)) => self.searched,
            _ => alive(store, agent) == Liveness::No,
        };
        store.reap(&self.agent.task, &self.agent.id, &ending, &is_dead)
    }
}

fn by_lease_if_any(store: &dyn Store, agent: &Agent) -> Option<Leased> {
    agent.leased.then(|| by_lease(store, agent))
}

fn reaped(reason: String) -> End {
    End {
        how: EndHow::Reaped,
        code: None,
        signal: None,
        reason: Some(reason),
    }
}

impl Orphaned {
    /// Ends its processes, and then it as failed; what came of its processes, and of it if they are gone.
    pub fn end(
        &self,
        store: &dyn Store,
        grace: Duration,
    ) -> Result<(Swept, Option<Done<Agent>>), Error> {
        let swept = sweep(&self.carried, grace).map_err(|source| Error::Io {
            action: "list",
            path: "/proc".into(),
            source,
        })?;
        if !swept.left.is_empty() || !swept.above.is_empty() {
            return Ok((swept, None));
        }
        let reason = "its `run` was killed and its guardian too".to_owned();
        let ending = Ending {
            warnings: vec![ended(swept.ended)],
            ..Ending::from(reaped(format!("{reason}; {}", ended(swept.ended))))
        };
        let is_dead =
            |agent: &Agent| matches!(by_lease_if_any(store, agent), Some(Leased::Unsearched(_)));
        let done = store.reap(&self.agent.task, &self.agent.id, &ending, &is_dead)?;
        Ok((swept, Some(done)))
    }
}

/// How many processes were ended that nobody watched over any more, in words.
pub fn ended(count: usize) -> String {
    match count {
        1 => "ended 1 process of it that had lived on".to_owned(),
        n => format!("ended {n} processes of it that had lived on"),
    }
}
