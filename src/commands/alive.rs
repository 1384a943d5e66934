//! Whether an agent lives: by its lease, else by its process, else by how long it has been silent.

use std::time::Duration;

use agentreg::model::{Agent, Liveness, Running, format_duration};
use agentreg::process;
use agentreg::store::{FindingQuery, Store};

use super::context::now;

/// Whether the agent lives. What cannot be seen from here is unknown.
pub fn alive(store: &dyn Store, agent: &Agent) -> Liveness {
    if !agent.status.is_active() {
        return Liveness::No;
    }
    if agent.leased {
        return by_lease(store, agent);
    }
    match process::liveness(agent) {
        Liveness::Unknown => by_silence(store, agent),
        known => known,
    }
}

/// Why a dead agent is known to be dead, in words.
pub fn cause(agent: &Agent) -> String {
    match (agent.leased, agent.pid, agent.ttl) {
        (true, _, _) => "its `run` is gone: nobody holds its lease".to_owned(),
        (_, Some(pid), None) => format!("its process {pid} is gone"),
        (_, Some(pid), _) if process::liveness(agent) == Liveness::No => {
            format!("its process {pid} is gone")
        }
        (_, _, ttl) => format!(
            "no report or finding for longer than {}",
            format_duration(Duration::from_secs(ttl.unwrap_or(0)))
        ),
    }
}

/// A held lease is life. A free one is death only where locks are this kernel's: on another host, over a network file
/// system that does not pass them on, it may be held all the same.
fn by_lease(store: &dyn Store, agent: &Agent) -> Liveness {
    let Ok(lease) = store.lease(&agent.task, &agent.id) else {
        return Liveness::Unknown;
    };
    let is_here = |running: &Running| {
        let command = running.command.process.as_ref();
        command.is_some_and(process::is_this_boot)
    };
    match lease.held {
        Some(true) => Liveness::Yes,
        Some(false)
            if agent.host == Some(process::host_name())
                || lease.running.as_ref().is_some_and(is_here) =>
        {
            Liveness::No
        }
        _ => Liveness::Unknown,
    }
}

fn by_silence(store: &dyn Store, agent: &Agent) -> Liveness {
    let Some(ttl) = agent.ttl.map(Duration::from_secs) else {
        return Liveness::Unknown;
    };
    let since = now().minus(ttl);
    if agent.updated_at >= since {
        return Liveness::Yes;
    }
    let shared = store.findings(
        &agent.task,
        &FindingQuery {
            agents: vec![agent.id.clone()],
            since: Some(since),
            limit: Some(1),
            ..FindingQuery::default()
        },
    );
    match shared {
        Ok(found) if found.is_empty() => Liveness::No,
        Ok(_) => Liveness::Yes,
        Err(_) => Liveness::Unknown,
    }
}
