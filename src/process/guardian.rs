//! The guardian: a second process that holds an agent's lease beside its supervisor, and outlives it.
//!
//! A supervisor that is killed (SIGKILL) cannot kill its command. Its guardian sees that by the end of their socket,
//! kills the command's process group, and lets go of the lease only when the group is gone. The kernel's own signal at
//! a parent's death reaches the command alone and not what that started; it is the second line, for when the guardian
//! is killed too.
//!
//! It is this program again, in a session of its own so that no terminal's signal reaches it. The socket is its standard
//! input and the lease its standard output, so nothing has to be inherited by number.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};

use super::{THIS_PROGRAM, group};

/// The name that makes this program a guardian.
pub(super) const NAME: &str = "agentreg-guardian";

/// Said instead of a group: the command has ended and its end is recorded.
const ALL_CLEAR: i32 = 0;

/// How long its death is waited for when it is no longer needed.
const FAREWELL: Duration = Duration::from_millis(500);
/// How often a killed group is killed again.
const AGAIN: Duration = Duration::from_millis(100);

/// A supervisor's side of its guardian.
#[derive(Debug)]
pub struct Guardian {
    socket: UnixStream,
    process: Child,
}

impl Guardian {
    /// Starts a guardian that holds the lease.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(lease: BorrowedFd<'_>) -> io::Result<Self> {
        let (socket, its_socket) = UnixStream::pair()?;
        let process = Command::new(THIS_PROGRAM)
            .arg0(NAME)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(its_socket)))
            .stdout(Stdio::from(lease.try_clone_to_owned()?))
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()?;
        Ok(Self { socket, process })
    }

    /// Has it watch over the group; when this returns it does.
    ///
    /// # Errors
    /// That it is gone.
    pub fn watch(&mut self, group: Pid) -> io::Result<()> {
        self.say(group.as_raw_nonzero().get())?;
        self.socket.read_exact(&mut [0])
    }

    /// Sends it away: it lets go of the lease and kills nobody.
    pub fn dismiss(mut self) {
        if self.say(ALL_CLEAR).is_ok() {
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
            let timeout = Timespec::try_from(FAREWELL).ok();
            // Signals that arrive meanwhile do not make it shorter.
            let _ = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, timeout.as_ref()));
        }
        self.forget();
    }

    /// Asks the system for one that has exited.
    pub fn forget(mut self) {
        let _ = self.process.try_wait();
    }

    fn say(&mut self, word: i32) -> io::Result<()> {
        self.socket.write_all(&word.to_ne_bytes())
    }
}

impl AsFd for Guardian {
    /// Readable when it is gone.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What a guardian does.
pub(super) fn main() -> u8 {
    let _ = rustix::process::setsid();
    let mut group = None;
    loop {
        let mut word = [0; 4];
        if io::stdin().read_exact(&mut word).is_err() {
            break;
        }
        match i32::from_ne_bytes(word) {
            ALL_CLEAR => return 0,
            named => {
                group = Pid::from_raw(named);
                // Where this fails the supervisor is gone, as the next read tells.
                let _ = rustix::io::write(rustix::stdio::stdin(), &[1]);
            }
        }
    }
    if let Some(group) = group {
        loop {
            group::signal(group, Signal::KILL);
            if group::wait_gone(group, std::time::Instant::now() + AGAIN) {
                break;
            }
        }
    }
    0
}
