//! A task that comes in whole: built aside, synced, and committed with one line that holds all its counts.

use std::collections::BinaryHeap;

use super::FileStore;
use super::dir::Dir;
use super::home::Home;
use super::jsonl::Tail;
use super::line::{AgentLine, FindingLine, encode};
use super::task::{FINDINGS, Folder, TaskDir, log_name};
use super::tasks::Building;
use crate::model::{
    AgentId, Change, Counts, Finding, SCHEMA, SeveritySums, TaskState, TaskStatus, Timestamp,
};
use crate::store::{Done, Import, ImportedAgent, Result};

/// So many agents that ended last are named in the commit, for `status` to show.
pub(crate) const RECENT: usize = 20;

pub(crate) fn import(
    store: &FileStore,
    import: Import<'_>,
    progress: &dyn Fn(u64),
) -> Result<Option<Done<TaskState>>> {
    let patience = store.patience();
    let home = Home::make(&store.options.home, &patience)?;
    let task = import.task;
    if TaskDir::find_existing(&home, &task.id)?.is_some() {
        return Ok(None);
    }
    let building = Building::start(&home, &task, &patience)?;
    let mut lives = Lives::new(building.dir())?;
    for (written, agent) in (1..).zip(import.agents) {
        lives.write(&agent)?;
        progress(written);
    }
    let (counts, recent) = lives.counted();
    let findings = write_findings(building.dir(), import.findings)?;
    // Building may have taken long: the wait for the lock begins now.
    let done = building.commit(store, Change::Imported, counts, recent, &store.patience())?;
    Ok(done.map(|done| {
        done.map(|()| TaskState {
            task,
            status: TaskStatus::Open,
            counts,
            findings,
        })
    }))
}

/// The agents' logs, written one by one and counted on the way.
struct Lives {
    active: Dir,
    ended: Dir,
    counts: Counts,
    /// The agents that ended last, the first to end on top.
    recent: BinaryHeap<std::cmp::Reverse<(Timestamp, AgentId)>>,
}

impl Lives {
    fn new(task: &Dir) -> Result<Self> {
        Ok(Self {
            active: task.need_dir(Folder::Active.path())?,
            ended: task.need_dir(Folder::Ended.path())?,
            counts: Counts::default(),
            recent: BinaryHeap::new(),
        })
    }

    fn write(&mut self, agent: &ImportedAgent) -> Result<()> {
        let Some(last) = agent.last() else {
            return Ok(());
        };
        let folder = match Folder::of(last) {
            Folder::Active => &self.active,
            Folder::Ended => &self.ended,
        };
        let lines: Vec<u8> = agent
            .lines
            .iter()
            .flat_map(|agent| {
                encode(&AgentLine {
                    schema: SCHEMA,
                    rev: None,
                    agent: agent.clone(),
                })
            })
            .collect();
        let name = log_name(&last.id);
        Tail::<AgentLine>::empty().append(&folder.create(&name)?, &folder.at(&name), &lines)?;
        self.counts = self.counts.with(last.status);
        if let Some(ended_at) = last.ended_at {
            self.recent
                .push(std::cmp::Reverse((ended_at, last.id.clone())));
            if self.recent.len() > RECENT {
                self.recent.pop();
            }
        }
        Ok(())
    }

    /// The counts, and the agents that ended last, the last one first.
    fn counted(self) -> (Counts, Vec<AgentId>) {
        let recent = self.recent.into_sorted_vec();
        (
            self.counts,
            recent
                .into_iter()
                .map(|std::cmp::Reverse((_, id))| id)
                .collect(),
        )
    }
}

fn write_findings(task: &Dir, findings: Vec<Finding>) -> Result<SeveritySums> {
    let mut sums = SeveritySums::default();
    let mut lines = Vec::new();
    for (seq, finding) in (1..).zip(findings) {
        sums = sums.with(finding.severity);
        lines.extend(encode(&FindingLine {
            schema: SCHEMA,
            sums,
            finding: Finding { seq, ..finding },
        }));
    }
    if !lines.is_empty() {
        Tail::<FindingLine>::empty().append(&task.create(FINDINGS)?, &task.at(FINDINGS), &lines)?;
    }
    Ok(sums)
}
