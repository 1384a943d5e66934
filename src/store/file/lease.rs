//! Leases as locked files: `leases/<agent-id>` in the task's directory, never deleted.
//!
//! The holder locks it alone, whoever asks tries to share it: two that ask at once do not take each other for a holder.
//! Who asks opens it for reading only, so that nobody who watches for a lease being closed wakes for that.

use std::fs::File;
use std::io::Read;

use rustix::fs::OFlags;

use super::FileStore;
use super::dir::Access;
use super::lock::{Lock, Mode};
use super::task::{LEASES, OUTPUT, TaskGuard};
use crate::model::{AgentId, Kind, Rejection, Running, TaskId};
use crate::store::{Error, Fill, Lease, LeaseState, Result};

/// What a holder notes is far shorter.
const MAX_NOTE: u64 = 4096;

impl TaskGuard {
    /// Takes the lease of an agent that is about to be registered.
    pub(crate) fn take_lease(&self, agent: &AgentId) -> Result<Lease> {
        let dir = self.dir.need_dir(LEASES)?;
        let file = dir.create(agent.as_str())?;
        let path = dir.at(agent.as_str());
        // Its note is overwritten in place, which Linux does not do to what is opened for appending.
        rustix::fs::fcntl_setfl(&file, OFlags::empty())
            .map_err(|error| Error::io("prepare", &path, error))?;
        match Lock::try_take(file, &path, Mode::Exclusive)? {
            Ok(lock) => Ok(Lease::new(lock.into_file(), path)),
            Err(_) => Err(Rejection::new(
                Kind::Duplicate,
                format!("the lease of agent {agent} is held already"),
            )
            .hint("choose another --id, or leave it out to have one made")
            .into()),
        }
    }
}

pub(crate) fn state(store: &FileStore, task: &TaskId, agent: &AgentId) -> Result<LeaseState> {
    let task = FileStore::task_dir(&store.home()?, task)?;
    let name = format!("{LEASES}/{agent}");
    let Some(file) = task.dir.file(&name, Access::Read)? else {
        return Ok(LeaseState {
            held: None,
            running: None,
        });
    };
    let path = task.dir.at(&name);
    let mut note = Vec::new();
    (&file)
        .take(MAX_NOTE)
        .read_to_end(&mut note)
        .map_err(|error| Error::io("read", &path, error))?;
    Ok(LeaseState {
        held: Some(Lock::try_take(file, &path, Mode::Shared)?.is_err()),
        running: note.split(|byte| *byte == b'\n').next().and_then(read_note),
    })
}

/// Of a note that cannot be read, whatever its bytes are, nothing is known; the lock tells all the same.
fn read_note(line: &[u8]) -> Option<Running> {
    serde_json::from_slice(line).ok()
}

pub(crate) fn output(store: &FileStore, task: &TaskId, agent: &AgentId) -> Result<File> {
    let task = FileStore::task_dir(&store.home()?, task)?;
    task.dir.need_dir(OUTPUT)?.create(&format!("{agent}.log"))
}

pub(crate) fn replace_output(
    store: &FileStore,
    task: &TaskId,
    agent: &AgentId,
    write: Fill<'_>,
) -> Result<File> {
    let task = FileStore::task_dir(&store.home()?, task)?;
    let dir = task.dir.need_dir(OUTPUT)?;
    let (name, new) = (format!("{agent}.log"), format!(".{agent}.log"));
    // What a killed one left.
    dir.remove_file(&new)?;
    let mut file = dir.create(&new)?;
    if let Err(error) = write(&mut file) {
        dir.remove_file(&new)?;
        return Err(Error::io("write to", dir.at(&new), error));
    }
    dir.rename(&new, &dir, &name)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_version_0_1_0_is_understood_and_says_that_nobody_watches() {
        let line = r#"{"pid":7,"process":{"boot":"b","namespace":1,"started":9},"host":"h"}"#;
        let running = read_note(line.as_bytes()).unwrap();
        assert_eq!((running.command.pid, running.host.as_str()), (7, "h"));
        assert_eq!(running.command.process.unwrap().started, 9);
        assert!(!running.watches && !running.cleared && !running.init);
        assert_eq!((running.supervisor, running.guardian), (None, None));
    }
}
