//! Leases: what an agent's supervisor holds for as long as it lives. The kernel lets go of a lease when the last process
//! that has it open is gone, whatever ended it, so a free one means death: no timer, no pid that may be another's.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::{Error, Result};
use crate::model::Running;

/// A note is so long, with spaces before its newline: it is overwritten in place, which no full disk can keep out.
const NOTE: usize = 2048;

/// A held lease. It is held until every copy of its descriptor is closed, so a process that inherits one holds it too.
#[derive(Debug)]
pub struct Lease {
    file: File,
    path: PathBuf,
}

/// What somebody sees of a lease that is not its holder's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseState {
    /// Whether it is held; none if there is no such lease.
    pub held: Option<bool>,
    /// What its holder started, once that is known.
    pub running: Option<Running>,
}

impl Lease {
    /// The lease that `file`, locked, is.
    pub(super) fn new(file: File, path: PathBuf) -> Self {
        Self { file, path }
    }

    /// The lease that was handed over as this descriptor; `path` is for messages.
    pub fn inherited(fd: OwnedFd, path: PathBuf) -> Self {
        Self::new(fd.into(), path)
    }

    /// Where it lies.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Notes what was started, for whoever looks for it; in the place of what was noted before.
    pub fn note(&self, running: &Running) -> Result<()> {
        let failed = |error| Error::io("write", &self.path, error);
        let line = line(running).map_err(failed)?;
        self.file.write_all_at(&line, 0).map_err(failed)
    }
}

/// A note's bytes.
fn line(running: &Running) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(running)?;
    let width = line.len().max(NOTE - 1);
    line.resize(width, b' ');
    line.push(b'\n');
    Ok(line)
}

impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
