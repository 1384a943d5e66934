//! From a command's start to its end: signals go to its group, the terminal is handed over and taken back, time is kept,
//! a guardian that died is replaced.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::clock::Clock;
use super::group;
use super::guardian::Guardian;
use super::signals::Signals;
use super::terminal::{Terminal, is_orphaned, pass_on};

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
    terminal: Option<Terminal>,
    /// Somebody told this process to stop.
    told_to_stop: bool,
    /// The command had the terminal, or wanted it, when it was last stopped.
    wants_terminal: bool,
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
            terminal: Terminal::controlling(),
            told_to_stop: false,
            wants_terminal: false,
            clock: Clock::None,
            grace,
        })
    }

    /// Waits until the command has ended, and if its time was over its whole group. It stays to be asked for by the
    /// system until [`Self::dismiss`], so that its number means nobody else.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self, signals: &mut Signals, timeout: Option<Duration>) -> io::Result<Ended> {
        self.clock = Clock::ask_after(timeout);
        loop {
            for signal in signals.take() {
                self.hear(signal);
            }
            let seen = self.peek()?;
            if let Some(stop) = seen.as_ref().and_then(WaitIdStatus::stopping_signal) {
                self.look(WaitIdOptions::STOPPED)?;
                self.follow(Signal::from_named_raw(stop));
                continue;
            }
            self.keep_time();
            if let Some(exit) = &seen
                && (!self.clock.has_told()
                    || self.clock == Clock::Killed
                    || group::is_gone(self.command))
            {
                return Ok(self.ended(exit));
            }
            self.sleep(signals, seen.is_some())?;
        }
    }

    /// Ends what the command, which has ended, left behind in its group: asks it to, and kills it after the grace.
    pub fn clear(&mut self, signals: &mut Signals) {
        group::signal(self.command, Signal::TERM);
        self.clock = Clock::kill_after(self.grace);
        while self.clock != Clock::Killed && !group::is_gone(self.command) {
            for signal in signals.take() {
                self.hear(signal);
            }
            self.keep_time();
            if self.sleep(signals, true).is_err() {
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
        if let Some(terminal) = &mut self.terminal {
            let was_handed = terminal.is_handed();
            terminal.take_back(self.command);
            // Ctrl-C was heard by the command's group alone; without `run`, a script around it would have heard it too.
            let typed = signal
                .and_then(Signal::from_named_raw)
                .filter(|signal| matches!(*signal, Signal::INT | Signal::QUIT));
            if let Some(signal) = typed.filter(|_| was_handed) {
                pass_on(signal);
            }
        }
        Ended {
            code: exit.exit_status(),
            signal,
            timed_out: self.clock.has_told(),
        }
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::CHILD => {}
            Signal::TSTP if is_orphaned() => {}
            Signal::TSTP => {
                self.told_to_stop = true;
                group::signal(self.command, signal);
            }
            Signal::CONT => {
                let wants = std::mem::take(&mut self.wants_terminal);
                if let Some(terminal) = self.terminal.as_mut().filter(|_| wants) {
                    terminal.hand_to(self.command);
                }
                group::signal(self.command, signal);
            }
            signal => group::signal(self.command, signal),
        }
    }

    /// The command has stopped.
    fn follow(&mut self, signal: Option<Signal>) {
        let told = std::mem::take(&mut self.told_to_stop);
        let wants_terminal = matches!(signal, Some(Signal::TTIN | Signal::TTOU));
        let was_handed = self.terminal.as_ref().is_some_and(Terminal::is_handed);
        if let Some(terminal) = &mut self.terminal
            && wants_terminal
            && terminal.hand_to(self.command)
        {
            group::signal(self.command, Signal::CONT);
            return;
        }
        let typed = self.terminal.is_some() && (was_handed || signal != Some(Signal::STOP));
        if !told && !typed {
            return;
        }
        if is_orphaned() {
            // Nobody would ever continue it: the kernel sends the same to stopped groups that are left alone.
            group::signal(self.command, Signal::HUP);
            return;
        }
        self.wants_terminal = was_handed || wants_terminal;
        match &mut self.terminal {
            Some(terminal) if self.wants_terminal => {
                terminal.take_back(self.command);
                pass_on(Signal::STOP);
            }
            _ => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
            }
        }
        // Whoever continues this process is heard, and the command goes on too.
    }

    fn keep_time(&mut self) {
        if let Some(signal) = self.clock.strike(self.grace) {
            group::signal(self.command, signal);
        }
    }

    fn sleep(&mut self, signals: &Signals, has_exited: bool) -> io::Result<()> {
        let left = self.clock.left();
        let look = has_exited.then_some(LOOK);
        let timeout = left.into_iter().chain(look).min();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
        fds.extend(
            self.guardian
                .iter()
                .map(|guardian| PollFd::new(guardian, PollFlags::IN)),
        );
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) {
            self.replace_guardian();
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
