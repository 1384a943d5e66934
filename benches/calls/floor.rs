//! One call at a time, against what the machine can do at best and against what people would use instead.

use std::path::Path;
use std::process::Command;

use super::Result;
use super::options::Options;
use super::registry::{Registry, Size};
use super::rivals::{Sqlite, c_program};
use super::rounds::{self, Rival, Times};
use super::rows::{Row, Taken};

/// Agents in the registry, and in the database.
const AGENTS: u64 = 10;

pub fn measure(options: &Options, scratch: &Path, taken: &mut Taken) -> Result<()> {
    let wants = |row| options.wants(row);
    if !["progress-c", "progress-sqlite", "register-sqlite"]
        .iter()
        .any(|row| wants(row))
    {
        return Ok(());
    }
    let registry = Registry::make(
        scratch,
        Size {
            active: AGENTS,
            ..Size::default()
        },
    )?;
    let floor = c_program("floor", scratch)?;
    let sqlite = Sqlite::prepare(scratch, AGENTS)?;
    let mut rivals = vec![Rival::new("progress", |round| {
        registry.progress(&registry.one_of_ten(round))
    })];
    if let Ok(program) = floor.as_ref()
        && wants("progress-c")
    {
        rivals.push(Rival::new("c", |round| {
            call_floor(program, scratch, round % 10)
        }));
    }
    if let Ok(sqlite) = sqlite.as_ref() {
        if wants("progress-sqlite") {
            rivals.push(Rival::new("progress-sqlite", |round| {
                sqlite.progress(round % 10)
            }));
        }
        if wants("register-sqlite") {
            rivals.push(Rival::new("register", |round| {
                registry.register(&format!("fresh-{round}"))
            }));
            rivals.push(Rival::new("register-sqlite", |round| {
                sqlite.register(round)
            }));
        }
    }
    let times = rounds::run(&mut rivals, options.rounds)?;
    let of = |name: &str| {
        let at = rivals.iter().position(|rival| rival.name == name)?;
        Some(&times[at])
    };
    let rows = [
        (
            Row::new("progress-c", "progress", 1.25).against("lock, append, sync in C"),
            of("progress").zip(of("c")),
            floor.as_ref().err(),
        ),
        (
            Row::new("progress-sqlite", "progress", 0.35).against(name_of(sqlite.as_ref().ok())),
            of("progress").zip(of("progress-sqlite")),
            sqlite.as_ref().err(),
        ),
        (
            Row::new("register-sqlite", "register", 0.7).against(name_of(sqlite.as_ref().ok())),
            of("register").zip(of("register-sqlite")),
            sqlite.as_ref().err(),
        ),
    ];
    let rows = rows.into_iter().filter(|(row, ..)| wants(row.name));
    taken
        .rows
        .extend(rows.map(|(row, times, missing)| judged(row, times, missing)));
    Ok(())
}

fn name_of(sqlite: Option<&Sqlite>) -> String {
    sqlite.map_or("sqlite3".to_owned(), |sqlite| sqlite.name.clone())
}

/// The row with its figures, or with the reason why it has none.
pub fn judged(row: Row, times: Option<(&Times, &Times)>, missing: Option<&String>) -> Row {
    match (times, missing) {
        (Some((times, base)), _) => row.times(times, base),
        (None, Some(reason)) => row.note(format!("skipped: {reason}")),
        (None, None) => row.note("skipped"),
    }
}

/// The C program on a log of its own beside a lock that all share, as agents of one task do.
pub fn call_floor(program: &Path, scratch: &Path, log: usize) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.arg(scratch.join("floor.lock"));
    command.arg(scratch.join(format!("floor-{log}.log")));
    command
}
