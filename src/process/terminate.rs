//! Ending a process that somebody else started: asked first, then killed, and never another one of its number.

use std::fmt;
use std::io;

use rustix::process::{Pid, Signal};

use super::group;
use super::identity::{Presence, presence, signal};
use crate::model::{ProcessIdentity, Running};

/// What is to be ended.
#[derive(Debug, Clone)]
pub struct Target {
    pid: Pid,
    process: ProcessIdentity,
    host: Option<String>,
    /// The identity of the home that it stands in.
    home: String,
    /// A whole process group, or one process.
    is_group: bool,
}

impl Target {
    /// The group of a command that `run` started.
    pub fn group(running: &Running, home: &str) -> Option<Self> {
        Some(Self {
            pid: pid(running.command.pid)?,
            process: running.command.process.clone()?,
            host: Some(running.host.clone()),
            home: home.to_owned(),
            is_group: true,
        })
    }

    /// One process.
    pub fn process(
        number: u32,
        process: &ProcessIdentity,
        host: Option<&str>,
        home: &str,
    ) -> Option<Self> {
        Some(Self {
            pid: pid(number)?,
            process: process.clone(),
            host: host.map(str::to_owned),
            home: home.to_owned(),
            is_group: false,
        })
    }

    /// Whether it can be seen from here that it lives.
    pub fn lives(&self) -> bool {
        matches!(self.presence(), Ok(Presence::There))
    }

    /// Asks it to end. False if it is gone already; whoever is elsewhere is refused.
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
                let asked = signal(self.pid, self.process.started, Signal::TERM);
                // One that is stopped hears it too.
                let _ = signal(self.pid, self.process.started, Signal::CONT);
                asked
            }
            Presence::Exited | Presence::Gone => Ok(false),
            Presence::Elsewhere => Err(io::Error::other(
                "it runs on another host, in another pid or time namespace, or is of the home that this one is a copy of",
            )),
        }
    }

    /// Kills it. Only for what was asked before and has not been gone since: a group keeps its number as long as one of
    /// its processes lives, whatever became of the first.
    pub fn kill(&self) {
        if self.is_group {
            group::signal(self.pid, Signal::KILL);
        } else if matches!(self.presence(), Ok(Presence::There)) {
            let _ = signal(self.pid, self.process.started, Signal::KILL);
        }
    }

    /// Whether it is gone, or has only to be asked for by its parent.
    pub fn is_gone(&self) -> bool {
        if self.is_group {
            group::is_gone(self.pid)
        } else {
            !matches!(self.presence(), Ok(Presence::There))
        }
    }

    fn presence(&self) -> io::Result<Presence> {
        presence(
            self.pid,
            self.host.as_deref(),
            &self.process,
            Some(&self.home),
        )
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_group {
            "process group"
        } else {
            "process"
        };
        write!(f, "{what} {}", self.pid.as_raw_nonzero())
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}
