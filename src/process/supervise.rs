//! From a command's start to its end: signals go to its group, the terminal is handed over and taken back, time is kept,
//! and everything that the command started is ended with it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitIdOptions, getpid, pidfd_open};

use super::chore::Chore;
use super::ending::{Ending, Left, Tree};
use super::guardian::{Guardian, SLOW_WORD};
use super::link::{Order, Word};
use super::signals::Signals;
use super::stops::Stops;
use super::{children, descendants, dispositions, group};

/// How long what a command left behind may take to go by itself before it is told to: a command that ends is often ahead
/// of its helpers.
const SETTLE: Duration = Duration::from_millis(50);
const SETTLE_LOOK: Duration = Duration::from_millis(5);
/// How long the system may take to end what was killed, before the guardian is left to wait for that.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often it is looked whether a command is still wanted, at most.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// And where nobody tells of changes.
const BLIND_LOOK: Duration = Duration::from_secs(1);

/// Whether a command is still wanted.
pub trait Wanted {
    /// Readable when it may be so no more; none where nobody tells.
    fn changes(&self) -> Option<BorrowedFd<'_>>;

    /// Whether it is so no more: how long what is told to end has for that.
    fn is_withdrawn(&mut self) -> Option<Duration>;
}

/// How a command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// The code it exited with.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether its time was over before.
    pub timed_out: bool,
    /// Whether its guardian was killed before.
    pub unguarded: bool,
    /// What it had started and left running when it exited, by name.
    pub left: Vec<String>,
    /// What of that was let go, because it may not be signalled.
    pub let_go: Vec<String>,
    /// Whether something that was killed is not gone yet: the guardian goes on.
    pub unfinished: bool,
}

/// A command that waits for the word to begin. Dropped, it never runs.
#[derive(Debug)]
pub struct Waiting {
    guardian: Guardian,
    /// The command's process, which leads a group of its own.
    pub pid: Pid,
    grace: Duration,
}

impl Waiting {
    /// Has the guardian make a process for `words`, on these streams.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(
        guardian: Guardian,
        words: &[OsString],
        streams: [BorrowedFd<'_>; 3],
        grace: Duration,
    ) -> io::Result<Self> {
        let order = Order {
            words: words.to_vec(),
            signals: dispositions::changed_signals(),
            grace,
        };
        let pid = match guardian.prepare(&order, streams) {
            Ok(pid) => pid,
            Err(error) => {
                guardian.dismiss();
                reap_all();
                return Err(error);
            }
        };
        Ok(Self {
            guardian,
            pid,
            grace,
        })
    }

    /// Its guardian's process.
    pub fn guardian(&self) -> Pid {
        self.guardian.pid()
    }

    /// Lets the command run; with `has_terminal` it is given the terminal before, if nobody else can need that.
    ///
    /// # Errors
    /// What kept it from being executed. The guardian is gone then.
    pub fn begin(self, has_terminal: bool) -> io::Result<Supervisor> {
        let mut stops = Stops::of(self.pid);
        if has_terminal {
            stops.begin();
        }
        // Those that were there before are no descendants of the command's.
        let strangers = descendants::children(getpid());
        if let Err(error) = self.guardian.begin() {
            stops.ended(None);
            self.guardian.dismiss();
            return Err(error);
        }
        Ok(Supervisor {
            exit_seen: pidfd_open(self.pid, PidfdFlags::empty()).ok(),
            guardian: Some(self.guardian),
            listens: false,
            command: self.pid,
            strangers,
            exit: None,
            stops,
            grace: self.grace,
            hears_of_exit_since: None,
        })
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Code(i32),
    Signal(i32),
}

/// Watches over one command.
#[derive(Debug)]
pub struct Supervisor {
    /// None once it is gone.
    guardian: Option<Guardian>,
    /// The guardian tells what is typed.
    listens: bool,
    command: Pid,
    /// Readable when the command has exited, whatever its guardian says; none where the system has no such thing.
    exit_seen: Option<std::os::fd::OwnedFd>,
    hears_of_exit_since: Option<Instant>,
    exit: Option<Exit>,
    /// Children of this process that it did not start.
    strangers: Vec<Pid>,
    stops: Stops,
    grace: Duration,
}

/// Why a command, or what it left, is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Its time is over.
    Timeout,
    /// Its agent was terminated.
    Withdrawn,
    /// Its guardian was killed.
    Unguarded,
    /// It has ended, and others have not.
    Left,
}

impl Supervisor {
    /// Waits until the command has ended, and ends what it started unless `leaves_background` and it exited by itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(
        &mut self,
        signals: &mut Signals,
        timeout: Option<Duration>,
        wanted: &mut dyn Wanted,
        leaves_background: bool,
        chore: &mut Option<&mut dyn Chore>,
    ) -> io::Result<Ended> {
        let over = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut ended = Ended::default();
        let mut next_look = Instant::now();
        let (cause, grace) = loop {
            self.attend(signals);
            if self.exit.is_some() {
                break (Cause::Left, self.grace);
            }
            if self.guardian.is_none() {
                break (Cause::Unguarded, self.grace);
            }
            let now = Instant::now();
            if over.is_some_and(|over| now >= over) {
                break (Cause::Timeout, self.grace);
            }
            let changes = wanted.changes();
            let is_blind = changes.is_none();
            let changes = changes.filter(|_| now >= next_look);
            let left = |until: Instant| until.saturating_duration_since(now);
            let look = (is_blind || changes.is_none()).then(|| left(next_look));
            let timeouts = [over.map(left), look, self.stops.next_look()];
            let has_changed = self.sleep(signals, chore, changes, timeouts)?;
            if has_changed || (is_blind && Instant::now() >= next_look) {
                next_look = Instant::now() + if is_blind { BLIND_LOOK } else { LOOK_PAUSE };
                if let Some(grace) = wanted.is_withdrawn() {
                    break (Cause::Withdrawn, grace);
                }
            }
        };
        if cause == Cause::Left {
            self.take_back_terminal();
            if let Some(Exit::Code(_)) = self.exit {
                ended.left = self.left_behind(signals, chore)?;
                if leaves_background || ended.left.is_empty() {
                    return Ok(self.told(ended));
                }
            }
        }
        ended.timed_out = cause == Cause::Timeout;
        ended.unguarded = cause == Cause::Unguarded;
        self.end_all(signals, chore, grace, &mut ended)?;
        self.take_back_terminal();
        Ok(self.told(ended))
    }

    /// Lets go of the guardian: the end is recorded, or cannot be. One that has still to end somebody goes on without
    /// this process, and lets go of the lease when it has.
    pub fn dismiss(mut self, is_unfinished: bool) {
        if let Some(guardian) = self.guardian.take().filter(|_| !is_unfinished) {
            guardian.dismiss();
        }
        reap_all();
    }

    fn told(&self, ended: Ended) -> Ended {
        let (code, signal) = match self.exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal(signal)) => (None, Some(signal)),
            None => (None, Some(Signal::KILL.as_raw())),
        };
        Ended {
            code,
            signal,
            ..ended
        }
    }

    fn take_back_terminal(&mut self) {
        let signal = match self.exit {
            Some(Exit::Signal(signal)) => Signal::from_named_raw(signal),
            _ => None,
        };
        self.stops.ended(signal);
        self.listen();
    }

    /// Whatever is below the guardian, and where that is gone what became this process's own.
    fn tree(&self) -> Tree {
        let group = self.exit.is_none().then_some(self.command);
        match &self.guardian {
            Some(guardian) => Tree {
                root: guardian.pid(),
                but: Vec::new(),
                group,
            },
            None => Tree {
                root: getpid(),
                but: self.strangers.clone(),
                group,
            },
        }
    }

    /// What the command has left running.
    fn left_behind(
        &mut self,
        signals: &mut Signals,
        chore: &mut Option<&mut dyn Chore>,
    ) -> io::Result<Vec<String>> {
        let until = Instant::now() + SETTLE;
        let mut was_quiet = false;
        loop {
            let left = match self.tree().living() {
                Left::Nobody if was_quiet => return Ok(Vec::new()),
                Left::Nobody => {
                    was_quiet = true;
                    continue;
                }
                Left::Somebody => vec!["a process".to_owned()],
                Left::These(found) => found.iter().map(|found| found.name()).collect(),
            };
            if Instant::now() >= until {
                return Ok(left);
            }
            self.sleep(signals, chore, None, [Some(SETTLE_LOOK), None, None])?;
            self.attend(signals);
        }
    }

    /// Ends the command and everything below it.
    fn end_all(
        &mut self,
        signals: &mut Signals,
        chore: &mut Option<&mut dyn Chore>,
        grace: Duration,
        ended: &mut Ended,
    ) -> io::Result<()> {
        let had_ended = self.exit.is_some();
        let mut ending = Ending::begin(&self.tree(), grace);
        while !(ending.look(&self.tree()) && self.exit.is_some()) {
            if ending
                .killing_since()
                .is_some_and(|since| since >= FAREWELL)
            {
                ended.unfinished = true;
                break;
            }
            let looks_for_exit = self.exit.is_none().then_some(SLOW_WORD);
            self.sleep(
                signals,
                chore,
                None,
                [Some(ending.left()), looks_for_exit, None],
            )?;
            let is_enough = self.attend(signals);
            if is_enough && had_ended {
                ending.hurry();
            }
        }
        ended.let_go = ending.let_go().map(str::to_owned).collect();
        Ok(())
    }

    /// Hears signals, the guardian and of children. Whether somebody wants this to be over.
    fn attend(&mut self, signals: &mut Signals) -> bool {
        let mut is_enough = false;
        for signal in signals.take() {
            is_enough |= matches!(
                signal,
                Signal::INT | Signal::TERM | Signal::QUIT | Signal::HUP
            );
            self.hear(signal);
        }
        for number in signals.take_real_time() {
            if self.exit.is_none() {
                group::signal_numbered(self.command, number);
            }
        }
        while self.guardian.as_ref().is_some_and(Guardian::has_spoken) {
            let word = self.guardian.as_ref().and_then(Guardian::hear);
            self.heed(word);
        }
        self.ask_for_children();
        self.wake_a_slow_guardian();
        self.stops.look();
        self.listen();
        is_enough
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::CHILD => {}
            _ if self.exit.is_some() => {}
            Signal::TSTP => self.stops.told_to_stop(),
            Signal::CONT => self.stops.go_on(),
            signal => group::signal(self.command, signal),
        }
    }

    /// What the guardian said; none if it is gone.
    fn heed(&mut self, word: Option<Word>) {
        match word {
            None => {
                if let Some(dead) = self.guardian.take() {
                    children::wait_for(dead.pid());
                }
            }
            Some(Word::Exited(code)) => self.has_exited(Exit::Code(code)),
            Some(Word::Killed(signal)) => self.has_exited(Exit::Signal(signal)),
            Some(Word::Stopped(signal)) => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.stops.stopped(signal);
                }
            }
            Some(Word::Typed(signal)) => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.stops.typed(signal);
                }
            }
            Some(_) => {}
        }
    }

    fn has_exited(&mut self, exit: Exit) {
        self.exit = Some(exit);
        if let Some(guardian) = &self.guardian {
            guardian.say(Word::Heard);
        }
    }

    /// Asks for each that has exited: the command where its guardian was killed, those that were given to this process by
    /// the death of their parents. Process 1 is given everybody's.
    fn ask_for_children(&mut self) {
        while let Some(child) = children::next_exited() {
            let is_guardian = |guardian: &Guardian| guardian.pid() == child;
            if self.guardian.as_ref().is_some_and(is_guardian) {
                // What it said last is still to be heard; then the socket tells of its end.
                return;
            }
            let status = children::ask(child, WaitIdOptions::EXITED).ok().flatten();
            if child == self.command
                && self.guardian.is_none()
                && let Some(status) = status
            {
                self.exit = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Some(Exit::Code(code)),
                    (None, Some(signal)) => Some(Exit::Signal(signal)),
                    (None, None) => self.exit,
                };
            }
        }
        if self.guardian.is_none() && self.exit.is_none() && children::are_none() {
            // Another process got the command: there is no more to be known of it than who killed it.
            self.exit = Some(Exit::Signal(Signal::KILL.as_raw()));
        }
    }

    /// Somebody has stopped a guardian that does not tell of an end that can be seen.
    fn wake_a_slow_guardian(&mut self) {
        let Some(seen) = &self.exit_seen else {
            return;
        };
        if self.exit.is_some() {
            self.exit_seen = None;
            return;
        }
        let mut fds = [PollFd::new(seen, PollFlags::IN)];
        let ready = rustix::event::poll(&mut fds, Some(&Timespec::default()));
        if !ready.is_ok_and(|ready| ready > 0) {
            return;
        }
        let since = *self.hears_of_exit_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= SLOW_WORD
            && let Some(guardian) = &self.guardian
        {
            guardian.wake();
        }
    }

    /// Has the guardian tell what is typed for the command's group, or not.
    fn listen(&mut self) {
        let needs = self.exit.is_none() && self.stops.needs_an_ear();
        if needs != std::mem::replace(&mut self.listens, needs)
            && let Some(guardian) = &self.guardian
        {
            guardian.say(if needs { Word::Listen } else { Word::Deaf });
        }
    }

    /// Sleeps until there is something to attend to; whether `changes` told something.
    fn sleep(
        &self,
        signals: &Signals,
        chore: &mut Option<&mut dyn Chore>,
        changes: Option<BorrowedFd<'_>>,
        timeouts: [Option<Duration>; 3],
    ) -> io::Result<bool> {
        // Once the exit is seen that would be told again and again.
        let seen = self
            .exit_seen
            .as_ref()
            .filter(|_| self.hears_of_exit_since.is_none());
        let waits = self.hears_of_exit_since.filter(|_| self.exit.is_none());
        let timeouts = timeouts.into_iter().chain([waits.map(|_| SLOW_WORD)]);
        let timeout = timeouts.flatten().min();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
        let chore_fd = chore.as_ref().map(|chore| chore.fd());
        let has_chore = chore_fd.is_some();
        fds.extend(chore_fd.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        fds.extend(
            self.guardian
                .iter()
                .map(|it| PollFd::new(it, PollFlags::IN)),
        );
        fds.extend(seen.map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN)));
        let has_changes = changes.is_some();
        fds.extend(changes.map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN)));
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let is_told = has_changes && fds.last().is_some_and(|fd| !fd.revents().is_empty());
        let is_due = has_chore && fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        if let Some(chore) = chore.as_mut().filter(|_| is_due) {
            chore.go_on();
        }
        Ok(is_told)
    }
}

/// Asks for all children that have exited.
fn reap_all() {
    while let Some(child) = children::next_exited() {
        let _ = children::ask(child, WaitIdOptions::EXITED);
    }
}
