//! An agent as it was registered: the first line of its log, which alone holds its prompt.

use std::io::{BufRead, BufReader};

use super::FileStore;
use super::dir::Access;
use super::find;
use super::jsonl::newer;
use super::line::{AgentLine, Bad, decode};
use crate::model::{Agent, AgentId, TaskId};
use crate::store::{Error, Result};

pub(crate) fn registered(store: &FileStore, task: &TaskId, id: &AgentId) -> Result<Agent> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    if let Some(log) = task.log(id, Access::Read)? {
        let mut lines = BufReader::new(&log.file);
        let mut line = Vec::new();
        // After a power cut the first line may be garbage.
        while lines
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::io("read", &log.path, error))?
            > 0
        {
            match decode::<AgentLine>(&line) {
                Ok(line) => return Ok(line.agent),
                Err(Bad::Newer(found)) => return Err(newer(&log.path, found)),
                Err(Bad::Garbage(_)) => line.clear(),
            }
        }
    }
    // Committed, and not in its log yet.
    let last = home.last_commit()?.filter(|last| last.task == task.id);
    last.and_then(|last| last.agent)
        .filter(|agent| agent.id == *id)
        .ok_or_else(|| find::unknown_agent(&task, id.as_str()))
}
