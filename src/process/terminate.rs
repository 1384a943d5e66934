//! Ending a process that somebody else started: asked first, then killed, and never another one of its number.

use std::io;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::group;
use super::identity::{Presence, presence};
use crate::model::{ProcessIdentity, Running};

/// What is to be ended.
#[derive(Debug, Clone)]
pub struct Target {
    pid: Pid,
    process: ProcessIdentity,
    host: Option<String>,
    /// A whole process group, or one process.
    is_group: bool,
}

impl Target {
    /// The group of a command that `run` started.
    pub fn group(running: &Running) -> Option<Self> {
        Some(Self {
            pid: pid(running.command.pid)?,
            process: running.command.process.clone()?,
            host: Some(running.host.clone()),
            is_group: true,
        })
    }

    /// One process.
    pub fn process(number: u32, process: &ProcessIdentity, host: Option<&str>) -> Option<Self> {
        Some(Self {
            pid: pid(number)?,
            process: process.clone(),
            host: host.map(str::to_owned),
            is_group: false,
        })
    }

    /// Whether it can be seen from here that it lives.
    pub fn lives(&self) -> bool {
        matches!(self.presence(), Ok(Presence::There))
    }

    /// Asks it to end. False if it is gone already; whoever is in another pid namespace or on another host is refused.
    ///
    /// # Errors
    /// That it cannot be reached from here, or what the system says.
    pub fn ask(&self) -> io::Result<bool> {
        match self.presence()? {
            Presence::There | Presence::Exited if self.is_group => {
                group::signal(self.pid, Signal::TERM);
                Ok(!group::is_gone(self.pid))
            }
            Presence::There => {
                let asked = kill_process(self.pid, Signal::TERM);
                // One that is stopped hears it too.
                let _ = kill_process(self.pid, Signal::CONT);
                asked.map(|()| true).or_else(gone)
            }
            Presence::Exited | Presence::Gone => Ok(false),
            Presence::Elsewhere => Err(io::Error::other(
                "it runs on another host or in another pid namespace",
            )),
        }
    }

    /// Waits until what was asked to end is gone; false if it is still there at `deadline`.
    pub fn wait_gone(&self, deadline: Instant) -> bool {
        loop {
            if self.is_gone() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Kills it. Only for what was asked before and has not been gone since: a group keeps its number as long as one of
    /// its processes lives, whatever became of the first.
    pub fn kill(&self) {
        if self.is_group {
            group::signal(self.pid, Signal::KILL);
        } else if matches!(self.presence(), Ok(Presence::There)) {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    fn is_gone(&self) -> bool {
        if self.is_group {
            group::is_gone(self.pid)
        } else {
            !matches!(self.presence(), Ok(Presence::There))
        }
    }

    fn presence(&self) -> io::Result<Presence> {
        presence(self.pid, self.host.as_deref(), &self.process)
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

fn gone(errno: rustix::io::Errno) -> io::Result<bool> {
    match errno {
        rustix::io::Errno::SRCH => Ok(false),
        errno => Err(errno.into()),
    }
}
