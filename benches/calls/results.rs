//! The results as files: the figures, and the curve drawn from them.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::machine::Machine;
use super::options::Options;
use super::rows::Taken;
use super::{Result, curve};

/// Writes `results.json`, and `growth.svg` where growth was measured.
pub fn write(out: &Path, machine: &Machine, options: &Options, taken: &Taken) -> Result<()> {
    #[derive(Serialize)]
    struct Results<'a> {
        machine: &'a Machine,
        version: &'static str,
        agents: u64,
        rounds: usize,
        #[serde(flatten)]
        taken: &'a Taken,
    }
    let results = Results {
        machine,
        version: env!("CARGO_PKG_VERSION"),
        agents: options.agents,
        rounds: options.rounds,
        taken,
    };
    let mut text = serde_json::to_string_pretty(&results)?;
    text.push('\n');
    fs::write(out.join("results.json"), text)?;
    if taken.growth.len() > 1 {
        fs::write(out.join("growth.svg"), curve::draw(&taken.growth, machine))?;
    }
    Ok(())
}
