//! One command, from its start to the record of its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use agentreg::model::{Agent, Kind, Noted, Rejection, Running};
use agentreg::process::{self, Ended, Guardian, Signals, Supervisor, Waiting};
use agentreg::store::{AgentsWanted, Lease, Store};

use super::record;
use super::tee::Tee;
use crate::output::{Exit, Failure};

/// A command that is to be run for an agent that is registered.
pub struct Job<'a> {
    pub store: &'a dyn Store,
    pub home: PathBuf,
    pub agent: Agent,
    pub lease: Lease,
    pub words: &'a [OsString],
    pub timeout: Option<Duration>,
    pub grace: Duration,
    pub require_report: bool,
}

/// What becomes of the command's input and output.
pub enum Streams {
    /// They are this process's.
    Inherited,
    /// The output is kept in this file too.
    Tee(File),
    /// The input is empty, the output this process's.
    NoInput,
}

/// How it went.
pub struct Conclusion {
    pub ended: Ended,
    /// Why the end could not be recorded.
    pub unrecorded: Option<Failure>,
    /// What a person should know.
    pub warning: Option<String>,
}

/// Why the command did not run, and what to exit with.
#[derive(Debug)]
pub struct NotRun {
    pub code: u8,
    pub failure: Failure,
}

impl Job<'_> {
    /// Runs the command to its end and records that; `started` is called when the command runs.
    pub fn carry_out(
        self,
        signals: &mut Signals,
        streams: Streams,
        started: impl FnOnce(),
    ) -> Result<Conclusion, NotRun> {
        // What is shown by this process, or has no input, can do without the terminal.
        let is_inherited = matches!(streams, Streams::Inherited);
        let (mut supervisor, waiting, tee, input) = match self.prepare(streams) {
            Ok(prepared) => prepared,
            Err(failure) => return Err(self.give_up(failure)),
        };
        let input = input.as_ref().map_or(rustix::stdio::stdin(), AsFd::as_fd);
        if is_inherited {
            supervisor.begin();
        }
        if let Err(error) = waiting.begin(input) {
            supervisor.dismiss();
            return Err(self.not_executed(&error));
        }
        started();
        let ended = match supervisor.wait(signals, self.timeout) {
            Ok(ended) => ended,
            Err(error) => {
                let failure = Failure::io("wait for the command", &error);
                return Err(self.give_up(failure));
            }
        };
        let end = record::end_of(&ended, self.timeout, self.require_report);
        let recorded = record::record(self.store, &self.agent, &end, signals);
        if recorded.as_ref().is_ok_and(|done| done.terminated) {
            // Whoever terminated it may have been killed before all were gone.
            supervisor.clear(signals);
        }
        supervisor.dismiss();
        if let Some(tee) = tee {
            tee.finish();
        }
        Ok(match recorded {
            Ok(done) => Conclusion {
                ended,
                unrecorded: None,
                warning: done.warning,
            },
            Err(failure) => Conclusion {
                ended,
                unrecorded: Some(failure),
                warning: None,
            },
        })
    }

    /// Everything but the command itself: who it is stands in the lease, its guardian watches.
    #[allow(clippy::type_complexity)]
    fn prepare(
        &self,
        streams: Streams,
    ) -> Result<(Supervisor<'_>, Waiting, Option<Tee>, Option<File>), Failure> {
        let failed = |error| Failure::io("start the command", &error);
        let guardian = Guardian::start(self.lease.as_fd()).map_err(failed)?;
        let (stdout, stderr, tee, input) = match streams {
            Streams::Inherited => (Stdio::inherit(), Stdio::inherit(), None, None),
            Streams::NoInput => {
                let input = File::open("/dev/null").map_err(failed)?;
                (Stdio::inherit(), Stdio::inherit(), None, Some(input))
            }
            Streams::Tee(file) => {
                let (tee, stdout, stderr) = Tee::start(file).map_err(failed)?;
                (stdout, stderr, Some(tee), None)
            }
        };
        let variables = [
            ("AGENTREG_HOME", self.home.as_os_str()),
            ("AGENTREG_TASK", OsStr::new(self.agent.task.as_str())),
            ("AGENTREG_AGENT", OsStr::new(self.agent.id.as_str())),
        ];
        let waiting = Waiting::prepare(self.words, &variables, stdout, stderr).map_err(failed)?;
        let home = self.store.identity()?;
        self.lease
            .note(&running(&waiting, &home).map_err(failed)?)?;
        let supervisor = Supervisor::watch(self.lease.as_fd(), guardian, waiting.pid, self.grace)
            .map_err(failed)?;
        self.is_wanted()?;
        Ok((supervisor, waiting, tee, input))
    }

    /// Whoever terminated the agent before its command stood in the lease could not signal that.
    fn is_wanted(&self) -> Result<(), Failure> {
        let wanted = AgentsWanted::These(std::slice::from_ref(&self.agent.id));
        let view = self.store.view(&self.agent.task, wanted)?;
        match view.agents.first() {
            Some(agent) if !agent.status.is_active() => Err(Rejection::new(
                Kind::IllegalTransition,
                format!("agent {} has ended before its command began", agent.id),
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// The command was never run, for a reason of this call's own.
    pub fn give_up(&self, failure: Failure) -> NotRun {
        self.ended_without(Exit::Run as u8, &failure.message);
        NotRun {
            code: Exit::Run as u8,
            failure,
        }
    }

    fn not_executed(&self, error: &io::Error) -> NotRun {
        let code = match error.kind() {
            io::ErrorKind::NotFound => Exit::CommandNotFound,
            _ => Exit::NotExecutable,
        } as u8;
        let name = self.words.first().map(|word| word.to_string_lossy());
        let failure = Failure::io(format_args!("run {}", name.unwrap_or_default()), error);
        self.ended_without(code, &failure.message);
        NotRun { code, failure }
    }

    /// Where even this cannot be recorded, the lease is free and somebody will reap the agent.
    fn ended_without(&self, code: u8, reason: &str) {
        let end = record::not_run(code, reason);
        let _ = self.store.end(
            &self.agent.task,
            &self.agent.id,
            end.status,
            &end.end.into(),
        );
    }
}

fn running(waiting: &Waiting, home: &str) -> io::Result<Running> {
    let pid = waiting.pid.as_raw_nonzero().get().unsigned_abs();
    let process =
        process::identify(pid, home)?.ok_or_else(|| io::Error::other("it died at once"))?;
    Ok(Running {
        command: Noted {
            pid,
            process: Some(process),
        },
        host: process::host_name(),
        watches: false,
        supervisor: None,
        guardian: None,
        init: false,
        cleared: false,
    })
}
