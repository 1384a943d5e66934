//! One command, from its start to the record of its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use agentreg::model::{Agent, Noted, Running};
use agentreg::process::{self, Ended, Guardian, Signals, Waiting};
use agentreg::store::{Lease, Store, lease};
use rustix::process::{Pid, getpid};
use rustix::stdio::{stderr, stdin, stdout};

use super::output::Output;
use super::record;
use super::wanted::WantedAgent;
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
    /// What the command leaves running when it exits is let go.
    pub leave_background: bool,
}

/// What becomes of the command's input and output.
pub enum Streams {
    /// They are this process's.
    Inherited,
    /// The output is kept in this file too.
    Tee(File),
    /// The input is empty, the output is kept in this file, which is this process's too.
    Kept(File),
}

/// How it went.
pub struct Conclusion {
    pub ended: Ended,
    /// Why the end could not be recorded.
    pub unrecorded: Option<Failure>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// A command that waits for the word to begin.
struct Prepared<'a> {
    waiting: Waiting,
    output: Output<'a>,
    wanted: WantedAgent<'a>,
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
        let prepared = match self.prepare(streams) {
            Ok(prepared) => prepared,
            Err(failure) => return Err(self.give_up(failure)),
        };
        let Prepared {
            waiting,
            mut output,
            mut wanted,
        } = prepared;
        let mut supervisor = match waiting.begin(is_inherited) {
            Ok(supervisor) => supervisor,
            Err(error) => return Err(self.not_executed(&error)),
        };
        started();
        let leaves = self.leave_background;
        let ended = match supervisor.wait(
            signals,
            self.timeout,
            &mut wanted,
            leaves,
            &mut output.chore(),
        ) {
            Ok(ended) => ended,
            Err(error) => {
                let failure = Failure::io("wait for the command", &error);
                return Err(self.give_up(failure));
            }
        };
        let end = record::end_of(&ended, self.timeout, self.require_report);
        let recorded = record::record(self.store, &self.agent, &end, signals);
        if !ended.unfinished {
            lease::clear(&self.lease);
        }
        supervisor.dismiss(ended.unfinished);
        let mut warnings = record::told(&ended, leaves);
        warnings.extend(output.finish(signals, ended.timed_out.then_some(self.grace)));
        let unrecorded = match recorded {
            Ok(warning) => {
                warnings.extend(warning);
                None
            }
            Err(failure) => Some(failure),
        };
        Ok(Conclusion {
            ended,
            unrecorded,
            warnings,
        })
    }

    /// Everything but the command itself: who it is stands in the lease, its agent's end is watched for.
    fn prepare(&self, streams: Streams) -> Result<Prepared<'_>, Failure> {
        let failed = |error| Failure::io("start the command", &error);
        let program = process::path_of_this_program();
        let variables = [
            ("AGENTREG_HOME", self.home.as_os_str()),
            ("AGENTREG_TASK", OsStr::new(self.agent.task.as_str())),
            ("AGENTREG_AGENT", OsStr::new(self.agent.id.as_str())),
            ("AGENTREG_BIN", program.as_os_str()),
        ];
        let guardian = Guardian::start(self.lease.as_fd(), &variables).map_err(failed)?;
        let (stdin, stdout, stderr) = (stdin(), stdout(), stderr());
        let prepare = |streams| Waiting::prepare(guardian, self.words, streams, self.grace);
        let kept = |file, shows| Output::kept(self.store, &self.agent, file, shows);
        let (output, ends, input) = match streams {
            Streams::Inherited => (Output::Unseen, None, None),
            Streams::Kept(file) => {
                let (output, ends) = kept(file, false)?;
                let input = File::open("/dev/null").map_err(failed)?;
                (output, ends, Some(input))
            }
            Streams::Tee(file) => {
                let (output, ends) = kept(file, true)?;
                (output, ends, None)
            }
        };
        let input = input.as_ref().map_or(stdin.as_fd(), AsFd::as_fd);
        let waiting = prepare(match &ends {
            Some([out, err]) => [input, out.as_fd(), err.as_fd()],
            None => [input, stdout.as_fd(), stderr.as_fd()],
        });
        let waiting = waiting.map_err(failed)?;
        let home = self.store.identity()?;
        self.lease.note(&running(&waiting, &home))?;
        let wanted = WantedAgent::watch(self.store, &self.agent, self.grace);
        // Whoever terminated the agent before its command stood in the lease was not heard of.
        wanted.check()?;
        Ok(Prepared {
            waiting,
            output,
            wanted,
        })
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
        // It is recorded why, and no more of the command than is kept of it anyway.
        let name = super::kept(self.words, true).concat();
        let failure = Failure::io(format_args!("run {name}"), error);
        self.ended_without(code, &failure.message);
        NotRun { code, failure }
    }

    /// Where even this cannot be recorded, the lease is free and somebody will reap the agent.
    fn ended_without(&self, code: u8, reason: &str) {
        let end = record::not_run(code, reason);
        let _ = self
            .store
            .end(&self.agent.task, &self.agent.id, end.status, &end.ending);
    }
}

/// What a lease tells of a command that waits.
fn running(waiting: &Waiting, home: &str) -> Running {
    Running {
        command: noted(waiting.pid, home),
        host: process::host_name(),
        watches: true,
        supervisor: Some(noted(getpid(), home)),
        guardian: Some(noted(waiting.guardian(), home)),
        init: getpid() == Pid::INIT,
        cleared: false,
    }
}

/// A lease is a lock: that it tells who is who is of use, and not to be had everywhere.
fn noted(process: Pid, home: &str) -> Noted {
    let pid = process.as_raw_pid().unsigned_abs();
    Noted {
        pid,
        process: process::identify(pid, home).ok().flatten(),
    }
}
