//! `doctor --repair`: the logs are the truth; everything else is made to say what they say.
//!
//! Each task is repaired under its lock, then the machine's journal under the global one. What could not be read is kept
//! beside what replaces it, under a name that ends in `.damaged-<time>`.

use super::super::FileStore;
use super::super::dir::{Access, Dir, Kind};
use super::super::document;
use super::super::home::{Home, JOURNAL, LOCK, REGISTRY};
use super::super::jsonl::{Strictness, Tail, sync_data};
use super::super::line::{Commit, Mark, decode_checked, decode_mark, encode_checked};
use super::super::rotate::NEXT;
use super::super::task::{FINDINGS, JOURNAL as TASK_JOURNAL, TaskDir, TaskGuard, log_name};
use super::history::{History, records};
use super::survey::{Part, Survey};
use super::{Found, all_tasks, at, leftovers};
use crate::model::{
    Change, Counts, Limits, Priority, Requirement, SCHEMA, Settings, Task, TaskId, TaskStatus,
    Timestamp, Totals,
};
use crate::store::{Error, Problem, Result};

pub(super) fn repair(store: &FileStore, home: &Home) -> Result<Vec<Problem>> {
    let mut repair = Repair {
        store,
        home,
        now: FileStore::now(),
        done: Vec::new(),
    };
    repair.home_files()?;
    let mut ignored = Found::default();
    let history = History::read(home, &mut ignored)?;
    let mut last_rev = history.last_rev;
    let mut changed = Vec::new();
    for id in all_tasks(home, &history)? {
        match TaskDir::find_even_if_damaged(home, &id)? {
            Some(task) => {
                let (counts, status, rev, is_changed) = repair.task(task, &history)?;
                last_rev = last_rev.max(rev);
                changed.push((id, counts, status, is_changed));
            }
            None => repair.say(
                &home.dir.at(&format!("tasks/{id}")),
                "lost: it is counted no more",
            ),
        }
    }
    repair.journal(&history, last_rev, &changed)?;
    repair.sweep()?;
    Ok(repair.done)
}

struct Repair<'a> {
    store: &'a FileStore,
    home: &'a Home,
    now: Timestamp,
    done: Vec<Problem>,
}

impl TaskDir {
    /// The task's directory by its name alone: the journal may be what is damaged.
    fn find_even_if_damaged(home: &Home, id: &TaskId) -> Result<Option<Self>> {
        for place in [home.tasks()?, home.closed()?] {
            if let Some(dir) = place.dir(id.as_str())? {
                return Ok(Some(Self::new(id, dir, false)));
            }
        }
        match Self::find(home, id) {
            Err(Error::Damaged { .. } | Error::Rejected(_)) => Ok(None),
            found => found,
        }
    }
}

impl Repair<'_> {
    fn say(&mut self, path: &std::path::Path, what: &str) {
        self.done.push(at(path, what));
    }

    /// Keeps what cannot be read beside what will replace it.
    fn set_aside(&mut self, dir: &Dir, name: &str) -> Result<()> {
        if dir.kind(name)?.is_some() {
            let kept = format!("{name}.damaged-{}", self.now.compact_date_time());
            dir.rename(name, dir, &kept)?;
            self.say(&dir.at(name), &format!("kept as {kept}"));
        }
        Ok(())
    }

    fn home_files(&mut self) -> Result<()> {
        for name in ["tasks", "closed"] {
            if self.home.dir.kind(name)?.is_none() {
                self.home.dir.make_dir(name)?;
                self.say(&self.home.dir.at(name), "made again");
            }
        }
        if self.home.dir.kind(LOCK)?.is_none() {
            self.home.dir.create(LOCK)?;
            self.say(&self.home.dir.at(LOCK), "made again");
        }
        match self.home.settings() {
            Err(Error::Damaged { .. }) => {
                self.set_aside(&self.home.dir, REGISTRY)?;
                document::write(&self.home.dir, REGISTRY, &Settings::default())?;
                self.say(&self.home.dir.at(REGISTRY), "made again, without limits");
                Ok(())
            }
            settings => settings.map(|_| ()),
        }
    }

    /// Puts a task in order; its counts, where it stands, the last rev it knows, and whether the counts changed.
    fn task(
        &mut self,
        task: TaskDir,
        history: &History,
    ) -> Result<(Counts, TaskStatus, u64, bool)> {
        self.task_files(&task)?;
        let patience = self.store.patience();
        let mut guard = task.lock(&patience)?;
        // A change that is committed and not applied is applied first; where the journal is damaged it cannot be known.
        match guard.recover(self.home) {
            Ok(()) | Err(Error::Damaged { .. } | Error::Rejected(_)) => {}
            Err(error) => return Err(error),
        }
        let survey = Survey::of(self.home, &guard, history)?;
        self.logs(&guard, &survey)?;
        if survey.wrong.contains(&Part::Settings) {
            self.settings(&guard, history)?;
        }
        let survey = Survey::of(self.home, &guard, history)?;
        let mark = last_good_mark(&guard)?;
        let status = mark
            .as_ref()
            .map_or_else(|| self.place_of(&guard.id), |mark| Ok(mark.status))?;
        let rev = mark.as_ref().map_or(0, |mark| mark.rev);
        if survey.wrong.contains(&Part::Journal) || mark.is_none() {
            self.set_aside(&guard.dir, TASK_JOURNAL)?;
            guard.dir.create(TASK_JOURNAL)?;
        }
        if survey.wrong.contains(&Part::Findings) {
            self.say(
                &guard.dir.at(FINDINGS),
                "findings are missing and cannot be restored; the rest is kept",
            );
        }
        self.put_in_place(&guard.id, status)?;
        Ok((
            survey.recount,
            status,
            rev,
            survey.wrong.contains(&Part::Counts) || survey.wrong.contains(&Part::Journal),
        ))
    }

    fn task_files(&mut self, task: &TaskDir) -> Result<()> {
        for name in ["agents", "leases", "output"] {
            if task.dir.kind(name)?.is_none() {
                task.dir.make_dir(name)?;
                self.say(&task.dir.at(name), "made again");
            }
        }
        let agents = task.dir.need_dir("agents")?;
        agents.make_dir("active")?;
        agents.make_dir("ended")?;
        for name in [LOCK, FINDINGS, TASK_JOURNAL] {
            if task.dir.kind(name)?.is_none() {
                task.dir.create(name)?;
                self.say(&task.dir.at(name), "made again");
            }
        }
        Ok(())
    }

    /// Unreadable logs are kept aside, and what the journal knows of the agent begins a new one, or ends one that lost
    /// its end.
    fn logs(&mut self, guard: &TaskGuard, survey: &Survey) -> Result<()> {
        for (agent, folder) in &survey.misfiled {
            let mut lies_in = *folder;
            guard.file_away(agent, &mut lies_in)?;
            self.say(
                &guard.dir.at(lies_in.path()).join(log_name(&agent.id)),
                "moved here",
            );
        }
        for (id, folder) in &survey.unreadable {
            self.set_aside(&guard.dir.need_dir(folder.path())?, &log_name(id))?;
        }
        let lost = survey
            .unreadable
            .iter()
            .map(|(id, _)| id)
            .chain(&survey.missing)
            .chain(&survey.behind);
        for id in lost {
            let records = records(self.home, &guard.id, id)?;
            for (rev, record) in &records {
                let mut log = match guard.log(&record.id, Access::Append)? {
                    Some(log) => log,
                    None => guard.new_log(&record.id)?,
                };
                guard.record(&mut log, record, *rev, true)?;
            }
            if !records.is_empty() {
                let what =
                    "restored from the journal; reports before its last change of life are lost";
                self.say(&guard.dir.at("agents").join(log_name(id)), what);
            }
        }
        Ok(())
    }

    fn settings(&mut self, guard: &TaskGuard, history: &History) -> Result<()> {
        self.set_aside(&guard.dir, REGISTRY)?;
        let recorded = history
            .tasks
            .get(&guard.id)
            .and_then(|task| task.settings.clone());
        let what = if recorded.is_some() {
            "restored from the journal as the task was opened"
        } else {
            "made again; the description is lost"
        };
        let settings = recorded.unwrap_or_else(|| Task {
            id: guard.id.clone(),
            description: "(lost)".to_owned(),
            priority: Priority::default(),
            workspace: None,
            created_at: self.now,
            limits: Limits::default(),
            require_evidence: Requirement::default(),
            foreign: crate::model::Foreign::new(),
            extra: crate::model::Extra::new(),
        });
        document::write(&guard.dir, REGISTRY, &settings)?;
        self.say(&guard.dir.at(REGISTRY), what);
        Ok(())
    }

    fn place_of(&self, id: &TaskId) -> Result<TaskStatus> {
        Ok(match self.home.closed()?.kind(id.as_str())? {
            Some(Kind::Dir) => TaskStatus::Closed,
            _ => TaskStatus::Open,
        })
    }

    fn put_in_place(&mut self, id: &TaskId, status: TaskStatus) -> Result<()> {
        if self.place_of(id)? != status {
            let (from, to) = match status {
                TaskStatus::Open => (self.home.closed()?, self.home.tasks()?),
                TaskStatus::Closed => (self.home.tasks()?, self.home.closed()?),
            };
            if from.kind(id.as_str())?.is_some() {
                from.rename(id.as_str(), &to, id.as_str())?;
                self.say(&to.at(id.as_str()), "moved here");
            }
        }
        Ok(())
    }

    /// One line for each task whose counts changed, and one if only the totals are wrong; in a new journal if the old
    /// one cannot be read.
    fn journal(
        &mut self,
        history: &History,
        last_rev: u64,
        tasks: &[(TaskId, Counts, TaskStatus, bool)],
    ) -> Result<()> {
        let totals = tasks
            .iter()
            .fold(Totals::default(), |mut totals, (_, counts, status, _)| {
                totals.agents = totals.agents.plus(*counts);
                match status {
                    TaskStatus::Open => totals.tasks_open += 1,
                    TaskStatus::Closed => totals.tasks_closed += 1,
                }
                totals
            });
        let stated = self
            .home
            .last_commit()
            .ok()
            .flatten()
            .map(|last| last.totals);
        let is_changed = tasks.iter().any(|(_, _, _, is_changed)| *is_changed);
        let is_damaged = !history.damaged.is_empty();
        if !is_damaged && !is_changed && stated.unwrap_or_default() == totals {
            return Ok(());
        }
        let _lock = self.home.lock(&self.store.patience())?;
        let path = self.home.journal_path();
        let mut lines = Vec::new();
        let mut commits = Vec::new();
        // A journal that begins anew names every task.
        let mended = tasks
            .iter()
            .filter(|(_, _, _, is_changed)| *is_changed || is_damaged);
        let any = tasks.first().filter(|_| !is_changed && !is_damaged);
        for (rev, (id, counts, status, _)) in (last_rev + 1..).zip(mended.chain(any)) {
            let commit = Commit {
                schema: SCHEMA,
                rev,
                prev: None,
                at: self.now,
                task: id.clone(),
                change: Change::Repaired,
                agent: None,
                settings: None,
                built: None,
                recent: Vec::new(),
                status: *status,
                counts: *counts,
                totals,
            };
            lines.extend(encode_checked(&commit));
            commits.push(commit);
        }
        if is_damaged {
            self.home.dir.remove_file(NEXT)?;
            let next = self.home.dir.create(NEXT)?;
            Tail::<Commit>::empty().append(&next, &path, &lines)?;
            sync_data(&next, &path)?;
            for name in history.damaged.iter().rev() {
                self.set_aside(&self.home.dir, name)?;
            }
            self.home.dir.rename(NEXT, &self.home.dir, JOURNAL)?;
            self.home.dir.sync()?;
            self.say(&path, "begun anew with what was recounted");
        } else {
            let journal = self.home.journal(Access::Append)?;
            let mut tail =
                Tail::<Commit>::read(&journal, &path, Strictness::Journal, decode_checked)?;
            tail.append(&journal, &path, &lines)?;
            sync_data(&journal, &path)?;
        }
        for commit in &commits {
            self.mark(commit)?;
        }
        Ok(())
    }

    fn mark(&mut self, commit: &Commit) -> Result<()> {
        let Some(task) = TaskDir::find_even_if_damaged(self.home, &commit.task)? else {
            return Ok(());
        };
        if let Some(mut guard) = task.try_lock()? {
            guard.mark_applied(&commit.mark())?;
            guard.sync_journal()?;
            self.say(
                &guard.dir.at(TASK_JOURNAL),
                &format!("counts {}", super::survey::words(commit.counts)),
            );
        }
        Ok(())
    }

    fn sweep(&mut self) -> Result<()> {
        for leftover in leftovers::all(self.home)? {
            match leftover.dir.kind(&leftover.name)? {
                Some(Kind::Dir) => leftover.dir.remove_tree(&leftover.name)?,
                _ => leftover.dir.remove_file(&leftover.name)?,
            }
            self.say(&leftover.dir.at(&leftover.name), "swept away");
        }
        Ok(())
    }
}

fn last_good_mark(guard: &TaskGuard) -> Result<Option<Mark>> {
    let file = guard.dir.need_file(TASK_JOURNAL, Access::Read)?;
    let path = guard.dir.at(TASK_JOURNAL);
    Ok(Tail::read(&file, &path, Strictness::Log, decode_mark)?.last)
}
