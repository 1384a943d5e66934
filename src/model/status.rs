//! The states of an agent and the words for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Registered; has not reported yet.
    Running,
    /// At work.
    Working,
    /// Cannot go on without help.
    Blocked,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Was ended.
    Terminated,
}

impl Status {
    /// All of them, active ones first.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Working,
        Self::Blocked,
        Self::Completed,
        Self::Failed,
        Self::Terminated,
    ];

    /// Whether the agent's life goes on.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Working | Self::Blocked)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Working => "working",
            Self::Blocked => "blocked",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Terminated => "terminated",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:?} is not a status; the statuses are running, working, blocked, completed, failed and terminated"
)]
pub struct UnknownStatus {
    word: String,
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "running" => Self::Running,
            "working" | "in_progress" | "in-progress" => Self::Working,
            "blocked" => Self::Blocked,
            "completed" | "done" | "success" => Self::Completed,
            "failed" | "error" => Self::Failed,
            "terminated" | "killed" => Self::Terminated,
            _ => {
                return Err(UnknownStatus {
                    word: word.to_owned(),
                });
            }
        })
    }
}
