//! What this program's caller does with signals, as the command is to find it: `run` needs some of them otherwise for
//! itself, like `env` it hands on all of them as they came.
//!
//! What is ignored and what is blocked comes through `exec` by itself. Noted here is what this program changes.

use std::sync::atomic::{AtomicU8, Ordering};

use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal};

/// What of its caller's this program changed, a bit each.
static CHANGED: AtomicU8 = AtomicU8::new(0);

/// What a write to nobody, or beyond a limit, raises: ignored here, where the error is looked at.
const OF_WRITES: [(Signal, u8); 2] = [(Signal::SIGPIPE, 1), (Signal::SIGXFSZ, 2)];
/// Who ignores it is not told how its children ended.
const IGNORED_CHILD: u8 = 4;
const BLOCKED_CHILD: u8 = 8;

/// What this program changed of its caller's dispositions and mask, for another part of this program.
pub fn changed_signals() -> u8 {
    CHANGED.load(Ordering::Relaxed)
}

/// This program was called by itself, which changed this: its caller is the one that counts.
pub fn take_over_signals(changed: u8) {
    CHANGED.store(changed, Ordering::Relaxed);
}

/// Ignores the signals of writes that fail, whose errors are looked at, and notes which the caller ignored.
pub fn ignore_signals_of_writes() {
    for (of_write, bit) in OF_WRITES {
        // SAFETY: no handler is installed, the kernel ignores the signal.
        #[allow(unsafe_code)]
        let before = unsafe { signal(of_write, SigHandler::SigIgn) };
        // The standard library's own entry has ignored this one before anybody could ask.
        let is_ours =
            cfg!(not(all(target_os = "linux", target_env = "gnu"))) && of_write == Signal::SIGPIPE;
        if matches!(before, Ok(SigHandler::SigIgn)) && !is_ours {
            CHANGED.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

/// Hears of children whatever the caller did with their signal, and notes that.
pub(super) fn hear_of_children() {
    if is_ignored(libc::SIGCHLD) {
        CHANGED.fetch_or(IGNORED_CHILD, Ordering::Relaxed);
    }
    let before = only(Signal::SIGCHLD).thread_swap_mask(SigmaskHow::SIG_UNBLOCK);
    if before.is_ok_and(|mask| mask.contains(Signal::SIGCHLD)) {
        CHANGED.fetch_or(BLOCKED_CHILD, Ordering::Relaxed);
    }
}

/// Gives back to this process, which is about to be the command, what was changed; `mask` is what was blocked.
pub(super) fn give_back(changed: u8, mut mask: SigSet) {
    let ignored = OF_WRITES
        .into_iter()
        .chain([(Signal::SIGCHLD, IGNORED_CHILD)]);
    for (changed_one, bit) in ignored {
        set(changed_one, changed & bit != 0);
    }
    // A shell that ignores these, as bash does within `$(…)`, means its own group. In a group of its own the command has
    // to stop for want of the terminal to be given it.
    set(Signal::SIGTTIN, false);
    set(Signal::SIGTTOU, false);
    if !is_ignored(libc::SIGTSTP) {
        // Whoever stopped here, before the command runs, would never be seen to: a pending one is dropped by this.
        set(Signal::SIGTSTP, true);
        set(Signal::SIGTSTP, false);
    }
    if changed & BLOCKED_CHILD != 0 {
        mask.add(Signal::SIGCHLD);
    }
    let _ = mask.thread_set_mask();
}

/// Whatever was inherited, children that exit stay to be asked for.
pub(super) fn hear_of(signal: Signal) {
    set(signal, false);
}

fn set(which: Signal, ignores: bool) {
    let handler = if ignores {
        SigHandler::SigIgn
    } else {
        SigHandler::SigDfl
    };
    // SAFETY: no handler is installed; neither action runs code of this program.
    #[allow(unsafe_code)]
    let _ = unsafe { signal(which, handler) };
}

/// The set of this signal alone.
pub(super) fn only(signal: Signal) -> SigSet {
    let mut set = SigSet::empty();
    set.add(signal);
    set
}

/// Whether this process ignores the signal.
pub(super) fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed; what is asked for is written to `action`, which is all zeros, a valid one, before.
    #[allow(unsafe_code)]
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}
