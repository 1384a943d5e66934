//! Ending the processes of agents whose end is recorded.
//!
//! Where a supervisor watches for its agent's end it is left to it, wherever it runs, and its lease is waited for: that is
//! free when everything is gone. Signalled from here are a process that `--pid` named, what is left of an agent whose
//! supervisor and guardian were killed, and the command of a supervisor of version 0.1.0, which does not watch.

use std::thread::sleep;
use std::time::{Duration, Instant};

use agentreg::model::{Agent, EndHow, Kind, Running, TaskId, format_duration};
use agentreg::process::{self, Carried, Swept, Target};
use agentreg::store::{AgentsWanted, Error, Result, Store};

use super::alive::{Leased, by_lease};
use super::death::{Findings, Judged, ended, judge, names};
use crate::output::Failure;

/// How long after they were asked to end processes are killed, where nobody says.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long after that what is killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// The shortest and the longest time from one look to the next.
const LOOK: Duration = Duration::from_millis(1);
const LONGEST_LOOK: Duration = Duration::from_millis(20);
/// No grace is longer, so that clocks can tell its end.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// What came of it.
#[derive(Default)]
pub struct Stopped {
    /// What could not be done, or is to be known, in words.
    pub warnings: Vec<String>,
    /// Who lives on, in words.
    pub living: Vec<String>,
    /// Why nobody could be looked for.
    unseen: Option<Error>,
    /// The longest time that anybody was given.
    waited: Duration,
}

impl Stopped {
    /// That it is recorded and somebody lives on, or may live on, if so.
    pub fn failure(&self, recorded: &str) -> Option<Failure> {
        if let Some(error) = &self.unseen {
            let what = "whether all processes are gone cannot be told";
            let failure = Failure::new(Kind::Io, format!("{recorded}, but {what}: {error}"));
            return Some(failure.hint("the same call, made again, looks again"));
        }
        let living = (!self.living.is_empty()).then(|| self.living.join("; "))?;
        let failure = Failure::new(
            Kind::TimedOut,
            format!(
                "{recorded}, but after {} {living}",
                format_duration(self.waited)
            ),
        );
        Some(Failure {
            retryable: true,
            ..failure.hint("the same call, made again, waits again")
        })
    }
}

/// An agent that is to be gone.
struct Doomed<'a> {
    agent: &'a Agent,
    stage: Stage,
    kill_at: Instant,
    over: Instant,
}

enum Stage {
    /// Its lease is to become free.
    Held,
    /// It was asked to end from here.
    Asked(Target),
    /// It was killed from here.
    Killed(Target),
    /// What is left of it is to be looked for.
    Orphaned(Carried),
    Gone,
}

/// Ends what belongs to the terminated among `agents`, all at once. `grace` is for those whose end came without one.
/// Their ends are recorded: what fails here is no error of the call that recorded them, and is told as its outcome.
pub fn all(store: &dyn Store, agents: &[Agent], grace: Duration) -> Stopped {
    let mut stopped = Stopped::default();
    let mut doomed = Vec::new();
    let mut agents = agents.iter().filter(|agent| may_live(agent)).peekable();
    if agents.peek().is_none() {
        return stopped;
    }
    let home = match store.identity() {
        Ok(home) => home,
        Err(error) => {
            stopped.unseen = Some(error);
            return stopped;
        }
    };
    for agent in agents {
        let grace = agent.run.grace_ms.map_or(grace, Duration::from_millis);
        let grace = grace.min(LONGEST);
        let kill_at = Instant::now() + grace;
        let mut one = Doomed {
            agent,
            stage: Stage::Gone,
            kill_at,
            over: kill_at + PATIENCE,
        };
        if agent.leased {
            one.stage = Stage::Held;
        } else if let (Some(pid), Some(process)) = (agent.pid, &agent.process) {
            let target = Target::process(pid, process, agent.host.as_deref(), &home);
            one.ask(target, &mut stopped.warnings);
        }
        stopped.waited = stopped.waited.max(grace + PATIENCE);
        doomed.push(one);
    }
    let mut pause = LOOK;
    loop {
        for one in &mut doomed {
            one.look(store, &home, &mut stopped);
        }
        if doomed.iter().all(|one| matches!(one.stage, Stage::Gone)) {
            return stopped;
        }
        sleep(pause);
        pause = (pause * 2).min(LONGEST_LOOK);
    }
}

impl Doomed<'_> {
    fn ask(&mut self, target: Option<Target>, warnings: &mut Vec<String>) {
        self.stage = Stage::Gone;
        let Some(target) = target else {
            return;
        };
        match target.ask() {
            Ok(true) => self.stage = Stage::Asked(target),
            Ok(false) => {}
            Err(error) => {
                warnings.push(format!(
                    "agent {} was not signalled: {error}",
                    self.agent.id
                ));
            }
        }
    }

    /// One step on; after the last it is gone, or is told to live on.
    fn look(&mut self, store: &dyn Store, home: &str, stopped: &mut Stopped) {
        let now = Instant::now();
        match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Held => self.look_at_lease(store, home, stopped),
            Stage::Asked(target) if !target.is_gone() => {
                self.stage = if now >= self.kill_at {
                    target.kill();
                    Stage::Killed(target)
                } else {
                    Stage::Asked(target)
                };
            }
            Stage::Killed(target) if !target.is_gone() => {
                if now >= self.over {
                    let id = &self.agent.id;
                    let living = format!("agent {id} was killed and is not gone: {target}");
                    stopped.living.push(living);
                } else {
                    self.stage = Stage::Killed(target);
                }
            }
            Stage::Orphaned(carried) => {
                let grace = self.kill_at.saturating_duration_since(now);
                match process::sweep(&carried, grace) {
                    Ok(swept) => tell(self.agent, &swept, stopped),
                    Err(error) => stopped.warnings.push(format!(
                        "what is left of agent {} could not be looked for: {error}",
                        self.agent.id
                    )),
                }
            }
            Stage::Asked(_) | Stage::Killed(_) | Stage::Gone => {}
        }
    }

    fn look_at_lease(&mut self, store: &dyn Store, home: &str, stopped: &mut Stopped) {
        let (task, id) = (&self.agent.task, &self.agent.id);
        let Ok(lease) = store.lease(task, id) else {
            return;
        };
        if lease.held != Some(true) {
            if let Leased::Unsearched(carried) = by_lease(store, self.agent) {
                self.stage = Stage::Orphaned(carried);
            }
            return;
        }
        match &lease.running {
            Some(note) if !note.watches => {
                self.ask(Target::group(note, home), &mut stopped.warnings);
                return;
            }
            Some(note) => process::wake_noted(note, home),
            // It has not noted yet what it starts. Who is to note that looks once more whether the agent is active.
            None => {
                if let Ok(Some(holder)) = store.holder(task, Some(id)) {
                    process::wake(holder.pid);
                }
            }
        }
        if Instant::now() >= self.over {
            stopped.living.push(format!(
                "agent {id} lives on: {}",
                holder(lease.running.as_ref())
            ));
        } else {
            self.stage = Stage::Held;
        }
    }
}

/// Who holds a lease, in words.
fn holder(note: Option<&Running>) -> String {
    match note.and_then(|note| Some((note, note.supervisor.as_ref()?))) {
        Some((note, supervisor)) => format!(
            "its `run`, process {} on {}, has not let go of its lease; its command is process {}",
            supervisor.pid, note.host, note.command.pid
        ),
        None => "its lease is held".to_owned(),
    }
}

fn tell(agent: &Agent, swept: &Swept, stopped: &mut Stopped) {
    let id = &agent.id;
    if swept.ended > 0 {
        let ended = ended(swept.ended);
        stopped.warnings.push(format!("agent {id}: {ended}"));
    }
    if !swept.left.is_empty() {
        stopped
            .living
            .push(format!("agent {id} lives on: {}", names(&swept.left)));
    }
    if !swept.above.is_empty() {
        stopped.warnings.push(format!(
            "agent {id}: {} was left alone, for this call is a part of it",
            names(&swept.above)
        ));
    }
}

/// Ends what is left of those active `agents` whose supervisor and guardian were killed, before their end is recorded.
/// Gives for each what is to be recorded with it.
pub fn orphaned(
    store: &dyn Store,
    agents: Vec<Agent>,
    grace: Duration,
) -> (Vec<(Agent, Vec<String>)>, Stopped) {
    let mut stopped = Stopped::default();
    let mut ends = Vec::new();
    let Judged { orphaned, .. } = judge(store, agents, &mut Findings::default());
    for one in orphaned {
        let mut warnings = Vec::new();
        match process::sweep(&one.carried, grace) {
            Ok(swept) => {
                warnings.extend((swept.ended > 0).then(|| ended(swept.ended)));
                tell(&one.agent, &swept, &mut stopped);
            }
            Err(error) => stopped.warnings.push(format!(
                "what is left of agent {} could not be looked for: {error}",
                one.agent.id
            )),
        }
        ends.push((one.agent, warnings));
    }
    // Who lives on is looked for again when its end is recorded.
    stopped.living.clear();
    (ends, stopped)
}

/// A change to a task whose lock may be held by a stopped supervisor of it, which is continued then.
pub fn past_the_stopped<T>(
    store: &dyn Store,
    task: &TaskId,
    change: impl Fn() -> Result<T>,
) -> Result<T> {
    wake_holder(store, task);
    loop {
        match change() {
            Err(Error::LockTimeout { .. }) if wake_holder(store, task) => {}
            outcome => return outcome,
        }
    }
}

fn wake_holder(store: &dyn Store, task: &TaskId) -> bool {
    let holder = store.holder(task, None).ok().flatten();
    holder.is_some_and(|holder| process::wake(holder.pid))
}

/// A grace as it is recorded.
pub fn millis(grace: Duration) -> u64 {
    u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)
}

/// Whether an agent was terminated and it is known which processes it had.
fn may_live(agent: &Agent) -> bool {
    let end = agent.end.as_ref();
    let has_processes = agent.leased || (agent.pid.is_some() && agent.process.is_some());
    has_processes && end.is_some_and(|end| end.how == EndHow::Terminated)
}

/// The agents of a task that were terminated and live on: whoever terminated them may have been killed, or have given up,
/// before they were gone.
pub fn left_over(store: &dyn Store, task: &TaskId) -> Result<Vec<Agent>> {
    let mut agents = store.view(task, AgentsWanted::Terminated)?.agents;
    agents.retain(may_live);
    if !agents.is_empty() {
        let home = store.identity()?;
        agents.retain(|agent| lives_on(store, agent, &home));
    }
    Ok(agents)
}

fn lives_on(store: &dyn Store, agent: &Agent, home: &str) -> bool {
    if agent.leased {
        return matches!(by_lease(store, agent), Leased::Held | Leased::Unsearched(_));
    }
    let (Some(pid), Some(process)) = (agent.pid, &agent.process) else {
        return false;
    };
    let target = Target::process(pid, process, agent.host.as_deref(), home);
    target.is_some_and(|target| target.lives())
}
