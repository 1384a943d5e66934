//! The signals that a supervisor hears instead of dying of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::libc;
use rustix::process::Signal;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::dispositions;

/// What is heard and passed on to the command, besides the real-time signals; the stops and the ends of children apart.
/// All that others send: what is missing cannot be heard, or tells a process of a fault of its own.
const HEARD: [Signal; 17] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::URG,
];

/// The signals that arrived, kept until they are taken.
#[derive(Debug)]
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    /// Those that arrived and have no name.
    real_time: Vec<i32>,
}

impl Signals {
    /// Hears signals from now on. What whoever called told this process to ignore stays ignored, here and in the
    /// command: `nohup agentreg run` works.
    ///
    /// # Errors
    /// What the system says.
    pub fn hear() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        dispositions::hear_of_children();
        let heard = HEARD
            .iter()
            .map(|signal| signal.as_raw())
            .chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
            .filter(|signal| !dispositions::is_ignored(*signal))
            .chain([Signal::CHILD.as_raw()]);
        Ok(Self {
            delivery: SignalDelivery::with_pipe(read, write, SignalOnly, heard)?,
            real_time: Vec::new(),
        })
    }

    /// What arrived since this was last asked, each once; the real-time signals among it are kept.
    pub fn take(&mut self) -> Vec<Signal> {
        let mut named = Vec::new();
        for number in self.delivery.pending() {
            match Signal::from_named_raw(number) {
                Some(signal) => named.push(signal),
                None => self.real_time.push(number),
            }
        }
        named
    }

    /// The real-time signals that were kept, by their numbers: they have no names.
    pub fn take_real_time(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.real_time)
    }
}

impl AsFd for Signals {
    /// Readable when something arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

/// Dies of a signal as a process does that never heard it. Returns for one that kills nobody, or not this process: the
/// kernel shields process 1 of a pid namespace.
#[allow(unsafe_code)]
pub fn die_of(signal: i32) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // The command has left its core already.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    // SAFETY: the default action runs no code of this program, and `set` is made before it is used. A number that is no
    // signal is refused by each of these calls. They take numbers because real-time signals have no names.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}
