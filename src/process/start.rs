//! Starting a command that its supervisor has written down before it runs.
//!
//! The child is this program again, in a process group of its own. It waits for its supervisor's word, so that by the
//! time the command runs its pid stands in the lease and a guardian watches over its group; with the word comes the
//! command's standard input, whose place the socket between the two takes until then. What keeps the command from being
//! executed comes back the same way. If the supervisor dies first, the child just exits.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::{Pid, Signal};

use super::THIS_PROGRAM;

/// The name that makes this program a command's beginning.
pub(super) const NAME: &str = "agentreg-start";

/// A command that waits for the word to begin. Dropped, it never runs.
#[derive(Debug)]
pub struct Waiting {
    socket: UnixStream,
    /// The command's process, which leads a group of its own.
    pub pid: Pid,
}

impl Waiting {
    /// A process for `words`, with these variables set besides its caller's.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(
        words: &[OsString],
        variables: &[(&str, &OsStr)],
        stdout: Stdio,
        stderr: Stdio,
    ) -> io::Result<Self> {
        let (socket, its_socket) = UnixStream::pair()?;
        let child = Command::new(THIS_PROGRAM)
            .arg0(NAME)
            .args(words)
            .envs(variables.iter().copied())
            .stdin(Stdio::from(OwnedFd::from(its_socket)))
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the system gave no pid"))?;
        Ok(Self { socket, pid })
    }

    /// Lets the command run on this standard input.
    ///
    /// # Errors
    /// What kept it from being executed.
    pub fn begin(mut self, stdin: BorrowedFd<'_>) -> io::Result<()> {
        let fds = [stdin];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        message.push(SendAncillaryMessage::ScmRights(&fds));
        sendmsg(
            &self.socket,
            &[IoSlice::new(&[1])],
            &mut message,
            SendFlags::NOSIGNAL,
        )?;
        let mut answer = Vec::new();
        self.socket.read_to_end(&mut answer)?;
        match <[u8; 4]>::try_from(answer.as_slice()) {
            Ok(errno) => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))),
            Err(_) => Ok(()),
        }
    }
}

/// What the child does until it becomes the command.
pub(super) fn main(words: &[OsString]) -> u8 {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let Ok(socket) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return 1;
    };
    let mut socket = UnixStream::from(socket);
    let (Some(stdin), Some((program, arguments))) = (receive(&socket), words.split_first()) else {
        return 1;
    };
    hear_of_the_terminal();
    let error = match rustix::stdio::dup2_stdin(&stdin) {
        Ok(()) => {
            drop(stdin);
            Command::new(program).args(arguments).exec()
        }
        Err(errno) => errno.into(),
    };
    let errno = error.raw_os_error().unwrap_or(0);
    let _ = socket.write_all(&errno.to_ne_bytes());
    1
}

/// A shell that ignores these signals, as bash does within `$(…)`, means its own group. In a group of its own the command
/// has to stop for want of the terminal to be given it. What is heard is not ignored, and no more heard once the command
/// is executed.
fn hear_of_the_terminal() {
    for signal in [Signal::TTIN, Signal::TTOU] {
        let nothing = std::sync::Arc::default();
        let _ = signal_hook::flag::register(signal.as_raw(), nothing);
    }
}

/// The standard input that comes with the word; none if the supervisor is gone.
fn receive(socket: &UnixStream) -> Option<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut byte)],
            &mut message,
            RecvFlags::CMSG_CLOEXEC,
        )
    });
    if received.ok()?.bytes == 0 {
        return None;
    }
    message.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })
}
