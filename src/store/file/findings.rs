//! Findings: shared with one line, read from the newest back.

use super::agents::not_before;
use super::dir::Access;
use super::jsonl::{Backward, Strictness, Tail, newer, sync_data};
use super::line::{Bad, FindingLine, decode, encode};
use super::task::FINDINGS;
use super::{FileStore, find};
use crate::model::{AgentId, Extra, Finding, NewFinding, SCHEMA, TaskId};
use crate::store::{FindingQuery, Result};

pub(crate) fn share(
    store: &FileStore,
    task: &TaskId,
    agent: &AgentId,
    new: &NewFinding,
) -> Result<Finding> {
    let home = store.home()?;
    let guard = FileStore::lock_task(&home, task, &store.patience())?;
    if !guard.has_agent(agent)? {
        return Err(guard.missing(find::unknown_agent(&guard, agent.as_str())));
    }
    let path = guard.dir.at(FINDINGS);
    let file = guard
        .dir
        .need_file(FINDINGS, Access::Append)
        .map_err(|error| guard.missing(error))?;
    let mut tail = Tail::<FindingLine>::read(&file, &path, Strictness::Log, decode)?;
    let last = tail.last.take();
    let finding = Finding {
        seq: last.as_ref().map_or(1, |line| line.finding.seq + 1),
        at: not_before(last.as_ref().map(|line| line.finding.at)),
        task: task.clone(),
        agent: agent.clone(),
        finding_type: new.finding_type.clone(),
        severity: new.severity,
        message: new.message.clone(),
        data: new.data.clone(),
        file: new.file.clone(),
        line: new.line,
        extra: Extra::new(),
    };
    let line = FindingLine {
        schema: SCHEMA,
        sums: last
            .map(|line| line.sums)
            .unwrap_or_default()
            .with(new.severity),
        finding,
    };
    tail.append(&file, &path, &encode(&line))?;
    // The lock is free again before the wait for the disk.
    drop(guard);
    sync_data(&file, &path)?;
    Ok(line.finding)
}

pub(crate) fn list(store: &FileStore, task: &TaskId, query: &FindingQuery) -> Result<Vec<Finding>> {
    let home = store.home()?;
    let task = FileStore::task_dir(&home, task)?;
    let path = task.dir.at(FINDINGS);
    let Some(file) = task.dir.file(FINDINGS, Access::Read)? else {
        return Ok(Vec::new());
    };
    let mut lines = Backward::new(&file, &path)?;
    let mut found = Vec::new();
    while query.limit.is_none_or(|limit| found.len() < limit) {
        let Some(line) = lines.next_line()? else {
            break;
        };
        match decode::<FindingLine>(line) {
            Ok(line) if query.stops_at(&line.finding) => break,
            Ok(line) if query.admits(&line.finding) => found.push(line.finding),
            Err(Bad::Newer(schema)) => return Err(newer(&path, schema)),
            Ok(_) | Err(Bad::Garbage(_)) => {}
        }
    }
    found.reverse();
    Ok(found)
}
