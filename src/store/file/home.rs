//! The home: the machine's directory, its lock, its settings, and the journal's last line.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::check::is_temporary;
use super::dir::{Access, Dir, Kind as Entry};
use super::document;
use super::jsonl::{Strictness, Tail};
use super::line::{Commit, CommitHead, decode_checked};
use super::lock::{Lock, Mode, Patience};
use super::record::{self, Record};
use super::rotate::old_rev;
use super::task::{TaskDir, is_kept_name};
use crate::model::{Kind, Rejection, Settings};
use crate::store::{Error, Result};

pub(crate) const LOCK: &str = "lock";
pub(crate) const JOURNAL: &str = "journal.jsonl";
pub(crate) const REGISTRY: &str = "registry.json";
pub(crate) const TASKS: &str = "tasks";
pub(crate) const CLOSED: &str = "closed";

/// The open home.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) dir: Dir,
}

/// The global lock, held; dropping it lets go.
#[derive(Debug)]
pub(crate) struct HomeLock {
    file: File,
    path: PathBuf,
}

impl HomeLock {
    /// What the lock file notes; none if it says nothing.
    pub(crate) fn record(&self) -> Option<Record> {
        Record::read(&self.file)
    }

    /// Which home this is.
    pub(crate) fn identity(&self) -> Result<String> {
        record::identity(&self.file, &self.path)
    }

    /// Notes the highest rev that is committed in this home.
    pub(crate) fn note(&self, rev: u64, home: &str) {
        let record = Record {
            rev,
            home: home.to_owned(),
        };
        record.write(&self.file);
    }
}

impl Home {
    /// Opens the home; `None` where there is no registry yet.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let Some(dir) = open_dir(path)? else {
            return Ok(None);
        };
        if dir.mode()? & 0o077 != 0 {
            if !is_registry(&dir)? {
                return Ok(None);
            }
            return Err(open_to_others(&dir));
        }
        Ok(Some(Self { dir }))
    }

    /// Opens the home of a registry that must be there.
    pub(crate) fn need(path: &Path) -> Result<Self> {
        Self::open(path)?.ok_or_else(|| no_registry(path))
    }

    /// Opens the home, making the registry where there is none.
    pub(crate) fn make(path: &Path, patience: &Patience) -> Result<Self> {
        let dir = match open_dir(path)? {
            Some(dir) => dir,
            None => make_dir(path)?,
        };
        let mode = dir.mode()?;
        let exists = is_registry(&dir)?;
        if mode & 0o077 != 0 {
            // A fresh directory that others could only look into is taken over; anything else is the user's to settle.
            if exists || mode & 0o022 != 0 || !dir.all_names()?.is_empty() {
                return Err(open_to_others(&dir));
            }
            dir.make_private()?;
        }
        let home = Self { dir };
        if !exists {
            home.initialize(patience)?;
        }
        Ok(home)
    }

    /// Makes what is not there yet. The settings come last: where they are, all the rest is.
    fn initialize(&self, patience: &Patience) -> Result<()> {
        self.dir.create(LOCK)?;
        let _lock = self.lock(patience)?;
        if is_registry(&self.dir)? {
            return Ok(());
        }
        self.dir.make_dir(TASKS)?;
        self.dir.make_dir(CLOSED)?;
        if self.dir.kind(JOURNAL)?.is_none() {
            if self.has_tasks()? {
                return Err(self.journal_missing());
            }
            self.dir.create(JOURNAL)?;
        }
        document::write(&self.dir, REGISTRY, &Settings::default())
    }

    /// Which home this is, also for those who may only read it.
    pub(crate) fn identity(&self) -> Result<String> {
        let file = self.dir.need_file(LOCK, Access::Read)?;
        record::identity(&file, &self.dir.at(LOCK))
    }

    /// Takes the global lock alone. With a task's lock it is taken through [`super::task::TaskGuard`].
    pub(crate) fn lock(&self, patience: &Patience) -> Result<HomeLock> {
        let file = self.dir.need_file(LOCK, Access::Rewrite)?;
        let path = self.dir.at(LOCK);
        let lock = Lock::take(file, &path, Mode::Exclusive, patience)?;
        Ok(HomeLock {
            file: lock.into_file(),
            path,
        })
    }

    /// Notes the rev of a line whose change is redone, if the lock file is this home's; in any other it is the recount
    /// that it waits for which says so.
    pub(crate) fn note_redone(&self, rev: u64) -> Result<()> {
        let file = self.dir.need_file(LOCK, Access::Rewrite)?;
        let home = record::identity(&file, &self.dir.at(LOCK))?;
        if let Some(record) = Record::read(&file)
            && record.home == home
            && record.rev < rev
        {
            Record { rev, home }.write(&file);
        }
        Ok(())
    }

    /// The machine's settings.
    pub(crate) fn settings(&self) -> Result<Settings> {
        document::read(&self.dir, REGISTRY)?.ok_or_else(|| {
            Error::damaged(self.dir.at(REGISTRY), "the machine's settings are missing")
        })
    }

    /// Where the journal lies.
    pub(crate) fn journal_path(&self) -> PathBuf {
        self.dir.at(JOURNAL)
    }

    /// Opens the journal. One that is missing beside tasks is damage, not a new registry.
    pub(crate) fn journal(&self, access: Access) -> Result<File> {
        match self.dir.file(JOURNAL, access)? {
            Some(journal) => Ok(journal),
            None if is_registry(&self.dir)? => Err(self.journal_missing()),
            None => Err(no_registry(self.dir.path())),
        }
    }

    /// The journal's last complete line, read without its lock.
    pub(crate) fn last_commit(&self) -> Result<Option<Commit>> {
        let path = self.journal_path();
        Ok(Tail::read(
            &self.journal(Access::Read)?,
            &path,
            Strictness::Journal,
            decode_checked,
        )?
        .last)
    }

    /// The same, only what tells whose it is: the hot path reads this in every call.
    pub(crate) fn last_commit_head(&self) -> Result<Option<CommitHead>> {
        let path = self.journal_path();
        Ok(Tail::read(
            &self.journal(Access::Read)?,
            &path,
            Strictness::Journal,
            decode_checked,
        )?
        .last)
    }

    pub(crate) fn tasks(&self) -> Result<Dir> {
        self.dir.need_dir(TASKS)
    }

    pub(crate) fn closed(&self) -> Result<Dir> {
        self.dir.need_dir(CLOSED)
    }

    /// Whether a registry was ever made here.
    pub(crate) fn is_registry(&self) -> Result<bool> {
        is_registry(&self.dir)
    }

    /// Whether any task has a directory here, or something else that a registry without a journal does not have.
    pub(crate) fn has_tasks(&self) -> Result<bool> {
        Ok(!TaskDir::all(self)?.is_empty())
    }

    /// No journal, or an empty one, where there are tasks: damage, and no new registry.
    pub(crate) fn journal_missing(&self) -> Error {
        Error::damaged(
            self.journal_path(),
            "the journal is missing or empty, and there are tasks",
        )
    }
}

/// Whether a registry was made here, whole. The settings are its last file; an empty journal without them is what a call
/// left that was killed while it made the registry.
fn is_registry(dir: &Dir) -> Result<bool> {
    if dir.kind(REGISTRY)? == Some(Entry::File) {
        return Ok(true);
    }
    match dir.file(JOURNAL, Access::Read) {
        Ok(Some(journal)) => {
            let size = journal.metadata().map(|metadata| metadata.len());
            Ok(size.map_err(|e| Error::io("look at", dir.at(JOURNAL), e))? > 0)
        }
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    }
}

fn no_registry(path: &Path) -> Error {
    Rejection::new(
        Kind::NotFound,
        format!("there is no registry in {}", path.display()),
    )
    .hint("open a task first: agentreg task new \"what is to be done\"")
    .into()
}

fn open_dir(path: &Path) -> Result<Option<Dir>> {
    match Dir::open(path) {
        Err(Error::Io { source, .. })
            if source.raw_os_error() == Some(Errno::NOTDIR.raw_os_error()) =>
        {
            Err(Error::Home {
                path: path.to_owned(),
                problem: "is not a directory".to_owned(),
                hint: "name a directory with --home or AGENTREG_HOME".to_owned(),
            })
        }
        opened => opened,
    }
}

/// Whether the registry has a file or directory of this name in its home, if only for a while.
pub(crate) fn is_own_name(name: &str) -> bool {
    [LOCK, TASKS, CLOSED, REGISTRY, JOURNAL, "hook.log"].contains(&name)
        || old_rev(name).is_some()
        || is_kept_name(name)
        || is_temporary(name)
}

fn open_to_others(dir: &Dir) -> Error {
    let path = dir.path();
    // What cannot be looked at is nobody's to close.
    let hint = if is_for_registry_alone(dir).unwrap_or(false) {
        format!("close it: chmod 700 {}", path.display())
    } else {
        format!(
            "others use it too: choose a directory of its own, such as export AGENTREG_HOME={}",
            path.join("agentreg").display()
        )
    };
    Error::Home {
        path: path.to_owned(),
        problem: "is open to other users".to_owned(),
        hint,
    }
}

/// Whether nobody loses anything if only the caller can still enter the directory.
fn is_for_registry_alone(dir: &Dir) -> Result<bool> {
    let is_plain = dir.mode()? & 0o1000 == 0 && dir.is_callers()?;
    let is_free = is_registry(dir)? || !dir.is_mount_point()?;
    Ok(is_plain && is_free && dir.all_names()?.iter().all(|name| is_own_name(name)))
}

/// Opens the directory at `path`, making it and those above it that are missing: for the caller alone, each of them.
fn make_dir(path: &Path) -> Result<Dir> {
    if let Some(dir) = open_dir(path)? {
        return Ok(dir);
    }
    let missing = || Error::io("make", path, Errno::NOENT);
    let parent = match path.parent().ok_or_else(missing)? {
        here if here.as_os_str().is_empty() => Path::new("."),
        parent => parent,
    };
    let parent = make_dir(parent)?;
    // Without a name of its own (`..`) it is there now, or never.
    if let Some(name) = path.file_name() {
        parent.make_dir_at(Path::new(name))?;
        parent.sync()?;
    }
    open_dir(path)?.ok_or_else(missing)
}
