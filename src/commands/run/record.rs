//! What is recorded of a command's end, and what if it cannot be.

use std::thread::sleep;
use std::time::{Duration, Instant};

use agentreg::model::{Agent, End, EndHow, Kind, Status, format_duration};
use agentreg::process::{Ended, Signals};
use agentreg::store::{Error, Store};
use rustix::process::Signal;

use crate::output::Failure;

/// How long a full disk or a lock that is never free is put up with.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// How an agent is to end.
#[derive(Debug, PartialEq, Eq)]
pub struct Ending {
    pub status: Status,
    pub end: End,
}

/// How the agent of a command that ended so ends, unless it has said itself.
pub fn end_of(ended: &Ended, timeout: Option<Duration>, require_report: bool) -> Ending {
    let (status, how, reason) = match (ended.timed_out, ended.code) {
        (true, _) => {
            let after = format_duration(timeout.unwrap_or_default());
            let reason = format!("it ran out of time after {after}");
            (Status::Failed, EndHow::Timeout, Some(reason))
        }
        (false, Some(0)) if require_report => {
            let reason = "its command exited with 0 and no report of its end".to_owned();
            (Status::Failed, EndHow::Exit, Some(reason))
        }
        (false, Some(0)) => (Status::Completed, EndHow::Exit, None),
        (false, Some(_)) => (Status::Failed, EndHow::Exit, None),
        (false, None) => (Status::Failed, EndHow::Signal, None),
    };
    Ending {
        status,
        end: End {
            how,
            code: ended.code,
            signal: ended.signal,
            reason,
        },
    }
}

/// How the agent of a command that never ran ends.
pub fn not_run(code: u8, reason: &str) -> Ending {
    Ending {
        status: Status::Failed,
        end: End {
            how: EndHow::Exit,
            code: Some(code.into()),
            signal: None,
            reason: Some(reason.to_owned()),
        },
    }
}

/// What came of recording an end.
pub struct Recorded {
    /// What a person should know of it.
    pub warning: Option<String>,
    /// Somebody terminated the agent meanwhile.
    pub terminated: bool,
}

/// Records the end. A full disk or a lock that is not free is tried again for a while, unless a signal says that it is
/// enough.
pub fn record(
    store: &dyn Store,
    agent: &Agent,
    ending: &Ending,
    signals: &mut Signals,
) -> Result<Recorded, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match store.end(
            &agent.task,
            &agent.id,
            ending.status,
            &ending.end.clone().into(),
        ) {
            Ok(done) => {
                let warning = done.warning.map(|error| error.to_string());
                let end = done.value.end.as_ref();
                return Ok(Recorded {
                    warning: warning.or_else(|| unreported(ending, done.changed, agent)),
                    terminated: end.is_some_and(|end| end.how == EndHow::Terminated),
                });
            }
            Err(error) => error,
        };
        let is_enough = signals
            .take()
            .iter()
            .any(|signal| matches!(*signal, Signal::INT | Signal::TERM | Signal::QUIT));
        if !may_pass(&error) || is_enough || Instant::now() >= deadline {
            let failure = Failure::from(error);
            return Err(Failure {
                message: format!(
                    "the end of agent {} could not be recorded: {}",
                    agent.id, failure.message
                ),
                ..failure
            }
            .hint("agentreg reap will record that it is gone"));
        }
        sleep(PAUSE);
    }
}

fn may_pass(error: &Error) -> bool {
    error.retryable() || error.kind() == Kind::Io
}

fn unreported(ending: &Ending, changed: bool, agent: &Agent) -> Option<String> {
    let is_unreported = changed && ending.status == Status::Failed && ending.end.code == Some(0);
    is_unreported.then(|| {
        let reason = ending.end.reason.as_deref().unwrap_or_default();
        format!("agent {} has failed: {reason}", agent.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: Option<i32>, signal: Option<i32>, timed_out: bool) -> Ended {
        Ended {
            code,
            signal,
            timed_out,
        }
    }

    #[test]
    fn only_an_exit_0_completes() {
        let of = |ended, require| {
            let ending = end_of(&ended, Some(Duration::from_secs(60)), require);
            (ending.status, ending.end.how)
        };
        let failed = |how| (Status::Failed, how);
        let exit_0 = ended(Some(0), None, false);
        assert_eq!(of(exit_0, false), (Status::Completed, EndHow::Exit));
        assert_eq!(of(exit_0, true), failed(EndHow::Exit));
        assert_eq!(of(ended(Some(3), None, false), true), failed(EndHow::Exit));
        assert_eq!(
            of(ended(None, Some(9), false), false),
            failed(EndHow::Signal)
        );
        assert_eq!(
            of(ended(Some(0), None, true), false),
            failed(EndHow::Timeout)
        );
    }
}
