//! The controlling terminal, shared with the command in the background group.
//!
//! The terminal stays with the supervisor's own group until the command stops for want of it (SIGTTIN, SIGTTOU): then it
//! is handed over. So whatever shares that group, a pager at the end of a pipe or a script around the call, keeps the
//! terminal and hears Ctrl-C as it would without `run`; a command that never reads the terminal never gets it.

use std::os::fd::OwnedFd;

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, getpgid, getpgrp, getppid, getsid, kill_current_process_group};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::identity;

/// The controlling terminal.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
    own: Pid,
    /// Whether the command's group has it.
    handed: bool,
}

impl Terminal {
    /// The controlling terminal, if there is one.
    pub fn controlling() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
        Some(Self {
            tty: rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?,
            own: getpgrp(),
            handed: false,
        })
    }

    /// Whether it is this process's group that the terminal listens to.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.tty) == Ok(self.own)
    }

    /// Whether the command's group was given it.
    pub fn is_handed(&self) -> bool {
        self.handed
    }

    /// Gives it to the command's group if it is ours to give.
    pub fn hand_to(&mut self, group: Pid) -> bool {
        self.handed = self.is_ours() && self.give(group);
        self.handed
    }

    /// Takes it back from the command's group, if that still has it.
    pub fn take_back(&mut self, group: Pid) {
        if std::mem::take(&mut self.handed) && tcgetpgrp(&self.tty) == Ok(group) {
            self.give(self.own);
        }
    }

    /// Whoever is in the background is stopped for this unless the signal is blocked.
    fn give(&self, group: Pid) -> bool {
        let mut stop = SigSet::empty();
        stop.add(nix::sys::signal::Signal::SIGTTOU);
        let Ok(before) = stop.thread_swap_mask(SigmaskHow::SIG_BLOCK) else {
            return false;
        };
        let given = tcsetpgrp(&self.tty, group).is_ok();
        let _ = before.thread_set_mask();
        given
    }
}

/// Does to this process's own group what the terminal did to the command's alone.
pub fn pass_on(signal: Signal) {
    let _ = kill_current_process_group(signal);
}

/// Whether nobody would continue this process's group if it were stopped: no member has a parent elsewhere in the
/// session. The kernel then discards the terminal's stop signals, as long as they are not heard.
pub fn is_orphaned() -> bool {
    let own = getpgrp();
    let mut parent = getppid();
    while let Some(pid) = parent {
        match getpgid(Some(pid)) {
            Ok(group) if group == own => parent = identity::parent(pid),
            _ => break,
        }
    }
    let session = getsid(None);
    parent.is_none_or(|parent| getsid(Some(parent)) != session)
}
