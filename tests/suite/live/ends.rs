//! Every end of a command is recorded, and `run` ends as it did.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use super::{World, code_and_signal, kill};

#[track_caller]
fn ends(world: &World, id: &str, status: &str, how: &str, code: Option<i32>, signal: Option<i32>) {
    let (is, end) = world.end(id);
    assert_eq!((is.as_str(), &end["how"]), (status, &how.into()), "{end}");
    assert_eq!(end["code"], Value::from(code), "{end}");
    assert_eq!(end["signal"], Value::from(signal), "{end}");
    world.env.is_healthy();
}

#[test]
fn an_exit_is_recorded_and_passed_on() {
    let world = World::new();
    for (id, code, status) in [
        ("a", 0, "completed"),
        ("b", 3, "failed"),
        ("c", 255, "failed"),
    ] {
        let ran = world
            .run(id, &[], &format!("exit {code}"))
            .status()
            .unwrap();
        assert_eq!(ran.code(), Some(code));
        ends(&world, id, status, "exit", Some(code), None);
    }
    assert_eq!(world.agent("a")["percent"], 100);
    assert_eq!(world.agent("a")["command"][0], "sh");
}

#[test]
fn a_signal_to_the_command_is_recorded_and_kills_run_too() {
    let world = World::new();
    for (id, signal) in [("a", 9), ("b", 15), ("c", 11), ("d", 16)] {
        let ran = world
            .run(id, &[], &format!("kill -{signal} $$"))
            .status()
            .unwrap();
        assert_eq!(code_and_signal(ran), (None, Some(signal)), "{id}");
        ends(&world, id, "failed", "signal", None, Some(signal));
    }
}

#[test]
fn a_signal_to_run_reaches_the_command() {
    let world = World::new();
    for (id, signal) in [
        ("a", Signal::TERM),
        ("b", Signal::INT),
        ("c", Signal::HUP),
        ("d", Signal::USR1),
    ] {
        let number = signal.as_raw();
        let mut run = world.started(id, &[], "exec sleep 1000");
        kill(run.pid(), signal);
        assert_eq!(code_and_signal(run.wait()), (None, Some(number)));
        ends(&world, id, "failed", "signal", None, Some(number));
        let other = format!("{id}2");
        let script = format!("trap 'exit 7' {number}; echo > told; while :; do sleep 0.01; done");
        let mut run = world.started(&other, &[], &script);
        super::until("the trap", || world.env.root().join("told").exists());
        kill(run.pid(), signal);
        assert_eq!(run.wait().code(), Some(7));
        ends(&world, &other, "failed", "exit", Some(7), None);
        fs::remove_file(world.env.root().join("told")).unwrap();
    }
}

#[test]
fn the_agents_own_report_of_its_end_stays() {
    let world = World::new();
    let script = "agentreg -q progress -s completed 'all reviewed'; exit 5";
    let ran = world
        .run("a", &["--require-report"], script)
        .status()
        .unwrap();
    assert_eq!(ran.code(), Some(5));
    ends(&world, "a", "completed", "reported", None, None);
    assert_eq!(world.agent("a")["message"], "all reviewed");
}

#[test]
fn where_a_report_is_required_an_exit_0_without_it_is_a_failure() {
    let world = World::new();
    let ran = world
        .run("a", &["--require-report"], "exit 0")
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("no report of its end"));
    ends(&world, "a", "failed", "exit", Some(0), None);
}

#[test]
fn what_cannot_be_executed_is_126_or_127_and_recorded() {
    let world = World::new();
    let root = world.env.root();
    fs::write(root.join("plain"), "").unwrap();
    for (id, command, code) in [("a", "no-such-command", 127), ("b", "./plain", 126)] {
        let stderr = world
            .env
            .fails(code, &["run", "--task", "T", "--id", id, "--", command]);
        assert!(stderr.contains(command), "{stderr}");
        ends(&world, id, "failed", "exit", Some(code), None);
    }
}

#[test]
fn a_refusal_is_125_and_says_its_kind() {
    let world = World::with_slots(1);
    let _run = world.started("a", &[], "exec sleep 1000");
    let told = world
        .env
        .fails(125, &["run", "--json", "--task", "T", "--", "true"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"]["kind"], "limit_reached");
    assert_eq!(told["error"]["retryable"], true);
    let again = ["run", "--task", "T", "--id", "a", "--", "true"];
    assert!(world.env.fails(125, &again).contains("already"));
    world.env.fails(2, &["run", "--task", "T", "true"]);
    world.env.fails(2, &["run", "--task", "T", "--", "["]);
}

#[test]
fn who_runs_out_of_time_is_asked_to_end_then_killed() {
    let world = World::new();
    let ran = world
        .run("a", &["--timeout", "50ms"], "exec sleep 1000")
        .status()
        .unwrap();
    assert_eq!(ran.code(), Some(124));
    ends(&world, "a", "failed", "timeout", None, Some(15));
    // The child of the command hears it too, and keeps the group until it is killed.
    let script = "trap '' TERM; sleep 1000 & exec sleep 1000";
    let options = ["--timeout", "50ms", "--grace", "100ms"];
    let mut run = world.started("b", &options, script);
    assert_eq!(run.wait().code(), Some(124));
    assert_eq!(super::group(run.command), [0; 0]);
    ends(&world, "b", "failed", "timeout", None, Some(9));
}

#[test]
fn no_signal_slips_between_the_start_and_the_record() {
    let world = World::new();
    for n in 0..40_u64 {
        let id = format!("a{n}");
        let mut child = world
            .run(&id, &[], "exec sleep 1000")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(n * 400));
        kill(i32::try_from(child.id()).unwrap(), Signal::TERM);
        assert_eq!(code_and_signal(child.wait().unwrap()), (None, Some(15)));
    }
    let (task, _) = world.env.counts("T");
    assert_eq!(task[1], 0, "active");
    // Those that were told before they were anything are not there at all.
    assert_eq!(task[0], task[3], "spawned and failed");
}

#[test]
fn what_the_caller_ignores_the_command_ignores() {
    let world = World::new();
    let script =
        "trap '' HUP; exec agentreg run --id a -- sh -c 'kill -HUP $PPID; kill -HUP $$; exit 4'";
    assert_eq!(world.shell(script).status().unwrap().code(), Some(4));
}

#[test]
fn an_agent_that_is_terminated_while_it_is_recorded_stays_so() {
    let world = World::new();
    let mut run = world.started("a", &[], "trap 'exit 0' TERM; while :; do sleep 0.01; done");
    world.env.ok(&["terminate", "a", "--task", "T"]);
    assert_eq!(run.wait().code(), Some(0));
    ends(&world, "a", "terminated", "terminated", None, None);
}
