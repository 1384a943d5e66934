//! The global journal read whole: its lines in order, and what they say of each task and agent.

use std::collections::HashMap;

use super::super::dir::Access;
use super::super::events::journals;
use super::super::home::{Home, JOURNAL};
use super::super::jsonl::Backward;
use super::super::line::{Bad, Commit, decode_checked};
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
    /// The journals from the newest to the oldest one of which a line before the last cannot be read or is missing.
    pub(super) damaged: Vec<String>,
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
        let names = journals(home)?;
        for (place, name) in names.iter().enumerate() {
            let path = home.dir.at(name);
            let from_newest = || names[..=place].to_vec();
            let file = match home.dir.need_file(name, Access::Read) {
                Ok(file) => file,
                Err(Error::Damaged { path, detail }) => {
                    found.problem(&path, &detail);
                    history.damaged = from_newest();
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
                                history.damaged = from_newest();
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
                        history.damaged = from_newest();
                    }
                }
            }
        }
        if let Some((rev, change)) = after
            && rev != 1
            && change != Change::Repaired
            && history.damaged.is_empty()
        {
            // A journal begins with the last line of the one before it.
            found.problem(
                &home.dir.at(&old_name(rev)),
                &format!("the history before rev {rev} is missing"),
            );
            history.damaged.clone_from(&names);
        }
        if after.is_none() && !home.tasks()?.names()?.is_empty() && history.damaged.is_empty() {
            found.problem(
                &home.journal_path(),
                "the journal is empty, and there are tasks",
            );
            history.damaged.clone_from(&names);
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

/// All records of an agent that the journal has, the first one first, for one whose log is lost or lost its end.
pub(super) fn records(home: &Home, task: &TaskId, agent: &AgentId) -> Result<Vec<(u64, Agent)>> {
    let mut records: Vec<(u64, Agent)> = Vec::new();
    for name in journals(home)? {
        let path = home.dir.at(&name);
        let Some(file) = home.dir.file(&name, Access::Read)? else {
            continue;
        };
        let mut lines = Backward::new(&file, &path)?;
        while let Some(line) = lines.next_line()? {
            let Ok(commit) = decode_checked::<Commit>(line) else {
                continue;
            };
            let rev = commit.rev;
            let is_new = records.last().is_none_or(|(later, _)| rev < *later);
            let record = commit
                .agent
                .filter(|record| is_new && commit.task == *task && record.id == *agent);
            records.extend(record.map(|record| (rev, record)));
        }
    }
    records.reverse();
    Ok(records)
}
