//! Starting a command that its supervisor has written down before it runs.
//!
//! The guardian's child, in a process group of its own, tells its number and waits for the supervisor's word, so that by
//! the time it becomes the command its pid stands in the lease. What keeps the command from being executed is told by the
//! guardian. If the supervisor dies first the child just exits, and if the guardian does it is killed, before and after.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::SigSet;
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use super::dispositions;
use super::link::{self, Order, Word};

/// Starts the command on these streams; returns when it runs. `mask` is what the caller blocked.
///
/// # Errors
/// What kept it from being executed.
pub(super) fn start(
    order: &Order,
    streams: [OwnedFd; 3],
    socket: &UnixStream,
    mask: SigSet,
) -> io::Result<Pid> {
    let (program, arguments) = order
        .words
        .split_first()
        .ok_or_else(|| io::Error::other("no command"))?;
    let [stdin, stdout, stderr] = streams;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0);
    let (guardian, signals, socket) = (getpid(), order.signals, socket.try_clone()?);
    let become_it = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Whoever died before is not told of.
        if getppid() != Some(guardian) {
            return Err(io::Error::other("the guardian died"));
        }
        link::say(&socket, Word::Ready(getpid().as_raw_pid()));
        if link::hear(&socket) != Some(Word::Begin) {
            return Err(io::Error::other("the supervisor died"));
        }
        dispositions::give_back(signals, mask);
        Ok(())
    };
    // SAFETY: this process has no other thread, so what a fork leaves behind of others (locks, half a heap) cannot be.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(become_it)
    };
    Ok(Pid::from_child(&command.spawn()?))
}
