//! From a command's start to its end: signals go to its group, the terminal is handed over and taken back, time is kept,
//! a guardian that died is replaced.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::chore::Chore;
use super::clock::Clock;
use super::group;
use super::guardian::Guardian;
use super::signals::Signals;
use super::stops::Stops;

/// How often a guardian that died is replaced.
const MOST_GUARDIANS: u32 = 8;
/// How often a group that was told to end is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long the system may take to end what was killed.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The code it exited with.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether its time was over before.
    pub timed_out: bool,
}

/// Watches over one command.
#[derive(Debug)]
pub struct Supervisor<'a> {
    lease: BorrowedFd<'a>,
    guardian: Option<Guardian>,
    guardians: u32,
    command: Pid,
    stops: Stops,
    clock: Clock,
    grace: Duration,
}

impl<'a> Supervisor<'a> {
    /// Has a guardian watch over the command, which does not run yet.
    ///
    /// # Errors
    /// What the system says.
    pub fn watch(
        lease: BorrowedFd<'a>,
        mut guardian: Guardian,
        command: Pid,
        grace: Duration,
    ) -> io::Result<Self> {
        guardian.watch(command)?;
        Ok(Self {
            lease,
            guardian: Some(guardian),
            guardians: 1,
            command,
            stops: Stops::of(command),
            clock: Clock::None,
            grace,
        })
    }

    /// Gives the command the terminal, if nobody else can need that; to be called before it runs.
    pub fn begin(&mut self) {
        self.stops.begin();
    }

    /// Waits until the command has ended, and if its time was over its whole group. It stays to be asked for by the
    /// system until [`Self::dismiss`], so that its number means nobody else.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(
        &mut self,
        signals: &mut Signals,
        timeout: Option<Duration>,
        chore: &mut Option<&mut dyn Chore>,
    ) -> io::Result<Ended> {
        self.clock = Clock::ask_after(timeout);
        loop {
            for signal in signals.take() {
                self.hear(signal);
            }
            let seen = self.peek()?;
            if let Some(stop) = seen.as_ref().and_then(WaitIdStatus::stopping_signal) {
                self.look(WaitIdOptions::STOPPED)?;
                if let Some(signal) = Signal::from_named_raw(stop) {
                    self.stops.stopped(signal);
                }
                continue;
            }
            self.stops.look();
            self.keep_time();
            if let Some(exit) = &seen
                && (!self.clock.has_told()
                    || self.clock == Clock::Killed
                    || group::is_gone(self.command))
            {
                return Ok(self.ended(exit));
            }
            self.sleep(signals, chore, seen.is_some())?;
        }
    }

    /// Ends what the command, which has ended, left behind in its group: asks it to, and kills it after the grace.
    pub fn clear(&mut self, signals: &mut Signals, chore: &mut Option<&mut dyn Chore>) {
        group::signal(self.command, Signal::TERM);
        self.clock = Clock::kill_after(self.grace);
        while self.clock != Clock::Killed && !group::is_gone(self.command) {
            for signal in signals.take() {
                self.hear(signal);
            }
            self.keep_time();
            if self.sleep(signals, chore, true).is_err() {
                break;
            }
        }
        group::signal(self.command, Signal::KILL);
        group::wait_gone(self.command, Instant::now() + FAREWELL);
    }

    /// Lets go of the command's number and the guardian: the end is recorded, or cannot be.
    pub fn dismiss(mut self) {
        if let Some(guardian) = self.guardian.take() {
            guardian.dismiss();
        }
        self.stops.ended(None);
        let _ = self.look(WaitIdOptions::EXITED);
    }

    /// What became of the command, which stays to be asked for. Asked only for stops the system denies that there is a
    /// command once it has exited.
    fn peek(&self) -> io::Result<Option<WaitIdStatus>> {
        self.look(WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT)
    }

    fn look(&self, options: WaitIdOptions) -> io::Result<Option<WaitIdStatus>> {
        let found = rustix::io::retry_on_intr(|| {
            waitid(WaitId::Pid(self.command), options | WaitIdOptions::NOHANG)
        });
        Ok(found?)
    }

    fn ended(&mut self, exit: &WaitIdStatus) -> Ended {
        let signal = exit.terminating_signal();
        self.stops.ended(signal.and_then(Signal::from_named_raw));
        Ended {
            code: exit.exit_status(),
            signal,
            timed_out: self.clock.has_told(),
        }
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::CHILD => {}
            Signal::TSTP => self.stops.told_to_stop(),
            Signal::CONT => self.stops.go_on(),
            signal => group::signal(self.command, signal),
        }
    }

    fn keep_time(&mut self) {
        if let Some(signal) = self.clock.strike(self.grace) {
            group::signal(self.command, signal);
        }
    }

    fn sleep(
        &mut self,
        signals: &Signals,
        chore: &mut Option<&mut dyn Chore>,
        has_exited: bool,
    ) -> io::Result<()> {
        let left = self.clock.left();
        let look = has_exited.then_some(LOOK);
        let timeouts = [left, look, self.stops.next_look()];
        let timeout = timeouts.into_iter().flatten().min();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
        let chore_fd = chore.as_ref().map(|chore| chore.fd());
        let has_chore = chore_fd.is_some();
        fds.extend(chore_fd.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        fds.extend(
            self.guardian
                .iter()
                .map(|guardian| PollFd::new(guardian, PollFlags::IN)),
        );
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let told = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        let guardian_is_gone = told(1 + usize::from(has_chore));
        let is_due = has_chore && told(1);
        drop(fds);
        if guardian_is_gone {
            self.replace_guardian();
        }
        if let Some(chore) = chore.as_mut().filter(|_| is_due) {
            chore.go_on();
        }
        Ok(())
    }

    /// Without a guardian the command still has the kernel's signal at its parent's death.
    fn replace_guardian(&mut self) {
        if let Some(dead) = self.guardian.take() {
            dead.forget();
        }
        if self.guardians < MOST_GUARDIANS {
            self.guardians += 1;
            self.guardian = Guardian::start(self.lease)
                .and_then(|mut guardian| guardian.watch(self.command).map(|()| guardian))
                .ok();
        }
    }
}
