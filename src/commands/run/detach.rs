//! `run --detach`: the agent is registered here, then handed to a supervisor in a session of its own.
//!
//! The supervisor is this program again. Its standard input is a socket on which it answers once, its standard output
//! the lease, its standard error the agent's output. When it has answered it holds nothing of its caller's, whatever
//! descriptors that left open: a shell's `flock` ends with the shell, and a pipe with its writers.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use agentreg::model::{AgentId, Kind, TaskId};
use agentreg::process::{self, SUPERVISOR, Signals};
use agentreg::store::file::{FileStore, Options};
use agentreg::store::{AgentsWanted, Lease, Store};
use nix::libc;
use serde::{Deserialize, Serialize};

use super::job::{Job, NotRun, Streams};
use crate::cli::RunArgs;
use crate::commands::context::{self, Context};
use crate::output::{Answer, Failure, finish};

/// What the supervisor is told beside the command and the variables that the command gets too.
#[derive(Serialize, Deserialize)]
struct Orders {
    lock_timeout: Duration,
    timeout: Option<Duration>,
    grace: Duration,
    require_report: bool,
    leave_background: bool,
    /// What was changed of the caller's signals.
    signals: u8,
}

/// Its answer when the command did not run.
#[derive(Serialize, Deserialize)]
struct Refusal {
    code: u8,
    kind: String,
    message: String,
    hint: Option<String>,
}

/// Registers the agent and starts its supervisor; returns when the command runs.
pub fn start(args: &RunArgs, context: &Context) -> Result<Answer, NotRun> {
    let (agent, lease) = super::registered(args, context, &mut || ())?;
    let store = context.store()?;
    let orders = Orders {
        lock_timeout: context.lock_timeout(),
        timeout: args.timeout,
        grace: args.grace,
        require_report: args.require_report,
        leave_background: args.leave_background,
        signals: process::changed_signals(),
    };
    let mut job = Job {
        store,
        home: context.home()?,
        agent,
        lease,
        words: &args.command,
        timeout: None,
        grace: args.grace,
        require_report: false,
        leave_background: false,
    };
    let output = match store.output(&job.agent.task, &job.agent.id) {
        Ok(output) => output,
        Err(error) => return Err(job.give_up(error.into())),
    };
    let failed = |error| Failure::io("start the supervisor", &error);
    let answer = match supervise(&job, &orders, output) {
        Ok(answer) => answer,
        Err(error) => return Err(job.give_up(failed(error))),
    };
    if !answer.is_empty() {
        return Err(refusal(&answer));
    }
    let answer = if context.json() {
        let wanted = AgentsWanted::These(std::slice::from_ref(&job.agent.id));
        // The command runs, so its agent's id is told whatever keeps anybody from looking at the agent now.
        if let Some(now) = store
            .view(&job.agent.task, wanted)
            .ok()
            .and_then(|mut view| view.agents.pop())
        {
            job.agent = now;
        }
        Answer::text(crate::commands::agent_document(store, &job.agent))
    } else {
        Answer::lines([&job.agent.id])
    };
    Ok(answer.of_new("agent", &job.agent.id))
}

/// Starts the supervisor and waits for its answer; none means that the command runs.
fn supervise(job: &Job<'_>, orders: &Orders, output: File) -> io::Result<Vec<u8>> {
    inherit_only_streams()?;
    let (mut socket, its_socket) = UnixStream::pair()?;
    let child = Command::new(process::this_program())
        .arg0(SUPERVISOR)
        .arg(serde_json::to_string(orders)?)
        .args(job.words)
        .env("AGENTREG_HOME", &job.home)
        .env("AGENTREG_TASK", job.agent.task.as_str())
        .env("AGENTREG_AGENT", job.agent.id.as_str())
        .stdin(Stdio::from(OwnedFd::from(its_socket)))
        .stdout(Stdio::from(job.lease.as_fd().try_clone_to_owned()?))
        .stderr(Stdio::from(output))
        .spawn()?;
    drop(child);
    // One that is killed before it answers leaves a half one: its end is the newline.
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    match answer.pop() {
        Some(b'\n') => Ok(answer),
        _ => Err(io::Error::other("it died")),
    }
}

/// From here on whoever is started gets standard input, output and error, and no other descriptor.
#[allow(unsafe_code)]
fn inherit_only_streams() -> io::Result<()> {
    // SAFETY: it takes three numbers, and marks descriptors without closing one.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if marked == 0 {
        return Ok(());
    }
    // Kernels before 5.11.
    for entry in fs::read_dir("/proc/self/fd")? {
        let number = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<RawFd>().ok());
        if let Some(number) = number.filter(|number| *number > 2) {
            // SAFETY: it is open, for it was listed just now and this program has no other thread that closes one.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

fn refusal(answer: &[u8]) -> NotRun {
    match serde_json::from_slice::<Refusal>(answer) {
        Ok(refusal) => NotRun {
            code: refusal.code,
            failure: Failure {
                hint: refusal.hint,
                ..Failure::new(
                    Kind::named(&refusal.kind).unwrap_or(Kind::Io),
                    refusal.message,
                )
            },
        },
        Err(error) => Failure::io("understand the supervisor", &error.into()).into(),
    }
}

/// What the supervisor does.
pub fn supervisor(words: &[OsString]) -> u8 {
    let _ = rustix::process::setsid();
    match carry_out(words) {
        Ok(unrecorded) => {
            if let Some(failure) = unrecorded {
                finish(Err(failure), false);
            }
            0
        }
        Err(NotRun { code, failure }) => {
            let refusal = Refusal {
                code,
                kind: failure.kind.as_str().to_owned(),
                message: failure.message,
                hint: failure.hint,
            };
            answer(&serde_json::to_string(&refusal).unwrap_or_default());
            code
        }
    }
}

fn carry_out(words: &[OsString]) -> Result<Option<Failure>, NotRun> {
    let lost = |what: &str| Failure::usage(format!("{what} is missing"));
    let failed = |error: io::Error| Failure::io("take over from the caller", &error);
    let lease = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)
        .map_err(|errno| failed(errno.into()))?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map_err(|errno| failed(errno.into()))?;
    let (orders, command) = words.split_first().ok_or_else(|| lost("the order"))?;
    let orders: Orders =
        serde_json::from_slice(orders.as_encoded_bytes()).map_err(|error| failed(error.into()))?;
    let home = std::env::var_os("AGENTREG_HOME").ok_or_else(|| lost("the home"))?;
    let task = context::task_variable()?.and_then(|task| task.parse::<TaskId>().ok());
    let task = task.ok_or_else(|| lost("the task"))?;
    let id: AgentId = context::agent_variable()?.ok_or_else(|| lost("the agent"))?;
    let store = FileStore::new(Options {
        lock_timeout: orders.lock_timeout,
        ..Options::new(&home)
    });
    process::take_over_signals(orders.signals);
    let mut signals = Signals::hear().map_err(failed)?;
    let wanted = AgentsWanted::These(std::slice::from_ref(&id));
    let agent = store.view(&task, wanted)?.agents.pop();
    let job = Job {
        store: &store,
        home: home.into(),
        agent: agent.ok_or_else(|| lost("the agent"))?,
        lease: Lease::inherited(lease, id.as_str().into()),
        words: command,
        timeout: orders.timeout,
        grace: orders.grace,
        require_report: orders.require_report,
        leave_background: orders.leave_background,
    };
    let output = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)
        .map_err(|errno| failed(errno.into()))?;
    let streams = Streams::Kept(File::from(output));
    let conclusion = job.carry_out(&mut signals, streams, || answer(""))?;
    Ok(conclusion.unrecorded)
}

/// Answers the caller, and lets go of it. Where it is gone nobody needs an answer.
fn answer(text: &str) {
    if let Ok(socket) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) {
        let _ = UnixStream::from(socket).write_all(format!("{text}\n").as_bytes());
    }
    if let Ok(null) = File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(null);
    }
}
