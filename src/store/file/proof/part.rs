//! What each process of the proof does. It says what came of it in one line.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::dir::{Access, Dir};
use super::super::lock::{Lock, Mode, Patience};
use crate::store::{Error, Result};

/// How long each process counts.
const COUNTING: Duration = Duration::from_millis(400);
/// How long a lock that should be free, or become free, is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) const LOCK: &str = "lock";
pub(super) const COUNTER: &str = "counter";

/// A process of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Takes the lock and adds one, again and again; says how often.
    Count,
    /// Takes the lock, says `held`, and keeps it until it is killed.
    Hold,
    /// Says whether the lock is `taken` or `free`.
    Try,
    /// Waits for the lock; says `free` once it has it.
    Take,
}

impl Part {
    const ALL: [Self; 4] = [Self::Count, Self::Hold, Self::Try, Self::Take];

    /// How it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Hold => "hold",
            Self::Try => "try",
            Self::Take => "take",
        }
    }

    /// The part that is called so.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Plays it in the directory of the proof. `say` is given what there is to say while it goes on.
    pub(super) fn play(self, scratch: &Path, say: &mut dyn FnMut(&str)) -> Result<String> {
        let dir = Dir::open(scratch)?
            .ok_or_else(|| Error::damaged(scratch, "the directory of the proof is gone"))?;
        match self {
            Self::Count => count(&dir).map(|number| number.to_string()),
            Self::Hold => {
                let _lock = take(&dir)?;
                say("held");
                loop {
                    std::thread::sleep(PATIENCE);
                }
            }
            Self::Try => {
                let file = dir.need_file(LOCK, Access::Append)?;
                let taken = Lock::try_take(file, &dir.at(LOCK), Mode::Exclusive)?;
                Ok(if taken.is_ok() { "free" } else { "taken" }.to_owned())
            }
            Self::Take => take(&dir).map(|_| "free".to_owned()),
        }
    }
}

fn take(dir: &Dir) -> Result<Lock> {
    let file = dir.need_file(LOCK, Access::Append)?;
    let patience = Patience::new(PATIENCE, None);
    Lock::take(file, &dir.at(LOCK), Mode::Exclusive, &patience)
}

fn count(dir: &Dir) -> Result<u64> {
    let path = dir.at(COUNTER);
    let end = Instant::now() + COUNTING;
    let mut counted = 0;
    while Instant::now() < end {
        let _lock = take(dir)?;
        let file = dir.need_file(COUNTER, Access::Rewrite)?;
        let mut number = [0; 8];
        file.read_exact_at(&mut number, 0)
            .map_err(|e| Error::io("read", &path, e))?;
        // Without a lock somebody else's turn comes in between.
        std::thread::yield_now();
        let next = u64::from_le_bytes(number) + 1;
        file.write_all_at(&next.to_le_bytes(), 0)
            .map_err(|e| Error::io("write to", &path, e))?;
        counted += 1;
    }
    Ok(counted)
}
