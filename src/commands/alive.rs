//! Whether an agent lives: by its lease, else by its process, else by how long it has been silent.

use std::time::Duration;

use agentreg::model::{Agent, Liveness, Running, format_duration};
use agentreg::process::{self, Carried, Place};
use agentreg::store::{FindingQuery, Store};

use super::context::now;

/// Whether the agent lives, for those who only tell: they search for no process. What cannot be seen from here is
/// unknown.
pub fn alive(store: &dyn Store, agent: &Agent) -> Liveness {
    if !agent.status.is_active() {
        return Liveness::No;
    }
    if agent.leased {
        return match by_lease(store, agent) {
            Leased::Held => Liveness::Yes,
            Leased::Gone => Liveness::No,
            Leased::Unsearched(_) | Leased::Unknown => Liveness::Unknown,
        };
    }
    match by_process(store, agent) {
        Liveness::Unknown => by_silence(store, agent),
        known => known,
    }
}

/// Why a dead agent is known to be dead, in words.
pub fn cause(store: &dyn Store, agent: &Agent) -> String {
    match (agent.leased, agent.pid, agent.ttl) {
        (true, _, _) => "its `run` is gone: nobody holds its lease".to_owned(),
        (_, Some(pid), None) => format!("its process {pid} is gone"),
        (_, Some(pid), _) if by_process(store, agent) == Liveness::No => {
            format!("its process {pid} is gone")
        }
        (_, _, ttl) => format!(
            "no report or finding for longer than {}",
            format_duration(Duration::from_secs(ttl.unwrap_or(0)))
        ),
    }
}

/// What a lease says.
pub enum Leased {
    /// Its supervisor or its guardian lives.
    Held,
    /// They are gone, and with them all that they watched over.
    Gone,
    /// They were killed, both: what is left of the agent has to be looked for, by this.
    Unsearched(Carried),
    /// It cannot be told from here.
    Unknown,
}

/// What the agent's lease says.
pub fn by_lease(store: &dyn Store, agent: &Agent) -> Leased {
    match store.lease(&agent.task, &agent.id) {
        Ok(lease) => match lease.held {
            Some(true) => Leased::Held,
            Some(false) => free(store, agent, lease.running.as_ref()),
            None => Leased::Unknown,
        },
        Err(_) => Leased::Unknown,
    }
}

/// What a free lease says.
fn free(store: &dyn Store, agent: &Agent, note: Option<&Running>) -> Leased {
    let Some(note) = note.filter(|note| note.watches) else {
        return free_as_of_old(agent, note);
    };
    if note.cleared {
        return Leased::Gone;
    }
    let supervisor = note.supervisor.as_ref();
    let Some(process) = supervisor.and_then(|noted| noted.process.as_ref()) else {
        return Leased::Unknown;
    };
    let home = store.identity().ok();
    // The kernel lets nobody outlive process 1 of a pid namespace.
    let was_init = note.init && process::is_this_boot(process) && process.home == home;
    match process::place(Some(&note.host), process, home.as_deref()) {
        Place::AnotherBoot => Leased::Gone,
        _ if was_init => Leased::Gone,
        Place::Here => Leased::Unsearched(Carried {
            home: store.place().to_owned(),
            task: agent.task.to_string(),
            agent: agent.id.to_string(),
            since: process.started,
        }),
        Place::Elsewhere => Leased::Unknown,
    }
}

/// What was noted by version 0.1.0, or before anything was started. A free lease is death only where locks are this
/// kernel's: on another host, over a network file system that does not pass them on, it may be held all the same.
fn free_as_of_old(agent: &Agent, note: Option<&Running>) -> Leased {
    let command = note.and_then(|note| note.command.process.as_ref());
    if agent.host == Some(process::host_name()) || command.is_some_and(process::is_this_boot) {
        Leased::Gone
    } else {
        Leased::Unknown
    }
}

fn by_process(store: &dyn Store, agent: &Agent) -> Liveness {
    if agent.process.is_none() {
        return Liveness::Unknown;
    }
    process::liveness(agent, store.identity().ok().as_deref())
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
