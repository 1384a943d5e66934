//! What killed calls left lying about: never in the way, and swept by a repair.

use super::super::dir::Dir;
use super::super::home::Home;
use super::super::task::TaskDir;
use super::Found;
use crate::model::TaskId;
use crate::store::Result;

/// A leftover: where it lies, and its name there.
pub(super) struct Leftover {
    pub(super) dir: Dir,
    pub(super) name: String,
}

/// Notes every leftover.
pub(super) fn note(home: &Home, found: &mut Found) -> Result<()> {
    for leftover in all(home)? {
        found.note(
            &leftover.dir.at(&leftover.name),
            "a call that was killed left this behind",
        );
    }
    Ok(())
}

/// Every leftover that no living call may still be using.
pub(super) fn all(home: &Home) -> Result<Vec<Leftover>> {
    let mut leftovers = temporary(home.dir.dir(".")?)?;
    let built = home
        .last_commit_head()
        .ok()
        .flatten()
        .and_then(|last| last.built);
    let tasks = home.tasks()?;
    for name in tasks.all_names()? {
        let is_building = name.starts_with(".new-") && built.as_ref() != Some(&name);
        if is_building && is_abandoned(&tasks, &name)? {
            leftovers.extend(home.dir.dir("tasks")?.map(|dir| Leftover { dir, name }));
        }
    }
    for place in [home.tasks()?, home.closed()?] {
        for name in place.names()? {
            leftovers.extend(temporary(place.dir(&name)?)?);
        }
    }
    Ok(leftovers)
}

/// A task is built under its own lock: where that is free nobody builds any more.
fn is_abandoned(tasks: &Dir, name: &str) -> Result<bool> {
    let Some(dir) = tasks.dir(name)? else {
        return Ok(false);
    };
    if dir.kind("lock")?.is_none() {
        return Ok(true);
    }
    let nobody: TaskId = "nobody".parse().expect("an id");
    Ok(TaskDir::new(&nobody, dir, true).try_lock()?.is_some())
}

/// The temporary directories of replaced documents, and a journal that was begun by a rotation.
fn temporary(dir: Option<Dir>) -> Result<Vec<Leftover>> {
    let Some(dir) = dir else {
        return Ok(Vec::new());
    };
    let mut leftovers = Vec::new();
    for name in dir.all_names()? {
        if name.starts_with(".atomicwrite")
            || name == super::super::rotate::NEXT
            || name.starts_with(super::super::proof::SCRATCH)
        {
            leftovers.extend(dir.dir(".")?.map(|dir| Leftover { dir, name }));
        }
    }
    Ok(leftovers)
}
