//! Directories that agents work in: how they are recorded, and what changed in them.

use std::collections::VecDeque;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agentreg::model::{FilesChanged, Timestamp};

use crate::output::Failure;

/// A look at a workspace is bounded: an agent waits for it.
const MAX_ENTRIES: usize = 10_000;
const MAX_TIME: Duration = Duration::from_millis(150);

/// What no agent writes by hand.
const SKIPPED: &[&str] = &[".git", "node_modules", "target"];

/// A workspace that was named, absolute.
pub fn named(directory: &Path) -> Result<PathBuf, Failure> {
    let refused =
        |problem: &str| Failure::usage(format!("the workspace {} {problem}", directory.display()));
    if !directory.is_dir() {
        return Err(refused("is no directory"));
    }
    if directory.to_str().is_none() {
        return Err(refused("has a name that is not UTF-8"));
    }
    std::path::absolute(directory).map_err(|_| refused("cannot be made absolute"))
}

/// The current directory; none if it is gone or cannot be written down.
pub fn current() -> Option<PathBuf> {
    std::env::current_dir()
        .ok()
        .filter(|directory| directory.to_str().is_some())
}

/// Counts the files below `workspace` that changed since then, skipping the registry's `home`. Symbolic links are not
/// followed. None if the workspace cannot be read at all.
pub fn files_changed(workspace: &Path, since: Timestamp, home: &Path) -> Option<FilesChanged> {
    let deadline = Instant::now() + MAX_TIME;
    let home = fs::canonicalize(home).ok();
    let since = since.to_jiff().as_nanosecond() - clock_granularity();
    let mut found = FilesChanged {
        count: 0,
        complete: true,
    };
    let mut entries = 0;
    let mut directories = VecDeque::from([fs::canonicalize(workspace).ok()?]);
    fs::read_dir(directories.front()?).ok()?;
    while let Some(directory) = directories.pop_front() {
        if home.as_ref() == Some(&directory) {
            continue;
        }
        let Ok(listed) = fs::read_dir(&directory) else {
            found.complete = false;
            continue;
        };
        for entry in listed.flatten() {
            entries += 1;
            if entries > MAX_ENTRIES || Instant::now() > deadline {
                found.complete = false;
                return Some(found);
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_skipped(&entry) => {
                    directories.push_back(entry.path());
                }
                Ok(kind) if kind.is_file() => {
                    found.count += u64::from(changed_at(&entry).is_some_and(|at| at >= since));
                }
                _ => {}
            }
        }
    }
    Some(found)
}

fn is_skipped(entry: &DirEntry) -> bool {
    SKIPPED.iter().any(|name| entry.file_name() == *name)
}

/// The change time: unlike the modification time, a copy or an unpacked archive cannot bring an old one along.
fn changed_at(entry: &DirEntry) -> Option<i128> {
    let metadata = entry.metadata().ok()?;
    Some(i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()))
}

/// File systems stamp with the clock's last tick, so a file may seem older than a moment that it came after.
fn clock_granularity() -> i128 {
    let tick = rustix::time::clock_getres(rustix::time::ClockId::RealtimeCoarse);
    i128::from(tick.tv_sec) * 1_000_000_000 + i128::from(tick.tv_nsec)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // These files are no registry's.
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_jiff(jiff::Timestamp::now())
    }

    fn count(directory: &Path, since: Timestamp, home: &Path) -> (u64, bool) {
        let found = files_changed(directory, since, home).unwrap();
        (found.count, found.complete)
    }

    #[test]
    fn files_changed_since_then_are_counted_but_not_everywhere() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let hour = Duration::from_secs(3_600);
        let before = now().minus(hour);
        let after = Timestamp::from_jiff(now().to_jiff() + hour);
        for name in [
            "a",
            "deep/er/b",
            ".git/c",
            "x/node_modules/d",
            "target/e",
            "home/f",
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("deep/loop")).unwrap();
        assert_eq!(count(root, before, &root.join("home")), (2, true));
        assert_eq!(count(root, after, &root.join("home")), (0, true));
        assert_eq!(files_changed(&root.join("gone"), before, root), None);
    }

    #[test]
    fn the_look_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        for n in 0..=MAX_ENTRIES {
            fs::write(directory.path().join(n.to_string()), "").unwrap();
        }
        let found = files_changed(directory.path(), now(), Path::new("/nowhere")).unwrap();
        assert!(!found.complete);
    }
}
