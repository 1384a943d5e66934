//! The same calls in registries of ten agents and of a million, and of every power of ten between them.

use std::path::Path;
use std::process::Command;

use super::Result;
use super::floor::judged;
use super::options::Options;
use super::registry::{self, Registry, Size};
use super::rivals::{c_program, program};
use super::rounds::{self, Rival, Times};
use super::rows::{Point, Row, Spread, Taken, count};

/// The calls that are measured at every size.
const CALLS: usize = 3;

pub fn measure(options: &Options, scratch: &Path, taken: &mut Taken) -> Result<()> {
    let wants = |row: &&str| options.wants(row);
    let curve = [
        "progress-growth",
        "register-growth",
        "complete-growth",
        "growth",
    ];
    let is_curve = curve.iter().any(wants);
    if !is_curve && !["memory", "import"].iter().any(wants) {
        return Ok(());
    }
    let sizes = sizes(options.agents);
    let make = |&active: &u64| {
        let size = Size {
            active,
            ..Size::default()
        };
        Registry::make(scratch, size)
    };
    let registries = sizes.iter().map(make).collect::<Result<Vec<_>>>()?;
    let Some(largest) = registries.last() else {
        return Ok(());
    };
    if is_curve {
        let times = times(options, &registries)?;
        taken.growth = points(&sizes, &times);
        taken.rows.extend(rows(options, &times));
    }
    if options.wants("memory") {
        taken.rows.push(memory(scratch, &registries)?);
    }
    if options.wants("import") {
        let what = format!("import of {} agents", count(options.agents));
        let took = largest.import.as_secs_f64();
        taken
            .rows
            .push(Row::new("import", what, 60.0).figure(took, "s"));
    }
    for registry in registries {
        registry.remove()?;
    }
    Ok(())
}

fn sizes(largest: u64) -> Vec<u64> {
    let mut sizes: Vec<u64> = std::iter::successors(Some(10), |size| Some(size * 10))
        .take_while(|size| *size < largest)
        .collect();
    sizes.push(largest);
    sizes
}

/// The times of `progress`, `register` and a completion at every size.
fn times(options: &Options, registries: &[Registry]) -> Result<Vec<Times>> {
    // In every round an agent is registered, and the one of the round before is completed.
    let fresh = |round: usize| format!("fresh-{round}");
    let mut rivals = Vec::new();
    for registry in registries {
        registry::run(&mut registry.register(&fresh(0)))?;
        rivals.push(Rival::new("progress", |round| {
            registry.progress(&registry.one_of_ten(round))
        }));
        rivals.push(Rival::new("register", move |round| {
            registry.register(&fresh(round + 1))
        }));
        rivals.push(Rival::new("complete", move |round| {
            registry.complete(&fresh(round))
        }));
    }
    rounds::run(&mut rivals, options.rounds)
}

fn points(sizes: &[u64], times: &[Times]) -> Vec<Point> {
    let point = |(&agents, times): (&u64, &[Times])| Point {
        agents,
        progress: Spread::from(&times[0]),
        register: Spread::from(&times[1]),
        complete: Spread::from(&times[2]),
    };
    sizes.iter().zip(times.chunks(CALLS)).map(point).collect()
}

fn rows(options: &Options, times: &[Times]) -> Vec<Row> {
    let (small, large) = (&times[..CALLS], &times[times.len() - CALLS..]);
    let at = count(options.agents);
    [
        ("progress-growth", "progress", 1.05),
        ("register-growth", "register", 1.10),
        ("complete-growth", "progress -s completed", 1.10),
    ]
    .into_iter()
    .zip(large.iter().zip(small))
    .filter(|((name, ..), _)| options.wants(name))
    .map(|((name, call, at_most), (large, small))| {
        Row::new(name, format!("{call}, {at} agents active"), at_most)
            .against("the same with 10")
            .times(large, small)
    })
    .collect()
}

/// The most memory that a report needs in any of the registries.
fn memory(scratch: &Path, registries: &[Registry]) -> Result<Row> {
    let row = Row::new("memory", "peak memory of progress at any size", 6.0);
    let launcher = match c_program("peak", scratch)? {
        Ok(launcher) => launcher,
        Err(reason) => return Ok(judged(row, None, Some(&reason))),
    };
    let mut peak = 0.0_f64;
    for registry in registries {
        for round in 0..10 {
            let call = registry.progress(&registry.one_of_ten(round));
            let mut command = Command::new(&launcher);
            command.env_clear().arg(program()).args(call.get_args());
            command.envs(
                call.get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            );
            let printed = registry::run(&mut command)?;
            let kib = printed.lines().last().unwrap_or_default().parse::<f64>()?;
            peak = peak.max(kib / 1024.0);
        }
    }
    Ok(row.figure(peak, "MiB"))
}
