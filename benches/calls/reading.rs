//! What looking costs, by what is shown and not by what there is.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;
use super::floor::judged;
use super::options::Options;
use super::registry::{self, Registry, Size, worker};
use super::rivals::empty_program;
use super::rounds::{self, Rival};
use super::rows::{Row, Taken, count};

/// Active agents in the tasks of which only those that have ended grow.
const ACTIVE: u64 = 20;
/// Findings that `--since 1m` is to find.
const RECENT: usize = 20;

pub fn measure(options: &Options, scratch: &Path, taken: &mut Taken) -> Result<()> {
    if options.wants("status-empty") {
        taken.rows.push(fifty_active(options, scratch)?);
    }
    if options.wants("status-growth") {
        taken.rows.push(many_ended(options, scratch)?);
    }
    if options.wants("findings-growth") {
        taken.rows.push(many_findings(options, scratch)?);
    }
    Ok(())
}

fn fifty_active(options: &Options, scratch: &Path) -> Result<Row> {
    let size = Size {
        active: 50,
        ..Size::default()
    };
    let registry = Registry::make(scratch, size)?;
    let row = Row::new(
        "status-empty",
        "status of a task with 50 active agents",
        1.6,
    )
    .against("an empty Rust program");
    let empty: PathBuf = match empty_program(scratch)? {
        Ok(empty) => empty,
        Err(reason) => return Ok(judged(row, None, Some(&reason))),
    };
    let mut rivals = [
        Rival::new("status", |_| status(&registry)),
        Rival::new("empty", |_| {
            let mut command = Command::new(&empty);
            command.env_clear();
            command
        }),
    ];
    let times = rounds::run(&mut rivals, options.rounds)?;
    Ok(row.times(&times[0], &times[1]))
}

fn many_ended(options: &Options, scratch: &Path) -> Result<Row> {
    let make = |ended| {
        let size = Size {
            active: ACTIVE,
            ended,
            ..Size::default()
        };
        Registry::make(scratch, size)
    };
    let (many, few) = (make(options.agents)?, make(ACTIVE)?);
    let mut rivals = [
        Rival::new("many", |_| status(&many)),
        Rival::new("few", |_| status(&few)),
    ];
    let times = rounds::run(&mut rivals, options.rounds)?;
    drop(rivals);
    many.remove()?;
    let what = format!(
        "status of a task with {} ended agents, {ACTIVE} active",
        count(options.agents)
    );
    Ok(Row::new("status-growth", what, 1.2)
        .against(format!("the same with {ACTIVE} ended"))
        .times(&times[0], &times[1]))
}

fn status(registry: &Registry) -> Command {
    registry.command(&["status", "TASK-bench"])
}

fn many_findings(options: &Options, scratch: &Path) -> Result<Row> {
    let make = |findings| {
        let size = Size {
            active: 10,
            findings,
            ..Size::default()
        };
        Registry::make(scratch, size)
    };
    let few = (options.agents / 1000).max(100);
    let (in_many, in_few) = (make(options.agents)?, make(few)?);
    for number in 0..RECENT {
        for registry in [&in_many, &in_few] {
            let text = format!("recent {number}");
            registry::run(&mut registry.call(&worker(0), &["finding", &text]))?;
        }
    }
    let since = |registry: &Registry| registry.command(&["findings", "--since", "1m"]);
    let mut rivals = [
        Rival::new("many", |_| since(&in_many)),
        Rival::new("few", |_| since(&in_few)),
    ];
    let times = rounds::run(&mut rivals, options.rounds)?;
    drop(rivals);
    let shown = registry::run(&mut since(&in_many))?.lines().count();
    let what = format!(
        "findings --since 1m over {} findings",
        count(options.agents)
    );
    let row = Row::new("findings-growth", what, 1.5)
        .against(format!("the same over {}", count(few)))
        .times(&times[0], &times[1]);
    // A minute is long, but a loaded machine may be slower.
    Ok(if shown < RECENT {
        row.note(format!("only {shown} were still recent at the end"))
    } else {
        row
    })
}
