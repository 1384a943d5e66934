//! Process groups: signalled as one, and known to be gone.

use nix::libc;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// Signals every process of the group; those that are stopped hear it too. A group that is gone hears nothing.
pub fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
    if matches!(signal, Signal::TERM | Signal::HUP) {
        let _ = kill_process_group(group, Signal::CONT);
    }
}

/// Signals every process of the group with a signal that has a number and no name, as the real-time signals have.
#[allow(unsafe_code)]
pub fn signal_numbered(group: Pid, number: i32) {
    // SAFETY: it takes two numbers; one that is no signal is refused. A group that is gone hears nothing.
    unsafe { libc::killpg(group.as_raw_pid(), number) };
}

/// Whether no process of the group is left but such as have exited and wait for being asked.
pub fn is_gone(group: Pid) -> bool {
    match test_kill_process_group(group) {
        Err(Errno::SRCH) => true,
        // Where nobody asks for orphans they stay listed for ever.
        _ => !has_living(group).unwrap_or(true),
    }
}

/// The group of a process, or of this one. None if there is no such process, and where the group is of another pid
/// namespace and has no number here: the first processes of a container can have such a one.
#[allow(unsafe_code)]
pub fn of(process: Option<Pid>) -> Option<Pid> {
    // SAFETY: it takes a number and gives one. rustix takes the answer for a number that is never zero.
    Pid::from_raw(unsafe { libc::getpgid(Pid::as_raw(process)) }.max(0))
}

/// The session of a process, or of this one; none as with its group.
#[allow(unsafe_code)]
pub fn session_of(process: Option<Pid>) -> Option<Pid> {
    // SAFETY: as above.
    Pid::from_raw(unsafe { libc::getsid(Pid::as_raw(process)) }.max(0))
}

/// Whether this process is the only one of its group.
pub fn is_alone() -> bool {
    let own = Some(rustix::process::getpid());
    of(None).and_then(|group| has_living_but(group, own)) == Some(false)
}

fn has_living(group: Pid) -> Option<bool> {
    has_living_but(group, None)
}

/// Looks through all processes. None where they cannot be listed.
fn has_living_but(group: Pid, but: Option<Pid>) -> Option<bool> {
    let group = group.as_raw_nonzero().get();
    let but = but.map(|pid| pid.as_raw_nonzero().to_string());
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .first()
            .is_some_and(u8::is_ascii_digit)
            && but.as_deref().is_none_or(|but| entry.file_name() != but)
            && let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
            && living_in(&stat) == Some(group)
        {
            return Some(true);
        }
    }
    Some(false)
}

/// Field 5 of `proc_pid_stat(5)`, the group, of a process that has not exited.
fn living_in(stat: &str) -> Option<i32> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some(group).filter(|_| !matches!(state, "Z" | "X" | "x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_behind_any_command_name_and_a_zombie_has_none() {
        let stat = "7 (a) b (c) S 1 9 7 0 -1 4194560";
        assert_eq!(living_in(stat), Some(9));
        assert_eq!(living_in(&stat.replace(" S ", " Z ")), None);
    }

    #[test]
    fn this_group_is_not_gone() {
        assert!(!is_gone(of(None).unwrap()));
        let nobody = Pid::from_raw(i32::MAX).unwrap();
        assert!(is_gone(nobody));
    }
}
