//! What several pages show alike: counts, sums, and what to type where there is nothing to see.

use agentreg::model::{Counts, Severity, SeveritySums, Status, TaskState};
use anstyle::Style;

use crate::output::layout::{Line, flow};
use crate::output::{Terminal, style};

/// `3 active`, `4 completed`, `1 failed`: the active always, the others where there are any.
pub fn counts(counts: &Counts) -> Vec<Line> {
    let going = if counts.active > 0 {
        style::GOING
    } else {
        style::DIM
    };
    let mut items = vec![Line::new().styled(going, format!("{} active", counts.active))];
    let ended = ended(counts).into_iter().filter(|(number, _)| *number > 0);
    items.extend(ended.map(|(number, status)| {
        Line::new().styled(style::status(status), format!("{number} {status}"))
    }));
    items
}

/// The same with glyphs for words, where there is little room: `● 3  ✓ 4  ✗ 1`.
pub fn short_counts(counts: &Counts) -> Line {
    let going = if counts.active > 0 {
        style::GOING
    } else {
        style::DIM
    };
    let line = Line::new().styled(going, format!("● {}", counts.active));
    let ended = ended(counts).into_iter().filter(|(number, _)| *number > 0);
    ended.fold(line, |line, (number, status)| {
        let glyph = style::status_glyph(status);
        line.plain("  ")
            .styled(style::status(status), format!("{glyph} {number}"))
    })
}

fn ended(counts: &Counts) -> [(u64, Status); 3] {
    [
        (counts.completed, Status::Completed),
        (counts.failed, Status::Failed),
        (counts.terminated, Status::Terminated),
    ]
}

/// A number in a column; a nought stands back.
pub fn number(number: u64, style: Style) -> Line {
    let style = if number == 0 { style::DIM } else { style };
    Line::new().styled(style, number.to_string())
}

/// Sums with their severities, the worst first.
pub fn by_severity(sums: &SeveritySums) -> [(u64, Severity); 4] {
    [
        (sums.critical, Severity::Critical),
        (sums.high, Severity::High),
        (sums.medium, Severity::Medium),
        (sums.low, Severity::Low),
    ]
}

/// `1 critical`, `2 high`: those there are.
pub fn severities(sums: &SeveritySums) -> Vec<Line> {
    let there = by_severity(sums)
        .into_iter()
        .filter(|(number, _)| *number > 0);
    there
        .map(|(number, severity)| {
            Line::new().styled(style::severity(severity), format!("{number} {severity}"))
        })
        .collect()
}

/// The first line of a task's description; `whole` in a pipe.
pub fn title(state: &TaskState, terminal: &Terminal) -> String {
    let description = state.task.description.trim();
    match description.split_once('\n') {
        Some((first, _)) if terminal.tty => format!("{} …", first.trim_end()),
        _ => description.to_owned(),
    }
}

/// Items in a line, or on a narrow terminal in several.
pub fn write_items(items: Vec<Line>, out: &mut String, terminal: &Terminal) {
    for line in flow(items, terminal) {
        line.write(out, terminal);
    }
}

/// What is missing and the command that makes it; never cut, since it is there to be copied.
pub fn hint(missing: &str, command: &str, terminal: &Terminal) -> String {
    let line = Line::new().plain(format!("{missing}: "));
    let command = Line::new().styled(style::STRONG, command);
    let uncut = Terminal {
        width: usize::MAX,
        ..*terminal
    };
    let mut out = String::new();
    if terminal.tty && line.width() + command.width() > terminal.width {
        line.write(&mut out, &uncut);
        Line::new()
            .plain("  ")
            .then(&command)
            .write(&mut out, &uncut);
    } else {
        line.then(&command).write(&mut out, &uncut);
    }
    out
}

/// The same for a list, which in a pipe is simply empty.
pub fn empty_list(missing: &str, command: &str, terminal: &Terminal) -> String {
    if terminal.tty {
        hint(missing, command, terminal)
    } else {
        String::new()
    }
}
