//! A task that comes in whole: built aside, synced, and committed with one line that holds all its counts.

use std::collections::{BinaryHeap, HashSet};
use std::fs::File;
use std::path::PathBuf;

use serde::Serialize;

use super::FileStore;
use super::dir::Dir;
use super::home::Home;
use super::jsonl::Tail;
use super::line::{AgentLine, FindingLine, encode};
use super::task::{FINDINGS, Folder, TaskDir, log_name, spelling};
use super::tasks::{Building, is_not_same_file};
use crate::model::{
    AgentId, Change, Counts, Finding, Kind, Rejection, SCHEMA, SeveritySums, TaskState, TaskStatus,
    Timestamp,
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
    if let Some(found) = TaskDir::find_existing(&home, &task.id)? {
        is_not_same_file(&found)?;
        return Ok(None);
    }
    let building = Building::start(&home, &task, &patience)?;
    let mut lives = Lives::new(building.dir())?;
    for (written, agent) in (1..).zip(import.agents) {
        lives.write(agent)?;
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
    /// The ids, as a file system sees them that merges upper and lower case.
    spellings: HashSet<String>,
    /// The agents that ended last, the first to end on top.
    recent: BinaryHeap<std::cmp::Reverse<(Timestamp, AgentId)>>,
}

impl Lives {
    fn new(task: &Dir) -> Result<Self> {
        Ok(Self {
            active: task.need_dir(Folder::Active.path())?,
            ended: task.need_dir(Folder::Ended.path())?,
            counts: Counts::default(),
            spellings: HashSet::new(),
            recent: BinaryHeap::new(),
        })
    }

    fn write(&mut self, agent: ImportedAgent<'_>) -> Result<()> {
        let name = log_name(&agent.id);
        self.is_apart(&agent.id, &name)?;
        let folder = if agent.status.is_active() {
            &self.active
        } else {
            &self.ended
        };
        let mut out = Lines::new(folder, &name)?;
        let mut last = None;
        for agent in agent.lines {
            let (status, ended_at) = (agent.status, agent.ended_at);
            out.write(&AgentLine {
                schema: agent.schema(),
                rev: None,
                agent,
            })?;
            last = Some((status, ended_at));
        }
        out.finish()?;
        let Some((status, ended_at)) = last else {
            return Ok(());
        };
        self.counts = self.counts.with(status);
        if let Some(ended_at) = ended_at {
            self.recent.push(std::cmp::Reverse((ended_at, agent.id)));
            if self.recent.len() > RECENT {
                self.recent.pop();
            }
        }
        Ok(())
    }

    /// Refuses a log that would be another agent's on a file system that merges upper and lower case.
    fn is_apart(&mut self, id: &AgentId, name: &str) -> Result<()> {
        if self
            .spellings
            .insert(spelling(id.as_str()).to_ascii_lowercase())
        {
            return Ok(());
        }
        for folder in [&self.active, &self.ended] {
            if folder.kind(name)?.is_some() {
                return Err(Rejection::new(
                    Kind::Duplicate,
                    format!("two agents of the task differ from {id} only in upper and lower case, which this file system does not tell apart"),
                )
                .hint("import into a home on another file system: export AGENTREG_HOME=DIRECTORY")
                .into());
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

fn write_findings(task: &Dir, findings: impl Iterator<Item = Finding>) -> Result<SeveritySums> {
    let mut sums = SeveritySums::default();
    let mut out = Lines::new(task, FINDINGS)?;
    for (seq, finding) in (1..).zip(findings) {
        sums = sums.with(finding.severity);
        out.write(&FindingLine {
            schema: SCHEMA,
            sums,
            finding: Finding { seq, ..finding },
        })?;
    }
    out.finish()?;
    Ok(sums)
}

/// A file that nobody sees yet, written in pieces.
struct Lines {
    file: File,
    path: PathBuf,
    tail: Tail<()>,
    piece: Vec<u8>,
}

impl Lines {
    /// So many bytes are held before they are written.
    const PIECE: usize = 1 << 18;

    fn new(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self {
            file: dir.create(name)?,
            path: dir.at(name),
            tail: Tail::empty(),
            piece: Vec::new(),
        })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        self.piece.extend(encode(line));
        if self.piece.len() >= Self::PIECE {
            self.finish()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if !self.piece.is_empty() {
            self.tail.append(&self.file, &self.path, &self.piece)?;
            self.piece.clear();
        }
        Ok(())
    }
}
