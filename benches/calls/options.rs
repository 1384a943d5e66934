//! What is asked for on the command line.

use std::path::{Path, PathBuf};

use super::Result;

/// What is asked for.
#[derive(Debug)]
pub struct Options {
    /// The beginnings of the names of the rows; all of them if there are none.
    pub rows: Vec<String>,
    /// The size of the large registries.
    pub agents: u64,
    /// So often each program is measured.
    pub rounds: usize,
    /// Where the registries are made.
    pub dir: PathBuf,
    out: Option<PathBuf>,
    is_whole: bool,
}

impl Options {
    /// Reads the words; `None` where cargo builds and runs everything only to see that it runs.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self {
            rows: Vec::new(),
            agents: 1_000_000,
            rounds: 400,
            dir: env!("CARGO_TARGET_TMPDIR").into(),
            out: None,
            is_whole: true,
        };
        let mut is_bench = false;
        let mut words = words;
        while let Some(word) = words.next() {
            if word == "--bench" {
                is_bench = true;
                continue;
            }
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--row" => options.rows.push(value()?),
                "--agents" => options.agents = value()?.parse::<u64>()?.max(10),
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--dir" => options.dir = value()?.into(),
                "--out" => options.out = Some(value()?.into()),
                _ => return Err(format!("{word} is no option of this benchmark").into()),
            }
            options.is_whole &= matches!(word.as_str(), "--dir" | "--out");
        }
        Ok(is_bench.then_some(options))
    }

    /// Whether a row is asked for.
    pub fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|begin| row.starts_with(begin))
    }

    /// Where the results are written. Those of a part do not replace those of the whole.
    pub fn out(&self) -> Option<&Path> {
        let usual = || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches"));
        self.out.as_deref().or_else(|| self.is_whole.then(usual))
    }
}
