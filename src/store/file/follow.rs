//! Reports as they come. Every agent's log is read on from where it was read to, without locks, also when it has moved
//! to `ended` meanwhile.
//!
//! Lines are appended under the task's lock, so those of different agents have an order; but logs are read one after the
//! other, and a line may come into one just behind the reader. So what a second look finds that is older than the newest
//! of the first belongs before it, and what is newer waits for the next time.
//!
//! What is committed and not applied yet is not handed out: it may be taken back, and what was handed out cannot be.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::FileExt;

use super::FileStore;
use super::changed::ChangedLogs;
use super::jsonl::newer;
use super::line::{AgentLine, Bad, decode};
use super::task::{Folder, TaskDir};
use crate::model::{AgentId, Report, TaskId};
use crate::store::{Error, NewReports, ReportQuery, Result};

/// How much of a log is read at a time.
const BLOCK: usize = 256 * 1024;

/// Reads on in the logs of a task's agents.
#[derive(Debug)]
pub(crate) struct Follower {
    task: TaskDir,
    query: ReportQuery,
    changed: ChangedLogs,
    read: HashMap<AgentId, Place>,
    /// Found by the last second look, and newer than what was handed out then.
    held_back: Vec<Report>,
}

/// Up to where a log is read.
#[derive(Debug, Default)]
struct Place {
    /// In bytes.
    offset: u64,
    /// The number of the last line.
    seq: u64,
    /// Whether that ended the agent: nothing comes after it.
    ended: bool,
}

/// A follower of the reports of `query`.
pub(crate) fn reports(store: &FileStore, task: &TaskId, query: &ReportQuery) -> Result<Follower> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    Ok(Follower {
        changed: ChangedLogs::of(&task),
        task,
        query: query.clone(),
        read: HashMap::new(),
        held_back: Vec::new(),
    })
}

impl NewReports for Follower {
    fn next(&mut self) -> Result<Vec<Report>> {
        let mut found = std::mem::take(&mut self.held_back);
        found.extend(self.look()?);
        if let Some(newest) = found.iter().map(|report| report.at).max() {
            let (older, held_back) = self
                .look()?
                .into_iter()
                .partition(|report: &Report| report.at <= newest);
            found.extend::<Vec<_>>(older);
            self.held_back = held_back;
        }
        found.sort_by(|a, b| (a.at, &a.agent, a.seq).cmp(&(b.at, &b.agent, b.seq)));
        found.retain(|report| self.query.admits(report));
        Ok(found)
    }

    fn has_more(&self) -> bool {
        !self.held_back.is_empty()
    }
}

impl Follower {
    fn look(&mut self) -> Result<Vec<Report>> {
        let asked_for = &self.query.agents;
        let mut ids: HashSet<AgentId> = match self.changed.take() {
            Some(changed) if asked_for.is_empty() => changed,
            Some(changed) => {
                let are = |id: &&AgentId| changed.contains(*id);
                asked_for.iter().filter(are).cloned().collect()
            }
            None if asked_for.is_empty() => {
                let active = self.task.agents_in(Folder::Active)?;
                let ended = self.task.agents_in(Folder::Ended)?;
                active.into_iter().chain(ended).collect()
            }
            None => asked_for.iter().cloned().collect(),
        };
        ids.retain(|id| self.read.get(id).is_none_or(|place| !place.ended));
        let mut found = Vec::new();
        for id in ids {
            self.read_on(&id, &mut found)?;
        }
        Ok(found)
    }

    fn read_on(&mut self, id: &AgentId, found: &mut Vec<Report>) -> Result<()> {
        if let Some((file, path)) = self.task.open_log(id)? {
            let place = self.read.entry(id.clone()).or_default();
            place.read_on(&file, &path, found)?;
        }
        Ok(())
    }
}

impl Place {
    /// Takes every good line that was appended. What comes after the last good line may be cut off and written anew, so
    /// the place stays before it.
    fn read_on(
        &mut self,
        file: &std::fs::File,
        path: &std::path::Path,
        found: &mut Vec<Report>,
    ) -> Result<()> {
        let mut unread: Vec<u8> = Vec::new();
        let mut block = vec![0; 4096];
        let mut at = self.offset;
        loop {
            let read = match file.read_at(&mut block, at) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("read", path, error)),
            };
            unread.extend(block.iter().take(read));
            at += read as u64;
            let mut rest = unread.as_slice();
            while let Some(newline) = rest.iter().position(|&byte| byte == b'\n') {
                let (line, behind) = rest.split_at(newline + 1);
                rest = behind;
                match decode::<AgentLine>(line) {
                    Ok(line) => {
                        self.offset = at - rest.len() as u64;
                        if line.agent.seq > self.seq {
                            self.seq = line.agent.seq;
                            self.ended = !line.agent.status.is_active();
                            found.push(line.agent.report());
                        }
                    }
                    Err(Bad::Newer(schema)) => return Err(newer(path, schema)),
                    Err(Bad::Garbage(_)) => {}
                }
            }
            unread.drain(..unread.len() - rest.len());
            if read < block.len() {
                // What is appended from now on is a change, and read after that.
                return Ok(());
            }
            block.resize(BLOCK, 0);
        }
    }
}
