//! What is recorded of a command's end, and what if it cannot be.

use std::thread::sleep;
use std::time::{Duration, Instant};

use agentreg::model::{self, Agent, End, EndHow, Kind, Status, format_duration};
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
    pub ending: model::Ending,
}

/// How the agent of a command that ended so ends, unless it has said itself.
pub fn end_of(ended: &Ended, timeout: Option<Duration>, require_report: bool) -> Ending {
    let (how, reason) = if ended.timed_out {
        let after = format_duration(timeout.unwrap_or_default());
        let reason = format!("it ran out of time after {after}");
        (EndHow::Timeout, Some(reason))
    } else {
        let how = match ended.code {
            Some(_) => EndHow::Exit,
            None => EndHow::Signal,
        };
        let reason = if ended.unguarded {
            Some("its guardian was killed".to_owned())
        } else if ended.code == Some(0) && require_report {
            Some("its command exited with 0 and no report of its end".to_owned())
        } else {
            None
        };
        (how, reason)
    };
    let is_completed = ended.code == Some(0) && reason.is_none();
    let status = if is_completed {
        Status::Completed
    } else {
        Status::Failed
    };
    let end = End {
        how,
        code: ended.code,
        signal: ended.signal,
        reason,
    };
    let left = ended.left.len();
    let warnings = [
        (left > 0).then(|| format!("left {}", processes(left))),
        let_go(ended),
    ];
    Ending {
        status,
        ending: model::Ending {
            warnings: warnings.into_iter().flatten().collect(),
            ..end.into()
        },
    }
}

/// What a person should know of what a command left running.
pub fn told(ended: &Ended, leaves_background: bool) -> Vec<String> {
    let left = ended.left.len();
    let names = ended.left.join(", ");
    let left = (left > 0 && !leaves_background).then(|| {
        format!(
            "the command left {} running, which {} ended: {names}; --leave-background keeps such",
            processes(left),
            if left == 1 { "was" } else { "were" },
        )
    });
    let unfinished = ended
        .unfinished
        .then(|| "what was killed is not gone yet: the agent's guardian waits for that".to_owned());
    [left, let_go(ended), unfinished]
        .into_iter()
        .flatten()
        .collect()
}

fn let_go(ended: &Ended) -> Option<String> {
    let count = ended.let_go.len();
    let names = ended.let_go.join(", ");
    (count > 0).then(|| format!("{} may not be signalled: {names}", processes(count)))
}

fn processes(count: usize) -> String {
    format!("{count} process{}", if count == 1 { "" } else { "es" })
}

/// How the agent of a command that never ran ends.
pub fn not_run(code: u8, reason: &str) -> Ending {
    let end = End {
        how: EndHow::Exit,
        code: Some(code.into()),
        signal: None,
        reason: Some(reason.to_owned()),
    };
    Ending {
        status: Status::Failed,
        ending: end.into(),
    }
}

/// Records the end. A full disk or a lock that is not free is tried again for a while, unless a signal says that it is
/// enough. Gives what a person should know.
pub fn record(
    store: &dyn Store,
    agent: &Agent,
    ending: &Ending,
    signals: &mut Signals,
) -> Result<Option<String>, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match store.end(&agent.task, &agent.id, ending.status, &ending.ending) {
            Ok(done) => {
                let warning = done.warning.map(|error| error.to_string());
                return Ok(warning.or_else(|| unreported(ending, done.changed, agent)));
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
    let end = &ending.ending.end;
    let is_unreported = changed && ending.status == Status::Failed && end.code == Some(0);
    is_unreported.then(|| {
        let reason = end.reason.as_deref().unwrap_or_default();
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
            ..Ended::default()
        }
    }

    #[test]
    fn only_an_exit_0_completes() {
        let of = |ended, require| {
            let ending = end_of(&ended, Some(Duration::from_secs(60)), require);
            (ending.status, ending.ending.end.how)
        };
        let failed = |how| (Status::Failed, how);
        let exit_0 = ended(Some(0), None, false);
        assert_eq!(of(exit_0.clone(), false), (Status::Completed, EndHow::Exit));
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
