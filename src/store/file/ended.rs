//! Which agents of a task had ended at a moment, the last one first, by the task's journal: the price is what is asked for,
//! not what the task ever had.

use std::collections::HashSet;

use super::dir::Access;
use super::jsonl::{Backward, newer};
use super::line::{Bad, Mark, decode_mark};
use super::moment::Moment;
use super::task::{JOURNAL, TaskDir};
use crate::model::{AgentId, Change};
use crate::store::Result;

/// Those that ended last, at most so many.
pub(crate) fn last(task: &TaskDir, moment: &Moment, limit: usize) -> Result<Vec<AgentId>> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let mut seen = HashSet::new();
    walk(task, moment, &mut |mark| {
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
pub(crate) fn terminated(task: &TaskDir, moment: &Moment) -> Result<Option<Vec<AgentId>>> {
    let mut found = HashSet::new();
    let counted = moment.mark.counts.terminated;
    walk(task, moment, &mut |mark| {
        if mark.change == Change::Terminated {
            found.extend(mark.agent);
        }
        (found.len() as u64) < counted
    })?;
    let all = found.len() as u64 == counted;
    Ok(all.then(|| found.into_iter().collect()))
}

/// Shows `visit` the marks, the last one first, until it has seen enough.
fn walk(task: &TaskDir, moment: &Moment, visit: &mut dyn FnMut(Mark) -> bool) -> Result<()> {
    // What is laid over the journal is the moment's own mark, and not in there unless it was applied since.
    if !visit(moment.mark.clone()) {
        return Ok(());
    }
    let path = task.dir.at(JOURNAL);
    let file = task.dir.need_file(JOURNAL, Access::Read)?;
    let mut lines = Backward::new(&file, &path)?;
    while let Some(line) = lines.next_line()? {
        match decode_mark::<Mark>(line) {
            Ok(mark) if mark.rev >= moment.rev() => {}
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
