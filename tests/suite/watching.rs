//! `wait`, `--follow`, `output`, `status --watch` and `doctor --locks`: what looks on while others work.

mod crowd;
mod follow;
mod locks;
mod output;
mod screen;
mod smoke;
mod wait;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use fd_lock::RwLock;
use serde_json::Value;

use crate::env::Env;

/// What takes longer than this on a busy machine hangs.
const LONG: Duration = Duration::from_secs(30);

/// A call that goes on while the test does something else; killed when the test is over.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Comes back once the call sleeps in the kernel with its watches set: a change from now on has to wake it.
    #[track_caller]
    fn until_it_watches(&self) {
        let pid = self.child.id();
        eventually("it watches", || {
            let sleeps = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, s)| s.starts_with('S'))
            });
            let watches = fs::read_dir(format!("/proc/{pid}/fdinfo"))
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| fs::read_to_string(entry.path()).ok())
                .any(|info| info.contains("inotify wd:"));
            sleeps && watches
        });
    }

    /// The next line.
    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a line comes")
    }

    /// Every line up to the end of its output.
    #[track_caller]
    fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end after {rest:?}"),
            }
        }
    }

    /// Comes back when it has ended.
    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("it ends", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    #[track_caller]
    fn exits(&mut self, code: i32) {
        assert_eq!(self.end().code(), Some(code));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until it is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Does something while the task's lock is held, as by a process that was stopped in the middle of a change.
fn while_locked(env: &Env, task: &str, act: impl FnOnce()) {
    let lock = fs::File::options()
        .read(true)
        .write(true)
        .open(env.task_dir(task).join("lock"))
        .expect("a lock file");
    let mut lock = RwLock::new(lock);
    let _held = lock.write().expect("the lock");
    act();
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

impl Env {
    #[track_caller]
    fn reports(&self, task: &str, agent: &str, words: &[&str]) {
        self.ok(&[&["progress", "--task", task, "--agent", agent], words].concat());
    }
}
