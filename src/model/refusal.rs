//! What a refusal says: its kind for scripts, its sentence and its hint for people.

/// The kinds of failure, as `--json` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The call itself is wrong.
    Usage,
    /// No such task or agent.
    NotFound,
    /// A limit of the task or the machine.
    LimitReached,
    /// The id, or the type with `--unique`, is taken.
    Duplicate,
    /// The agent has ended, or ended otherwise.
    IllegalTransition,
    /// What the task requires of a completion is not there.
    EvidenceMissing,
    /// The task takes no more agents.
    TaskClosed,
    /// The task still has active agents.
    TaskActive,
    /// A lock was not free in time.
    LockTimeout,
    /// What was waited for did not come in time.
    TimedOut,
    /// The registry on disk is not what it must be.
    Damaged,
    /// The registry was written by a newer version.
    NewerSchema,
    /// The operating system refused.
    Io,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Usage,
        Self::NotFound,
        Self::LimitReached,
        Self::Duplicate,
        Self::IllegalTransition,
        Self::EvidenceMissing,
        Self::TaskClosed,
        Self::TaskActive,
        Self::LockTimeout,
        Self::TimedOut,
        Self::Damaged,
        Self::NewerSchema,
        Self::Io,
    ];

    /// The kind that is called so.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word in the JSON error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::LimitReached => "limit_reached",
            Self::Duplicate => "duplicate",
            Self::IllegalTransition => "illegal_transition",
            Self::EvidenceMissing => "evidence_missing",
            Self::TaskClosed => "task_closed",
            Self::TaskActive => "task_active",
            Self::LockTimeout => "lock_timeout",
            Self::TimedOut => "timed_out",
            Self::Damaged => "damaged",
            Self::NewerSchema => "newer_schema",
            Self::Io => "io",
        }
    }
}

/// A rule said no: nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// What kind of no.
    pub kind: Kind,
    /// One sentence: what was wrong, and where.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same call may succeed later with nothing changed by the caller.
    pub retryable: bool,
}

impl Rejection {
    /// A refusal that trying again does not mend.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable: false,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, but waiting may mend it.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}
