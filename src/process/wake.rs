//! A supervisor that was stopped (SIGSTOP, Ctrl-Z at the wrong moment) and holds a lock holds up whoever needs that. Who
//! ends an agent continues it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::process::{Pid, Signal, geteuid};

use super::SUPERVISOR;
use super::identity::{self, Place, place};
use crate::model::{Noted, Running};

/// Continues the process of this number if it is a stopped `run` of this user. Whether it was.
pub fn wake(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| is_supervisor(pid) && go_on(pid, None))
}

/// Continues the supervisor and the guardian that a lease, in the home of this identity, names, if they are stopped and
/// this user's.
pub fn wake_noted(running: &Running, home: &str) {
    for Noted { pid, process } in [&running.supervisor, &running.guardian]
        .into_iter()
        .flatten()
    {
        if let (Some(pid), Some(process)) = (
            i32::try_from(*pid).ok().and_then(Pid::from_raw),
            process.as_ref(),
        ) && place(Some(&running.host), process, Some(home)) == Place::Here
        {
            go_on(pid, Some(process.started));
        }
    }
}

fn go_on(pid: Pid, started: Option<u64>) -> bool {
    let Ok(Some(stat)) = identity::stat(pid) else {
        return false;
    };
    let is_it = started.is_none_or(|started| started == stat.started);
    let owner = fs::metadata(format!("/proc/{}", pid.as_raw_nonzero())).map(|found| found.uid());
    is_it
        && stat.stopped
        && owner.is_ok_and(|owner| owner == geteuid().as_raw())
        && identity::signal(pid, stat.started, Signal::CONT).unwrap_or(false)
}

fn is_supervisor(pid: Pid) -> bool {
    let line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
    line.is_ok_and(|line| calls_run(&line))
}

/// Whether a command line, each word ended by a zero byte, is that of a supervisor.
fn calls_run(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == 0);
    words.next().is_some_and(|name| {
        name == SUPERVISOR.as_bytes()
            || name.ends_with(b"agentreg")
                && words
                    .take_while(|word| *word != b"--")
                    .any(|word| word == b"run")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_is_known_by_its_command_line() {
        assert!(calls_run(b"agentreg-supervisor\0{}\0sleep\x001000\0"));
        assert!(calls_run(
            b"/usr/bin/agentreg\0--home\0/h\0run\0--id\0a\0--\0sleep\0"
        ));
        assert!(!calls_run(b"agentreg\0progress\0half\0"));
        assert!(!calls_run(b"sh\0-c\0run\0"));
    }
}
