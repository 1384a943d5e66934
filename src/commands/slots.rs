//! Getting a slot for an agent: the dead give theirs up before anybody is refused, and who is told to wait sleeps until
//! one looks free. Looking takes no lock, so that those who wait hold up nobody who works.

use std::time::{Duration, Instant};

use agentreg::model::{Kind, TaskId, TaskStatus, format_duration};
use agentreg::store::{AgentsWanted, Pace, Store, Watched};

use super::context::random;
use super::death::{Findings, Orphaned};
use super::reap;
use super::skipped::Skipped;
use crate::cli::value::Wait;
use crate::output::Failure;

/// How often the world is looked at that tells nothing: agents of other tasks that die, processes that go.
const SLOW_LOOK: Duration = Duration::from_secs(1);
/// How often a signal is asked for meanwhile.
const SLICE: Duration = Duration::from_millis(250);
/// All who wait are woken at once, and spread over so long, the first takes the slot before the others look.
const SPREAD_MILLIS: u32 = 20;

/// What is asked for.
pub struct Slot<'a> {
    pub store: &'a dyn Store,
    pub task: &'a TaskId,
    /// An active agent of its type keeps it out.
    pub unique: bool,
    /// Whether, and how long, to wait.
    pub wait: Option<Wait>,
}

impl Slot<'_> {
    /// Attempts until there is a slot, as long as it is to be waited for; `pause` is called often meanwhile.
    pub fn get<T>(
        &self,
        pause: &mut dyn FnMut(),
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let mut watcher = None;
        let mut found = Findings::default();
        loop {
            pause();
            let refused = match self.attempt(&mut attempt, &mut found) {
                Err(refused) if is_full(&refused) => refused,
                done => return done,
            };
            let Some(Wait(longest)) = self.wait else {
                return Err(refused);
            };
            let deadline = longest.and_then(|longest| started.checked_add(longest));
            if watcher.is_none() {
                let scope = [Watched::Machine, Watched::Leases(self.task)];
                watcher = Some(self.store.watcher(&scope, Pace::Sparing)?);
                // What happened before it watched is looked for at once.
                if self.looks_free(&mut found)? {
                    continue;
                }
            }
            let mut looked = Instant::now();
            while let Some(watcher) = &mut watcher {
                pause();
                let now = Instant::now();
                let left = deadline.map(|deadline| deadline.saturating_duration_since(now));
                if left.is_some_and(|left| left.is_zero()) {
                    return Err(timed_out(longest, &refused));
                }
                if watcher.wait(left.map_or(SLICE, |left| left.min(SLICE)))? {
                    let spread = u64::from(random()? % SPREAD_MILLIS);
                    std::thread::sleep(Duration::from_millis(spread));
                } else if looked.elapsed() < SLOW_LOOK {
                    continue;
                }
                looked = Instant::now();
                if self.looks_free(&mut found)? {
                    break;
                }
            }
        }
    }

    /// One attempt, and another when the dead are out of the way. A refusal names those who keep a slot by what is left
    /// of them.
    fn attempt<T>(
        &self,
        attempt: &mut impl FnMut() -> Result<T, Failure>,
        found: &mut Findings,
    ) -> Result<T, Failure> {
        let mut outcome = attempt();
        let mut orphaned = Vec::new();
        if self.may_be_a_dead_ones(&outcome) {
            let (reaped, living) = reap::dead_of(self.store, self.task, found)?;
            orphaned = living;
            if !reaped.is_empty() {
                outcome = attempt();
            }
        }
        let is_full = matches!(&outcome, Err(refused) if is_full(refused));
        if is_full && self.is_machine_full()? {
            let mut any = false;
            // A task that cannot be read keeps nobody from a slot.
            let mut skipped = Skipped::default();
            for task in reap::open_tasks(self.store, &mut skipped)? {
                let seen = reap::dead_of(self.store, &task, found);
                let Some((reaped, living)) = skipped.unless_odd(seen)? else {
                    continue;
                };
                any |= !reaped.is_empty();
                if task != *self.task {
                    orphaned.extend(living);
                }
            }
            if any {
                outcome = attempt();
            }
        }
        outcome.map_err(|refused| {
            if orphaned.is_empty() || !self.may_be_a_dead_ones::<T>(&Err(refused.clone())) {
                refused
            } else {
                naming(refused, &orphaned)
            }
        })
    }

    fn may_be_a_dead_ones<T>(&self, outcome: &Result<T, Failure>) -> bool {
        let refused = outcome.as_ref().err();
        refused.is_some_and(|refused| {
            is_full(refused) || (self.unique && refused.kind == Kind::Duplicate)
        })
    }

    /// Whether an attempt is worth a lock: a slot is free, or a dead agent's, or what refuses is no longer a slot.
    fn looks_free(&self, found: &mut Findings) -> Result<bool, Failure> {
        let state = self.store.view(self.task, AgentsWanted::None)?.state;
        let limits = &state.task.limits;
        let is_used_up = limits
            .max_agents
            .is_some_and(|max| state.counts.spawned >= max);
        if state.status == TaskStatus::Closed || is_used_up {
            return Ok(true);
        }
        let is_full = limits
            .max_concurrent
            .is_some_and(|max| state.counts.active >= max);
        let mut skipped = Skipped::default();
        let tasks = match (is_full, self.is_machine_full()?) {
            (false, false) => return Ok(true),
            (true, _) => vec![self.task.clone()],
            (false, true) => reap::open_tasks(self.store, &mut skipped)?,
        };
        for task in &tasks {
            let seen = reap::among_active(self.store, task, found);
            if skipped
                .unless_odd(seen)?
                .is_some_and(|judged| !judged.dead.is_empty())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_machine_full(&self) -> Result<bool, Failure> {
        let max = self.store.settings()?.max_concurrent;
        let active = self.store.totals()?.agents.active;
        Ok(max.is_some_and(|max| active >= max))
    }
}

/// The refusal, with those whose slot is taken by what is left of them.
fn naming(refused: Failure, orphaned: &[Orphaned]) -> Failure {
    let each: Vec<_> = orphaned
        .iter()
        .map(|one| {
            format!(
                "agent {} has lost its `run`, but {} of it {} on",
                one.agent.id,
                one.names(),
                if one.processes.len() == 1 {
                    "lives"
                } else {
                    "live"
                }
            )
        })
        .collect();
    let hint = format!("{}: `agentreg reap` ends what is left", each.join("; "));
    Failure {
        hint: Some(match &refused.hint {
            Some(other) => format!("{hint}; or {other}"),
            None => hint,
        }),
        ..refused
    }
}

fn timed_out(longest: Option<Duration>, refused: &Failure) -> Failure {
    let waited = format_duration(longest.unwrap_or_default());
    Failure {
        retryable: true,
        ..Failure::new(
            Kind::TimedOut,
            format!("no slot became free within {waited}: {}", refused.message),
        )
    }
}

/// Whether waiting may mend the refusal.
fn is_full(refused: &Failure) -> bool {
    refused.kind == Kind::LimitReached && refused.retryable
}
