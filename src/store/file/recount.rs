//! Counts are a cache of the agents' logs: here they are counted anew, by the last line of each.
//!
//! Only under locks that keep agents from being registered or ended: the task's for one task, the global one for the home.

use std::collections::BTreeMap;

use super::home::Home;
use super::import::RECENT;
use super::line::Commit;
use super::rev::{Standing, judge};
use super::task::{AgentLog, Folder, JOURNAL, TaskDir, agent_of_log};
use crate::model::{AgentId, Change, Counts, Status, TaskId, TaskStatus, Totals};
use crate::store::{Error, Result};

/// What the agents of a task add up to.
pub(crate) fn task(task: &TaskDir) -> Result<Counts> {
    count(task, u64::MAX)
}

/// The agents of a task that ended last, the first of them to end first.
pub(crate) fn recent(task: &TaskDir) -> Result<Vec<AgentId>> {
    let mut ended = Vec::new();
    for folder in [Folder::Active, Folder::Ended] {
        let dir = task.dir.need_dir(folder.path())?;
        for name in dir.names()? {
            if let Some(id) = agent_of_log(&name)
                && let Some(line) = AgentLog::last_line(&dir, &name)?
                && let Some(at) = line.agent.ended_at
            {
                ended.push((at, id));
            }
        }
    }
    ended.sort();
    let first = ended.len().saturating_sub(RECENT);
    Ok(ended
        .split_off(first)
        .into_iter()
        .map(|(_, id)| id)
        .collect())
}

/// The same of logs none of which may know a rev above `newest`.
fn count(task: &TaskDir, newest: u64) -> Result<Counts> {
    let mut agents: BTreeMap<AgentId, Status> = BTreeMap::new();
    for folder in [Folder::Active, Folder::Ended] {
        let dir = task.dir.need_dir(folder.path())?;
        for name in dir.names()? {
            let Some(id) = agent_of_log(&name) else {
                continue;
            };
            let Some(line) = AgentLog::last_line(&dir, &name)? else {
                continue;
            };
            if line.rev.is_some_and(|rev| rev > newest) {
                return Err(Error::damaged(
                    dir.at(&name),
                    format!("it has a rev beyond {newest}, the journal's last"),
                ));
            }
            agents.insert(id, line.agent.status);
        }
    }
    Ok(agents
        .values()
        .fold(Counts::default(), |counts, status| counts.with(*status)))
}

/// Holds a home that was copied, moved, restored or made by 0.1.0 against its journal, whose last line is applied.
///
/// # Errors
/// `Damaged` with the first contradiction: then it was copied while calls changed it.
pub(crate) fn home(home: &Home, last: &Commit) -> Result<()> {
    let mut totals = Totals::default();
    for found in TaskDir::all(home)? {
        let id = &found.id;
        let Some(mark) = found.last_mark()? else {
            return Err(contradiction(home, id, "its journal is empty"));
        };
        if mark.change == Change::Deleted {
            continue;
        }
        if judge(id, mark.rev, Some(&last.head())) != Standing::Applied {
            return Err(contradiction(
                home,
                id,
                &format!(
                    "its journal ends with rev {}, the machine's with rev {}",
                    mark.rev, last.rev
                ),
            ));
        }
        let counts = count(&found, last.rev)?;
        if counts != mark.counts {
            return Err(differ(&found, mark.counts, counts));
        }
        totals.agents = totals.agents.plus(counts);
        match mark.status {
            TaskStatus::Open => totals.tasks_open += 1,
            TaskStatus::Closed => totals.tasks_closed += 1,
        }
    }
    if totals == last.totals {
        return Ok(());
    }
    Err(Error::damaged(
        home.journal_path(),
        "its totals are not those of the tasks in this home, which was copied or restored while calls changed it",
    ))
}

fn contradiction(home: &Home, task: &TaskId, what: &str) -> Error {
    Error::damaged(
        home.dir.path(),
        format!(
            "this home was copied or restored while calls changed it: task {task} does not fit its journal, {what}"
        ),
    )
}

/// What is stated is not what the logs add up to.
pub(crate) fn differ(task: &TaskDir, stated: Counts, found: Counts) -> Error {
    Error::damaged(
        task.dir.at(JOURNAL),
        format!("it counts {stated}, the agents' logs are {found}"),
    )
}
