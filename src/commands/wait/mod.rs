//! `wait`: until agents have ended, or got to a status.
//!
//! It looks without locks, so it holds up nobody and nobody that was stopped holds it up. The changes are watched from
//! before the first look on. Who dies without a word changes no file, so life is looked at twice a second. An end counts
//! once it is applied: one that a killed call left committed is applied at the next such look.

mod goal;
mod party;
mod passing;

use std::time::{Duration, Instant};

use agentreg::model::{Agent, Kind, Status};
use agentreg::store::{Pace, Store, Watched, Watcher};
use serde::Serialize;

use self::goal::{Goal, Tally, Verdict};
use self::party::Party;
use super::alive::alive;
use super::context::{Context, no_task};
use super::skipped::Skipped;
use super::{Outcome, selection};
use crate::cli::WaitArgs;
use crate::cli::words::Until;
use crate::output::json::{self, AgentObject};
use crate::output::{Answer, Exit, Failure, people, warn};

/// So often it is looked whether the agents live.
const PULSE: Duration = Duration::from_millis(500);

pub fn run(args: &WaitArgs, context: &Context) -> Outcome {
    let started = Instant::now();
    let store = context.store()?;
    let mut parties = parties(args, context, store)?;
    let goal = Goal {
        until: args.until,
        any: args.any,
        number: args.number.unwrap_or(1),
    };
    let mut watcher = watcher(&parties, args.until, store)?;
    let mut warnings = Warnings::new(context);
    let mut known_dead = true;
    loop {
        let tally = look(&mut parties, store, args.until)?;
        if args.number.is_none() && tally == nobody(tally) {
            return Err(nobody_registered(&parties));
        }
        let is_met = match goal.verdict(tally) {
            Verdict::Met => true,
            Verdict::Unmet => false,
            Verdict::Wait => {
                // Those that are dead already are no reason to wait.
                if std::mem::take(&mut known_dead) && bury(&mut parties, store, &mut warnings)? {
                    continue;
                }
                let left = args
                    .timeout
                    .map(|most| most.saturating_sub(started.elapsed()));
                if left.is_some_and(|left| left.is_zero()) {
                    return Err(timed_out(args, tally));
                }
                sleep(watcher.as_mut(), left, || {
                    bury(&mut parties, store, &mut warnings)
                })?;
                continue;
            }
        };
        let unreached = (!is_met).then(|| out_of_reach(args, tally)).flatten();
        return Ok(answer(&parties, is_met, context, store)?.warn_of(unreached));
    }
}

/// Until something may have changed, or the time is over.
fn sleep(
    watcher: &mut dyn Watcher,
    left: Option<Duration>,
    mut pulse: impl FnMut() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let until = left.and_then(|left| Instant::now().checked_add(left));
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let is_over = left.is_some_and(|left| left.is_zero());
        let nap = left.map_or(PULSE, |left| left.min(PULSE));
        if is_over || watcher.wait(nap)? || pulse()? {
            return Ok(());
        }
    }
}

fn parties(args: &WaitArgs, context: &Context, store: &dyn Store) -> Result<Vec<Party>, Failure> {
    if args.agents.is_empty() {
        let task = context.task_to_read(None)?.ok_or_else(|| {
            no_task().hint("name it, or the agents to wait for, or set AGENTREG_TASK")
        })?;
        return Ok(vec![Party::new(task, None, args.until, store)?]);
    }
    let mut parties = Vec::new();
    let instead = "name agents by their ids";
    for (task, mut agents) in
        selection::tasks(&args.agents, context, instead, &mut Skipped::default())?
    {
        agents.sort_unstable();
        agents.dedup();
        parties.push(Party::new(task, Some(agents), args.until, store)?);
    }
    Ok(parties)
}

fn watcher(
    parties: &[Party],
    until: Until,
    store: &dyn Store,
) -> Result<Box<dyn Watcher>, Failure> {
    let mut scope = vec![Watched::Machine];
    if matches!(until, Until::Is(status) if status.is_active()) {
        scope.extend(parties.iter().map(|party| Watched::Reports(&party.task)));
    }
    Ok(store.watcher(&scope, Pace::Prompt)?)
}

fn look(parties: &mut [Party], store: &dyn Store, until: Until) -> Result<Tally, Failure> {
    let mut all = Tally::default();
    for party in parties {
        let tally = party.look(store, until)?;
        all.met += tally.met;
        all.lost += tally.lost;
        all.open += tally.open;
        all.may_grow |= tally.may_grow;
    }
    Ok(all)
}

fn bury(
    parties: &mut [Party],
    store: &dyn Store,
    warnings: &mut Warnings,
) -> Result<bool, Failure> {
    let mut any = false;
    for party in parties {
        any |= party.bury(store, &mut |failure| warnings.tell(&failure))?;
    }
    Ok(any)
}

/// What could not be recorded is told as it happens, except where standard error is for one JSON document.
struct Warnings {
    silent: bool,
}

impl Warnings {
    fn new(context: &Context) -> Self {
        Self {
            silent: context.json(),
        }
    }

    fn tell(&mut self, failure: &Failure) {
        if !self.silent {
            warn(&format!(
                "an agent is dead, and that could not be recorded: {}",
                failure.message
            ));
        }
    }
}

fn nobody(tally: Tally) -> Tally {
    Tally {
        may_grow: tally.may_grow,
        ..Tally::default()
    }
}

fn nobody_registered(parties: &[Party]) -> Failure {
    let task = parties.first().map_or("", |party| party.task.as_str());
    Failure::new(
        Kind::NotFound,
        format!("no agent was ever registered in task {task}"),
    )
    .hint("`agentreg wait --agents N` waits for N of them to be registered first")
}

fn timed_out(args: &WaitArgs, tally: Tally) -> Failure {
    let all = tally.met + tally.lost + tally.open;
    let there = all - tally.open;
    let what = match args.until {
        Until::Ended => "ended".to_owned(),
        Until::Is(status) => format!("got to {status} or ended"),
    };
    let message = match args.number {
        Some(number) if all < number => {
            format!("the time is over: {all} of {number} agents are registered")
        }
        _ => format!("the time is over: {there} of {all} agents have {what}"),
    };
    Failure {
        retryable: true,
        ..Failure::new(Kind::TimedOut, message)
    }
}

/// Why there is no use in waiting any longer, where it is not that they ended.
fn out_of_reach(args: &WaitArgs, tally: Tally) -> Option<String> {
    let all = tally.met + tally.lost + tally.open;
    let Until::Is(status) = args.until else {
        let more = args.number.filter(|number| all < *number)?;
        return Some(format!(
            "the task is closed: only {all} of {more} agents were registered"
        ));
    };
    let ended = if tally.lost == 1 {
        "1 has"
    } else {
        &format!("{} have", tally.lost)
    };
    Some(if args.any {
        format!("none of the {all} can get to {status} any more: {ended} ended without")
    } else {
        format!("not all of the {all} can get to {status} any more: {ended} ended without")
    })
}

fn answer(parties: &[Party], is_met: bool, context: &Context, store: &dyn Store) -> Outcome {
    #[derive(Serialize)]
    struct Waited<'a> {
        met: bool,
        agents: Vec<AgentObject<'a>>,
    }
    let exit = if is_met { Exit::Done } else { Exit::Unmet };
    if context.quiet() && !context.json() {
        return Ok(Answer::nothing().exit(exit));
    }
    let mut agents: Vec<Agent> = Vec::new();
    for party in parties {
        agents.extend(party.agents(store)?);
    }
    let text = if context.json() {
        let object = |agent| AgentObject::new(agent, alive(store, agent));
        json::document(&Waited {
            met: is_met,
            agents: agents.iter().map(object).collect(),
        })
    } else {
        let not_completed = |agent: &&Agent| agent.status != Status::Completed;
        let rest: Vec<Agent> = agents.iter().filter(not_completed).cloned().collect();
        people::waited(&agents, &rest, &context.terminal())
    };
    Ok(Answer::text(text).exit(exit))
}
