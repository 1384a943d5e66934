//! A process that is stopped in the middle of a call holds up its own task and no other.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::crash::strace::Site;
use crate::env::{BINARY, Env, Ran};
use crate::state::State;

/// A call that was stopped.
pub struct Stopped {
    child: Child,
}

impl Stopped {
    /// Starts a call and returns when it has stopped: right after its first system call `name` on `path`.
    fn after(name: &str, path: &std::path::Path, env: &Env, args: &[&str]) -> Self {
        let path = path.to_str().expect("a path in UTF-8");
        Self::start(name, 1, &["-P", path], env, args)
    }

    /// The same, right after the system call at `site`.
    pub fn at(site: &Site, env: &Env, args: &[&str]) -> Self {
        Self::start(&site.name, site.nth, &[], env, args)
    }

    fn start(name: &str, nth: usize, options: &[&str], env: &Env, args: &[&str]) -> Self {
        let mut command = Command::new("strace");
        // -D: the call is our child, and strace its own.
        env.prepare(&mut command)
            .args(["-D", "-qq", "-o", "/dev/null"])
            .args(options)
            .args(["-e", &format!("trace={name}"), "-e"])
            .arg(format!("inject={name}:signal=STOP:when={nth}"))
            .arg(BINARY)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("strace does not start, and this test needs it; install strace: {error}")
        });
        let stopped = Self { child };
        let (_, status) = waitpid(Some(stopped.pid()), WaitOptions::UNTRACED)
            .expect("it can be waited for")
            .expect("it stops");
        assert!(status.stopped(), "{args:?} did not stop: {status:?}");
        stopped
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Lets it go on to its end.
    pub fn go_on(self) -> Ran {
        kill_process(self.pid(), Signal::CONT).expect("it can go on");
        self.child.wait_with_output().expect("it ends").into()
    }
}

/// Kills a call right after its first system call `name` on `path`.
fn kill_after(name: &str, path: &std::path::Path, env: &Env, args: &[&str]) {
    let mut stopped = Stopped::after(name, path, env, args);
    stopped.child.kill().expect("it can be killed");
    stopped.child.wait().expect("it ends");
}

/// Two tasks with two agents each.
fn two_tasks() -> Env {
    let env = Env::new();
    for task in ["T", "U"] {
        env.task(task);
        env.agent(task, "a");
        env.agent(task, "b");
    }
    env
}

const REPORT: [&str; 6] = ["progress", "--task", "T", "--agent", "a", "halfway"];

#[track_caller]
fn times_out(env: &Env, args: &[&str], stopped: &Stopped) {
    let said = env.fails(75, &[args, &["--lock-timeout", "1s"]].concat());
    let pid = stopped.pid().as_raw_nonzero().to_string();
    assert!(said.contains(&format!("process {pid} holds it")), "{said}");
}

#[test]
fn a_process_stopped_in_a_report_holds_up_its_own_task_and_no_other() {
    let env = two_tasks();
    let log = env.task_dir("T").join("agents/active/a.jsonl");
    let stopped = Stopped::after("write", &log, &env, &REPORT);
    env.ok(&["progress", "--task", "U", "--agent", "a", "goes on"]);
    env.ok(&["register", "--task", "U", "--type", "coder", "--id", "new"]);
    env.ok(&["progress", "--task", "U", "--agent", "a", "-s", "completed"]);
    env.ok(&["finding", "--task", "U", "--agent", "b", "a leak"]);
    env.ok(&["task", "new", "work", "--id", "V"]);
    times_out(
        &env,
        &["progress", "--task", "T", "--agent", "b", "waits"],
        &stopped,
    );
    times_out(
        &env,
        &["register", "--task", "T", "--type", "coder"],
        &stopped,
    );
    assert_eq!(stopped.go_on().code, Some(0));
    env.ok(&["progress", "--task", "T", "--agent", "b", "goes on"]);
    let log = &State::read(&env.home()).tasks["T"].agents["a"];
    assert_eq!(log.last().unwrap()["message"], "halfway");
    env.is_healthy();
}

#[test]
fn a_process_stopped_before_it_commits_holds_up_its_own_task_and_no_other() {
    let env = two_tasks();
    let lock = env.task_dir("T").join("lock");
    let stopped = Stopped::after(
        "flock",
        &lock,
        &env,
        &["register", "--task", "T", "--type", "coder"],
    );
    env.ok(&["register", "--task", "U", "--type", "coder", "--id", "new"]);
    env.ok(&["progress", "--task", "U", "--agent", "a", "-s", "completed"]);
    times_out(
        &env,
        &["register", "--task", "T", "--type", "coder"],
        &stopped,
    );
    assert_eq!(stopped.go_on().code, Some(0));
    assert_eq!(env.counts("T").1, [6, 5, 1, 0, 0]);
    env.is_healthy();
}

/// What a killed call left undone in one task every change of another has to finish first, and whoever keeps it from that
/// is named.
#[test]
fn who_waits_for_the_lock_of_another_task_is_told_which_it_is_and_who_holds_it() {
    let env = two_tasks();
    let journal = env.home().join("journal.jsonl");
    let register = ["register", "--task", "T", "--type", "coder"];
    kill_after("fdatasync", &journal, &env, &register);
    let lock = env.task_dir("T").join("lock");
    let stopped = Stopped::after("flock", &lock, &env, &REPORT);
    let elsewhere = ["register", "--task", "U", "--type", "coder"];
    let said = env.fails(75, &[&elsewhere[..], &["--lock-timeout", "1s"]].concat());
    let pid = stopped.pid().as_raw_nonzero().to_string();
    assert!(said.contains(&format!("process {pid} holds it")), "{said}");
    assert!(said.contains(&lock.display().to_string()), "{said}");
    env.ok(&["progress", "--task", "U", "--agent", "a", "goes on"]);
    assert_eq!(stopped.go_on().code, Some(0));
    env.ok(&elsewhere);
    assert_eq!(env.counts("T").1, [6, 6, 0, 0, 0]);
    env.is_healthy();
}

#[test]
fn a_process_stopped_while_it_waits_for_the_global_lock_holds_up_no_other_task() {
    let env = two_tasks();
    let lock = env.home().join("lock");
    let global = std::fs::File::open(&lock).unwrap();
    rustix::fs::flock(&global, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let args = ["register", "--task", "T", "--type", "coder"];
    let stopped = Stopped::after("flock", &lock, &env, &args);
    drop(global);
    env.ok(&["register", "--task", "U", "--type", "coder", "--id", "new"]);
    assert_eq!(stopped.go_on().code, Some(0));
    assert_eq!(env.counts("T").1, [6, 6, 0, 0, 0]);
    env.is_healthy();
}

/// The commit itself takes the machine's lock. Reports and findings never do.
#[test]
fn a_process_stopped_in_its_commit_holds_up_changes_everywhere_and_reports_nowhere_else() {
    let env = two_tasks();
    let journal = env.home().join("journal.jsonl");
    let args = ["register", "--task", "T", "--type", "coder", "--id", "new"];
    let stopped = Stopped::after("write", &journal, &env, &args);
    env.ok(&["progress", "--task", "U", "--agent", "a", "goes on"]);
    env.ok(&["finding", "--task", "U", "--agent", "a", "a leak"]);
    env.ok(&["status"]);
    times_out(
        &env,
        &["register", "--task", "U", "--type", "coder"],
        &stopped,
    );
    assert_eq!(stopped.go_on().code, Some(0));
    env.ok(&["register", "--task", "U", "--type", "coder", "--id", "new"]);
    assert_eq!(env.counts("T").1, [6, 6, 0, 0, 0]);
    env.is_healthy();
}

#[test]
fn a_journal_whose_torn_tail_is_cut_while_it_is_read_is_read_on() {
    let env = two_tasks();
    env.ok(&["task", "set", "U", "--max-concurrent", "1"]);
    let journal = env.home().join("journal.jsonl");
    let mut text = std::fs::read(&journal).unwrap();
    text.extend_from_slice(&[b'x'; 500]);
    std::fs::write(&journal, text).unwrap();
    // It knows the file's size and has read nothing.
    let stopped = Stopped::after("fstat", &journal, &env, &REPORT);
    env.fails(4, &["register", "--task", "U", "--type", "coder"]);
    let ran = stopped.go_on();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    env.is_healthy();
}

/// Nothing that is watched tells of the mark that an end is applied: the commit was there before.
#[test]
fn who_begins_to_wait_between_a_commit_and_its_mark_hears_of_the_end() {
    let env = two_tasks();
    let log = env.task_dir("T").join("agents/active/a.jsonl");
    let end = ["progress", "--task", "T", "--agent", "a", "-s", "completed"];
    let stopped = Stopped::after("write", &log, &env, &end);
    let wait = ["wait", "a", "--task", "T", "--timeout", "30s"];
    let waiting = env.command(&wait).stdout(Stdio::piped()).spawn().unwrap();
    let process = format!("/proc/{}", waiting.id());
    crate::live::until("that it sleeps until files change", || {
        let watches = std::fs::read_dir(format!("{process}/fd")).is_ok_and(|fds| {
            fds.flatten().any(|fd| {
                let to = std::fs::read_link(fd.path());
                to.is_ok_and(|to| to.ends_with("anon_inode:inotify"))
            })
        });
        watches
            && std::fs::read_to_string(format!("{process}/wchan"))
                .is_ok_and(|asleep| asleep.contains("poll"))
    });
    let applied = Instant::now();
    assert_eq!(stopped.go_on().code, Some(0));
    let ran = Ran::from(waiting.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // When its time is over it looks once more.
    assert!(applied.elapsed() < Duration::from_secs(10));
    env.is_healthy();
}

#[test]
fn of_two_openings_of_a_task_one_killed_after_its_commit_the_other_finds_it_opened() {
    let env = two_tasks();
    let tasks = env.home().join("tasks");
    let args = ["task", "new", "work", "--id", "N"];
    let stopped = Stopped::after("mkdirat", &tasks, &env, &args);
    let journal = env.home().join("journal.jsonl");
    kill_after("fdatasync", &journal, &env, &args);
    let ran = stopped.go_on();
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "N\n"),
        "{}",
        ran.stderr
    );
    env.agent("N", "a");
    assert_eq!(env.counts("N").0, [1, 1, 0, 0, 0]);
    env.is_healthy();
}
