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

pub(super) use self::leftovers::is_temporary;

use self::history::History;
use self::survey::Survey;
use super::FileStore;
use super::dir::{Access, Kind};
use super::home::{CLOSED, Home, LOCK, REGISTRY, TASKS, is_own_name};
use super::record::{self, Record};
use super::task::{DELETED, TaskDir, is_kept_name};
use crate::model::{Change, Counts, TaskId, TaskStatus, Totals};
use crate::store::{Check, Error, Problem, Result};

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
    let (mut history, mut found) = History::read_again(store, home)?;
    home_files(home, &mut found)?;
    if [TASKS, CLOSED].iter().any(|name| !is_dir(home, name)) {
        return Ok(found.sorted());
    }
    for task in tasks(home, &mut history)? {
        let survey = suspect_twice(store, home, &task, &mut history)?;
        found.take(survey.found);
    }
    missing(home, &mut history, &mut found)?;
    if found.0.problems.is_empty() {
        totals_add_up(store, home, &mut history, &mut found)?;
    }
    record(home, &mut found)?;
    leftovers::note(home, &mut found)?;
    Ok(found.sorted())
}

fn is_dir(home: &Home, name: &str) -> bool {
    matches!(home.dir.kind(name), Ok(Some(Kind::Dir)))
}

/// The home's own files, and what lies beside them and among the tasks that is not the registry's.
fn home_files(home: &Home, found: &mut Found) -> Result<()> {
    for (name, kind) in [(LOCK, Kind::File), (TASKS, Kind::Dir), (CLOSED, Kind::Dir)] {
        match home.dir.kind(name)? {
            Some(there) if there == kind => {}
            Some(_) => found.problem(&home.dir.at(name), "there is something else in its place"),
            None => found.problem(&home.dir.at(name), "it is missing"),
        }
    }
    if let Err(error) = home.settings() {
        found.error(&home.dir.at(REGISTRY), error)?;
    }
    for name in home.dir.all_names()? {
        if !is_own_name(&name) {
            found.note(&home.dir.at(&name), "it is no file of the registry");
        }
    }
    for place in [TASKS, CLOSED] {
        if !is_dir(home, place) {
            continue;
        }
        let dir = home.dir.need_dir(place)?;
        for name in dir.all_names()? {
            if is_kept_name(&name) || name.starts_with(".new-") || name.starts_with(DELETED) {
                continue;
            }
            let is_task = dir.kind(&name)? == Some(Kind::Dir)
                && match (name.parse(), dir.dir(&name)?) {
                    (Ok(id), Some(dir)) => !TaskDir::new(&id, dir, false).is_bare()?,
                    _ => false,
                };
            if !is_task {
                found.note(&dir.at(&name), "it is no task of the registry");
            }
        }
    }
    Ok(())
}

/// Every task with a directory, but for what is left of deleted ones. One whose directory was emptied is told from those,
/// and from somebody else's directory, by the journal, which has it.
fn tasks(home: &Home, history: &mut History) -> Result<Vec<TaskDir>> {
    let mut tasks = TaskDir::all(home)?;
    tasks.retain(|task| !task.is_deleted().unwrap_or(false));
    if !emptied(home, history)?.is_empty() {
        // Or it was deleted since the journal was read.
        history.catch_up(home)?;
        tasks.extend(emptied(home, history)?);
    }
    Ok(tasks)
}

fn emptied(home: &Home, history: &History) -> Result<Vec<TaskDir>> {
    let mut emptied = Vec::new();
    for (id, known) in &history.tasks {
        if known.change != Change::Deleted
            && let Some(task) = TaskDir::find_by_name(home, id)?
            && task.is_hollow()?
        {
            emptied.push(task);
        }
    }
    emptied.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(emptied)
}

/// The tasks that the journal has and no directory: closed ones somebody removed, which harms nothing; open ones are lost.
fn missing(home: &Home, history: &mut History, found: &mut Found) -> Result<()> {
    if missing_tasks(home, history)?.is_empty() {
        return Ok(());
    }
    // It may have been opened, moved or deleted since the journal was read.
    history.catch_up(home)?;
    for (id, known) in missing_tasks(home, history)? {
        if known.status == TaskStatus::Closed {
            found.note(
                &home.dir.at(&format!("{CLOSED}/{id}")),
                "the directory of this closed task was removed; doctor --repair takes it out of the totals",
            );
        } else {
            found.problem(
                &home.dir.at(&format!("{TASKS}/{id}")),
                "the journal has this task, and its directory is missing",
            );
        }
    }
    Ok(())
}

/// What the journal says of a task whose directory is missing.
struct Missing {
    last_rev: u64,
    status: TaskStatus,
    counts: Counts,
}

fn missing_tasks(home: &Home, history: &History) -> Result<Vec<(TaskId, Missing)>> {
    let mut missing = Vec::new();
    for (id, known) in &history.tasks {
        if known.change == Change::Deleted || TaskDir::find_by_name(home, id)?.is_some() {
            continue;
        }
        if let Ok(Some(_)) = TaskDir::find(home, id) {
            continue;
        }
        missing.push((
            id.clone(),
            Missing {
                last_rev: known.last_rev,
                status: known.status,
                counts: known.counts,
            },
        ));
    }
    missing.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(missing)
}

/// The sum of what all tasks but one count, by their last marks. Under the global lock, where these stand still.
fn sum_of_tasks(home: &Home, but: Option<&TaskId>) -> Result<Totals> {
    let mut sum = Totals::default();
    for task in TaskDir::all(home)? {
        if but == Some(&task.id) {
            continue;
        }
        let mark = match task.last_mark() {
            Ok(Some(mark)) if mark.change != Change::Deleted => mark,
            // It is repaired in its turn, and the totals with it.
            Ok(_) | Err(Error::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        sum.agents = sum.agents.plus(mark.counts);
        match mark.status {
            TaskStatus::Open => sum.tasks_open += 1,
            TaskStatus::Closed => sum.tasks_closed += 1,
        }
    }
    Ok(sum)
}

/// What the home's lock notes against the journal.
fn record(home: &Home, found: &mut Found) -> Result<()> {
    let path = home.dir.at(LOCK);
    let Ok(Some(file)) = home.dir.file(LOCK, Access::Read) else {
        return Ok(());
    };
    let Some(record) = Record::read(&file) else {
        return Ok(());
    };
    let last = match home.last_commit_head() {
        Ok(last) => last.map_or(0, |last| last.rev),
        Err(_) => return Ok(()),
    };
    if last < record.rev {
        found.problem(
            &home.journal_path(),
            &format!(
                "it ends with rev {last}, and rev {} was committed here: it was cut off or replaced by an older one",
                record.rev
            ),
        );
    }
    if record.home != record::identity(&file, &path)? {
        found.note(
            home.dir.path(),
            "this home was copied or restored; it is recounted at its next change",
        );
    }
    Ok(())
}

fn suspect_twice(
    store: &FileStore,
    home: &Home,
    task: &TaskDir,
    history: &mut History,
) -> Result<Survey> {
    let first = Survey::of(home, task, history)?;
    if first.found.0.problems.is_empty() {
        return Ok(first);
    }
    match task.lock_shared(&store.patience()) {
        Ok(_lock) => {
            history.catch_up(home)?;
            Survey::of(home, task, history)
        }
        Err(error @ Error::LockTimeout { .. }) => Err(error),
        // Without a lock file there is nothing to wait for.
        Err(_) => Ok(first),
    }
}

/// The machine's totals against the sum of the tasks. Looked at again under the global lock, where they stand still.
fn totals_add_up(
    store: &FileStore,
    home: &Home,
    history: &mut History,
    found: &mut Found,
) -> Result<()> {
    if difference(home, history)?.is_none() {
        return Ok(());
    }
    let _lock = match home.lock(&store.patience()) {
        Ok(lock) => Some(lock),
        Err(error @ Error::LockTimeout { .. }) => return Err(error),
        // On a read-only file system nobody changes anything.
        Err(_) => None,
    };
    history.catch_up(home)?;
    if let Some((stated, sum)) = difference(home, history)? {
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

fn difference(home: &Home, history: &History) -> Result<Option<(Totals, Totals)>> {
    let stated = home
        .last_commit()?
        .map(|last| last.totals)
        .unwrap_or_default();
    let mut sum = Totals::default();
    // Closed tasks whose directories were removed are counted until a repair deletes them.
    for (_, known) in missing_tasks(home, history)? {
        sum.agents = sum.agents.plus(known.counts);
        sum.tasks_closed += 1;
    }
    let mut tasks = TaskDir::all(home)?;
    // One that is opened and not yet applied has another name.
    let last = home.last_commit()?.filter(|last| last.built.is_some());
    if let Some(last) = last
        && let Some(task) = TaskDir::find_last(home, &last)?.filter(|task| task.is_built)
    {
        tasks.push(task);
    }
    for task in tasks {
        if !task.is_deleted()? {
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
        totals.agents, totals.tasks_open, totals.tasks_closed
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

    fn sorted(mut self) -> Check {
        self.0.problems.sort();
        self.0.notes.sort();
        self.0
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
