//! Which agents' logs changed, as inotify names them: whoever reads on in hundreds of logs opens the few that grew.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::dir::Dir;
use super::task::{Folder, TaskDir, agent_of_log};
use crate::model::AgentId;

/// Watches the logs of a task.
#[derive(Debug)]
pub(crate) struct ChangedLogs {
    /// None where the system has no more of them.
    inotify: Option<OwnedFd>,
    /// Whether every log is to be read once: nothing is known of them, or too much happened.
    all: bool,
}

impl ChangedLogs {
    /// Every change from now on is told.
    pub(crate) fn of(task: &TaskDir) -> Self {
        let watched = || -> Option<OwnedFd> {
            let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            for folder in [Folder::Active, Folder::Ended] {
                add(&inotify, &task.dir.dir(folder.path()).ok()??)?;
            }
            Some(inotify)
        };
        Self {
            inotify: watched(),
            all: true,
        }
    }

    /// Those that changed since this was last asked; none: any of them may have.
    pub(crate) fn take(&mut self) -> Option<HashSet<AgentId>> {
        let mut changed = HashSet::new();
        let mut all = std::mem::take(&mut self.all);
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(self.inotify.as_ref()?, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    all |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    let name = event.file_name().and_then(|name| name.to_str().ok());
                    changed.extend(name.and_then(agent_of_log));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Some(changed).filter(|_| !all),
                Err(_) => return None,
            }
        }
    }
}

/// The open directory is named through `/proc`, so that it is the one that was opened, wherever it has moved.
fn add(inotify: &OwnedFd, dir: &Dir) -> Option<()> {
    let path = format!("/proc/self/fd/{}", dir.as_raw_fd());
    let changes = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
    inotify::add_watch(inotify, path, changes).ok().map(|_| ())
}
