//! The file store.

use std::path::PathBuf;
use std::time::Duration;

/// How a [`FileStore`] is opened.
pub struct Options {
    /// The registry's directory.
    pub home: PathBuf,
    /// How long a lock is waited for.
    pub lock_timeout: Duration,
    /// Called once when a call has to wait for a lock, with the lock's path.
    pub announce: Option<fn(&std::path::Path)>,
}

/// The registry in a directory.
pub struct FileStore {
    /// How it was opened.
    pub options: Options,
}

impl FileStore {
    /// Opens nothing yet: each operation opens what it needs.
    pub fn new(options: Options) -> Self {
        Self { options }
    }
}
