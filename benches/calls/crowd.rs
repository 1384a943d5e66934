//! Many processes at once: what they cost together, how long the slowest waits, and whether all of them are heard.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::Result;
use super::floor::{call_floor, judged};
use super::options::Options;
use super::registry::{self, Registry, Size, worker};
use super::rivals::c_program;
use super::rounds::{self, Times};
use super::rows::{Row, Spread, Taken};

const CROWD: (usize, usize) = (64, 20);
const STORM: (usize, usize) = (500, 4);

pub fn measure(options: &Options, scratch: &Path, taken: &mut Taken) -> Result<()> {
    if options.wants("crowd-total") || options.wants("crowd-p99") {
        crowd(options, scratch, taken)?;
    }
    if options.wants("storm") {
        taken.rows.push(storm(scratch)?);
    }
    Ok(())
}

fn crowd(options: &Options, scratch: &Path, taken: &mut Taken) -> Result<()> {
    let (processes, each) = CROWD;
    let registry = registry_of(scratch, processes)?;
    let floor = c_program("floor", scratch)?;
    let (mut ours, mut theirs) = (Times(Vec::new()), Times(Vec::new()));
    let (mut slowest, mut usual) = (Times(Vec::new()), Times(Vec::new()));
    let mut run_ours = || -> Result<()> {
        let ran = at_once(CROWD, |process, _| {
            registry.progress(&worker(process as u64))
        });
        if let Some(failure) = ran.failures.first() {
            return Err(failure.clone().into());
        }
        ours.0.push(ran.total);
        slowest.0.push(from_ms(ran.calls.quantile(0.99)));
        usual.0.push(from_ms(ran.calls.median()));
        Ok(())
    };
    let mut run_theirs = || {
        if let Ok(program) = floor.as_ref() {
            let ran = at_once(CROWD, |process, _| call_floor(program, scratch, process));
            theirs.0.push(ran.total);
        }
    };
    for round in 0..(options.rounds / 40).clamp(3, 10) {
        // Each is first in every other round.
        if round % 2 == 0 {
            run_ours()?;
            run_theirs();
        } else {
            run_theirs();
            run_ours()?;
        }
    }
    let what = format!("{processes} processes × {each} reports at once");
    if options.wants("crowd-total") {
        let row = Row::new("crowd-total", format!("{what}, in all"), 1.5).against("as many in C");
        let times = floor.is_ok().then_some((&ours, &theirs));
        taken.rows.push(judged(row, times, floor.as_ref().err()));
    }
    if options.wants("crowd-p99") {
        let row = Row::new("crowd-p99", "the same, the slowest call in a hundred", 12.0)
            .against("the median call")
            .times(&slowest, &usual);
        taken.rows.push(row);
    }
    registry.remove()
}

fn storm(scratch: &Path) -> Result<Row> {
    let (processes, each) = STORM;
    let registry = registry_of(scratch, processes)?;
    let said = |process: usize, number: usize| format!("storm {process} {number}");
    let ran = at_once(STORM, |process, number| {
        let text = said(process, number);
        registry.call(&worker(process as u64), &["progress", "-m", &text])
    });
    let listed = registry::run(&mut registry.command(&["reports", "--json"]))?;
    let listed: serde_json::Value = serde_json::from_str(&listed)?;
    let heard: HashSet<&str> = listed["reports"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|report| report["message"].as_str())
        .collect();
    let sent =
        (0..processes).flat_map(|process| (0..each).map(move |number| said(process, number)));
    let lost = sent.filter(|text| !heard.contains(text.as_str())).count();
    registry::run(&mut registry.command(&["doctor"]))?;
    let calls = Spread::from(&ran.calls);
    let mut note = format!(
        "{} failed, {lost} lost; {:.1} s in all, a call {:.1} ms, the slowest {:.0} ms",
        ran.failures.len(),
        ran.total.as_secs_f64(),
        calls.median,
        ran.calls.quantile(1.0),
    );
    if let Some(failure) = ran.failures.first() {
        note = format!("{note}; {failure}");
    }
    registry.remove()?;
    let what = format!("{processes} processes × {each} reports at once: failed or lost");
    let bad = ran.failures.len() + lost;
    Ok(Row::new("storm", what, 0.0)
        .figure(bad as f64, "")
        .note(note))
}

fn registry_of(scratch: &Path, agents: usize) -> Result<Registry> {
    let size = Size {
        active: agents as u64,
        ..Size::default()
    };
    Registry::make(scratch, size)
}

/// What became of many calls.
struct Ran {
    total: Duration,
    calls: Times,
    failures: Vec<String>,
}

/// Lets go so many threads at once, each of which makes its calls one after another.
fn at_once(
    (threads, each): (usize, usize),
    command: impl Fn(usize, usize) -> Command + Sync,
) -> Ran {
    let gate = Barrier::new(threads + 1);
    let mut ran = Ran {
        total: Duration::ZERO,
        calls: Times(Vec::new()),
        failures: Vec::new(),
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|thread| {
                let (gate, command) = (&gate, &command);
                scope.spawn(move || {
                    gate.wait();
                    (0..each)
                        .map(|number| rounds::time(&mut command(thread, number)))
                        .map(|took| took.map_err(|error| error.to_string()))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        gate.wait();
        let start = Instant::now();
        for caller in callers {
            for took in caller.join().unwrap_or_default() {
                match took {
                    Ok(took) => ran.calls.0.push(took),
                    Err(failure) => ran.failures.push(failure),
                }
            }
        }
        ran.total = start.elapsed();
    });
    ran
}

fn from_ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}
