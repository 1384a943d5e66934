//! `doctor --repair`: the logs are the truth; everything else is made to say what they say.
//!
//! It can be run at any time, beside any load, killed and run again. A task is looked at without locks first; only where
//! something is wrong is its lock taken, and everything that is then decided rests on what is read under that lock, or
//! under both, and is written under the same. What cannot be read is kept beside what replaces it, under a name that ends
//! in `.damaged-<time>`.
//!
//! | step | locks | what |
//! |---|---|---|
//! | the home's own files | none, the global one for `registry.json` | made again where they are missing or something else |
//! | each suspect task | the task's | its files put in order; logs restored from the journal |
//! | the journal, if it cannot be gone on from | the global one, each task's in turn, the global one | see [`Repair::rebuild`] |
//! | each task that counts wrongly | both | one `repaired` line, a lifecycle change like any other |
//! | each task whose directory is gone | the global one | one `deleted` line |
//! | leftovers of killed calls | those of the place | swept |
//!
//! Repairs exclude each other by a lock on the home's directory itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::FileStore;
use super::super::commit::{Draft, OpenJournal};
use super::super::dir::{Access, Dir, Kind};
use super::super::document;
use super::super::events::journals;
use super::super::home::{CLOSED, Home, JOURNAL, LOCK, REGISTRY, TASKS};
use super::super::jsonl::{Backward, Tail, sync_data};
use super::super::line::{
    AgentLine, Commit, FindingLine, Mark, decode, decode_checked, encode_checked,
};
use super::super::lock::{Lock, Mode, Patience};
use super::super::recount;
use super::super::rotate::NEXT;
use super::super::task::{
    AgentLog, FINDINGS, Folder, JOURNAL as TASK_JOURNAL, KEPT, LEASES, OUTPUT, TaskDir, TaskGuard,
    log_name,
};
use super::history::{History, records};
use super::survey::{Part, Survey};
use super::{at, leftovers, missing_tasks, sum_of_tasks, tasks};
use crate::model::{
    Agent, AgentId, Change, Counts, Limits, Priority, Requirement, Settings, Task, TaskId,
    TaskStatus, Timestamp, Totals,
};
use crate::store::{Error, Problem, Result};

/// How long a neighbour's lock is given before everything is let go of and tried again.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn repair(store: &FileStore, home: &Home) -> Result<Vec<Problem>> {
    let handle = home.dir.handle()?;
    let _alone = Lock::take(handle, home.dir.path(), Mode::Exclusive, &store.patience())?;
    let mut repair = Repair {
        store,
        home,
        now: FileStore::now(),
        done: Vec::new(),
    };
    repair.home_files()?;
    let mut history = History::read_again(store, home)?.0;
    let mut wrong = BTreeSet::new();
    for task in tasks(home, &mut history)? {
        if repair.task_files(&task.id, &mut history)? {
            wrong.insert(task.id);
        }
    }
    if !repair.can_go_on(&wrong)? {
        repair.rebuild(&mut history)?;
        wrong.clear();
    }
    let (mut history, found) = History::read_again(store, home)?;
    let is_damaged = !found.0.problems.is_empty();
    if is_damaged {
        repair.rewrite_journals(&history)?;
    }
    // Where the journal has a gap it may be these tasks' own lines that are missing, and a new one vouches for them.
    let mut vouched = false;
    for id in &wrong {
        vouched |= repair.commit_recount(id, is_damaged)?;
    }
    repair.delete_missing(&mut history)?;
    repair.totals(is_damaged && !vouched)?;
    repair.sweep()?;
    Ok(repair.done)
}

pub(super) struct Repair<'a> {
    store: &'a FileStore,
    home: &'a Home,
    now: Timestamp,
    done: Vec<Problem>,
}

impl Repair<'_> {
    fn say(&mut self, path: &std::path::Path, what: &str) {
        self.done.push(at(path, what));
    }

    /// Keeps what cannot be read beside what will replace it.
    fn set_aside(&mut self, dir: &Dir, name: &str) -> Result<()> {
        if dir.kind(name)?.is_none() {
            return Ok(());
        }
        let time = self.now.compact_date_time();
        let mut kept = format!("{name}{KEPT}{time}");
        let mut number = 1;
        while dir.kind(&kept)?.is_some() {
            number += 1;
            kept = format!("{name}{KEPT}{time}-{number}");
        }
        dir.rename(name, dir, &kept)?;
        self.say(&dir.at(name), &format!("kept as {kept}"));
        Ok(())
    }

    /// Has something of this kind lie here; what lies in its place is kept aside.
    fn has(&mut self, dir: &Dir, name: &str, kind: Kind) -> Result<()> {
        match dir.kind(name)? {
            Some(found) if found == kind => return Ok(()),
            Some(_) => self.set_aside(dir, name)?,
            None => {}
        }
        if kind == Kind::Dir {
            dir.make_dir(name)?;
        } else {
            dir.create(name)?;
        }
        self.say(&dir.at(name), "made again");
        Ok(())
    }

    fn home_files(&mut self) -> Result<()> {
        self.has(&self.home.dir, LOCK, Kind::File)?;
        self.has(&self.home.dir, TASKS, Kind::Dir)?;
        self.has(&self.home.dir, CLOSED, Kind::Dir)?;
        let _lock = self.home.lock(&self.store.patience())?;
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

    /// Locks a task for repair. What a killed call left is applied first; what contradicts itself is what is repaired.
    fn lock(&self, id: &TaskId) -> Result<Option<TaskGuard>> {
        let Some(task) = TaskDir::find_by_name(self.home, id)? else {
            return Ok(None);
        };
        let mut guard = task.lock(&self.store.patience())?;
        match guard.recover(self.home) {
            Ok(()) | Err(Error::Damaged { .. }) => Ok(Some(guard)),
            Err(Error::Rejected(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a task's files in order; true if what it counts is wrong or unknown then.
    fn task_files(&mut self, id: &TaskId, history: &mut History) -> Result<bool> {
        let Some(task) = TaskDir::find_by_name(self.home, id)? else {
            return Ok(false);
        };
        if Survey::of(self.home, &task, history)?
            .found
            .0
            .problems
            .is_empty()
        {
            return Ok(false);
        }
        // Without a lock file nobody can be at work here.
        self.has(&task.dir, LOCK, Kind::File)?;
        let Some(mut guard) = self.lock(id)? else {
            return Ok(false);
        };
        history.catch_up(self.home)?;
        if Survey::of(self.home, &guard, history)?
            .found
            .0
            .problems
            .is_empty()
        {
            return Ok(false);
        }
        self.in_order(&mut guard, history)?;
        Ok(true)
    }

    /// The files of a task whose lock is held.
    fn in_order(&mut self, guard: &mut TaskGuard, history: &History) -> Result<()> {
        for name in ["agents", LEASES, OUTPUT] {
            self.has(&guard.dir, name, Kind::Dir)?;
        }
        let agents = guard.dir.need_dir("agents")?;
        self.has(&agents, "active", Kind::Dir)?;
        self.has(&agents, "ended", Kind::Dir)?;
        self.has(&guard.dir, FINDINGS, Kind::File)?;
        let survey = Survey::of(self.home, guard, history)?;
        self.logs(guard, &survey)?;
        if survey.wrong.contains(&Part::Settings) {
            self.settings(guard, history)?;
        }
        if survey.wrong.contains(&Part::Findings) {
            self.findings(guard)?;
        }
        if survey.wrong.contains(&Part::Journal) {
            // Its status is known from the machine's journal, else from where it lies.
            self.set_aside(&guard.dir, TASK_JOURNAL)?;
            guard.dir.create(TASK_JOURNAL)?;
            guard.forget_journal();
        }
        Ok(())
    }

    /// Unreadable logs are kept aside, and what the journal knows of the agent begins a new one, or ends one that lost
    /// its end.
    fn logs(&mut self, guard: &TaskGuard, survey: &Survey) -> Result<()> {
        for (agent, folder) in &survey.misfiled {
            let mut lies_in = *folder;
            if guard.file_away(agent, &mut lies_in).is_ok() {
                self.say(
                    &guard.dir.at(lies_in.path()).join(log_name(&agent.id)),
                    "moved here",
                );
            }
        }
        for (id, folder) in &survey.broken {
            self.rewrite_log(guard, id, *folder)?;
        }
        let lost = survey
            .broken
            .iter()
            .map(|(id, _)| id)
            .chain(&survey.missing)
            .chain(&survey.behind);
        for id in lost {
            self.restore(guard, id)?;
        }
        Ok(())
    }

    /// Keeps a log aside that has bad lines, and writes its good ones anew.
    fn rewrite_log(&mut self, guard: &TaskGuard, id: &AgentId, folder: Folder) -> Result<()> {
        let dir = guard.dir.need_dir(folder.path())?;
        let name = log_name(id);
        let mut kept = Vec::new();
        if let Some(Kind::File) = dir.kind(&name)?
            && let Some(file) = dir.file(&name, Access::Read)?
        {
            let path = dir.at(&name);
            let mut lines = Backward::new(&file, &path)?;
            let mut after = u64::MAX;
            while let Some(line) = lines.next_line()? {
                if let Ok(good) = decode::<AgentLine>(line)
                    && good.agent.id == *id
                    && good.agent.task == guard.id
                    && good.agent.seq < after
                {
                    if after != u64::MAX && good.agent.seq + 1 != after {
                        kept.push(lost_line(good.agent.seq + 1, after - 1));
                    }
                    after = good.agent.seq;
                    kept.push(line.to_vec());
                }
            }
            if !kept.is_empty() && after > 1 {
                kept.push(lost_line(1, after - 1));
            }
        }
        self.set_aside(&dir, &name)?;
        if !kept.is_empty() {
            kept.reverse();
            replace(&dir, &name, &kept.concat())?;
        }
        Ok(())
    }

    /// What the journal's last line says of an agent of this task goes on its log, also where the line cannot be applied as
    /// it stands, because it contradicts the task's own journal.
    fn apply_last(&mut self, guard: &TaskGuard) -> Result<()> {
        let last = or_none(self.home.last_commit())?.flatten();
        match last
            .filter(|last| last.task == guard.id)
            .and_then(|last| last.agent)
        {
            Some(agent) => self.restore(guard, &agent.id),
            None => Ok(()),
        }
    }

    /// Appends what the journal knows of an agent and its log does not.
    fn restore(&mut self, guard: &TaskGuard, id: &AgentId) -> Result<()> {
        let records = records(self.home, &guard.id, id)?;
        let Some((_, newest)) = records.last() else {
            return Ok(());
        };
        let mut log = match guard.log(id, Access::Append)? {
            Some(log) => log,
            None => guard.new_log(id)?,
        };
        let last = log.tail.last.as_ref();
        let mut known = last.and_then(|line| line.rev).unwrap_or(0);
        let mut seq = last.map_or(0, |line| line.agent.seq);
        let mut restored = false;
        for (rev, record) in &records {
            if *rev > known && record.seq > seq {
                guard.record(&mut log, record, *rev, true)?;
                (known, seq) = (*rev, record.seq);
                restored = true;
            }
        }
        // The folder is an index: who cannot put it right goes on without.
        let _ = guard.file_away(newest, &mut log.folder);
        if restored {
            let what =
                "restored from the journal; reports that neither it nor the log had are lost";
            self.say(&guard.dir.at(log.folder.path()).join(log_name(id)), what);
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

    /// Findings of which lines are missing: the good ones, with a note where others were. Numbers stay.
    fn findings(&mut self, guard: &TaskGuard) -> Result<()> {
        let mut kept = Vec::new();
        let mut lost = 0;
        if let Some(file) = guard.dir.file(FINDINGS, Access::Read)? {
            let path = guard.dir.at(FINDINGS);
            let mut lines = Backward::new(&file, &path)?;
            let mut after = u64::MAX;
            while let Some(line) = lines.next_line()? {
                if let Ok(good) = decode::<FindingLine>(line)
                    && good.finding.seq < after
                    && good.sums.total() == good.finding.seq
                {
                    if after != u64::MAX && good.finding.seq + 1 != after {
                        lost += after - 1 - good.finding.seq;
                        kept.push(lost_line(good.finding.seq + 1, after - 1));
                    }
                    after = good.finding.seq;
                    kept.push(line.to_vec());
                }
            }
            if after != u64::MAX && after > 1 {
                lost += after - 1;
                kept.push(lost_line(1, after - 1));
            }
        }
        self.set_aside(&guard.dir, FINDINGS)?;
        kept.reverse();
        replace(&guard.dir, FINDINGS, &kept.concat())?;
        self.say(
            &guard.dir.at(FINDINGS),
            &format!("{lost} findings are lost; the others are kept, with their numbers"),
        );
        Ok(())
    }

    /// Whether the journal can be gone on from: it can be read to its end, and this home is the one it was written in, or
    /// a sound copy. What is wrong with single tasks does not matter here.
    fn can_go_on(&self, wrong: &BTreeSet<TaskId>) -> Result<bool> {
        let patience = self.store.patience();
        loop {
            match OpenJournal::open_to_repair(self.home, &patience, None) {
                // Revs that tasks know and the journal does not must not be given out again.
                Ok(Some(journal)) => return Ok(self.highest_rev(wrong)? < journal.next_rev()),
                Ok(None) => self.wait(&patience)?,
                Err(Error::Damaged { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&self, patience: &Patience) -> Result<()> {
        if patience.is_over() {
            return Err(Error::LockTimeout {
                path: self.home.dir.at(TASKS),
                waited: patience.timeout,
                holder: None,
            });
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }

    /// Makes a journal that can be gone on from, out of one that cannot.
    ///
    /// First a rev above all that are known anywhere is noted in the home's lock, so that nobody commits anything until
    /// this is done, also if it is killed: a journal that ends below it is damage to every lifecycle change. Then each task
    /// is put in order and counted under its own lock, and marked with a rev of its own. At last the journal gets the good
    /// lines it had and one `repaired` line for each task, in one step.
    fn rebuild(&mut self, history: &mut History) -> Result<()> {
        let patience = self.store.patience();
        let tasks: BTreeSet<TaskId> = tasks(self.home, history)?
            .into_iter()
            .map(|task| task.id)
            .collect();
        let base = {
            let lock = self.home.lock(&patience)?;
            let record = lock.record();
            let noted = record.as_ref().map_or(0, |record| record.rev);
            let base = noted.max(history.last_rev).max(self.highest_rev(&tasks)?);
            let home = record.map_or_else(|| "-".to_owned(), |record| record.home);
            lock.note(base + tasks.len() as u64 + 1, &home);
            base
        };
        let mut totals = Totals::default();
        let mut marked = Vec::new();
        for (rev, id) in (base + 1..).zip(&tasks) {
            if let Some((counts, status, recent)) = self.mark_anew(id, rev, history)? {
                add(&mut totals, counts, status);
                marked.push((rev, id.clone(), counts, status, recent));
            }
        }
        let lock = self.home.lock(&self.store.patience())?;
        let mut lines = self.good_lines(JOURNAL)?;
        let mut last = 0;
        for (rev, task, counts, status, recent) in marked {
            last = rev;
            lines.extend(encode_checked(&Commit {
                schema: Change::Repaired.schema(),
                rev,
                prev: Some(0),
                at: self.now,
                task,
                change: Change::Repaired,
                agent: None,
                settings: None,
                built: None,
                recent,
                status,
                counts,
                totals,
            }));
        }
        if last == 0 {
            // There is no task that a line could be of: a new registry.
            lines.clear();
        }
        self.set_aside(&self.home.dir, JOURNAL)?;
        replace(&self.home.dir, JOURNAL, &lines)?;
        lock.note(last, &lock.identity()?);
        self.say(
            &self.home.journal_path(),
            "made again from what could be read of it and what was recounted",
        );
        Ok(())
    }

    /// The highest rev that tasks know.
    fn highest_rev(&self, tasks: &BTreeSet<TaskId>) -> Result<u64> {
        let mut highest = 0;
        for id in tasks {
            let Some(task) = TaskDir::find_by_name(self.home, id)? else {
                continue;
            };
            highest = highest.max(or_none(task.applied_rev())?.unwrap_or(0));
            for folder in [Folder::Active, Folder::Ended] {
                let Some(dir) = or_none(task.dir.dir(folder.path()))?.flatten() else {
                    continue;
                };
                for name in dir.names()? {
                    let line = or_none(AgentLog::last_line(&dir, &name))?.flatten();
                    highest = highest.max(line.and_then(|line| line.rev).unwrap_or(0));
                }
            }
        }
        Ok(highest)
    }

    /// Puts a task in order and marks it with this rev; what it counts, unless it is no task any more.
    fn mark_anew(
        &mut self,
        id: &TaskId,
        rev: u64,
        history: &mut History,
    ) -> Result<Option<(Counts, TaskStatus, Vec<AgentId>)>> {
        let Some(task) = TaskDir::find_by_name(self.home, id)? else {
            return Ok(None);
        };
        if !task.is_hollow()? && or_none(task.is_deleted())?.unwrap_or(false) {
            return Ok(None);
        }
        self.has(&task.dir, LOCK, Kind::File)?;
        let mut guard = task.lock(&self.store.patience())?;
        or_none(guard.recover(self.home))?;
        self.apply_last(&guard)?;
        if !Survey::of(self.home, &guard, history)?
            .found
            .0
            .problems
            .is_empty()
        {
            self.in_order(&mut guard, history)?;
        }
        let status = self.status_of(&mut guard, history)?;
        let counts = recount::task(&guard)?;
        let recent = recount::recent(&guard)?;
        guard.mark_applied(&Mark {
            schema: Change::Repaired.schema(),
            rev,
            at: self.now,
            change: Change::Repaired,
            agent: None,
            recent: recent.clone(),
            status,
            counts,
        })?;
        guard.note(rev);
        guard.sync_journal()?;
        self.say(&guard.dir.at(TASK_JOURNAL), &format!("counts {counts}"));
        Ok(Some((counts, status, recent)))
    }

    /// Whether a task is open: as its own journal says, else the machine's, else where it lies.
    fn status_of(&self, guard: &mut TaskGuard, history: &History) -> Result<TaskStatus> {
        if let Some(mark) = guard.last()? {
            return Ok(mark.status);
        }
        if let Some(known) = history.tasks.get(&guard.id) {
            return Ok(known.status);
        }
        Ok(match self.home.closed()?.kind(guard.id.as_str())? {
            Some(Kind::Dir) => TaskStatus::Closed,
            _ => TaskStatus::Open,
        })
    }

    /// The good lines of a journal, in order, each rev once.
    fn good_lines(&self, name: &str) -> Result<Vec<u8>> {
        let mut good = Vec::new();
        let Some(file) = or_none(self.home.dir.file(name, Access::Read))?.flatten() else {
            return Ok(Vec::new());
        };
        let path = self.home.dir.at(name);
        let Some(mut lines) = or_none(Backward::new(&file, &path))? else {
            return Ok(Vec::new());
        };
        let mut oldest = u64::MAX;
        while let Some(line) = lines.next_line()? {
            if let Ok(commit) = decode_checked::<Commit>(line)
                && commit.rev < oldest
            {
                oldest = commit.rev;
                good.push(line.to_vec());
            }
        }
        good.reverse();
        Ok(good.concat())
    }

    /// Journals with lines that cannot be read get along without them; what they were is kept aside.
    fn rewrite_journals(&mut self, history: &History) -> Result<()> {
        let _lock = self.home.lock(&self.store.patience())?;
        for name in journals(self.home)? {
            let is_file = self.home.dir.kind(&name)? == Some(Kind::File);
            if is_file && !history.unreadable.contains(&name) {
                continue;
            }
            let lines = self.good_lines(&name)?;
            self.set_aside(&self.home.dir, &name)?;
            if !lines.is_empty() {
                replace(&self.home.dir, &name, &lines)?;
            }
            self.say(
                &self.home.dir.at(&name),
                "lines that cannot be read are lost",
            );
        }
        Ok(())
    }

    /// Commits what a task's logs add up to, and the totals that go with it, if anything of that is wrong or `always`;
    /// whether it did.
    fn commit_recount(&mut self, id: &TaskId, always: bool) -> Result<bool> {
        let patience = self.store.patience();
        loop {
            let Some(mut guard) = self.lock(id)? else {
                return Ok(false);
            };
            self.apply_last(&guard)?;
            let history = History::read_again(self.store, self.home)?.0;
            let status = self.status_of(&mut guard, &history)?;
            let counts = recount::task(&guard)?;
            let stated = guard.last()?;
            // Without marks the order of the ends is not to be had from the task's journal any more.
            let recent = match &stated {
                Some(_) => Vec::new(),
                None => recount::recent(&guard)?,
            };
            let Some(mut global) = guard.lock_global_to_repair(self.home, &patience)? else {
                self.wait(&patience)?;
                continue;
            };
            let mut totals = sum_of_tasks(self.home, Some(id))?;
            add(&mut totals, counts, status);
            let is_right = stated.as_ref().is_some_and(|mark| mark.counts == counts)
                && global.task_is_up_to_date()?
                && global.totals() == totals;
            if is_right && !always {
                return Ok(false);
            }
            let draft = Draft {
                at: self.now,
                change: Change::Repaired,
                agent: None,
                settings: None,
                built: None,
                recent,
                status,
                counts,
                totals,
            };
            let warning = global.commit(draft, self.store.options.journal_limit)?;
            self.say(&guard.dir.at(TASK_JOURNAL), &format!("counts {counts}"));
            return warning.map_or(Ok(true), Err);
        }
    }

    /// A task whose directory was removed by hand is deleted: its counts go out of the totals.
    fn delete_missing(&mut self, history: &mut History) -> Result<()> {
        let patience = self.store.patience();
        history.catch_up(self.home)?;
        for (id, known) in missing_tasks(self.home, history)? {
            let mut journal = loop {
                match OpenJournal::open_to_repair(self.home, &patience, None)? {
                    Some(journal) => break journal,
                    None => self.wait(&patience)?,
                }
            };
            // Under the lock that keeps tasks from coming and going it is looked for once more.
            if TaskDir::find(self.home, &id)?.is_some() {
                continue;
            }
            let commit = Commit {
                schema: Change::Deleted.schema(),
                rev: journal.next_rev(),
                prev: Some(known.last_rev),
                at: self.now,
                task: id.clone(),
                change: Change::Deleted,
                agent: None,
                settings: None,
                built: None,
                recent: Vec::new(),
                status: TaskStatus::Closed,
                counts: Counts::default(),
                totals: sum_of_tasks(self.home, None)?,
            };
            journal.append(&commit, self.store.options.journal_limit)?;
            let place = if known.status == TaskStatus::Open {
                TASKS
            } else {
                CLOSED
            };
            self.say(
                &self.home.dir.at(&format!("{place}/{id}")),
                &format!(
                    "its directory is gone; it is deleted, and its agents are counted no more: {}",
                    known.counts
                ),
            );
        }
        Ok(())
    }

    /// The totals, if they alone are wrong; or a line that vouches for a history with gaps.
    fn totals(&mut self, vouch: bool) -> Result<()> {
        let stated = self.home.last_commit()?.map(|last| last.totals);
        if !vouch && stated.unwrap_or_default() == sum_of_tasks(self.home, None)? {
            return Ok(());
        }
        let mut tasks = TaskDir::all(self.home)?;
        tasks.retain(|task| !task.is_deleted().unwrap_or(true));
        match tasks.first() {
            Some(task) => self.commit_recount(&task.id.clone(), vouch).map(drop),
            None => Ok(()),
        }
    }

    fn sweep(&mut self) -> Result<()> {
        for leftover in leftovers::all(self.home)? {
            if leftover.sweep()? {
                self.say(&leftover.dir.at(&leftover.name), "swept away");
            }
        }
        Ok(())
    }
}

/// A line that stands for lost ones. Readers pass over it as over any that was never acknowledged.
fn lost_line(first: u64, last: u64) -> Vec<u8> {
    format!("lost: {first} to {last}\n").into_bytes()
}

fn add(totals: &mut Totals, counts: Counts, status: TaskStatus) {
    totals.agents = totals.agents.plus(counts);
    match status {
        TaskStatus::Open => totals.tasks_open += 1,
        TaskStatus::Closed => totals.tasks_closed += 1,
    }
}

/// Damage is what is repaired, so it is no error here.
fn or_none<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Damaged { .. } | Error::Rejected(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file of lines and gives it its name when it is on disk.
fn replace(dir: &Dir, name: &str, lines: &[u8]) -> Result<()> {
    dir.remove_file(NEXT)?;
    let file = dir.create(NEXT)?;
    let path = dir.at(NEXT);
    Tail::<Agent>::empty().append(&file, &path, lines)?;
    sync_data(&file, &path)?;
    dir.rename(NEXT, dir, name)?;
    dir.sync()
}
