//! An agent as it was registered: the first line of its log, which alone holds its prompt.

use std::io::{BufRead, BufReader};

use super::FileStore;
use super::dir::Access;
use super::find;
use super::jsonl::newer;
use super::line::{AgentLine, Bad, decode};
use super::task::TaskDir;
use crate::model::{Agent, AgentId, TaskId};
use crate::store::{Error, Result};

pub(crate) fn registered(store: &FileStore, task: &TaskId, id: &AgentId) -> Result<Agent> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    if let Some(agent) = first_line(&task, id)? {
        return Ok(agent);
    }
    // Committed, and not in its log yet.
    let last = home.last_commit()?.filter(|last| last.task == task.id);
    if let Some(agent) = last.and_then(|last| last.agent)
        && agent.id == *id
    {
        return Ok(agent);
    }
    // Or it came into its log between these two looks.
    first_line(&task, id)?.ok_or_else(|| find::unknown_agent(&task, id.as_str()))
}

fn first_line(task: &TaskDir, id: &AgentId) -> Result<Option<Agent>> {
    let Some(log) = task.log(id, Access::Read)? else {
        return Ok(None);
    };
    let mut lines = BufReader::new(&log.file);
    let mut line = Vec::new();
    // After a power cut the first line may be garbage.
    while lines
        .read_until(b'\n', &mut line)
        .map_err(|error| Error::io("read", &log.path, error))?
        > 0
    {
        match decode::<AgentLine>(&line) {
            Ok(line) => return Ok(Some(line.agent)),
            Err(Bad::Newer(found)) => return Err(newer(&log.path, found)),
            Err(Bad::Garbage(_)) => line.clear(),
        }
    }
    Ok(None)
}
