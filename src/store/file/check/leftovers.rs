//! What killed calls left lying about: never in the way, and swept by a repair once no living call can be using it.
//!
//! What that is a lock tells: documents and journals are replaced under the lock of the directory they lie in, a task is
//! built under its own lock, and until it has that under a shared lock on `tasks/`.

use super::super::dir::{Dir, Kind};
use super::super::home::{CLOSED, Home, LOCK, TASKS};
use super::super::lock::{Lock, Mode};
use super::super::proof::SCRATCH;
use super::super::rotate::NEXT;
use super::super::task::{DELETED, TaskDir};
use super::Found;
use crate::store::Result;

/// So long after it was made nobody proves locks in a directory any more.
const PROOF_AGE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// A leftover: where it lies, and its name there.
pub(super) struct Leftover {
    pub(super) dir: Dir,
    pub(super) name: String,
    kept_by: Keeper,
}

/// What keeps something from being a leftover.
enum Keeper {
    /// The lock in the directory it lies in.
    Directory,
    /// Its own lock, the shared one on the directory it lies in, and the journal's last line, if that names it.
    Builder(Home),
    /// Its own lock.
    Itself,
    /// Its age.
    Age,
}

/// Whether something of this name is a temporary file of a call.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(".atomicwrite") || name == NEXT || name.starts_with(SCRATCH)
}

/// Notes every leftover.
pub(super) fn note(home: &Home, found: &mut Found) -> Result<()> {
    for leftover in all(home)? {
        if leftover.is_abandoned()?.is_some() {
            found.note(
                &leftover.dir.at(&leftover.name),
                "a call that was killed left this behind",
            );
        }
    }
    Ok(())
}

/// Everything that may be a leftover.
pub(super) fn all(home: &Home) -> Result<Vec<Leftover>> {
    let mut leftovers = temporary(home.dir.dir(".")?)?;
    for place in [TASKS, CLOSED] {
        let dir = home.dir.need_dir(place)?;
        for name in dir.all_names()? {
            let kept_by = if name.starts_with(".new-") {
                Keeper::Builder(Home {
                    dir: home.dir.again()?,
                })
            } else if name.starts_with(DELETED) {
                Keeper::Itself
            } else {
                continue;
            };
            leftovers.push(Leftover {
                dir: home.dir.need_dir(place)?,
                name,
                kept_by,
            });
        }
    }
    for task in TaskDir::all(home)? {
        leftovers.extend(temporary(Some(task.dir))?);
    }
    Ok(leftovers)
}

impl Leftover {
    /// Removes it, if nobody can be using it; whether it did.
    pub(super) fn sweep(&self) -> Result<bool> {
        let Some(_locks) = self.is_abandoned()? else {
            return Ok(false);
        };
        match self.dir.kind(&self.name)? {
            Some(Kind::Dir) => self.dir.remove_tree(&self.name)?,
            Some(_) => self.dir.remove_file(&self.name)?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// The locks that keep it abandoned; none if somebody may be using it.
    fn is_abandoned(&self) -> Result<Option<Vec<Lock>>> {
        let mut locks = Vec::new();
        let mut is_free = |dir: &Dir, mode| -> Result<bool> {
            let path = dir.at(LOCK);
            let Some(file) = dir.file(LOCK, super::super::dir::Access::Read)? else {
                return Ok(true);
            };
            let taken = Lock::try_take(file, &path, mode)?;
            let is_free = taken.is_ok();
            locks.extend(taken.ok());
            Ok(is_free)
        };
        let is_abandoned = match &self.kept_by {
            Keeper::Directory => is_free(&self.dir, Mode::Exclusive)?,
            Keeper::Itself => match self.dir.dir(&self.name)? {
                Some(dir) => is_free(&dir, Mode::Exclusive)?,
                None => false,
            },
            Keeper::Builder(home) => {
                let Some(dir) = self.dir.dir(&self.name)? else {
                    return Ok(None);
                };
                let is_free = is_free(&dir, Mode::Exclusive)?;
                let place = self.dir.path();
                let building = Lock::try_take(self.dir.handle()?, place, Mode::Exclusive)?;
                let nobody_begins = building.is_ok();
                locks.extend(building.ok());
                let last = home.last_commit_head().ok().flatten();
                let is_committed = last.is_some_and(|last| last.built.as_ref() == Some(&self.name));
                is_free && nobody_begins && !is_committed
            }
            Keeper::Age => self.dir.age(&self.name)?.is_some_and(|age| age > PROOF_AGE),
        };
        Ok(is_abandoned.then_some(locks))
    }
}

/// The temporary directories of replaced documents, and files that were to replace others.
fn temporary(dir: Option<Dir>) -> Result<Vec<Leftover>> {
    let Some(dir) = dir else {
        return Ok(Vec::new());
    };
    let mut leftovers = Vec::new();
    for name in dir.all_names()? {
        if is_temporary(&name) {
            let kept_by = if name.starts_with(SCRATCH) {
                Keeper::Age
            } else {
                Keeper::Directory
            };
            leftovers.push(Leftover {
                dir: dir.again()?,
                name,
                kept_by,
            });
        }
    }
    Ok(leftovers)
}
