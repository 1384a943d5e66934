//! A pid alone is no identity: it is reused, and means another process in another pid namespace. With the boot, the
//! namespaces and the start time it is one: pids are counted by the pid namespace, start times by the time namespace.
//!
//! And it is an identity in one registry only. In a copy of a home the same words stand, but the processes are the
//! original's: who works in the copy neither takes them for alive nor signals them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal, test_kill_process,
};

use crate::model::{Agent, Liveness, ProcessIdentity};

/// The machine's name.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// What tells the process `pid` from a later one with its number, noted in the home of this identity; none if there is no
/// such process.
///
/// # Errors
/// What the system says where it does not show the process.
pub fn identify(pid: u32, home: &str) -> io::Result<Option<ProcessIdentity>> {
    Ok(match started(pid)? {
        None => None,
        Some(started) => Some(ProcessIdentity {
            boot: boot()?,
            namespace: namespace()?,
            started,
            time_namespace: time_namespace(),
            home: Some(home.to_owned()),
        }),
    })
}

/// Whether the process of `agent`, which stands in the home of this identity, lives.
pub fn liveness(agent: &Agent, home: Option<&str>) -> Liveness {
    if !agent.status.is_active() {
        return Liveness::No;
    }
    let (Some(pid), Some(process)) = (agent.pid, &agent.process) else {
        return Liveness::Unknown;
    };
    match here() {
        Some(here) => here.sees(agent.host.as_deref(), process, home, || started(pid)),
        None => Liveness::Unknown,
    }
}

/// Whether the process lives, or lived, under the kernel that runs now.
pub fn is_this_boot(process: &ProcessIdentity) -> bool {
    here().is_some_and(|here| here.boot == process.boot)
}

/// Where a process was noted, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where its number and its start time say which process it is.
    Here,
    /// On this host, under another boot: it is gone.
    AnotherBoot,
    /// On another host, in another pid or time namespace, or in the home that this one is a copy of. Or it cannot be told.
    Elsewhere,
}

/// Where a process of this host was noted, seen from here and from the home of this identity.
pub fn place(host: Option<&str>, process: &ProcessIdentity, home: Option<&str>) -> Place {
    here().map_or(Place::Elsewhere, |here| here.place(host, process, home))
}

/// What became of a process that somebody noted.
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
    home: Option<&str>,
) -> io::Result<Presence> {
    match Here::look()?.place(host, process, home) {
        Place::Elsewhere => return Ok(Presence::Elsewhere),
        Place::AnotherBoot => return Ok(Presence::Gone),
        Place::Here => {}
    }
    let found = stat(pid)?.filter(|found| found.started == process.started);
    Ok(match found {
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
    time_namespace: Option<u64>,
}

/// The same for as long as this process runs; none where the system does not tell.
fn here() -> Option<&'static Here> {
    static HERE: OnceLock<Option<Here>> = OnceLock::new();
    HERE.get_or_init(|| Here::look().ok()).as_ref()
}

impl Here {
    fn look() -> io::Result<Self> {
        Ok(Self {
            host: host_name(),
            boot: boot()?,
            namespace: namespace()?,
            time_namespace: time_namespace(),
        })
    }

    /// What was not noted, by version 0.1.0, is not compared.
    fn place(&self, host: Option<&str>, process: &ProcessIdentity, home: Option<&str>) -> Place {
        let is_same_home = process.home.is_none() || process.home.as_deref() == home;
        let is_same_time =
            process.time_namespace.is_none() || process.time_namespace == self.time_namespace;
        if host != Some(&self.host) {
            Place::Elsewhere
        } else if process.boot != self.boot {
            Place::AnotherBoot
        } else if is_same_home && is_same_time && process.namespace == self.namespace {
            Place::Here
        } else {
            Place::Elsewhere
        }
    }

    fn sees(
        &self,
        host: Option<&str>,
        process: &ProcessIdentity,
        home: Option<&str>,
        started: impl FnOnce() -> io::Result<Option<u64>>,
    ) -> Liveness {
        match self.place(host, process, home) {
            Place::Elsewhere => return Liveness::Unknown,
            Place::AnotherBoot => return Liveness::No,
            Place::Here => {}
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
    let path = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(path).map_err(|error| about(path, &error))?;
    Ok(id.trim_end().to_owned())
}

fn namespace() -> io::Result<u64> {
    let path = "/proc/self/ns/pid";
    let link = fs::metadata(path).map_err(|error| about(path, &error))?;
    Ok(link.ino())
}

/// None on kernels that have no such namespaces.
fn time_namespace() -> Option<u64> {
    fs::metadata("/proc/self/ns/time")
        .map(|link| link.ino())
        .ok()
}

/// Where /proc is hidden it is not the process that is missing.
fn about(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
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
pub(super) struct Stat {
    /// In clock ticks since boot.
    pub(super) started: u64,
    /// Whether it only waits for its parent's asking.
    pub(super) exited: bool,
    /// Whether it is stopped.
    pub(super) stopped: bool,
}

/// Looks at a process; none if there is none of this number.
pub(super) fn stat(pid: Pid) -> io::Result<Option<Stat>> {
    // /proc may hide other users' processes (hidepid), so only this says that there is none.
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return Ok(None);
    }
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let line = match fs::read_to_string(&path) {
        Ok(line) => line,
        // It was asked for meanwhile.
        Err(_) if test_kill_process(pid) == Err(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(about(&path, &error)),
    };
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
        stopped: state == "T",
    })
}

/// Signals the process of this number that was started then, and no later one of its number. False if it is gone.
///
/// # Errors
/// That it may not be signalled.
pub(super) fn signal(pid: Pid, started: u64, signal: Signal) -> io::Result<bool> {
    let is_it = || matches!(stat(pid), Ok(Some(stat)) if stat.started == started && !stat.exited);
    let sent = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) if is_it() => pidfd_send_signal(process, signal),
        // Kernels before 5.3 have none.
        Err(Errno::NOSYS) if is_it() => kill_process(pid, signal),
        _ => return Ok(false),
    };
    match sent {
        Err(Errno::SRCH) => Ok(false),
        sent => Ok(sent.map(|()| true)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Here {
        Here {
            host: "a".to_owned(),
            boot: "b".to_owned(),
            namespace: 1,
            time_namespace: Some(2),
        }
    }

    fn process() -> ProcessIdentity {
        ProcessIdentity {
            boot: "b".to_owned(),
            namespace: 1,
            started: 7,
            time_namespace: Some(2),
            home: Some("h".to_owned()),
        }
    }

    #[test]
    fn another_host_is_elsewhere_then_another_boot_is_told_then_home_and_namespaces_count() {
        let place = |host, process: &ProcessIdentity| here().place(host, process, Some("h"));
        let changed = |change: fn(&mut ProcessIdentity)| {
            let mut process = process();
            change(&mut process);
            process
        };
        assert_eq!(place(Some("a"), &process()), Place::Here);
        assert_eq!(place(None, &process()), Place::Elsewhere);
        let old = changed(|process| {
            process.boot = "z".to_owned();
            process.namespace = 9;
            process.time_namespace = Some(9);
            process.home = Some("z".to_owned());
        });
        assert_eq!(place(Some("z"), &old), Place::Elsewhere);
        assert_eq!(place(Some("a"), &old), Place::AnotherBoot);
        for elsewhere in [
            changed(|process| process.namespace = 9),
            changed(|process| process.time_namespace = Some(9)),
            changed(|process| process.home = Some("z".to_owned())),
        ] {
            assert_eq!(place(Some("a"), &elsewhere), Place::Elsewhere);
        }
    }

    #[test]
    fn what_version_0_1_0_did_not_note_is_not_compared() {
        let old = ProcessIdentity {
            time_namespace: None,
            home: None,
            ..process()
        };
        assert_eq!(here().place(Some("a"), &old, Some("h")), Place::Here);
    }

    #[test]
    fn a_reused_pid_is_another_process_and_nobody_elsewhere_is_looked_for() {
        let sees = |found: io::Result<Option<u64>>| {
            here().sees(Some("a"), &process(), Some("h"), || found)
        };
        assert_eq!(sees(Ok(Some(7))), Liveness::Yes);
        assert_eq!(sees(Ok(Some(8))), Liveness::No);
        assert_eq!(sees(Ok(None)), Liveness::No);
        assert_eq!(sees(Err(io::Error::other("hidden"))), Liveness::Unknown);
        let never = || -> io::Result<Option<u64>> { panic!("looked at a process from elsewhere") };
        let copied = here().sees(Some("a"), &process(), Some("copy"), never);
        assert_eq!(copied, Liveness::Unknown);
    }

    #[test]
    fn the_start_time_is_found_behind_any_command_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2";
        let found = |exited| {
            let (started, stopped) = (12_345, false);
            Some(Stat {
                started,
                exited,
                stopped,
            })
        };
        assert_eq!(stat_in(stat), found(false));
        assert_eq!(stat_in(&stat.replace(" S ", " Z ")), found(true));
        let stopped = stat_in(&stat.replace(" S ", " T ")).unwrap();
        assert!(stopped.stopped && !stopped.exited);
        assert_eq!(stat_in("7 (a"), None);
    }

    #[test]
    fn this_process_is_identified_and_no_other() {
        let me = identify(std::process::id(), "h").unwrap().unwrap();
        assert_eq!(Some(me), identify(std::process::id(), "h").unwrap());
        assert_eq!(identify(i32::MAX.unsigned_abs(), "h").unwrap(), None);
        assert_eq!(identify(0, "h").unwrap(), None);
    }
}
