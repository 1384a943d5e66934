//! The rows of the table: what is measured, against what, and how much of it is allowed.

use std::path::Path;

use serde::Serialize;

use super::options::Options;
use super::rounds::Times;
use super::{Result, crowd, floor, growth, reading};

/// A row of the table.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What `--row` calls it.
    pub name: &'static str,
    pub what: String,
    pub against: String,
    pub unit: &'static str,
    /// What was measured; none where it could not be.
    pub measured: Option<Spread>,
    /// What it was measured against; none where the bound is one of the figure itself.
    pub base: Option<Spread>,
    /// Of the medians.
    pub ratio: Option<f64>,
    /// The median of the ratios within a round.
    pub paired: Option<f64>,
    pub at_most: f64,
    pub met: Option<bool>,
    /// What else is to be said, or why there is no figure.
    pub note: Option<String>,
}

/// A median, and what eight in ten lie between.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    pub median: f64,
    pub p10: f64,
    pub p90: f64,
}

impl From<&Times> for Spread {
    fn from(times: &Times) -> Self {
        Self {
            median: times.median(),
            p10: times.quantile(0.1),
            p90: times.quantile(0.9),
        }
    }
}

impl Row {
    /// A row without a figure so far.
    pub fn new(name: &'static str, what: impl Into<String>, at_most: f64) -> Self {
        Self {
            name,
            what: what.into(),
            against: String::new(),
            unit: "ms",
            measured: None,
            base: None,
            ratio: None,
            paired: None,
            at_most,
            met: None,
            note: None,
        }
    }

    /// What it is measured against.
    pub fn against(mut self, against: impl Into<String>) -> Self {
        self.against = against.into();
        self
    }

    /// Measured, both in the same rounds.
    pub fn times(mut self, times: &Times, base: &Times) -> Self {
        let (measured, base_spread) = (Spread::from(times), Spread::from(base));
        let ratio = measured.median / base_spread.median;
        self.measured = Some(measured);
        self.base = Some(base_spread);
        self.ratio = Some(ratio);
        self.paired = Some(times.paired(base));
        self.met = Some(ratio <= self.at_most);
        self
    }

    /// Measured, a figure that is itself bounded.
    pub fn figure(mut self, figure: f64, unit: &'static str) -> Self {
        self.unit = unit;
        self.measured = Some(Spread {
            median: figure,
            p10: figure,
            p90: figure,
        });
        self.met = Some(figure <= self.at_most);
        self
    }

    /// With something to say.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Registries of one size, measured.
#[derive(Debug, Serialize)]
pub struct Point {
    pub agents: u64,
    pub progress: Spread,
    pub register: Spread,
    pub complete: Spread,
}

/// All that was measured.
#[derive(Debug, Default, Serialize)]
pub struct Taken {
    pub rows: Vec<Row>,
    pub growth: Vec<Point>,
}

/// Measures what is asked for.
pub fn run(options: &Options, scratch: &Path) -> Result<Taken> {
    let mut taken = Taken::default();
    let groups = [
        floor::measure,
        crowd::measure,
        reading::measure,
        growth::measure,
    ];
    for measure in groups {
        measure(options, scratch, &mut taken)?;
    }
    if taken.rows.is_empty() {
        return Err("there is no such row".into());
    }
    Ok(taken)
}

/// A number in words that people read.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
