//! The controlling terminal, shared with the command in the background group.
//!
//! At a prompt nobody but the command can need it, so it is handed over at once. Everywhere else it stays with the
//! supervisor's own group until the command stops for want of it (SIGTTIN, SIGTTOU). So whatever shares that group, a
//! pager at the end of a pipe or a script around the call, keeps the terminal and hears Ctrl-C as it would without `run`.

use std::os::fd::OwnedFd;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction};
use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::process::{Pid, Signal, getpid, getppid, kill_current_process_group, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::{group, identity};

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
        group::of(None).and_then(Self::of)
    }

    /// The same, seen by a process of the group `own`.
    pub fn of(own: Pid) -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
        Some(Self {
            tty: rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?,
            own,
            handed: false,
        })
    }

    /// Takes it back from whichever of these groups has it.
    pub fn reclaim(&self, groups: &[Pid]) {
        if tcgetpgrp(&self.tty).is_ok_and(|now| groups.contains(&now)) {
            self.give(self.own);
        }
    }

    /// Whether it is this process's group that the terminal listens to.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.tty) == Ok(self.own)
    }

    /// Whether it is the standard input and nobody else could want it or miss its Ctrl-C: this process is alone in the
    /// group that it listens to, as at a prompt. What stands at the other end of a pipe may only be about to join.
    pub fn is_for_us_alone(&self) -> bool {
        tcgetpgrp(stdin()) == Ok(self.own)
            && !fstat(stdout()).is_ok_and(|stat| {
                let kind = FileType::from_raw_mode(stat.st_mode);
                matches!(kind, FileType::Fifo | FileType::Socket)
            })
            && group::is_alone()
    }

    /// Whether another process of this group gave it to a group that it started, itself or, as `run` does, by another.
    pub fn is_with_a_sibling(&self, command: Pid) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|leader| {
            let parent = identity::parent(leader);
            let by_another = parent.and_then(identity::parent);
            let is_ours = |pid| group::of(Some(pid)) == Some(self.own);
            leader != command && [parent, by_another].into_iter().flatten().any(is_ours)
        })
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

    /// Takes it back from the command's group, if that still has it, or nobody to whom that gave it.
    pub fn take_back(&mut self, group: Pid) {
        let is_free = || match tcgetpgrp(&self.tty) {
            Ok(now) => now == group || group::is_gone(now),
            Err(_) => true,
        };
        // As long as it is not free it can still be taken back.
        if self.handed && is_free() {
            self.handed = false;
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

/// Does to this process's own group what the terminal did to the command's alone. This process itself, which would pass
/// it to the command once more, does not hear it.
pub fn pass_on(signal: Signal) {
    with_action(signal, SigHandler::SigIgn, || {
        let _ = kill_current_process_group(signal);
    });
}

/// Stops this process's own group, as the terminal did the command's. Returns when it is continued.
pub fn stop_group(signal: Signal) {
    stop(signal, || kill_current_process_group(signal));
}

/// Stops this process, as the terminal did the command. Returns when it is continued.
pub fn stop_self(signal: Signal) {
    stop(signal, || kill_process(getpid(), signal));
}

/// A signal stops only who neither hears nor ignores it; nobody hears or ignores SIGSTOP.
fn stop(signal: Signal, send: impl FnOnce() -> rustix::io::Result<()>) {
    with_action(signal, SigHandler::SigDfl, || {
        let _ = send();
    });
}

/// Does something while the signal has this action.
fn with_action(signal: Signal, handler: SigHandler, act: impl FnOnce()) {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    let changeable = nix::sys::signal::Signal::try_from(signal.as_raw())
        .ok()
        .filter(|_| signal != Signal::STOP);
    // SAFETY: neither ignoring a signal nor the default action runs code of this program.
    #[allow(unsafe_code)]
    let before = changeable.and_then(|signal| unsafe { sigaction(signal, &action) }.ok());
    act();
    if let (Some(signal), Some(before)) = (changeable, before) {
        // SAFETY: this is the action that was in force until just now.
        #[allow(unsafe_code)]
        let _ = unsafe { sigaction(signal, &before) };
    }
}

/// Whether nobody would continue this process's group if it were stopped: no member has a parent elsewhere in the
/// session. The kernel then discards the terminal's stop signals, as long as they are not heard.
pub fn is_orphaned() -> bool {
    let own = group::of(None);
    let mut parent = getppid();
    while let Some(pid) = parent {
        match group::of(Some(pid)) {
            group if group.is_some() && group == own => parent = identity::parent(pid),
            _ => break,
        }
    }
    let session = group::session_of(None);
    parent.is_none_or(|parent| group::session_of(Some(parent)) != session)
}
