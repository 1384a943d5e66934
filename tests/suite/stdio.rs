//! The standard streams, whatever they are: in non-blocking mode as Node.js and event loops leave them, sockets, read
//! slowly, full, closed, or left by their reader.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use rustix::net::sockopt::set_socket_send_buffer_size;
use serde_json::Value;

use crate::env::{BINARY, Env, Ran};
use crate::live::{stat, until};

/// Both ends of something that takes little at a time, the one to write to in non-blocking mode.
fn narrow(kind: &str) -> (File, OwnedFd) {
    let (read, write): (OwnedFd, OwnedFd) = if kind == "socket" {
        let (read, write) = UnixStream::pair().unwrap();
        set_socket_send_buffer_size(&write, 4096).unwrap();
        (read.into(), write.into())
    } else {
        let (read, write) = std::io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&write, 4096).unwrap();
        (read.into(), write.into())
    };
    rustix::io::ioctl_fionbio(&write, true).unwrap();
    (File::from(read), write)
}

/// Comes back once a call sleeps, as one does that waits for its reader or its writer, or has ended.
#[track_caller]
pub fn until_it_waits(child: &Child) {
    let pid = child.id().try_into().unwrap();
    until("it to wait", || {
        stat(pid, 0).is_none_or(|state| state == "S" || state == "Z")
    });
}

#[test]
fn an_answer_is_whole_whoever_reads_it_slowly() {
    let env = Env::in_memory();
    env.task("t");
    env.agent("t", "a");
    for n in 0..40 {
        let message = format!("{n} {}", "m".repeat(900));
        env.ok(&["finding", "--task", "t", "--agent", "a", &message]);
        env.ok(&["progress", "--task", "t", "--agent", "a", &message]);
    }
    std::fs::write(env.task_dir("t").join("output/a.log"), "o".repeat(300_000)).unwrap();
    for args in [
        &["findings", "--json"][..],
        &["findings"],
        &["reports", "--json"],
        &["export", "t"],
        &["output", "a"],
        &["output", "a", "--json"],
        &["events", "--json"],
        &["completions", "bash"],
        &["task", "--help"],
    ] {
        let whole = env.command(args).output().unwrap().stdout;
        for kind in ["pipe", "socket"] {
            let (mut reader, stdout) = narrow(kind);
            let mut child = env
                .command(args)
                .stdout(stdout)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            if whole.len() > 16_384 {
                until_it_waits(&child);
            }
            let mut got = Vec::new();
            reader.read_to_end(&mut got).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(status.code(), Some(0), "{args:?} to a {kind}");
            // When it was exported is another moment each time.
            assert_eq!(got.len(), whole.len(), "{args:?} to a {kind}");
        }
    }
}

#[test]
fn a_complaint_is_whole_whoever_reads_it_slowly() {
    let env = Env::in_memory();
    env.task("t");
    let (mut reader, stderr) = narrow("pipe");
    let long = "x".repeat(50_000);
    let mut child = env
        .command(&["status", "--no-such-option", &long])
        .arg(&long)
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap();
    until_it_waits(&child);
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(got.contains("--no-such-option"), "{got}");
}

#[test]
fn a_text_from_standard_input_is_waited_for_in_whatever_mode_that_is() {
    let env = Env::in_memory();
    env.task("t");
    env.agent("t", "a");
    for (args, sent) in [
        (&["progress", "--task=t", "--agent=a", "-"][..], "late\n"),
        (&["finding", "--task=t", "--agent=a", "-"], "late\n"),
        (
            &["finding", "--task=t", "--agent=a", "--data=-", "late"],
            "[1]\n",
        ),
        (
            &["register", "--task=t", "--type=w", "--prompt=-"],
            "late\n",
        ),
        (&["task", "new", "-"], "late\n"),
    ] {
        let (stdin, mut writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&stdin, true).unwrap();
        let child = env
            .command(args)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until_it_waits(&child);
        writer.write_all(sent.as_bytes()).unwrap();
        drop(writer);
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    }
    let agent = &env.json(&["status", "t", "--all"])["agents"][0];
    assert_eq!(agent["message"], "late");
    let findings = env.json(&["findings", "--task", "t"]);
    assert_eq!(findings["findings"][0]["message"], "late");
    assert_eq!(findings["findings"][1]["data"], serde_json::json!([1]));
}

/// A call whose standard output leads nowhere.
fn unheard(env: &Env, call: &str, how: &str) -> Ran {
    let mut command = Command::new("sh");
    // The shell's redirection, so that it may be closed, too.
    let script = format!("exec \"$0\" {call} {how}");
    env.prepare(&mut command)
        .args(["-c", &script, BINARY])
        .env("AGENTREG_TASK", "t");
    if how == UNREAD {
        let (reader, stdout) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(stdout).stderr(Stdio::piped());
        return command.spawn().unwrap().wait_with_output().unwrap().into();
    }
    command.output().unwrap().into()
}

/// To a pipe that nobody reads any more.
const UNREAD: &str = "";

/// The ids of all tasks and agents.
fn ids(env: &Env) -> Vec<String> {
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let tasks = env.json(&["task", "list"]);
    let agents = env.json(&["status", "t", "--all"]);
    [&tasks["tasks"], &agents["agents"]]
        .iter()
        .flat_map(|list| list.as_array().unwrap().iter().map(id))
        .collect()
}

#[test]
fn what_was_made_is_named_where_its_id_cannot_be_printed() {
    let env = Env::in_memory();
    env.task("t");
    for how in [">/dev/full", ">&-", UNREAD] {
        for call in [
            "task new more",
            "register --type w",
            "register --type w --json",
            "register --type w -q",
            "run --detach -- true",
            "run --detach --json -- true",
        ] {
            let before = ids(&env);
            let ran = unheard(&env, call, how);
            let at = format!("{call} {how}: {ran:?}");
            assert_eq!(ran.code, Some(1), "{at}");
            let made: Vec<String> = ids(&env)
                .into_iter()
                .filter(|id| !before.contains(id))
                .collect();
            assert_eq!(made.len(), 1, "{at}");
            assert!(ran.stderr.contains(&made[0]), "{at}");
        }
    }
    env.is_healthy();
}

/// Once its command runs somebody else may hold the task's lock for long, the command itself for one.
#[test]
fn a_detached_run_names_its_agent_though_the_lock_cannot_be_had_any_more() {
    let env = Env::in_memory();
    env.task("t");
    let log = env.root().join("strace");
    let run = |id: &str, json: &[&str], inject: &str| {
        let mut strace = Command::new("strace");
        env.prepare(&mut strace)
            .args(["-qq", "-e", "trace=flock", "-e", inject, "-o"])
            .arg(&log)
            .args([
                BINARY,
                "run",
                "--detach",
                "--task=t",
                "--lock-timeout=0s",
                "--id",
                id,
            ])
            .args(json)
            .args(["--", "true"]);
        Ran::from(strace.output().expect("strace starts; this test needs it"))
    };
    for (json, whole, late) in [(&[][..], "a1", "b1"), (&["--json"], "a2", "b2")] {
        assert_eq!(run(whole, json, "signal=none").code, Some(0));
        let before = std::fs::read_to_string(&log)
            .unwrap()
            .matches("flock(")
            .count();
        // All that its registration needs; whatever it would lock after that is taken.
        let taken = format!("inject=flock:error=EAGAIN:when={}+", before + 1);
        let ran = run(late, json, &taken);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains(late), "{ran:?}");
        env.ok(&["wait", whole, late]);
    }
}

#[test]
fn a_change_whose_answer_cannot_be_printed_is_done_and_says_so() {
    let env = Env::in_memory();
    env.task("t");
    env.agent("t", "a");
    for call in [
        "progress --agent a -p 5 said",
        "finding --agent a found",
        "progress --agent a -s completed over",
        "task set --priority P0",
    ] {
        for how in [">/dev/full", ">&-", UNREAD] {
            let ran = unheard(&env, call, how);
            assert_eq!(ran.code, Some(0), "{call} {how}: {ran:?}");
            // A reader that has gone has seen enough.
            let is_told = how != UNREAD;
            assert_eq!(
                ran.stderr.contains("could not be printed"),
                is_told,
                "{call} {how}: {ran:?}"
            );
        }
    }
    let agent = &env.json(&["status", "t", "--all"])["agents"][0];
    assert_eq!(agent["status"], "completed");
    assert_eq!(env.json(&["findings", "--task", "t"])["total"], 3);
    env.is_healthy();
}
