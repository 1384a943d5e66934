//! What can go wrong in a store, as sentences for the person who reads them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use super::Problem;
use crate::model::{Kind, NEWEST_SCHEMA, Rejection};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule said no: nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A lock was not free in time: nothing was changed.
    #[error("the lock {} was not free within {}{}", path.display(), seconds(*waited), held_by(holder.as_ref()))]
    LockTimeout {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
        /// Who holds it, where the system tells.
        holder: Option<Holder>,
    },
    /// The registry on disk is not what it must be.
    #[error("the registry is damaged: {}: {detail}", path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer version wrote here.
    #[error("{} was written by a newer agentreg (schema {found}, this one reads {NEWEST_SCHEMA})", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is written and every reader shows it, but the disk did not confirm it.
    #[error("{what} written and may not survive a power cut: cannot sync {}: {source}", path.display())]
    Unsynced {
        /// What was written, with its verb: "the report is".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The home cannot be used as it is.
    #[error("the registry's home {} {problem}", path.display())]
    Home {
        /// The home.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        hint: String,
    },
}

/// A process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its command line, if the system tells.
    pub command: Option<String>,
    /// Whether it is stopped: then it neither goes on nor ends by itself.
    pub is_stopped: bool,
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source: source.into(),
        }
    }

    /// What a failed sync of something means that is written: it is not undone.
    pub(crate) fn unsynced(self, what: &'static str) -> Self {
        match self {
            Self::Io {
                action: "sync",
                path,
                source,
            } => Self::Unsynced { what, path, source },
            other => other,
        }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.into(),
            detail: detail.into(),
        }
    }

    /// What is wrong with one task, so that others can go on without it; else the error, which stops them all.
    ///
    /// # Errors
    /// This very error if it is not of what one task has on disk.
    pub fn of_one_task(self) -> Result<Problem, Self> {
        let problem = |path: &Path, what| Problem {
            path: path.display().to_string(),
            what,
        };
        match &self {
            Self::Damaged { path, detail } => Ok(problem(path, detail.clone())),
            Self::NewerSchema { path, found } => Ok(problem(
                path,
                format!(
                    "it was written by a newer agentreg (schema {found}, this one reads {NEWEST_SCHEMA})"
                ),
            )),
            Self::Io {
                action,
                path,
                source,
            } if !is_lack(source) => Ok(problem(path, format!("cannot {action} it: {source}"))),
            _ => Err(self),
        }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Rejected(rejection) => rejection.kind,
            Self::LockTimeout { .. } => Kind::LockTimeout,
            Self::Damaged { .. } => Kind::Damaged,
            Self::NewerSchema { .. } => Kind::NewerSchema,
            Self::Io { .. } | Self::Unsynced { .. } | Self::Home { .. } => Kind::Io,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Rejected(rejection) => rejection.hint.clone(),
            Self::LockTimeout { holder, .. } => Some(match holder {
                Some(holder) if holder.is_stopped => format!(
                    "process {0} is stopped: let it go on (kill -CONT {0}), or end it (kill -KILL {0}): its lock goes \
                     with it",
                    holder.pid
                ),
                Some(holder) => format!(
                    "try again; if process {0} hangs, end it (kill {0}): its lock goes with it",
                    holder.pid
                ),
                None => "try again, or wait longer with --lock-timeout 60s".to_owned(),
            }),
            Self::Damaged { .. } => {
                Some("see all that is wrong with `agentreg doctor`, mend it with `agentreg doctor --repair`".to_owned())
            }
            Self::NewerSchema { .. } => Some("use the newer agentreg".to_owned()),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Some("free some space and try again".to_owned()),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(
                    "the registry must lie where the user who calls can write, in a directory of that user; name one \
                     for this call and all later ones: export AGENTREG_HOME=DIRECTORY"
                        .to_owned(),
                ),
                _ => None,
            },
            Self::Unsynced { .. } => Some(
                "do not repeat the call, a report or a finding would be there twice; see to the disk"
                    .to_owned(),
            ),
            Self::Home { hint, .. } => Some(hint.clone()),
        }
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Rejected(rejection) => rejection.retryable,
            Self::LockTimeout { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Damaged { .. }
            | Self::NewerSchema { .. }
            | Self::Unsynced { .. }
            | Self::Home { .. } => false,
        }
    }
}

/// Whether the process, or the machine, has run out of something, which any other file would meet as well.
fn is_lack(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    lacks
        .iter()
        .any(|lack| error.raw_os_error() == Some(lack.raw_os_error()))
}

fn seconds(waited: Duration) -> impl fmt::Display {
    format!("{} s", (waited.as_secs_f64() * 10.0).round() / 10.0)
}

fn held_by(holder: Option<&Holder>) -> String {
    match holder {
        None => String::new(),
        Some(Holder {
            pid, command: None, ..
        }) => format!("; process {pid} holds it"),
        Some(Holder {
            pid,
            command: Some(command),
            ..
        }) => format!("; process {pid} holds it ({command})"),
    }
}
