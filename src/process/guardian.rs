//! The guardian: the command's parent, and a second process that holds an agent's lease beside its supervisor.
//!
//! Both are child subreapers. A supervisor that is killed (SIGKILL) cannot end its command: its guardian sees that by the
//! end of their socket, ends everything that the command started, and lets go of the lease only when that is gone. Where
//! the guardian is killed the command dies with it, by the kernel's signal at a parent's death, and what it started
//! becomes the supervisor's to end.
//!
//! It is this program again, with a group of its own in its caller's session: so the command's group has a parent in the
//! session, and stops by Ctrl-Z as a shell's job does. It hears no signal but of its children and, while the terminal
//! listens to the command's group, what is typed there: for that it joins that group. The socket is its standard input
//! and the lease its standard output, so nothing has to be inherited by number.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Number};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitIdOptions, WaitIdStatus, getpid, setpgid};

use super::descendants::{self, Depth};
use super::ending::{Ending, Tree};
use super::link::{self, Order, Word};
use super::terminal::Terminal;
use super::{children, dispositions, group, program, start};

/// The name that makes this program a guardian.
pub(super) const NAME: &str = "agentreg-guardian";

/// The most that its command gets to end in when the supervisor was killed: somebody wanted this to be over.
const SHORT: Duration = Duration::from_millis(500);

/// How long a guardian may take to tell what it is asked, or what can be seen already, before it is woken.
pub(super) const SLOW_WORD: Duration = Duration::from_millis(200);

/// A supervisor's side of its guardian.
#[derive(Debug)]
pub struct Guardian {
    socket: UnixStream,
    pid: Pid,
}

impl Guardian {
    /// Starts a guardian that holds the lease; with these variables besides the caller's, for the command.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(lease: BorrowedFd<'_>, variables: &[(&str, &OsStr)]) -> io::Result<Self> {
        // Before anything is born that might lose its parent.
        rustix::process::set_child_subreaper(Some(getpid()))?;
        let (socket, its_socket) = UnixStream::pair()?;
        let process = Command::new(program::this_program())
            .arg0(NAME)
            .envs(variables.iter().copied())
            .stdin(Stdio::from(OwnedFd::from(its_socket)))
            .stdout(Stdio::from(lease.try_clone_to_owned()?))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            socket,
            pid: Pid::from_child(&process),
        })
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Has it make a process for the command, which waits; gives that.
    pub(super) fn prepare(&self, order: &Order, streams: [BorrowedFd<'_>; 3]) -> io::Result<Pid> {
        link::send_order(&self.socket, order, streams)?;
        match self.answer() {
            Some(Word::Ready(pid)) => Pid::from_raw(pid).ok_or_else(is_gone),
            Some(Word::NotExecuted(errno)) => Err(io::Error::from_raw_os_error(errno)),
            _ => Err(is_gone()),
        }
    }

    /// Lets the command run. Where the guardian is killed before it tells, the command may have begun all the same, and
    /// started others: that the guardian is gone is heard next.
    pub(super) fn begin(&self) -> io::Result<()> {
        self.say(Word::Begin);
        match self.answer() {
            Some(Word::NotExecuted(errno)) => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }

    /// Waits for the next word of one that may be stopped before it says that.
    fn answer(&self) -> Option<Word> {
        let patience = Timespec::try_from(SLOW_WORD).ok();
        loop {
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
            match rustix::event::poll(&mut fds, patience.as_ref()) {
                Ok(0) => self.wake(),
                Err(rustix::io::Errno::INTR) => {}
                _ => return link::hear(&self.socket),
            }
        }
    }

    pub(super) fn say(&self, word: Word) {
        link::say(&self.socket, word);
    }

    /// The next word, which has arrived; none when it is gone.
    pub(super) fn hear(&self) -> Option<Word> {
        link::hear(&self.socket)
    }

    /// Whether there is something to hear.
    pub(super) fn has_spoken(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Wakes it if somebody has stopped it.
    pub(super) fn wake(&self) {
        let _ = rustix::process::kill_process(self.pid, Signal::CONT);
    }

    /// Sends it away, and waits until it is gone: it lets go of the lease and ends nobody.
    pub fn dismiss(self) {
        self.say(Word::Dismissed);
        self.wake();
        drop(self.socket);
        children::wait_for(self.pid);
    }
}

impl AsFd for Guardian {
    /// Readable when it has said something, or is gone.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn is_gone() -> io::Error {
    io::Error::other("the command's guardian died")
}

/// What a guardian does. `clear` notes in the lease that everything is gone.
pub(super) fn main(clear: &dyn Fn(OwnedFd)) -> u8 {
    let Ok((guarding, mask)) = Guarding::take_up() else {
        return 1;
    };
    let Ok((order, streams)) = link::receive_order(&guarding.socket) else {
        return 1;
    };
    match start::start(&order, streams, &guarding.socket, mask) {
        Ok(command) => guarding.guard(command, order.grace, clear),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            link::say(&guarding.socket, Word::NotExecuted(errno));
            // Whether the supervisor lives or not: nothing was started.
            while !matches!(link::hear(&guarding.socket), None | Some(Word::Dismissed)) {}
            clear(guarding.lease);
        }
    }
    0
}

/// A guardian at work.
struct Guarding {
    socket: UnixStream,
    lease: OwnedFd,
    signals: SignalFd,
    /// The group that it came from, of whoever called the supervisor.
    callers: Option<Pid>,
}

impl Guarding {
    /// Gives what was blocked before, too.
    fn take_up() -> io::Result<(Self, SigSet)> {
        let callers = group::of(None);
        setpgid(None, None)?;
        rustix::process::set_child_subreaper(Some(getpid()))?;
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let mut heard = dispositions::only(Number::SIGCHLD);
        heard.add(Number::SIGINT);
        heard.add(Number::SIGQUIT);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&heard, flags)?;
        dispositions::hear_of(Number::SIGCHLD);
        let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let lease = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        // The command is to inherit neither.
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        let guarding = Self {
            socket: socket.into(),
            lease,
            signals,
            callers,
        };
        Ok((guarding, mask))
    }

    fn guard(self, command: Pid, grace: Duration, clear: &dyn Fn(OwnedFd)) {
        link::say(&self.socket, Word::Runs);
        // What it stands in is the command's, not its own.
        let _ = rustix::process::chdir("/");
        let mut family = Family {
            command,
            is_told: false,
            is_heard: false,
        };
        let mut listens = false;
        while let Ok((spoken, signalled)) = self.sleep() {
            if signalled {
                for signal in self.typed().filter(|_| listens) {
                    link::say(&self.socket, Word::Typed(signal));
                }
            }
            if spoken {
                match link::hear(&self.socket) {
                    None => break,
                    Some(Word::Dismissed) => return,
                    Some(Word::Heard) => family.is_heard = true,
                    Some(Word::Listen) => listens = setpgid(None, Some(command)).is_ok(),
                    Some(Word::Deaf) => {
                        listens = false;
                        let _ = setpgid(None, None);
                    }
                    Some(_) => {}
                }
            }
            family.look_after(&mut |word| link::say(&self.socket, word));
        }
        self.end(command, grace.min(SHORT));
        clear(self.lease);
    }

    /// Sleeps until the supervisor has said something, or a signal has come.
    fn sleep(&self) -> io::Result<(bool, bool)> {
        let mut fds = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, None))?;
        let [socket, signals] = fds.map(|fd| !fd.revents().is_empty());
        Ok((socket, signals))
    }

    /// The signals that a terminal sent to this group, or a member of it to all: as without `run`, whoever shares the
    /// caller's group is to hear them too.
    fn typed(&self) -> impl Iterator<Item = i32> {
        std::iter::from_fn(|| self.signals.read_signal().ok().flatten()).filter_map(|info| {
            let number = i32::try_from(info.ssi_signo).ok()?;
            let is_typed = info.ssi_code == libc::SI_KERNEL || is_from_this_group(&info);
            (number != libc::SIGCHLD && is_typed).then_some(number)
        })
    }

    /// The supervisor was killed: ends everything.
    fn end(&self, command: Pid, grace: Duration) {
        let tree = Tree {
            root: getpid(),
            but: Vec::new(),
            group: Some(command),
        };
        let terminal = self.callers.and_then(Terminal::of);
        let mut groups = vec![command];
        if terminal.is_some() {
            let all = descendants::of(tree.root, &[], Depth::All).unwrap_or_default();
            groups.extend(all.iter().filter_map(|found| group::of(Some(found.pid))));
        }
        let give_back = || {
            if let Some(terminal) = &terminal {
                terminal.reclaim(&groups);
            }
        };
        give_back();
        let _ = setpgid(None, None);
        let mut ending = Ending::begin(&tree, grace);
        loop {
            while let Some(child) = children::next_exited() {
                let _ = children::ask(child, WaitIdOptions::EXITED);
            }
            if ending.look(&tree) || children::are_none() {
                break;
            }
            std::thread::sleep(ending.left());
        }
        give_back();
    }
}

fn is_from_this_group(info: &siginfo) -> bool {
    let sender = i32::try_from(info.ssi_pid).ok().and_then(Pid::from_raw);
    info.ssi_code == libc::SI_USER && sender.is_some() && group::of(sender) == group::of(None)
}

/// The command, and those that became this process's children by the death of their parents.
struct Family {
    command: Pid,
    /// The supervisor was told that the command has ended.
    is_told: bool,
    /// It has heard that, and signals no group of that number any more.
    is_heard: bool,
}

impl Family {
    /// Tells what became of the command, which stays to be asked for until that was heard, and asks for all others.
    fn look_after(&mut self, tell: &mut dyn FnMut(Word)) {
        if !self.is_told
            && let Ok(Some(status)) = children::ask(self.command, WaitIdOptions::STOPPED)
            && let Some(signal) = status.stopping_signal()
        {
            tell(Word::Stopped(signal));
        }
        while let Some(child) = children::next_exited() {
            if child == self.command {
                if !self.is_told {
                    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                    let status = children::ask(child, options).ok().flatten();
                    let signal = status.as_ref().and_then(WaitIdStatus::terminating_signal);
                    let code = status.as_ref().and_then(WaitIdStatus::exit_status);
                    tell(match signal {
                        Some(signal) => Word::Killed(signal),
                        None => Word::Exited(code.unwrap_or_default()),
                    });
                    self.is_told = true;
                }
                if !self.is_heard {
                    return;
                }
            }
            let _ = children::ask(child, WaitIdOptions::EXITED);
        }
    }
}
