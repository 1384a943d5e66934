//! Sleeping until files change: inotify, and where that is not to be had a look every second.
//!
//! Directories are watched, not files, so that neither a rotated journal nor a log that moves to `ended` is lost sight
//! of; a watch stays with its directory when a closed task moves. The events themselves are thrown away. While a watcher
//! pauses between two looks it does not wait in the kernel, so that writers need not wake it.
//!
//! rustix speaks inotify, which saves another dependency for the three calls that are needed.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::{Errno, retry_on_intr};

use super::FileStore;
use super::dir::{Access, Dir};
use super::home::Home;
use super::task::{ACTIVE, ENDED, LEASES, OUTPUT};
use crate::store::{Error, Pace, Result, Watched, Watcher};

/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(40);
/// The most, and how often a watcher looks that is told nothing.
const SLOW: Duration = Duration::from_secs(1);
/// A sparing pause is so many times as long as the look before it: twenty watchers leave the machine to those who work.
const PAUSE_PER_LOOK: u32 = 100;

/// Tells when files may have changed.
#[derive(Debug)]
pub(crate) struct FileWatcher {
    /// None where the system has no more of them.
    inotify: Option<OwnedFd>,
    /// Whether something in scope could not be watched.
    is_blind: bool,
    pace: Pace,
    /// When it last said that something may have changed, until the pause after that is known.
    woke: Option<Instant>,
    /// Before this it does not say so again.
    rests_until: Instant,
    /// When a blind one looks next.
    next_look: Instant,
}

/// A watcher of `scope`. A task that is not there is `not_found`.
pub(crate) fn watcher(store: &FileStore, scope: &[Watched<'_>], pace: Pace) -> Result<FileWatcher> {
    let home = store.home()?;
    let now = Instant::now();
    let mut watcher = FileWatcher {
        inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
        is_blind: false,
        pace,
        woke: None,
        rests_until: now,
        next_look: now + SLOW,
    };
    watcher.is_blind = watcher.inotify.is_none();
    for watched in scope {
        watcher.add(&home, *watched)?;
    }
    Ok(watcher)
}

impl FileWatcher {
    fn add(&mut self, home: &Home, watched: Watched<'_>) -> Result<()> {
        let lines = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let task = |id| FileStore::task_dir(home, id).map(|task| task.dir);
        match watched {
            Watched::Machine => self.add_dir(&home.dir, lines),
            Watched::Task(id) => self.add_dir(&task(id)?, lines | WatchFlags::MOVE_SELF),
            Watched::Reports(id) => {
                let task = task(id)?;
                self.add_below(&task, ACTIVE, lines | WatchFlags::MOVED_FROM)?;
                self.add_below(&task, ENDED, lines)?;
            }
            // Closing what was open for writing lets go of a lock on it. Whoever only tries a lease opens it for reading.
            Watched::Leases(id) => {
                self.add_below(&task(id)?, LEASES, lines | WatchFlags::CLOSE_WRITE)?;
            }
            Watched::Output(id) => self.add_below(&task(id)?, OUTPUT, lines)?,
            Watched::Agent(id, agent) => {
                let task = FileStore::task_dir(home, id)?;
                let moves = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::ATTRIB;
                match task.log(agent, Access::Read)? {
                    Some(log) => self.add_open(log.file.as_raw_fd(), WatchFlags::MODIFY | moves),
                    None => self.is_blind = true,
                }
            }
        }
        Ok(())
    }

    fn add_below(&mut self, task: &Dir, name: &str, changes: WatchFlags) -> Result<()> {
        match task.dir(name)? {
            Some(dir) => self.add_dir(&dir, changes),
            None => self.is_blind = true,
        }
        Ok(())
    }

    fn add_dir(&mut self, dir: &Dir, changes: WatchFlags) {
        self.add_open(dir.as_raw_fd(), changes);
    }

    /// What is open is named through `/proc`, so that it is the one that was opened, wherever it has moved.
    fn add_open(&mut self, open: RawFd, changes: WatchFlags) {
        let added = self.inotify.as_ref().map(|inotify| {
            let path = format!("/proc/self/fd/{open}");
            inotify::add_watch(inotify, path, changes | WatchFlags::MASK_ADD)
        });
        self.is_blind |= !matches!(added, Some(Ok(_)));
    }
}

/// Whether anything was told within `timeout`.
fn poll(inotify: &OwnedFd, timeout: Option<Duration>) -> Result<bool> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds = [PollFd::new(inotify, PollFlags::IN)];
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(Error::io("wait for", "inotify", errno)),
    }
}

/// Throws away what was told so far.
fn drain(inotify: &OwnedFd) -> Result<()> {
    let mut events = [0; 4096];
    loop {
        match retry_on_intr(|| rustix::io::read(inotify, &mut events)) {
            Ok(_) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(Error::io("read", "inotify", errno)),
        }
    }
}

impl Watcher for FileWatcher {
    fn wait(&mut self, timeout: Duration) -> Result<bool> {
        let now = Instant::now();
        let deadline = now.checked_add(timeout);
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        if let Some(woke) = self.woke.take() {
            let look = now - woke;
            let pause = match self.pace {
                Pace::Prompt => PAUSE.max(look * 2),
                Pace::Sparing => (look * PAUSE_PER_LOOK).clamp(PAUSE, SLOW),
            };
            self.rests_until = woke + pause;
            self.next_look = now + SLOW;
        }
        let rest = deadline.map_or(self.rests_until, |end| end.min(self.rests_until));
        std::thread::sleep(left(rest));
        loop {
            let is_over = deadline.is_some_and(|end| Instant::now() >= end);
            let until_look = self.is_blind.then(|| left(self.next_look));
            let until_end = deadline.map(left);
            let longest = [until_look, until_end].into_iter().flatten().min();
            // Even when the time is over, what was told already is asked for.
            let told = if let Some(inotify) = &self.inotify {
                poll(inotify, longest)?
            } else {
                std::thread::sleep(longest.unwrap_or(SLOW));
                false
            };
            if Instant::now() < self.rests_until {
                return Ok(false);
            }
            if told || (self.is_blind && left(self.next_look).is_zero()) {
                if let Some(inotify) = &self.inotify {
                    drain(inotify)?;
                }
                self.woke = Some(Instant::now());
                return Ok(true);
            }
            if is_over {
                return Ok(false);
            }
        }
    }

    fn source(&self) -> Option<BorrowedFd<'_>> {
        self.inotify
            .as_ref()
            .filter(|_| !self.is_blind)
            .map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::file::{Options, home};

    /// A home that is there, and a journal in it to be written to.
    fn home() -> (tempfile::TempDir, FileStore) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("home");
        let store = FileStore::new(Options::new(&path));
        Home::make(&path, &store.patience()).unwrap();
        (root, store)
    }

    fn change(store: &FileStore) {
        let home = store.home().unwrap();
        let journal = home.dir.create(home::JOURNAL).unwrap();
        rustix::io::write(journal, b"x").unwrap();
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_change_is_told_once_even_if_it_came_before_the_wait() {
        let (_root, store) = home();
        let mut watcher = watcher(&store, &[Watched::Machine], Pace::Sparing).unwrap();
        assert!(!watcher.wait(NOW).unwrap());
        change(&store);
        assert!(watcher.wait(NOW).unwrap());
        assert!(!watcher.wait(PAUSE * 2).unwrap());
    }

    #[test]
    fn changes_close_together_are_one_and_the_last_is_not_lost() {
        let (_root, store) = home();
        let mut watcher = watcher(&store, &[Watched::Machine], Pace::Sparing).unwrap();
        let begun = Instant::now();
        let mut told = 0;
        while begun.elapsed() < PAUSE * 10 {
            change(&store);
            told += u32::from(watcher.wait(NOW).unwrap());
        }
        let most = u32::try_from(begun.elapsed().as_millis() / PAUSE.as_millis()).unwrap() + 1;
        assert!((1..=most).contains(&told), "{told} of at most {most}");
        change(&store);
        assert!(watcher.wait(SLOW * 5).unwrap());
    }

    #[test]
    fn a_long_look_is_followed_by_a_long_pause() {
        let (_root, store) = home();
        let mut watcher = watcher(&store, &[Watched::Machine], Pace::Sparing).unwrap();
        change(&store);
        assert!(watcher.wait(NOW).unwrap());
        // The look.
        std::thread::sleep(Duration::from_millis(20));
        change(&store);
        assert!(!watcher.wait(SLOW / 2).unwrap());
        assert!(watcher.wait(SLOW * 5).unwrap());
    }

    #[test]
    fn who_is_prompt_pauses_no_longer_for_a_long_look() {
        let (_root, store) = home();
        let mut watcher = watcher(&store, &[Watched::Machine], Pace::Prompt).unwrap();
        change(&store);
        assert!(watcher.wait(NOW).unwrap());
        // The look.
        std::thread::sleep(Duration::from_millis(20));
        change(&store);
        let begun = Instant::now();
        assert!(watcher.wait(SLOW * 5).unwrap());
        assert!(begun.elapsed() < SLOW / 2, "{:?}", begun.elapsed());
    }

    #[test]
    fn who_is_told_nothing_looks_every_second() {
        let (_root, store) = home();
        let mut watcher = watcher(&store, &[Watched::Machine], Pace::Sparing).unwrap();
        watcher.inotify = None;
        watcher.is_blind = true;
        assert!(!watcher.wait(SLOW / 4).unwrap());
        assert!(watcher.wait(SLOW * 5).unwrap());
    }
}
