//! What becomes of the command's output: whether it is kept, by whom, and that it stays within its bound.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use agentreg::model::Agent;
use agentreg::process::{Chore, Keeper, Log, Signals};
use agentreg::store::Store;

use super::tee::Tee;
use crate::output::Failure;

/// The command's output, as far as its supervisor has to do with it.
pub enum Output<'a> {
    /// It goes where this process's goes, or is kept without a bound: nothing is to be done.
    Unseen,
    /// The command writes into the log itself.
    Watched(Keeper<'a>),
    /// It comes through this process.
    Pumped(Tee<'a>),
}

impl<'a> Output<'a> {
    /// Output that is kept in `file`, and shown as well if it `shows`. Where there are ends, the command is to write to
    /// them, else to this process's own streams, which are the file.
    pub fn kept(
        store: &'a dyn Store,
        agent: &'a Agent,
        file: File,
        shows: bool,
    ) -> Result<(Self, Option<[OwnedFd; 2]>), Failure> {
        let failed = |error| {
            Failure::io(
                format_args!("keep the output of agent {}", agent.id),
                &error,
            )
        };
        let limit = store.settings()?.output_limit;
        let log = Log::new(
            file,
            limit,
            Box::new(|fill| {
                store
                    .replace_output(&agent.task, &agent.id, fill)
                    .map_err(std::io::Error::other)
            }),
        )
        .map_err(failed)?;
        if shows || !log.bounds_in_place() {
            let (tee, stdout, stderr) = Tee::start(log, shows).map_err(failed)?;
            return Ok((Self::Pumped(tee), Some([stdout, stderr])));
        }
        let output = if log.is_bounded() {
            Self::Watched(Keeper::new(log).map_err(failed)?)
        } else {
            Self::Unseen
        };
        Ok((output, None))
    }

    /// What is to be done while the command runs.
    pub fn chore(&mut self) -> Option<&mut dyn Chore> {
        match self {
            Self::Unseen => None,
            Self::Watched(keeper) => Some(keeper),
            Self::Pumped(tee) => Some(tee),
        }
    }

    /// The command has ended; gives what a person should know. A reader of what is shown may be waited for so long.
    pub fn finish(self, signals: &mut Signals, patience: Option<Duration>) -> Vec<String> {
        match self {
            Self::Unseen => Vec::new(),
            Self::Watched(keeper) => {
                keeper.finish();
                Vec::new()
            }
            Self::Pumped(tee) => tee.finish(signals, patience),
        }
    }
}
