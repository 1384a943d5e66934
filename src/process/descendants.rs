//! Everything that a process started, and what that started, in whatever session and group it is.
//!
//! The process is a child subreaper: whoever loses its parent below it becomes its own child. So who goes down from it
//! along the children finds all, as `/proc/PID/task/TID/children` lists them, or where the kernel does not, the parents in
//! `/proc/PID/stat`. A list that is read while others exit may lack somebody: who wants to know that none is left looks
//! until two looks in a row have found none.
//!
//! The supervisor of another agent that `run --detach` started is not entered: it is on its own, with a lease of its own.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::{SUPERVISOR, guardian};

/// One that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pid: Pid,
    parent: Pid,
}

/// How far to go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// To everybody.
    All,
    /// Not to guardians, nor below them: the `run` of each is told to end, ends what it started, and records that.
    Runs,
}

/// What came of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It got it, or is gone.
    Done,
    /// It is another user's, or protected.
    Refused,
}

/// Those below `root` that live, without `but` and what is below them. None where the system does not show processes.
pub(super) fn of(root: Pid, but: &[Pid], depth: Depth) -> Option<Vec<Found>> {
    let lists = Lists::of(root)?;
    let mut found = Vec::new();
    let mut entered = vec![root];
    while let Some(parent) = entered.pop() {
        for pid in lists.children(parent) {
            if but.contains(&pid) {
                continue;
            }
            let name = first_word(pid);
            let is_spared = match name.as_slice() {
                name if name == SUPERVISOR.as_bytes() => holds_a_lease(pid),
                name if name == guardian::NAME.as_bytes() => depth == Depth::Runs,
                _ => false,
            };
            if is_spared {
                continue;
            }
            if lives(pid) {
                found.push(Found { pid, parent });
            }
            entered.push(pid);
        }
    }
    Some(found)
}

/// The children of a process, without those that are not this program's to end.
pub(super) fn children(of: Pid) -> Vec<Pid> {
    Lists::of(of).map_or_else(Vec::new, |lists| lists.children(of))
}

impl Found {
    /// Signals it, and no later one of its number: what was opened has the parent that it was found under, or one that
    /// only a descendant gets.
    pub(super) fn signal(self, signal: Signal, root: Pid, all: &[Self]) -> Sent {
        let is_it = || {
            stat(self.pid).is_some_and(|(_, parent)| {
                parent == Some(self.parent)
                    || parent == Some(root)
                    || all.iter().any(|other| parent == Some(other.pid))
            })
        };
        let sent = match pidfd_open(self.pid, PidfdFlags::empty()) {
            Ok(_) if !is_it() => Ok(()),
            Ok(process) => pidfd_send_signal(process, signal),
            Err(Errno::SRCH) => Ok(()),
            // Kernels before 5.3, and who is denied it.
            Err(_) if is_it() => kill_process(self.pid, signal),
            Err(_) => Ok(()),
        };
        match sent {
            Err(Errno::PERM) => Sent::Refused,
            _ => Sent::Done,
        }
    }

    /// Its name and number, for people.
    pub(super) fn name(self) -> String {
        let pid = self.pid.as_raw_pid();
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("{} (pid {pid})", name.trim_end())
    }
}

/// Who is whose child.
enum Lists {
    /// The kernel lists them.
    Listed,
    /// By the parents of all processes, as they were at one look.
    Scanned(HashMap<Pid, Vec<Pid>>),
}

impl Lists {
    fn of(root: Pid) -> Option<Self> {
        let root = root.as_raw_pid();
        match fs::metadata(format!("/proc/{root}/task/{root}/children")) {
            Ok(_) => Some(Self::Listed),
            Err(_) => Self::scan().map(Self::Scanned),
        }
    }

    fn scan() -> Option<HashMap<Pid, Vec<Pid>>> {
        let mut found = HashMap::<_, Vec<_>>::new();
        let mut any = false;
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(number) else {
                continue;
            };
            any = true;
            if let Some((_, Some(parent))) = stat(pid) {
                found.entry(parent).or_default().push(pid);
            }
        }
        any.then_some(found)
    }

    fn children(&self, of: Pid) -> Vec<Pid> {
        match self {
            Self::Listed => listed(of),
            Self::Scanned(children) => children.get(&of).cloned().unwrap_or_default(),
        }
    }
}

/// The children of each of a process's threads.
fn listed(of: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let of = of.as_raw_pid();
    let Ok(threads) = fs::read_dir(format!("/proc/{of}/task")) else {
        return found;
    };
    for thread in threads.flatten() {
        if let Ok(children) = fs::read_to_string(thread.path().join("children")) {
            found.extend(children.split_ascii_whitespace().filter_map(number));
        }
    }
    found
}

/// Whether any thread of it has not exited: the first one may have, before the others.
fn lives(pid: Pid) -> bool {
    match stat(pid) {
        None => false,
        Some((false, _)) => true,
        Some((true, _)) => fs::read_dir(format!("/proc/{}/task", pid.as_raw_pid()))
            .is_ok_and(|threads| threads.count() > 1),
    }
}

/// Whether its first thread has exited, and its parent, by `proc_pid_stat(5)`.
fn stat(pid: Pid) -> Option<(bool, Option<Pid>)> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    stat_in(&stat)
}

fn stat_in(stat: &str) -> Option<(bool, Option<Pid>)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let has_exited = matches!(fields.next()?, "Z" | "X" | "x");
    Some((has_exited, number(fields.next()?)))
}

fn number(text: &str) -> Option<Pid> {
    text.parse().ok().and_then(Pid::from_raw)
}

/// What a process was called as; nothing of one that has exited.
fn first_word(pid: Pid) -> Vec<u8> {
    let mut start = [0; 64];
    let read =
        fs::File::open(format!("/proc/{}/cmdline", pid.as_raw_pid())).and_then(|mut file| {
            loop {
                match file.read(&mut start) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => return read,
                }
            }
        });
    let read = start.get(..read.unwrap_or(0)).unwrap_or_default();
    read.split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .to_vec()
}

/// Whether it has a lease open: by its name alone nobody is spared.
fn holds_a_lease(pid: Pid) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid())) else {
        return false;
    };
    open.flatten().any(|entry| {
        fs::read_link(entry.path())
            .is_ok_and(|file| file.parent().is_some_and(|dir| dir.ends_with("leases")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_parent_are_found_behind_any_command_name() {
        let stat = "7 (a) b (c) S 1 9 7 0 -1 4194560";
        assert_eq!(stat_in(stat), Some((false, Pid::from_raw(1))));
        let exited = stat.replace(" S 1 ", " Z 0 ");
        assert_eq!(stat_in(&exited), Some((true, None)));
    }

    #[test]
    fn the_kernels_lists_and_the_parents_of_all_tell_the_same() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let own = rustix::process::getpid();
        let pid = Pid::from_child(&child);
        assert!(listed(own).contains(&pid));
        let scanned = Lists::scan().unwrap();
        assert!(scanned.get(&own).unwrap().contains(&pid));
        let found = of(own, &[], Depth::All).unwrap();
        assert!(found.contains(&Found { pid, parent: own }));
        assert!(
            of(own, &[pid], Depth::All)
                .unwrap()
                .iter()
                .all(|found| found.pid != pid)
        );
        child.kill().unwrap();
        until_gone(own, pid);
        child.wait().unwrap();
    }

    fn until_gone(root: Pid, pid: Pid) {
        while of(root, &[], Depth::All)
            .unwrap()
            .iter()
            .any(|found| found.pid == pid)
        {
            std::thread::yield_now();
        }
    }
}
