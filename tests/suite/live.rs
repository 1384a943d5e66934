//! Agents that live and die: real processes, signals and terminals.

mod alive;
mod bounded;
mod copied;
mod descendants;
mod detach;
mod ends;
mod examples;
mod full;
mod guardian;
mod halted;
mod hangup;
mod inherits;
mod killed;
mod namespaces;
mod nested;
mod orphaned;
mod reap;
mod scripts;
mod secrets;
mod shells;
mod signals;
mod slots;
mod streams;
mod terminal;
mod terminate;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::env::Env;

/// The task of every test here.
const TASK: &str = "T";

/// Longer than anything here takes; who waits so long has failed.
const LONG: Duration = Duration::from_secs(60);

/// A world with one open task.
struct World {
    env: Env,
}

impl World {
    fn new() -> Self {
        let env = Env::new();
        env.task(TASK);
        Self { env }
    }

    /// The same once more, in memory, to be changed on its own.
    fn copy_of(other: &Self) -> Self {
        let env = Env::copy_of(other.env.root());
        Self { env }
    }

    /// A world whose task has so many slots.
    fn with_slots(slots: u32) -> Self {
        let world = Self::new();
        let slots = slots.to_string();
        world
            .env
            .ok(&["task", "set", TASK, "--max-concurrent", &slots]);
        world
    }

    /// A shell script in this world's root, with the task in its environment.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        self.env
            .prepare(&mut command)
            .args(["-c", script])
            .env("AGENTREG_TASK", TASK);
        command
    }

    /// `run` with these options and this shell script as its command, for the agent `id`.
    fn run(&self, id: &str, options: &[&str], script: &str) -> Command {
        let mut args = vec!["run", "--task", TASK, "--id", id];
        args.extend(options);
        args.extend(["--", "sh", "-c", script]);
        self.env.command(&args)
    }

    /// Starts a run whose command first tells its pid, then does `script`; returns when it has told.
    fn started(&self, id: &str, options: &[&str], script: &str) -> Running {
        let fifo = self.fifo(id);
        let script = format!("echo $$ > {}; {script}", fifo.display());
        let child = self
            .run(id, options, &script)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let command = read(&fifo).trim().parse().unwrap();
        Running { child, command }
    }

    /// A new pipe with a name.
    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.env.root().join(format!("{name}.fifo"));
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    }

    /// The agent as `status` shows it.
    #[track_caller]
    fn agent(&self, id: &str) -> Value {
        let status = self.env.json(&["status", TASK, "--all"]);
        let agents = status["agents"].as_array().unwrap();
        let found = agents.iter().find(|agent| agent["id"] == id);
        found
            .unwrap_or_else(|| panic!("{id} in {agents:?}"))
            .clone()
    }

    /// An agent's status and how it ended.
    #[track_caller]
    fn end(&self, id: &str) -> (String, Value) {
        let agent = self.agent(id);
        (word(&agent["status"]), agent["end"].clone())
    }

    #[track_caller]
    fn alive(&self, id: &str) -> String {
        word(&self.agent(id)["alive"])
    }

    /// Whether nobody holds the agent's lease.
    fn lease_is_free(&self, id: &str) -> bool {
        let path = self.env.task_dir(TASK).join("leases").join(id);
        flock(
            File::open(path).unwrap(),
            FlockOperation::NonBlockingLockShared,
        )
        .is_ok()
    }

    /// Changes what stands in an agent's log.
    fn rewrite(&self, id: &str, change: impl Fn(&str) -> String) {
        let path = self
            .env
            .task_dir(TASK)
            .join(format!("agents/active/{id}.jsonl"));
        let before = fs::read_to_string(&path).unwrap();
        let after = change(&before);
        assert_ne!(before, after);
        fs::write(path, after).unwrap();
    }
}

/// A run that is under way.
struct Running {
    child: Child,
    /// The pid of its command, and its group.
    command: i32,
}

impl Running {
    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn kill(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

/// All that is written to a pipe until its end.
fn read(path: &std::path::Path) -> String {
    let mut text = String::new();
    File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Field `n` of a process's `/proc/<pid>/stat`, counted from its state; none if it is gone.
pub fn stat(pid: i32, n: usize) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    fields.map(str::to_owned).nth(n)
}

/// The processes that live and of which `test` is true.
fn processes(test: impl Fn(i32) -> bool) -> Vec<i32> {
    let names = fs::read_dir("/proc").unwrap().flatten();
    names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid, 0).is_some_and(|state| state != "Z") && test(*pid))
        .collect()
}

/// The living processes of a group.
fn group(id: i32) -> Vec<i32> {
    processes(|pid| stat(pid, 2) == Some(id.to_string()))
}

/// The living children of a process.
fn children(parent: i32) -> Vec<i32> {
    processes(|pid| stat(pid, 1) == Some(parent.to_string()))
}

/// The processes that live and belong to this home.
pub fn of_home(env: &Env) -> Vec<i32> {
    let variable = format!("AGENTREG_HOME={}\0", env.home().display());
    processes(|pid| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
            let mut parts = environ.windows(variable.len());
            parts.any(|part| part == variable.as_bytes())
        })
    })
}

/// Looks until it is so; how long that took.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LONG, "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
    started.elapsed()
}

/// The exit code and the signal.
fn code_and_signal(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}
