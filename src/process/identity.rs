//! A pid alone is no identity: it is reused, and means another process in another pid namespace. With the boot, the
//! namespace and the start time it is one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use rustix::process::{Pid, test_kill_process};

use crate::model::{Agent, Liveness, ProcessIdentity};

/// The machine's name.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// What tells the process `pid` from a later one with its number; none if there is no such process.
///
/// # Errors
/// What the system says where it does not show the process.
pub fn identify(pid: u32) -> io::Result<Option<ProcessIdentity>> {
    Ok(match started(pid)? {
        None => None,
        Some(started) => Some(ProcessIdentity {
            boot: boot()?,
            namespace: namespace()?,
            started,
            time_namespace: None,
            home: None,
        }),
    })
}

/// Whether the process of `agent` lives.
pub fn liveness(agent: &Agent) -> Liveness {
    static HERE: OnceLock<Option<Here>> = OnceLock::new();
    if !agent.status.is_active() {
        return Liveness::No;
    }
    let (Some(pid), Some(process)) = (agent.pid, &agent.process) else {
        return Liveness::Unknown;
    };
    match HERE.get_or_init(|| Here::look().ok()) {
        Some(here) => here.sees(agent.host.as_deref(), process, || started(pid)),
        None => Liveness::Unknown,
    }
}

/// Whether the process lives, or lived, under the kernel that runs now.
pub fn is_this_boot(process: &ProcessIdentity) -> bool {
    boot().is_ok_and(|boot| boot == process.boot)
}

/// What became of a process that somebody wrote down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It lives.
    There,
    /// It has exited, but for its parent's asking: its number is not another's yet.
    Exited,
    /// It is gone, and its number may be another's.
    Gone,
    /// It cannot be seen from here.
    Elsewhere,
}

/// Looks for the process that had this number, on this host.
pub(super) fn presence(
    pid: Pid,
    host: Option<&str>,
    process: &ProcessIdentity,
) -> io::Result<Presence> {
    let here = Here::look()?;
    if host != Some(&here.host) || process.namespace != here.namespace {
        return Ok(Presence::Elsewhere);
    }
    let found = stat(pid)?.filter(|found| found.started == process.started);
    Ok(match found.filter(|_| process.boot == here.boot) {
        None => Presence::Gone,
        Some(found) if found.exited => Presence::Exited,
        Some(_) => Presence::There,
    })
}

/// Where this process looks from.
struct Here {
    host: String,
    boot: String,
    namespace: u64,
}

impl Here {
    fn look() -> io::Result<Self> {
        Ok(Self {
            host: host_name(),
            boot: boot()?,
            namespace: namespace()?,
        })
    }

    fn sees(
        &self,
        host: Option<&str>,
        process: &ProcessIdentity,
        started: impl FnOnce() -> io::Result<Option<u64>>,
    ) -> Liveness {
        if host != Some(&self.host) || process.namespace != self.namespace {
            return Liveness::Unknown;
        }
        if process.boot != self.boot {
            return Liveness::No;
        }
        match started() {
            Ok(Some(started)) if started == process.started => Liveness::Yes,
            Ok(_) => Liveness::No,
            Err(_) => Liveness::Unknown,
        }
    }
}

/// The parent of a process.
pub(super) fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?;
    Pid::from_raw(parent.parse().ok()?)
}

fn boot() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim_end().to_owned())
}

fn namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/pid").map(|link| link.ino())
}

/// When the process started, in clock ticks since boot; none if it does not exist or has exited.
fn started(pid: u32) -> io::Result<Option<u64>> {
    let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(None);
    };
    let found = stat(target)?.filter(|found| !found.exited);
    Ok(found.map(|found| found.started))
}

/// What `proc_pid_stat(5)` tells of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// In clock ticks since boot.
    started: u64,
    /// Whether it only waits for its parent's asking.
    exited: bool,
}

fn stat(pid: Pid) -> io::Result<Option<Stat>> {
    // /proc may hide other users' processes (hidepid), so only this says that there is none.
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return Ok(None);
    }
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let line = fs::read_to_string(&path)?;
    match stat_in(&line) {
        Some(found) => Ok(Some(found)),
        None => Err(io::Error::other(format!("{path} is not understood"))),
    }
}

/// Fields 3 and 22. The second field is the command's name, which may hold spaces and parentheses.
fn stat_in(line: &str) -> Option<Stat> {
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Stat {
        started: fields.nth(18)?.parse().ok()?,
        exited: matches!(state, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Here {
        Here {
            host: "a".to_owned(),
            boot: "b".to_owned(),
            namespace: 1,
        }
    }

    fn process(boot: &str, namespace: u64) -> ProcessIdentity {
        ProcessIdentity {
            boot: boot.to_owned(),
            namespace,
            started: 7,
            time_namespace: None,
            home: None,
        }
    }

    #[test]
    fn another_host_or_namespace_is_unknown_another_boot_is_death() {
        let never = || -> io::Result<Option<u64>> { panic!("looked at a process from elsewhere") };
        let sees = |host, process: &ProcessIdentity| here().sees(host, process, never);
        assert_eq!(sees(Some("z"), &process("b", 1)), Liveness::Unknown);
        assert_eq!(sees(None, &process("b", 1)), Liveness::Unknown);
        assert_eq!(sees(Some("a"), &process("b", 2)), Liveness::Unknown);
        assert_eq!(sees(Some("a"), &process("z", 1)), Liveness::No);
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let sees =
            |found: io::Result<Option<u64>>| here().sees(Some("a"), &process("b", 1), || found);
        assert_eq!(sees(Ok(Some(7))), Liveness::Yes);
        assert_eq!(sees(Ok(Some(8))), Liveness::No);
        assert_eq!(sees(Ok(None)), Liveness::No);
        assert_eq!(sees(Err(io::Error::other("hidden"))), Liveness::Unknown);
    }

    #[test]
    fn the_start_time_is_found_behind_any_command_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2";
        let found = |exited| {
            let started = 12_345;
            Some(Stat { started, exited })
        };
        assert_eq!(stat_in(stat), found(false));
        assert_eq!(stat_in(&stat.replace(" S ", " Z ")), found(true));
        assert_eq!(stat_in("7 (a"), None);
    }

    #[test]
    fn this_process_is_identified_and_no_other() {
        let me = identify(std::process::id()).unwrap().unwrap();
        assert_eq!(Some(me), identify(std::process::id()).unwrap());
        assert_eq!(identify(i32::MAX.unsigned_abs()).unwrap(), None);
        assert_eq!(identify(0).unwrap(), None);
    }
}
