//! `doctor`: every count is a cache of the agents' logs and the journal; here they are recounted.
//!
//! A task is first surveyed without its lock. What looks wrong then may only be moving, so it is surveyed again under
//! the lock, and only what is wrong there counts. Every call that was killed, and every power cut, leaves something
//! harmless that the next call puts right: that is a note, not a problem.

mod history;
mod leftovers;
mod repair;
mod survey;

use std::path::Path;

use self::history::History;
use self::survey::Survey;
use super::FileStore;
use super::overview::task_ids;
use super::home::{Home, LOCK};
use super::task::TaskDir;
use crate::model::{TaskId, TaskStatus, Totals};
use crate::store::{Check, Error, Problem, Result, Scope};

pub(crate) fn check(store: &FileStore, repair: bool) -> Result<Check> {
    let Some(home) = store.home_if_any()? else {
        return Ok(Check::default());
    };
    if repair {
        let mut repaired = repair::repair(store, &home)?;
        let mut after = look(store, &home)?;
        repaired.sort();
        after.repaired = repaired;
        return Ok(after);
    }
    look(store, &home)
}

fn look(store: &FileStore, home: &Home) -> Result<Check> {
    let mut found = Found::default();
    if home.dir.kind(LOCK)?.is_none() {
        found.problem(&home.dir.at(LOCK), "the lock file is missing");
    }
    if let Err(error) = home.settings() {
        found.error(&home.dir.at(super::home::REGISTRY), error)?;
    }
    let history = History::read(home, &mut found)?;
    for id in all_tasks(home, &history)? {
        let Some(task) = TaskDir::find(home, &id)? else {
            found.problem(
                &home.dir.at(&format!("tasks/{id}")),
                "the journal has this task, and its directory is missing",
            );
            continue;
        };
        let survey = suspect_twice(store, home, &task, &history)?;
        found.take(survey.found);
    }
    if found.0.problems.is_empty() {
        totals_add_up(store, home, &mut found)?;
    }
    leftovers::note(home, &mut found)?;
    found.0.problems.sort();
    found.0.notes.sort();
    Ok(found.0)
}

/// Every task of the directories and of the journal.
fn all_tasks(home: &Home, history: &History) -> Result<std::collections::BTreeSet<TaskId>> {
    let mut ids: std::collections::BTreeSet<TaskId> = history.tasks.keys().cloned().collect();
    for dir in [home.tasks()?, home.closed()?] {
        ids.extend(
            dir.names()?
                .into_iter()
                .filter_map(|name| name.parse().ok()),
        );
    }
    Ok(ids)
}

fn suspect_twice(
    store: &FileStore,
    home: &Home,
    task: &TaskDir,
    history: &History,
) -> Result<Survey> {
    let first = Survey::of(home, task, history)?;
    if first.found.0.problems.is_empty() {
        return Ok(first);
    }
    match task.lock_shared(&store.patience()) {
        Ok(_lock) => Survey::of(home, task, history),
        Err(error @ Error::LockTimeout { .. }) => Err(error),
        // Without a lock file there is nothing to wait for.
        Err(_) => Ok(first),
    }
}

/// The machine's totals against the sum of the tasks. Looked at again under the global lock, where they stand still.
fn totals_add_up(store: &FileStore, home: &Home, found: &mut Found) -> Result<()> {
    if difference(home)?.is_none() {
        return Ok(());
    }
    let _lock = home.lock(&store.patience())?;
    if let Some((stated, sum)) = difference(home)? {
        found.problem(
            &home.journal_path(),
            &format!(
                "its last line totals {}, the tasks add up to {}",
                words(stated),
                words(sum)
            ),
        );
    }
    Ok(())
}

fn difference(home: &Home) -> Result<Option<(Totals, Totals)>> {
    let stated = home
        .last_commit()?
        .map(|last| last.totals)
        .unwrap_or_default();
    let mut sum = Totals::default();
    for id in task_ids(home, Scope::All)? {
        if let Some(task) = TaskDir::find(home, &id)? {
            let state = super::read::state(home, &task)?;
            sum.agents = sum.agents.plus(state.counts);
            match state.status {
                TaskStatus::Open => sum.tasks_open += 1,
                TaskStatus::Closed => sum.tasks_closed += 1,
            }
        }
    }
    Ok((stated != sum).then_some((stated, sum)))
}

fn words(totals: Totals) -> String {
    format!(
        "{} in {} open and {} closed tasks",
        survey::words(totals.agents),
        totals.tasks_open,
        totals.tasks_closed
    )
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Found(Check);

impl Found {
    fn problem(&mut self, path: &Path, what: &str) {
        self.0.problems.push(at(path, what));
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.0.notes.push(at(path, what));
    }

    /// A file that is damaged is a problem of it; anything else stops the check.
    fn error(&mut self, path: &Path, error: Error) -> Result<()> {
        match error {
            Error::Damaged { path, detail } => self.problem(&path, &detail),
            Error::Rejected(rejection) => self.problem(path, &rejection.message),
            error => return Err(error),
        }
        Ok(())
    }

    fn take(&mut self, other: Self) {
        self.0.problems.extend(other.0.problems);
        self.0.notes.extend(other.0.notes);
    }
}

fn at(path: &Path, what: &str) -> Problem {
    Problem {
        path: path.display().to_string(),
        what: what.to_owned(),
    }
}
