//! What a call exits with.

use agentreg::model::Kind;

/// What a call exits with; scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// An I/O or internal error.
    Io = 1,
    /// The call itself is wrong.
    Usage = 2,
    /// No such task or agent.
    NotFound = 3,
    /// Refused by a rule.
    Refused = 4,
    /// The registry is damaged or newer.
    Damaged = 6,
    /// What was waited for can no longer come true, or the agents ended and not all completed.
    Unmet = 8,
    /// A lock was not free in time; try again (`EX_TEMPFAIL` of sysexits.h).
    LockTimeout = 75,
    /// What was waited for did not come in time (as timeout(1) does).
    TimedOut = 124,
    /// `run` itself failed, or was refused (this and the next two as env(1) does).
    Run = 125,
    /// The command of `run` cannot be executed.
    NotExecutable = 126,
    /// There is no such command.
    CommandNotFound = 127,
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Usage => Self::Usage,
            Kind::NotFound => Self::NotFound,
            Kind::LimitReached
            | Kind::Duplicate
            | Kind::IllegalTransition
            | Kind::EvidenceMissing
            | Kind::TaskClosed
            | Kind::TaskActive => Self::Refused,
            Kind::LockTimeout => Self::LockTimeout,
            Kind::TimedOut => Self::TimedOut,
            Kind::Damaged | Kind::NewerSchema => Self::Damaged,
            Kind::Io => Self::Io,
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_exits_as_documented() {
        let documented = [
            (Kind::Io, 1),
            (Kind::Usage, 2),
            (Kind::NotFound, 3),
            (Kind::LimitReached, 4),
            (Kind::Duplicate, 4),
            (Kind::IllegalTransition, 4),
            (Kind::EvidenceMissing, 4),
            (Kind::TaskClosed, 4),
            (Kind::TaskActive, 4),
            (Kind::Damaged, 6),
            (Kind::NewerSchema, 6),
            (Kind::LockTimeout, 75),
            (Kind::TimedOut, 124),
        ];
        for (kind, code) in documented {
            assert_eq!(Exit::from(kind) as u8, code, "{}", kind.as_str());
        }
        assert_eq!(Exit::Done as u8, 0);
    }
}
