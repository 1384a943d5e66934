//! The global journal read whole: its lines in order, and what they say of each task and agent.

use std::collections::HashMap;

use super::super::dir::Access;
use super::super::home::{Home, JOURNAL};
use super::super::jsonl::Backward;
use super::super::line::{Bad, Commit, decode_checked};
use super::super::read::journals;
use super::super::rotate::old_name;
use super::Found;
use crate::model::{Agent, AgentId, Change, Counts, Status, Task, TaskId};
use crate::store::{Error, Result};

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The rev of the last line.
    pub(super) last_rev: u64,
    /// The tasks it names.
    pub(super) tasks: HashMap<TaskId, TaskHistory>,
    /// Whether a line before the last could not be read, or the journal is missing.
    pub(super) is_damaged: bool,
}

/// What the journal says of one task.
#[derive(Debug)]
pub(super) struct TaskHistory {
    pub(super) last_rev: u64,
    pub(super) counts: Counts,
    pub(super) settings: Option<Task>,
    /// The last rev and status of each agent.
    pub(super) agents: HashMap<AgentId, (u64, Status)>,
}

impl History {
    /// Reads the journal and all rotated ones, the newest line first.
    pub(super) fn read(home: &Home, found: &mut Found) -> Result<Self> {
        let mut history = Self::default();
        let mut after: Option<(u64, Change)> = None;
        for name in journals(home)? {
            let path = home.dir.at(&name);
            let file = match home.dir.need_file(&name, Access::Read) {
                Ok(file) => file,
                Err(Error::Damaged { path, detail }) => {
                    found.problem(&path, &detail);
                    history.is_damaged = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut lines = Backward::new(&file, &path)?;
            let mut is_last_of_all = name == JOURNAL;
            while let Some(line) = lines.next_line()? {
                let is_last = std::mem::take(&mut is_last_of_all);
                match decode_checked::<Commit>(line) {
                    Ok(commit) => {
                        if let Some((rev, change)) = after {
                            if commit.rev >= rev {
                                continue;
                            }
                            if commit.rev + 1 != rev && change != Change::Repaired {
                                found.problem(
                                    &path,
                                    &format!("after rev {} follows rev {rev}", commit.rev),
                                );
                                history.is_damaged = true;
                            }
                        }
                        after = Some((commit.rev, commit.change));
                        history.take(commit);
                    }
                    Err(Bad::Newer(schema)) => {
                        return Err(super::super::jsonl::newer(&path, schema));
                    }
                    Err(Bad::Garbage(_)) if is_last => {
                        found.note(
                            &path,
                            "its last line was never acknowledged; the next change cuts it off",
                        );
                        // What is torn may be a line without its end, and a whole bad one cannot stand before it.
                    }
                    Err(Bad::Garbage(what)) => {
                        let at = lines.unread();
                        found.problem(
                            &path,
                            &format!("the line at byte {at} cannot be read: {what}"),
                        );
                        history.is_damaged = true;
                    }
                }
            }
        }
        if let Some((rev, change)) = after
            && rev != 1
            && change != Change::Repaired
            && !history.is_damaged
        {
            // A journal begins with the last line of the one before it.
            found.problem(
                &home.dir.at(&old_name(rev)),
                &format!("the history before rev {rev} is missing"),
            );
            history.is_damaged = true;
        }
        if after.is_none() && !home.tasks()?.names()?.is_empty() && !history.is_damaged {
            found.problem(
                &home.journal_path(),
                "the journal is empty, and there are tasks",
            );
            history.is_damaged = true;
        }
        Ok(history)
    }

    fn take(&mut self, commit: Commit) {
        self.last_rev = self.last_rev.max(commit.rev);
        let task = self.tasks.entry(commit.task).or_insert(TaskHistory {
            last_rev: commit.rev,
            counts: commit.counts,
            settings: None,
            agents: HashMap::new(),
        });
        if let Some(agent) = commit.agent {
            task.agents
                .entry(agent.id)
                .or_insert((commit.rev, agent.status));
        }
        if task.settings.is_none() {
            task.settings = commit.settings;
        }
    }
}

/// The last record of an agent that the journal has, for one whose log is lost.
pub(super) fn last_record(
    home: &Home,
    task: &TaskId,
    agent: &AgentId,
) -> Result<Option<(u64, Agent)>> {
    for name in journals(home)? {
        let path = home.dir.at(&name);
        let Some(file) = home.dir.file(&name, Access::Read)? else {
            continue;
        };
        let mut lines = Backward::new(&file, &path)?;
        while let Some(line) = lines.next_line()? {
            if let Ok(commit) = decode_checked::<Commit>(line) {
                let rev = commit.rev;
                let record = commit
                    .agent
                    .filter(|record| commit.task == *task && record.id == *agent);
                if let Some(record) = record {
                    return Ok(Some((rev, record)));
                }
            }
        }
    }
    Ok(None)
}
