//! The signals that a supervisor hears instead of dying of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// What is heard and passed on to the command, the stops and the ends of children apart.
const HEARD: [Signal; 9] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
];

/// The signals that arrived, kept until they are taken.
#[derive(Debug)]
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Hears signals from now on. What whoever called told this process to ignore stays ignored, here and in the
    /// command: `nohup agentreg run` works.
    ///
    /// # Errors
    /// What the system says.
    pub fn hear() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let ignored = ignored();
        let heard = HEARD
            .iter()
            .map(|signal| signal.as_raw())
            .filter(|signal| ignored >> (signal - 1) & 1 == 0)
            .chain([Signal::CHILD.as_raw()]);
        Ok(Self {
            delivery: SignalDelivery::with_pipe(read, write, SignalOnly, heard)?,
        })
    }

    /// What arrived since this was last asked, each once.
    pub fn take(&mut self) -> Vec<Signal> {
        self.delivery
            .pending()
            .filter_map(Signal::from_named_raw)
            .collect()
    }
}

impl AsFd for Signals {
    /// Readable when something arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

/// The signals this process ignores, bit 0 for signal 1; as Linux tells it.
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            u64::from_str_radix(line?.trim(), 16).ok()
        })
        .unwrap_or(0)
}

/// Dies of a signal as a process does that never heard it. Returns for one that kills nobody.
pub fn die_of(signal: i32) {
    use rustix::process::{Resource, Rlimit, getpid, kill_process, setrlimit};
    // The command has left its core already.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    if signal_hook::low_level::emulate_default_handler(signal).is_err()
        && let Some(signal) = Signal::from_named_raw(signal)
    {
        // One that signal-hook does not know was never heard here, so its disposition is the default one.
        let _ = kill_process(getpid(), signal);
    }
}
