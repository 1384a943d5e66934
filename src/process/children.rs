//! A process's own children, those it was given by the death of their parents included.

use nix::libc;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};

/// One that has exited and was not asked for yet; it stays so.
pub(super) fn next_exited() -> Option<Pid> {
    let mut found = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the kernel writes what it found to `found`, which is all zeros, a valid one, before; of a child that exited
    // it always tells the number, and zero says that there is none.
    #[allow(unsafe_code)]
    let pid = unsafe {
        let asked = libc::waitid(libc::P_ALL, 0, found.as_mut_ptr(), options);
        if asked != 0 {
            return None;
        }
        found.assume_init().si_pid()
    };
    Pid::from_raw(pid)
}

/// Asks for a child without waiting for it. None if nothing of what is asked for became of it.
pub(super) fn ask(child: Pid, options: WaitIdOptions) -> rustix::io::Result<Option<WaitIdStatus>> {
    let options = options | WaitIdOptions::NOHANG;
    rustix::io::retry_on_intr(|| waitid(WaitId::Pid(child), options))
}

/// Waits until the child has exited, and asks for it.
pub(super) fn wait_for(child: Pid) {
    let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(child), WaitIdOptions::EXITED));
}

/// Whether there is none at all, running or not.
pub(super) fn are_none() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
}
