//! One task recounted from its agents' logs, and everything in its directory held against that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::dir::{Access, Dir, Kind};
use super::super::document;
use super::super::home::{Home, LOCK, REGISTRY};
use super::super::jsonl::Backward;
use super::super::line::{AgentLine, Bad, Commit, FindingLine, Mark, decode, decode_mark};
use super::super::task::{FINDINGS, Folder, JOURNAL, NAMES, TaskDir, is_kept_name, log_name};
use super::Found;
use super::history::{History, TaskHistory};
use crate::model::{Agent, AgentId, Counts, SeveritySums, Status, Task, TaskStatus};
use crate::store::{Error, Result};

/// A part of a task's registry that can be wrong as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Settings,
    Journal,
    Findings,
    Counts,
}

/// What a survey of one task found, and what repairing it needs to know.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) found: Found,
    /// The agents counted by the last lines of their logs.
    pub(super) recount: Counts,
    /// What is wrong and to be made anew.
    pub(super) wrong: BTreeSet<Part>,
    /// Logs that lie in the wrong folder.
    pub(super) misfiled: Vec<(Agent, Folder)>,
    /// Logs that cannot be read, or have lines that cannot be right.
    pub(super) broken: Vec<(AgentId, Folder)>,
    /// The most findings that any agent found in the task when it was registered.
    findings_before: u64,
    /// Empty logs: of agents that were about to be registered, or emptied.
    empty: Vec<std::path::PathBuf>,
    /// Agents that the journal has and the directory has not.
    pub(super) missing: Vec<AgentId>,
    /// Agents whose logs lack the end that the journal has.
    pub(super) behind: Vec<AgentId>,
    /// Where each agent stands, and the folder its log was found in.
    agents: BTreeMap<AgentId, (Status, Folder)>,
}

impl Survey {
    /// Surveys a task; what is committed and not yet applied counts as applied.
    pub(super) fn of(home: &Home, task: &TaskDir, history: &History) -> Result<Self> {
        let mut survey = Self::default();
        let last = home.last_commit().ok().flatten();
        let mark = survey.journal(task)?;
        let applied = mark.as_ref().map_or(0, |mark| mark.rev);
        let pending = last.filter(|last| last.task == task.id && last.rev > applied);
        survey.settings(task)?;
        survey.other_files(task)?;
        for folder in [Folder::Active, Folder::Ended] {
            survey.folder(task, folder, pending.as_ref())?;
        }
        if let Some(agent) = pending.as_ref().and_then(|commit| commit.agent.as_ref()) {
            survey
                .agents
                .insert(agent.id.clone(), (agent.status, Folder::of(agent)));
        }
        survey.recount = survey
            .agents
            .values()
            .fold(Counts::default(), |counts, (status, _)| {
                counts.with(*status)
            });
        survey.findings(task)?;
        survey.other_names(task)?;
        let stated = pending.as_ref().map(Commit::mark).or(mark);
        survey.counts(task, stated.as_ref());
        if pending.is_none() {
            survey.place(home, task, stated.as_ref())?;
        }
        if let Some(known) = history.tasks.get(&task.id) {
            survey.against_journal(task, known, stated.as_ref());
        }
        Ok(survey)
    }

    fn settings(&mut self, task: &TaskDir) -> Result<()> {
        let path = task.dir.at(REGISTRY);
        let what = match document::read::<Task>(&task.dir, REGISTRY) {
            Ok(Some(settings)) if settings.id == task.id => return Ok(()),
            Ok(Some(settings)) => format!("it is the registry of task {}", settings.id),
            Ok(None) => "the task's settings are missing".to_owned(),
            Err(Error::Damaged { detail, .. }) => detail,
            Err(error) => return Err(error),
        };
        self.wrong.insert(Part::Settings);
        self.found.problem(&path, &what);
        Ok(())
    }

    fn other_files(&mut self, task: &TaskDir) -> Result<()> {
        for (name, kind) in [
            (LOCK, Kind::File),
            (FINDINGS, Kind::File),
            ("agents", Kind::Dir),
            ("leases", Kind::Dir),
            ("output", Kind::Dir),
        ] {
            match task.dir.kind(name)? {
                Some(found) if found == kind => {}
                Some(_) => self
                    .found
                    .problem(&task.dir.at(name), "there is something else in its place"),
                None => self.found.problem(&task.dir.at(name), "it is missing"),
            }
        }
        Ok(())
    }

    /// What lies in the task's directories and is not the registry's.
    fn other_names(&mut self, task: &TaskDir) -> Result<()> {
        for name in task.dir.all_names()? {
            let is_ours = NAMES.contains(&name.as_str())
                || is_kept_name(&name)
                || super::leftovers::is_temporary(&name);
            if !is_ours {
                self.found
                    .note(&task.dir.at(&name), "it is no file of the registry");
            }
        }
        if task.dir.kind("agents")? == Some(Kind::Dir) {
            let agents = task.dir.need_dir("agents")?;
            for name in agents.all_names()? {
                if !["active", "ended"].contains(&name.as_str()) && !is_kept_name(&name) {
                    self.found
                        .note(&agents.at(&name), "it is no file of the registry");
                }
            }
        }
        Ok(())
    }

    /// The task's journal; its last good mark.
    fn journal(&mut self, task: &TaskDir) -> Result<Option<Mark>> {
        let path = task.dir.at(JOURNAL);
        let opened = match task.dir.need_file(JOURNAL, Access::Read) {
            Ok(file) => match Backward::new(&file, &path) {
                Ok(_) => Ok(file),
                Err(error) => Err(error),
            },
            error => error,
        };
        let file = match opened {
            Ok(file) => file,
            Err(error @ Error::Damaged { .. }) => {
                self.wrong.insert(Part::Journal);
                self.found.error(&path, error)?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut lines = Backward::new(&file, &path)?;
        let mut newest: Option<Mark> = None;
        let mut after = u64::MAX;
        let mut is_last = true;
        while let Some(line) = lines.next_line()? {
            let was_last = std::mem::take(&mut is_last);
            let unsynced = line.contains(&0);
            let decoded = decode_mark::<Mark>(line);
            let at = lines.unread();
            match decoded {
                Ok(mark) => {
                    if mark.rev >= after {
                        self.wrong.insert(Part::Journal);
                        self.found.problem(
                            &path,
                            &format!("rev {} does not rise at byte {at}", mark.rev),
                        );
                    }
                    after = mark.rev;
                    newest = newest.or(Some(mark));
                }
                Err(Bad::Newer(schema)) => return Err(super::super::jsonl::newer(&path, schema)),
                Err(Bad::Garbage(_)) if was_last => {
                    self.found.note(
                        &path,
                        "its last line was never finished; the next change cuts it off",
                    );
                }
                // A mark that no change of another task followed is not synced: a page of it may never have reached
                // the disk, and reads as zeros. The global journal has the change.
                Err(Bad::Garbage(_)) if unsynced => {
                    self.found.note(
                        &path,
                        &format!("a mark at byte {at} was lost in a power cut"),
                    );
                }
                Err(Bad::Garbage(what)) => {
                    self.wrong.insert(Part::Journal);
                    self.found.problem(
                        &path,
                        &format!("the line at byte {at} cannot be read: {what}"),
                    );
                }
            }
        }
        Ok(newest)
    }

    fn folder(&mut self, task: &TaskDir, folder: Folder, pending: Option<&Commit>) -> Result<()> {
        let dir = match task.dir.need_dir(folder.path()) {
            Ok(dir) => dir,
            Err(error @ Error::Damaged { .. }) => {
                return self.found.error(&task.dir.at(folder.path()), error);
            }
            Err(error) => return Err(error),
        };
        for name in dir.all_names()? {
            let path = dir.at(&name);
            if is_kept_name(&name) {
                continue;
            }
            let id = name
                .strip_suffix(".jsonl")
                .and_then(|id| id.parse::<AgentId>().ok());
            let Some(id) = id else {
                self.found.note(&path, "it is no file of the registry");
                continue;
            };
            let pending = pending
                .and_then(|commit| commit.agent.as_ref())
                .filter(|agent| agent.id == id);
            let log = match dir.file(&name, Access::Read) {
                Ok(Some(file)) => {
                    let before = self.found.0.problems.len();
                    let last = match read_log(&file, &path, &task.id, &id, &mut self.found) {
                        Err(error @ Error::Damaged { .. }) => {
                            self.found.error(&path, error)?;
                            None
                        }
                        last => last?,
                    };
                    if self.found.0.problems.len() > before {
                        self.broken.push((id.clone(), folder));
                        if last.is_none() {
                            continue;
                        }
                    }
                    last
                }
                // It was moved meanwhile: the other folder has it.
                Ok(None) => continue,
                Err(error @ Error::Damaged { .. }) => {
                    self.found.error(&path, error)?;
                    self.broken.push((id, folder));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if self.agents.contains_key(&id) {
                self.found
                    .problem(&path, "the agent has a log in both folders");
                self.broken.push((id, folder));
                continue;
            }
            match log {
                Some(agent) => {
                    self.findings_before = self.findings_before.max(agent.findings_before);
                    if Folder::of(&agent) != folder && pending.is_none() {
                        self.found.note(
                            &path,
                            &format!("it belongs into {}", Folder::of(&agent).path()),
                        );
                        self.misfiled.push((agent.clone(), folder));
                    }
                    self.agents.insert(id, (agent.status, folder));
                }
                None if pending.is_some() => {}
                None if is_empty(&dir, &name)? => self.empty.push(path),
                None => {
                    self.found.problem(&path, "no line of it can be read");
                    self.broken.push((id, folder));
                }
            }
        }
        Ok(())
    }

    fn findings(&mut self, task: &TaskDir) -> Result<()> {
        let path = task.dir.at(FINDINGS);
        if task.dir.kind(FINDINGS)? != Some(Kind::File) {
            return Ok(());
        }
        let Some(file) = task.dir.file(FINDINGS, Access::Read)? else {
            return Ok(());
        };
        let mut lines = Backward::new(&file, &path)?;
        let mut after: Option<(u64, SeveritySums)> = None;
        let mut garbage = false;
        let mut newest = 0;
        while let Some(line) = lines.next_line()? {
            let line = decode::<FindingLine>(line);
            let at = lines.unread();
            match line {
                Ok(line) => {
                    let before = (line.finding.seq, line.sums);
                    if let Some((seq, sums)) = after.filter(|_| !garbage)
                        && (before.0 + 1 != seq || before.1.total() + 1 != sums.total())
                    {
                        self.wrong.insert(Part::Findings);
                        self.found.problem(
                            &path,
                            &format!("before byte {at} and after it findings are missing"),
                        );
                    }
                    if line.sums.total() != line.finding.seq {
                        self.wrong.insert(Part::Findings);
                        self.found.problem(
                            &path,
                            &format!("the sums at byte {at} are not the number of findings"),
                        );
                    }
                    newest = newest.max(before.0);
                    after = Some((before.0, before.1));
                    garbage = false;
                }
                Err(Bad::Newer(schema)) => return Err(super::super::jsonl::newer(&path, schema)),
                Err(Bad::Garbage(_)) => {
                    garbage = true;
                    self.found.note(
                        &path,
                        &format!("the line at byte {at} was never acknowledged"),
                    );
                }
            }
        }
        if newest < self.findings_before {
            self.found.note(
                &path,
                &format!(
                    "it ends with finding {newest}, and an agent was registered after finding {}: the last ones are lost",
                    self.findings_before
                ),
            );
        }
        if after.is_some_and(|(seq, _)| seq != 1) && !garbage {
            self.wrong.insert(Part::Findings);
            self.found.problem(&path, "its first findings are missing");
        }
        Ok(())
    }

    fn counts(&mut self, task: &TaskDir, stated: Option<&Mark>) {
        let path = task.dir.at(JOURNAL);
        let is_right = stated.is_some_and(|mark| mark.counts == self.recount);
        for path in std::mem::take(&mut self.empty) {
            if is_right {
                let what = "it is empty: its agent was about to be registered, and is not";
                self.found.note(&path, what);
            } else {
                let what = "it is empty, and the task counts other agents than have logs";
                self.found.problem(&path, what);
            }
        }
        match stated {
            Some(_) if is_right => {}
            Some(mark) => {
                self.wrong.insert(Part::Counts);
                let what = format!("it counts {}, the logs are {}", mark.counts, self.recount);
                self.found.problem(&path, &what);
            }
            None => {
                self.wrong.insert(Part::Counts);
                self.found.problem(&path, "no mark of it can be read");
            }
        }
    }

    fn place(&mut self, home: &Home, task: &TaskDir, stated: Option<&Mark>) -> Result<()> {
        let (dir, other) = match stated.map(|mark| mark.status) {
            Some(TaskStatus::Open) => (home.tasks()?, home.closed()?),
            Some(TaskStatus::Closed) => (home.closed()?, home.tasks()?),
            None => return Ok(()),
        };
        if dir.kind(task.id.as_str())?.is_none() && other.kind(task.id.as_str())?.is_some() {
            self.found.note(
                &other.at(task.id.as_str()),
                &format!("it belongs into {}", dir.path().display()),
            );
        }
        Ok(())
    }

    /// What the global journal says can only have been followed by more: every agent of it is there, and ended if it
    /// says so, and the task's own journal is not behind it.
    fn against_journal(&mut self, task: &TaskDir, known: &TaskHistory, stated: Option<&Mark>) {
        for (id, (_, status)) in &known.agents {
            let now = self.agents.get(id).copied();
            let folder = now.map_or(Folder::Active, |(_, folder)| folder);
            let path = task.dir.at(&format!("{}/{}", folder.path(), log_name(id)));
            match now.map(|(status, _)| status) {
                None if self.broken.iter().any(|(unreadable, _)| unreadable == id) => {}
                None => {
                    self.missing.push(id.clone());
                    self.found
                        .problem(&path, "the journal has this agent, and its log is missing");
                }
                Some(now) if now.is_active() && !status.is_active() => {
                    self.found
                        .problem(&path, &format!("the journal says {status}, the log {now}"));
                    self.behind.push(id.clone());
                    self.wrong.insert(Part::Counts);
                }
                Some(_) => {}
            }
        }
        let path = task.dir.at(JOURNAL);
        match stated {
            Some(mark) if mark.rev < known.last_rev => {
                self.wrong.insert(Part::Counts);
                self.found.problem(
                    &path,
                    &format!(
                        "it ends with rev {}, and the global journal has rev {} of this task",
                        mark.rev, known.last_rev
                    ),
                );
            }
            Some(mark) if mark.rev > known.last_rev => {
                self.wrong.insert(Part::Counts);
                self.found.problem(
                    &path,
                    &format!("the global journal does not know its rev {}", mark.rev),
                );
            }
            Some(mark) if mark.rev == known.last_rev && mark.counts != known.counts => {
                self.wrong.insert(Part::Counts);
                self.found.problem(
                    &path,
                    &format!("the two registries count rev {} differently", mark.rev),
                );
            }
            _ => {}
        }
    }
}

fn is_empty(dir: &Dir, name: &str) -> Result<bool> {
    let Some(file) = dir.file(name, Access::Read)? else {
        return Ok(true);
    };
    let metadata = file
        .metadata()
        .map_err(|e| Error::io("look at", dir.at(name), e))?;
    Ok(metadata.len() == 0)
}

/// Reads a log whole; its last good line.
fn read_log(
    file: &std::fs::File,
    path: &Path,
    task: &crate::model::TaskId,
    id: &AgentId,
    found: &mut Found,
) -> Result<Option<Agent>> {
    let mut lines = Backward::new(file, path)?;
    let mut last: Option<Agent> = None;
    // The line after the one at hand: its number and its rev.
    let mut after: Option<(u64, Option<u64>)> = None;
    let mut garbage = false;
    while let Some(line) = lines.next_line()? {
        let line = decode::<AgentLine>(line);
        let at = lines.unread();
        match line {
            Ok(line) => {
                let agent = line.agent;
                if agent.id != *id || agent.task != *task {
                    let what = format!(
                        "the line at byte {at} is of agent {} of task {}",
                        agent.id, agent.task
                    );
                    found.problem(path, &what);
                }
                if let Some((seq, rev)) = after.filter(|(seq, _)| agent.seq + 1 != *seq) {
                    let committed = rev != line.rev;
                    // A line that was not synced, hence not acknowledged, may be lost in a power cut under one that the
                    // journal restored, or beside garbage.
                    if garbage || committed {
                        found.note(
                            path,
                            &format!("line {} was never acknowledged", agent.seq + 1),
                        );
                    } else {
                        found.problem(
                            path,
                            &format!("after line {} follows line {seq}", agent.seq),
                        );
                    }
                }
                after = Some((agent.seq, line.rev));
                garbage = false;
                last = last.or(Some(agent));
            }
            Err(Bad::Newer(schema)) => return Err(super::super::jsonl::newer(path, schema)),
            Err(Bad::Garbage(_)) => {
                garbage = true;
                found.note(
                    path,
                    &format!("the line at byte {at} was never acknowledged"),
                );
            }
        }
    }
    if after.is_some_and(|(seq, _)| seq != 1) && !garbage {
        found.problem(path, "its first lines are missing");
    }
    Ok(last)
}
