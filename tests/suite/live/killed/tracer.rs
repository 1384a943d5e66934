//! A process that another one starts, from its first system call to its death before one of them.
//!
//! strace follows all children of a process or none. This follows the first one alone, and not what that starts.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::env::{BINARY, Env};

/// What changes nothing that anybody could see.
const NOISE: [libc::c_long; 8] = [
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_clock_gettime,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
];

/// What became of a call whose first child was followed.
pub struct Followed {
    /// What the call itself, which was not traced, came to.
    pub caller: Output,
    /// The numbers of the child's system calls, beginning with `setsid`.
    pub calls: Vec<libc::c_long>,
    /// Whether the child was killed.
    pub killed: bool,
}

/// Makes the call and follows the first process it starts, which is killed before its `nth` system call, if any.
pub fn follow(env: &Env, args: &[&str], nth: Option<usize>) -> Followed {
    let mut shell = Command::new("sh");
    let mut caller = env
        .prepare(&mut shell)
        // It must be traced before it starts anything.
        .args(["-c", "read go; exec \"$@\"", "sh", BINARY])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(caller.id()).unwrap());
    let births =
        Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
    ptrace::seize(pid, births).unwrap();
    let mut go = caller.stdin.take().unwrap();
    go.write_all(b"go\n").unwrap();
    let child = first_child(pid);
    ptrace::detach(pid, None).unwrap();
    let (calls, killed) = trace(child, nth);
    let caller = caller.wait_with_output().unwrap();
    Followed {
        caller,
        calls,
        killed,
    }
}

fn next(pid: Pid) -> WaitStatus {
    waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap()
}

/// Lets it run until it has a child, which is traced too and waits.
fn first_child(pid: Pid) -> Pid {
    loop {
        match next(pid) {
            WaitStatus::PtraceEvent(
                _,
                _,
                libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE,
            ) => return Pid::from_raw(i32::try_from(ptrace::getevent(pid).unwrap()).unwrap()),
            WaitStatus::Stopped(_, signal) => ptrace::cont(pid, signal).unwrap(),
            WaitStatus::PtraceEvent(..) => ptrace::cont(pid, None).unwrap(),
            other => panic!("it started nothing: {other:?}"),
        }
    }
}

/// Its system calls, up to its end or the one before which it is killed, and whether it was.
fn trace(pid: Pid, nth: Option<usize>) -> (Vec<libc::c_long>, bool) {
    let mut calls = Vec::new();
    let mut enters = true;
    loop {
        let signal = match next(pid) {
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_STOP) if calls.is_empty() => {
                // Instead of those it was born with: what it starts is not traced.
                let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL;
                ptrace::setoptions(pid, options).unwrap();
                None
            }
            WaitStatus::PtraceSyscall(_) => {
                // Each call stops it twice, before and after it.
                if enters {
                    let call = call_of(pid);
                    if call == libc::SYS_setsid || !calls.is_empty() && !NOISE.contains(&call) {
                        calls.push(call);
                        if nth == Some(calls.len()) {
                            kill(pid, Signal::SIGKILL).unwrap();
                        }
                    }
                }
                enters = !enters;
                None
            }
            WaitStatus::Stopped(_, signal) => Some(signal),
            WaitStatus::Exited(..) => {
                assert!(!enters, "it exits by a system call");
                return (calls, false);
            }
            WaitStatus::Signaled(_, Signal::SIGKILL, _) => return (calls, true),
            other => panic!("it came to {other:?}"),
        };
        // Where it was killed it is not there to go on.
        let _ = ptrace::syscall(pid, signal);
    }
}

/// The number of the system call that it is about to make.
fn call_of(pid: Pid) -> libc::c_long {
    let text = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
    let number = text.split_ascii_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap()
}
