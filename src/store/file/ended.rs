//! Which agents of a task have ended, the last one first, by the task's journal: the price is what is asked for, not what
//! the task ever had.

use std::collections::HashSet;

use super::dir::Access;
use super::jsonl::{Backward, newer};
use super::line::{Bad, Commit, Mark, decode_mark};
use super::task::{JOURNAL, TaskDir};
use crate::model::{AgentId, Change};
use crate::store::Result;

/// Those that ended last, at most so many; `pending` is committed and not in the journal yet.
pub(crate) fn last(task: &TaskDir, pending: Option<&Commit>, limit: usize) -> Result<Vec<AgentId>> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let mut seen = HashSet::new();
    walk(task, pending, &mut |mark| {
        let ended = mark.change.ends_agent().then_some(mark.agent).flatten();
        for id in ended.into_iter().chain(mark.recent) {
            if found.len() < limit && seen.insert(id.clone()) {
                found.push(id);
            }
        }
        found.len() < limit
    })?;
    Ok(found)
}

/// Those that ended as terminated; none if the journal does not tell of all that are counted: some were imported, or it
/// was repaired.
pub(crate) fn terminated(task: &TaskDir, pending: Option<&Commit>) -> Result<Option<Vec<AgentId>>> {
    let mut found = HashSet::new();
    let mut counted = None;
    walk(task, pending, &mut |mark| {
        let counted = *counted.get_or_insert(mark.counts.terminated);
        if mark.change == Change::Terminated {
            found.extend(mark.agent);
        }
        (found.len() as u64) < counted
    })?;
    let all = found.len() as u64 == counted.unwrap_or(0);
    Ok(all.then(|| found.into_iter().collect()))
}

/// Shows `visit` the marks, the last one first, until it has seen enough.
fn walk(
    task: &TaskDir,
    pending: Option<&Commit>,
    visit: &mut dyn FnMut(Mark) -> bool,
) -> Result<()> {
    if pending.is_some_and(|commit| !visit(commit.mark())) {
        return Ok(());
    }
    let path = task.dir.at(JOURNAL);
    let file = task.dir.need_file(JOURNAL, Access::Read)?;
    let mut lines = Backward::new(&file, &path)?;
    while let Some(line) = lines.next_line()? {
        match decode_mark(line) {
            Ok(mark) => {
                if !visit(mark) {
                    break;
                }
            }
            Err(Bad::Newer(schema)) => return Err(newer(&path, schema)),
            Err(Bad::Garbage(_)) => {}
        }
    }
    Ok(())
}
