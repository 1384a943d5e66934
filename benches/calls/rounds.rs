//! Programs measured side by side, in shuffled rounds.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Result;

/// Rounds that are run before those that count: caches fill, logs get their first pages.
const WARM_UP: usize = 5;

/// A program to be measured.
pub struct Rival<'a> {
    /// What the rows call it.
    pub name: String,
    command: Box<dyn FnMut(usize) -> Command + 'a>,
}

impl<'a> Rival<'a> {
    /// The call that `command` makes in each round.
    pub fn new(name: impl Into<String>, command: impl FnMut(usize) -> Command + 'a) -> Self {
        Self {
            name: name.into(),
            command: Box::new(command),
        }
    }
}

/// The times of one program, a round each.
#[derive(Debug, Clone)]
pub struct Times(pub Vec<Duration>);

impl Times {
    /// The time that `share` of all are below, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(self.0.iter().map(|time| time.as_secs_f64() * 1e3), share)
    }

    /// The median, in milliseconds.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The median of the ratios to another program's time in the same round.
    pub fn paired(&self, other: &Self) -> f64 {
        let pairs = self.0.iter().zip(&other.0);
        quantile(pairs.map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()), 0.5)
    }
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index: between 0 and the length"
    )]
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Runs all of them once a round. Who runs after a program that left the disk or the caches busy pays for it, so the
/// order is another one in every round.
pub fn run(rivals: &mut [Rival<'_>], rounds: usize) -> Result<Vec<Times>> {
    let mut times = vec![Times(Vec::with_capacity(rounds)); rivals.len()];
    let mut order: Vec<usize> = (0..rivals.len()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..WARM_UP + rounds {
        dice.shuffle(&mut order);
        for &at in &order {
            let rival = &mut rivals[at];
            let took = time(&mut (rival.command)(round))
                .map_err(|error| format!("{}: {error}", rival.name))?;
            if round >= WARM_UP {
                times[at].0.push(took);
            }
        }
    }
    Ok(times)
}

/// The time of one process, from its start until its end is known. It must succeed.
pub fn time(command: &mut Command) -> Result<Duration> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.spawn()?.wait()?;
    let took = start.elapsed();
    if status.success() {
        Ok(took)
    } else {
        Err(format!("{status}: {command:?}").into())
    }
}

/// A small generator (xorshift); every run shuffles alike.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for at in (1..order.len()).rev() {
            order.swap(at, self.roll(at + 1));
        }
    }
}
