//! The overview: the machine's totals with every task, all as of the last line of its journal.
//!
//! The line is read first; call it G. Every task that was opened by then lies in one of the folders, and its journal says
//! what it counted then: the last mark whose rev is at most G's. What was closed since was open at G and has moved, which the
//! lines after G tell. So the tasks add up to the totals of G, whatever goes on.
//!
//! A task that cannot be read hides no other: it is passed over and named.

use std::collections::BTreeSet;

use super::FileStore;
use super::dir::{Access, Dir, Kind};
use super::home::{Home, TASKS};
use super::jsonl::{Backward, Sought, newer};
use super::line::{Bad, Commit, CommitHead, Mark, decode_checked};
use super::moment::{Looks, cut_off, empty, impossible};
use super::record::Record;
use super::rev::{Standing, judge};
use super::task::{TaskDir, is_kept_name};
use crate::model::{Change, SeveritySums, TaskId, TaskState, TaskStatus};
use crate::store::{Error, Overview, Problem, Result, Scope};

pub(crate) fn overview(store: &FileStore, scope: Scope) -> Result<Overview> {
    let Some(home) = store.home_if_any()? else {
        return Ok(Overview::default());
    };
    let mut looks = Looks::default();
    loop {
        let noted = Record::noted(&home.dir)?;
        let last = home.last_commit()?;
        let rev = last.as_ref().map(|last| last.rev);
        if rev < Some(noted) && noted > 0 {
            if looks.are_enough((noted, rev)) {
                return Err(cut_off(&home, rev, noted));
            }
            continue;
        }
        let mut seen = look(&home, scope, last.as_ref())?;
        if let Some(error) = seen.impossible.pop() {
            if !looks.are_enough((seen.newest, rev)) {
                continue;
            }
            // What the lock file notes is the journal's own: then it is the task that does not belong here.
            if noted == 0 || last.is_none() {
                return Err(error);
            }
            for error in seen.impossible.drain(..).chain([error]) {
                seen.overview.skipped.push(error.of_one_task()?);
            }
        }
        if let Some(missing) = seen.missing(&home) {
            let moved = home.last_commit_head()?.map(|head| head.rev) != rev;
            if moved && looks.are_few() {
                looks.moved();
                continue;
            }
            seen.overview
                .skipped
                .extend(Some(missing).filter(|_| !moved));
        }
        let tasks = &mut seen.overview.tasks;
        tasks.retain(|state| scope == Scope::All || state.status == TaskStatus::Open);
        tasks.sort_by(|a, b| (a.task.created_at, &a.task.id).cmp(&(b.task.created_at, &b.task.id)));
        return Ok(seen.overview);
    }
}

/// What one look saw.
struct Seen {
    overview: Overview,
    /// The highest rev that any task has.
    newest: u64,
    /// Those that are ahead of the journal.
    impossible: Vec<Error>,
}

impl Seen {
    /// What is missing of the tasks that the totals count; nothing is said where a task could not be read.
    fn missing(&self, home: &Home) -> Option<Problem> {
        let open = |state: &&TaskState| state.status == TaskStatus::Open;
        let there = self.overview.tasks.iter().filter(open).count() as u64;
        let counted = self.overview.totals.tasks_open;
        (self.overview.skipped.is_empty() && there != counted).then(|| Problem {
            path: home.dir.at(TASKS).display().to_string(),
            what: format!("the journal counts {counted} open tasks, and {there} are there"),
        })
    }
}

fn look(home: &Home, scope: Scope, last: Option<&Commit>) -> Result<Seen> {
    let (mut ids, skipped) = listed(home, scope)?;
    let since = Since::read(home, last.map_or(0, |last| last.rev))?;
    if scope == Scope::Open {
        ids.extend(since.closed);
    }
    ids.extend(
        last.filter(|last| last.built.is_some())
            .map(|last| last.task.clone()),
    );
    let mut seen = Seen {
        overview: Overview {
            totals: last.map(|last| last.totals).unwrap_or_default(),
            tasks: Vec::new(),
            skipped,
        },
        newest: 0,
        impossible: Vec::new(),
    };
    let mut newest_line = since.newest;
    for id in ids {
        match state_of(home, &id, last, &mut seen.newest) {
            Ok(state) => seen.overview.tasks.extend(state),
            Err(error) => seen.overview.skipped.push(error.of_one_task()?),
        }
        if seen.newest > newest_line.as_ref().map_or(0, |newest| newest.rev) {
            // Committed since, or it cannot be.
            newest_line = home.last_commit_head()?;
            let end = newest_line.as_ref().map_or(0, |newest| newest.rev);
            if seen.newest > end {
                seen.overview.tasks.retain(|state| state.task.id != id);
                let error = impossible(home, &id, seen.newest, newest_line.as_ref());
                seen.impossible.push(error);
                seen.newest = end;
            }
        }
    }
    Ok(seen)
}

/// What a task counted at G; none if it is not there, or was not yet.
fn state_of(
    home: &Home,
    id: &TaskId,
    last: Option<&Commit>,
    newest: &mut u64,
) -> Result<Option<TaskState>> {
    let Some(task) = TaskDir::find(home, id)? else {
        return Ok(None);
    };
    match state_by(home, &task, last, newest) {
        // Its files go one by one.
        Err(_) if task.is_deleted()? => Ok(None),
        state => state,
    }
}

fn state_by(
    home: &Home,
    task: &TaskDir,
    last: Option<&Commit>,
    newest: &mut u64,
) -> Result<Option<TaskState>> {
    let Some(mark) = mark_of(home, task, last, newest)?.filter(|m| m.change != Change::Deleted)
    else {
        return Ok(None);
    };
    let settings = task.settings()?;
    if settings.id != task.id {
        return Err(Error::damaged(
            task.dir.path(),
            format!("it is a copy of task {}, or was renamed", settings.id),
        ));
    }
    Ok(Some(TaskState {
        task: settings,
        status: mark.status,
        counts: mark.counts,
        findings: task
            .last_finding()?
            .map_or(SeveritySums::default(), |line| line.sums),
    }))
}

fn mark_of(
    home: &Home,
    task: &TaskDir,
    last: Option<&Commit>,
    newest: &mut u64,
) -> Result<Option<Mark>> {
    let rev = last.map_or(0, |last| last.rev);
    let head = last.map(Commit::head);
    let own = last.filter(|last| last.task == task.id);
    let (sought, newest_mark) = task.mark_at(rev)?;
    *newest = (*newest).max(newest_mark);
    match sought {
        Sought::Found(mark) => match (judge(&task.id, mark.rev, head.as_ref()), own) {
            (Standing::Applied, _) => Ok(Some(mark)),
            (Standing::ToApply | Standing::Recount, Some(own)) => Ok(Some(own.mark())),
            _ => Err(impossible(home, &task.id, mark.rev, head.as_ref())),
        },
        _ if own.is_some() => Ok(own.map(Commit::mark)),
        // Opened since.
        Sought::NoneOfThem => Ok(None),
        // Its opening was committed since and is being applied, or its journal is damaged.
        Sought::Nothing => {
            let opens = |head: &CommitHead| head.task == task.id && head.rev > rev;
            if home.last_commit_head()?.is_some_and(|head| opens(&head))
                || !matches!(task.mark_at(rev)?.0, Sought::Nothing)
            {
                return Ok(None);
            }
            Err(empty(task))
        }
    }
}

/// What was committed after a rev.
struct Since {
    /// The journal's last line.
    newest: Option<CommitHead>,
    /// The tasks that were closed, as far as the journal goes back.
    closed: Vec<TaskId>,
}

impl Since {
    fn read(home: &Home, rev: u64) -> Result<Self> {
        let path = home.journal_path();
        let file = home.journal(Access::Read)?;
        let mut lines = Backward::new(&file, &path)?;
        let mut since = Self {
            newest: None,
            closed: Vec::new(),
        };
        while let Some(line) = lines.next_line()? {
            let head: CommitHead = match decode_checked(line) {
                Ok(head) => head,
                Err(Bad::Newer(schema)) => return Err(newer(&path, schema)),
                Err(Bad::Garbage(_)) => continue,
            };
            let is_later = head.rev > rev;
            if is_later && head.change == Change::Closed {
                since.closed.push(head.task.clone());
            }
            since.newest.get_or_insert(head);
            if !is_later {
                break;
            }
        }
        Ok(since)
    }
}

/// The ids of the tasks whose directories are there, and what else lies beside them.
fn listed(home: &Home, scope: Scope) -> Result<(BTreeSet<TaskId>, Vec<Problem>)> {
    let mut ids = BTreeSet::new();
    let mut odd = Vec::new();
    list(&home.tasks()?, &mut ids, &mut odd)?;
    if scope == Scope::All {
        match home
            .closed()
            .and_then(|closed| list(&closed, &mut ids, &mut odd))
        {
            Ok(()) => {}
            Err(error) => odd.push(error.of_one_task()?),
        }
    }
    Ok((ids, odd))
}

fn list(dir: &Dir, ids: &mut BTreeSet<TaskId>, odd: &mut Vec<Problem>) -> Result<()> {
    for (name, kind) in dir.entries()? {
        let what = match (kind, name.parse()) {
            _ if is_kept_name(&name) => continue,
            (Kind::Dir, Ok(id)) => {
                ids.insert(id);
                continue;
            }
            (Kind::Dir, Err(_)) => "this is no task's directory: its name is no id",
            (Kind::Link, _) => "there is a symbolic link among the tasks",
            (Kind::File | Kind::Other, _) => "there is a file among the tasks",
        };
        odd.push(Problem {
            path: dir.at(&name).display().to_string(),
            what: what.to_owned(),
        });
    }
    Ok(())
}

/// The ids of tasks, in order. One whose opening is not applied yet counts; one whose closing is not may count as open.
pub(crate) fn task_ids(home: &Home, scope: Scope) -> Result<BTreeSet<TaskId>> {
    let mut ids = listed(home, scope)?.0;
    let last = home.last_commit_head()?;
    ids.extend(
        last.filter(|last| last.built.is_some())
            .map(|last| last.task),
    );
    Ok(ids)
}
