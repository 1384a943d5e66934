//! How long a command may run, and how long it may take to end when it was asked to.

use std::time::{Duration, Instant};

use rustix::process::Signal;

/// What the time asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// Nothing, for ever.
    None,
    /// To tell the command to end.
    Ask(Instant),
    /// It was told; to kill it.
    Kill(Instant),
    /// Nothing more: it was killed.
    Killed,
}

impl Clock {
    /// The command has so long; none is for ever.
    pub(super) fn ask_after(timeout: Option<Duration>) -> Self {
        let over = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        over.map_or(Self::None, Self::Ask)
    }

    /// The command was told to end and has so long for it.
    pub(super) fn kill_after(grace: Duration) -> Self {
        Self::Kill(Instant::now() + grace)
    }

    /// Whether the command was told to end because its time was over.
    pub(super) fn has_told(self) -> bool {
        matches!(self, Self::Kill(_) | Self::Killed)
    }

    /// How long until it strikes.
    pub(super) fn left(self) -> Option<Duration> {
        match self {
            Self::Ask(at) | Self::Kill(at) => Some(at.saturating_duration_since(Instant::now())),
            Self::None | Self::Killed => None,
        }
    }

    /// The signal that is due.
    pub(super) fn strike(&mut self, grace: Duration) -> Option<Signal> {
        let now = Instant::now();
        match *self {
            Self::Ask(at) if now >= at => {
                *self = Self::Kill(now + grace);
                Some(Signal::TERM)
            }
            Self::Kill(at) if now >= at => {
                *self = Self::Killed;
                Some(Signal::KILL)
            }
            _ => None,
        }
    }
}
