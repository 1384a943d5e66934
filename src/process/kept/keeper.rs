//! Keeps a log within its bound into which a command writes itself.
//!
//! The system tells of the first write, then nobody asks for a while, so that a command that prints all the time does not
//! wake its supervisor for each line, and one that is silent not at all.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fs::inotify::{self, WatchFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::super::Chore;
use super::Log;

/// Between two looks. A command may print so long what it can.
const REST: Duration = Duration::from_millis(50);
/// The same where the system tells nothing.
const BLIND_REST: Duration = Duration::from_secs(1);

/// Looks after a log while its command runs.
pub struct Keeper<'a> {
    log: Log<'a>,
    /// Both of these.
    either: OwnedFd,
    /// Tells once of writes; none where the system has no more of them.
    writes: Option<OwnedFd>,
    timer: OwnedFd,
}

impl<'a> Keeper<'a> {
    /// From now on.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(log: Log<'a>) -> io::Result<Self> {
        let either = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        epoll::add(&either, &timer, EventData::new_u64(0), EventFlags::IN)?;
        let writes = writes_into(&log)
            .ok()
            .filter(|writes| epoll::add(&either, writes, EventData::new_u64(1), ONCE).is_ok());
        let keeper = Self {
            log,
            either,
            writes,
            timer,
        };
        keeper.rest()?;
        Ok(keeper)
    }

    /// A last look, at what came since the one before.
    pub fn finish(mut self) {
        let _ = self.log.keep_within();
    }

    /// Has the timer tell when it is time to look again.
    fn rest(&self) -> io::Result<()> {
        let rest = if self.writes.is_some() {
            REST
        } else {
            BLIND_REST
        };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(rest).map_err(io::Error::other)?,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Whether there were writes since this was last asked.
    fn has_heard(&self) -> bool {
        let mut events = [0; 4096];
        let heard = |writes| rustix::io::read(writes, &mut events).is_ok_and(|read| read > 0);
        self.writes.as_ref().is_none_or(heard)
    }

    fn look(&mut self) -> io::Result<()> {
        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
        if self.has_heard() {
            // What cannot be given back now can be later.
            let _ = self.log.keep_within();
            return self.rest();
        }
        match &self.writes {
            Some(writes) => epoll::modify(&self.either, writes, EventData::new_u64(1), ONCE),
            None => Ok(()),
        }
        .map_err(Into::into)
    }
}

const ONCE: EventFlags = EventFlags::IN.union(EventFlags::ONESHOT);

/// Tells of writes into the file that is open, whatever its name.
fn writes_into(log: &Log<'_>) -> io::Result<OwnedFd> {
    let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
    let writes = inotify::init(flags)?;
    let path = format!("/proc/self/fd/{}", log.file().as_raw_fd());
    inotify::add_watch(&writes, path, WatchFlags::MODIFY)?;
    Ok(writes)
}

impl Chore for Keeper<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.either.as_fd()
    }

    fn go_on(&mut self) {
        // Without a timer there is nothing to tell when to look.
        let _ = self.look();
    }
}

impl std::fmt::Debug for Keeper<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}
