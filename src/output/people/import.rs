//! What `import` took in.

use agentreg::model::TaskState;
use agentreg::orchestrator::Note;
use agentreg::store::Problem;

use super::check::entry;
use super::items;
use crate::output::layout::{Column, Line, Row, Table};
use crate::output::{Terminal, style};

/// So many lines of one kind are shown; `--json` gives all.
const SHOWN: usize = 20;

/// What `import` did.
#[derive(Debug, Default)]
pub struct Intake {
    /// The tasks that came in.
    pub tasks: Vec<TakenIn>,
    /// The tasks that did not, each with the reason.
    pub skipped: Vec<(String, String)>,
    /// What was damaged.
    pub damages: Vec<Note>,
    /// What the files told differently.
    pub differences: Vec<Note>,
    /// The zone that times without an offset were read in.
    pub zone: String,
}

/// A task that came in.
#[derive(Debug)]
pub struct TakenIn {
    /// The task as it is now.
    pub state: TaskState,
    /// How many reports came with it.
    pub reports: u64,
}

/// What came in, what did not, and what was not as it should be.
pub fn intake(intake: &Intake, terminal: &Terminal) -> String {
    let mut out = String::new();
    let (style, glyph) = if intake.tasks.is_empty() {
        (style::DIM, "·")
    } else {
        (style::GOOD, "✓")
    };
    let verdict = verdict(intake);
    let verdict = if terminal.tty {
        format!("{glyph} {verdict}")
    } else {
        verdict
    };
    Line::new().styled(style, verdict).write(&mut out, terminal);
    if !intake.tasks.is_empty() {
        table(&intake.tasks, terminal).write(&mut out, terminal);
    }
    for (task, reason) in &intake.skipped {
        let line = Line::new().styled(style::DIM, "skipped").pad(9);
        line.plain(format!("{task}: {reason}"))
            .write(&mut out, terminal);
    }
    notes("damaged", style::BAD, &intake.damages, &mut out, terminal);
    notes(
        "differs",
        style::WARN,
        &intake.differences,
        &mut out,
        terminal,
    );
    if !intake.tasks.is_empty() {
        Line::new()
            .styled(
                style::DIM,
                format!("times without an offset were read as {}", intake.zone),
            )
            .write(&mut out, terminal);
    }
    out
}

fn verdict(intake: &Intake) -> String {
    if intake.tasks.is_empty() {
        return "nothing new came in".to_owned();
    }
    let sum = |of: fn(&TakenIn) -> u64| intake.tasks.iter().map(of).sum();
    format!(
        "{} with {}, {} and {} came in",
        number(intake.tasks.len() as u64, "task"),
        number(sum(|task| task.state.counts.spawned), "agent"),
        number(sum(|task| task.reports), "report"),
        number(sum(|task| task.state.findings.total()), "finding"),
    )
}

fn number(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// On a terminal columns that would say nothing are left out; in a pipe they are the same whatever is in them.
fn table(tasks: &[TakenIn], terminal: &Terminal) -> Table {
    let any = |of: fn(&TakenIn) -> u64| !terminal.tty || tasks.iter().any(|task| of(task) > 0);
    let all = [
        (true, Column::new("TASK").least(12)),
        (true, Column::new("ACTIVE").right()),
        (true, Column::new("COMPLETED").right()),
        (
            any(|t| t.state.counts.failed),
            Column::new("FAILED").right(),
        ),
        (
            any(|t| t.state.counts.terminated),
            Column::new("TERMINATED").right(),
        ),
        (true, Column::new("REPORTS").right()),
        (true, Column::new("FINDINGS").right()),
    ];
    let row = |task: &TakenIn| {
        let counts = &task.state.counts;
        let cells = [
            Line::new().plain(task.state.task.id.as_str()),
            items::number(counts.active, style::GOING),
            items::number(counts.completed, style::GOOD),
            items::number(counts.failed, style::BAD),
            items::number(counts.terminated, style::PLAIN),
            items::number(task.reports, style::PLAIN),
            items::number(task.state.findings.total(), style::PLAIN),
        ];
        let told = cells.into_iter().zip(&all).filter(|(_, (told, _))| *told);
        Row::from(told.map(|(cell, _)| cell).collect::<Vec<_>>())
    };
    Table {
        rows: tasks.iter().map(row).collect(),
        columns: all
            .iter()
            .filter(|(told, _)| *told)
            .map(|(_, column)| *column)
            .collect(),
        heads: true,
    }
}

fn notes(word: &str, style: anstyle::Style, notes: &[Note], out: &mut String, terminal: &Terminal) {
    for note in notes.iter().take(SHOWN) {
        let place = match note.line {
            Some(line) => format!("{}:{line}", note.path),
            None => note.path.clone(),
        };
        let problem = Problem {
            path: place,
            what: note.what.clone(),
        };
        entry(word, style, &problem, out, terminal);
    }
    if let Some(more) = notes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let line = Line::new().styled(style, word).pad(8);
        line.plain(format!("and {more} more: see them with --json"))
            .write(out, terminal);
    }
}
