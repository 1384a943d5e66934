//! A lack of something (threads, descriptors, memory, room in a file) is an error as any other: a sentence and a code, and
//! never a crash; and the registry is as sound as before.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::env::{BINARY, Env, Ran};

/// What agents, people and scripts call all day.
const CALLS: [&[&str]; 20] = [
    &["progress", "--task", "t", "--agent", "a", "-p", "5", "said"],
    &[
        "progress",
        "--task",
        "t",
        "--agent",
        "b",
        "-s",
        "completed",
        "over",
    ],
    &[
        "finding", "--task", "t", "--agent", "a", "--data", "{}", "found",
    ],
    &["register", "--task", "t", "--type", "w"],
    &["task", "new", "more work"],
    &["task", "set", "t", "--priority", "P0"],
    &["task", "list", "--all"],
    &["status"],
    &["status", "t", "--all", "--json"],
    &["findings", "--task", "t"],
    &["reports", "--task", "t"],
    &["events"],
    &["wait", "a", "--task", "t", "--timeout", "10ms"],
    &["terminate", "c", "--task", "t"],
    &["reap", "--task", "t"],
    &["output", "a", "--task", "t"],
    &["export", "t"],
    &["config", "max-concurrent", "1000"],
    &["doctor"],
    &["task", "close", "other", "--force"],
];

fn registry() -> Env {
    let env = Env::in_memory();
    for task in ["t", "other"] {
        env.task(task);
        for agent in ["a", "b", "c"] {
            env.agent(task, agent);
        }
    }
    env
}

/// The program with a limit of the shell's.
fn limited(env: &Env, limit: &str, args: &[&str]) -> Ran {
    let mut shell = Command::new("sh");
    env.prepare(&mut shell)
        .args([
            "-c",
            &format!("ulimit {limit} && exec \"$0\" \"$@\""),
            BINARY,
        ])
        .args(args);
    let output = shell.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr,
    }
}

/// It ended by itself, and not by a panic, an abort or a fault.
#[track_caller]
fn is_no_crash(ran: &Ran, at: &str) {
    let is_code = ran
        .code
        .is_some_and(|code| code < 101 || (124..128).contains(&code));
    assert!(is_code, "{at}: {ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{at}: {ran:?}");
    if ran.code == Some(1) {
        let is_told = ["agentreg: ", "{\"schema\":1,\"error\":"];
        let is_told = is_told.iter().any(|start| ran.stderr.starts_with(start));
        assert!(is_told, "{at}: {ran:?}");
    }
}

#[test]
fn a_lack_of_descriptors_is_an_error_that_names_what_could_not_be_opened() {
    for descriptors in 3..13 {
        let env = registry();
        let limit = format!("-n {descriptors}");
        for args in CALLS {
            let ran = limited(&env, &limit, args);
            let at = format!("{args:?} with {descriptors} descriptors");
            is_no_crash(&ran, &at);
            if ran.stderr.contains("os error 24") {
                let home = env.home().display().to_string();
                let names = ran.stderr.contains(&home) || ran.stderr.contains("/proc/");
                assert!(names, "{at}: {ran:?}");
            }
        }
        env.is_healthy();
    }
}

#[test]
fn a_lack_of_memory_is_an_error() {
    // In kilobytes of address space; with the least of them the system cannot even start the program.
    let least = (1..2_000)
        .map(|megabytes| megabytes * 512)
        .find(|kilobytes| {
            let env = Env::in_memory();
            limited(&env, &format!("-v {kilobytes}"), &["--version"]).code == Some(0)
        })
        .expect("it starts");
    let env = registry();
    let message = "x".repeat(60_000);
    for n in 0..40 {
        let data = format!("[{n}, \"{message}\"]");
        env.ok(&[
            "finding", "--task", "t", "--agent", "a", "--data", &data, "long",
        ]);
    }
    let mut refused = 0;
    for more in [0, 64, 128, 256, 512, 1024, 2048, 4096] {
        for args in CALLS {
            let ran = limited(&env, &format!("-v {}", least + more), args);
            is_no_crash(&ran, &format!("{args:?} with {least} + {more} kB"));
            refused += usize::from(ran.stderr.contains("no more memory"));
        }
    }
    assert!(refused > 0, "memory was never short");
    // What was killed in the middle is finished by the next call.
    for agent in ["a", "c"] {
        env.run(&["progress", "--task", "t", "--agent", agent, "goes on"]);
    }
    env.ok(&["register", "--task", "t", "--type", "w"]);
    env.ok(&["doctor"]);
}

/// The system cuts the write off at the limit and sends a signal that ends who does not expect it.
#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_leaves_nothing_half_done() {
    let env = registry();
    // The journal's last line is of this task: that of another is written again before a change.
    env.agent("t", "last");
    let log = env.task_dir("t").join("agents/active/a.jsonl");
    let length = fs::metadata(&log).unwrap().len();
    // The shell counts in blocks: the log has room, and the line has not.
    let limit = format!("-f {}", length / 512 + 1);
    let message = "x".repeat(8_000);
    for (args, file) in [
        (
            &["progress", "--task", "t", "--agent", "a", &message][..],
            &log,
        ),
        (
            &["progress", "--task", "t", "--agent", "b", "-s", "failed"],
            &env.home().join("journal.jsonl"),
        ),
    ] {
        let before = fs::read(file).unwrap();
        let ran = limited(&env, &limit, args);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let says = ran.stderr.contains("File too large")
            && ran.stderr.contains(&file.display().to_string());
        assert!(says, "{ran:?}");
        assert!(fs::read(file).unwrap() == before, "{args:?}: half a line");
    }
    env.is_healthy();
    assert_eq!(env.counts("t").0, [4, 4, 0, 0, 0]);
    for blocks in [0, 1, 2, 4, 8] {
        for args in CALLS {
            let ran = limited(&env, &format!("-f {blocks}"), args);
            is_no_crash(&ran, &format!("{args:?} with {blocks} blocks"));
        }
        env.is_healthy();
    }
    env.ok(&["progress", "--task", "t", "--agent", "a", "goes on"]);
    env.is_healthy();
}

/// Who is started by `run` dies of that signal as without it.
#[test]
fn a_command_gets_the_signal_of_the_size_limit_as_its_caller_had_it() {
    let env = registry();
    let killed = ["sh", "-c", "kill -XFSZ $$; echo alive"];
    let run = ["run", "--task", "t", "--id", "killed", "--"];
    let output = env.command(&[&run[..], &killed].concat()).output().unwrap();
    assert_eq!(output.status.signal(), Some(25), "{output:?}");
    let mut shell = Command::new("sh");
    let script = "trap '' XFSZ; agentreg run --task t -- sh -c \"$1\"";
    env.prepare(&mut shell)
        .args(["-c", script, "sh", killed[2]]);
    let ran = Ran::from(shell.output().unwrap());
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "alive\n"), "{ran:?}");
}

/// A flock on a task's lock.
struct Held(#[allow(dead_code)] File);

impl Held {
    fn on(env: &Env, task: &str) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .open(env.task_dir(task).join("lock"))
            .unwrap();
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
        Self(file)
    }
}

/// The program where no thread and no process can be made.
fn without_threads(env: &Env, args: &[&str]) -> Child {
    let mut strace = Command::new("strace");
    env.prepare(&mut strace)
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-e", "inject=clone,clone3,fork,vfork:error=EAGAIN"])
        .args(["-e", "trace=clone,clone3,fork,vfork", BINARY])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    strace.spawn().expect("strace starts; this test needs it")
}

#[test]
fn a_lock_is_waited_for_without_a_thread() {
    let env = registry();
    let report = ["progress", "--task", "t", "--agent", "a", "waited"];
    let held = Held::on(&env, "t");
    let started = Instant::now();
    let late = [&report[..], &["--lock-timeout", "700ms"]].concat();
    let ran = Ran::from(without_threads(&env, &late).wait_with_output().unwrap());
    assert_eq!(ran.code, Some(75), "{ran:?}");
    assert!(started.elapsed() >= Duration::from_millis(700));
    let me = format!("process {} holds it", std::process::id());
    assert!(ran.stderr.contains(&me), "{ran:?}");
    let child = without_threads(&env, &report);
    // It has found the lock taken when it sleeps.
    crate::live::until("it to wait for the lock", || {
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let children = fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().any(|pid| {
            fs::read_to_string(format!("/proc/{pid}/wchan"))
                .is_ok_and(|at| at.contains("nanosleep"))
        })
    });
    drop(held);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    env.is_healthy();
}

#[test]
fn where_no_process_can_be_made_nothing_crashes() {
    let env = registry();
    for args in CALLS {
        let ran = Ran::from(without_threads(&env, args).wait_with_output().unwrap());
        is_no_crash(&ran, &format!("{args:?} without threads"));
    }
    let ran = Ran::from(
        without_threads(&env, &["run", "--task", "t", "--", "true"])
            .wait_with_output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(125), "{ran:?}");
    env.ok(&["reap", "--task", "t"]);
    env.is_healthy();
}

#[test]
fn a_long_torn_tail_is_passed_over_in_the_time_and_memory_of_reading_it_once() {
    let env = registry();
    let torn = |length: usize| {
        let log = env.task_dir("t").join("agents/active/a.jsonl");
        let mut log = File::options().append(true).open(log).unwrap();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..length {
            log.write_all(&block).unwrap();
        }
    };
    let time = |megabytes: usize| {
        torn(megabytes);
        let started = Instant::now();
        // Far less memory than the tail is long.
        let args = ["progress", "--task", "t", "--agent", "a", "goes on"];
        let ran = limited(&env, "-v 260000", &args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        started.elapsed()
    };
    let (short, long) = (time(40), time(400));
    // With the square of its length it took a hundred times as long.
    assert!(long < short * 40, "{short:?} {long:?}");
    let reports = env.json(&["reports", "--task", "t"]);
    let said: Vec<_> = reports["reports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|report| report["message"] == "goes on")
        .collect();
    assert_eq!(said.len(), 2, "{reports}");
    env.is_healthy();
}
