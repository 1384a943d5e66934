//! The table that is printed.

use std::fmt::Write;

use super::rows::{Row, Spread, Taken};

/// The columns; figures stand to the right.
const HEADS: [&str; 8] = [
    "WHAT",
    "AGAINST",
    "MEDIAN",
    "P10–P90",
    "AGAINST",
    "RATIO",
    "IN PAIRS",
    "AT MOST",
];
const WORDS: usize = 2;

/// All rows.
pub fn of(taken: &Taken) -> String {
    let lines: Vec<[String; 8]> = std::iter::once(HEADS.map(ToOwned::to_owned))
        .chain(taken.rows.iter().map(cells))
        .collect();
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let verdicts = std::iter::once("").chain(taken.rows.iter().map(verdict));
    let mut text = String::new();
    for (line, verdict) in lines.iter().zip(verdicts) {
        for (column, cell) in line.iter().enumerate() {
            let width = widths[column];
            let _ = if column < WORDS {
                write!(text, "{cell:<width$}  ")
            } else {
                write!(text, "{cell:>width$}  ")
            };
        }
        text += verdict;
        text.push('\n');
    }
    for row in &taken.rows {
        if let Some(note) = &row.note {
            let _ = writeln!(text, "{}: {note}", row.name);
        }
    }
    text
}

fn verdict(row: &Row) -> &'static str {
    match row.met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "skipped",
    }
}

fn cells(row: &Row) -> [String; 8] {
    let median = |spread: Option<Spread>| spread.map(|spread| figure(spread.median, row.unit));
    let between = |spread: Spread| format!("{:.2}–{:.2}", spread.p10, spread.p90);
    let times = |ratio: f64| format!("{ratio:.3} ×");
    let at_most = if row.base.is_some() || row.unit == "ms" {
        format!("{} ×", row.at_most)
    } else {
        format!("{} {}", row.at_most, row.unit)
            .trim_end()
            .to_owned()
    };
    [
        row.what.clone(),
        row.against.clone(),
        median(row.measured).unwrap_or_default(),
        row.measured
            .filter(|spread| spread.p10 < spread.p90)
            .map_or_else(String::new, between),
        median(row.base).unwrap_or_default(),
        row.ratio.map(times).unwrap_or_default(),
        row.paired.map(times).unwrap_or_default(),
        at_most,
    ]
}

fn figure(value: f64, unit: &str) -> String {
    match unit {
        "" => format!("{value}"),
        _ => format!("{value:.2} {unit}"),
    }
}
