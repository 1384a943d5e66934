//! Real processes at once: nothing acknowledged is lost, nothing is counted twice, no limit is passed.

mod chaos;
mod limits;

use std::process::{Child, Stdio};
use std::thread;

use crate::env::{Env, Ran};
use crate::state::State;

/// Makes calls at once, each with its number, each to its end.
fn at_once<T: Send>(calls: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let call = &call;
    thread::scope(|scope| {
        let started: Vec<_> = (0..calls).map(|n| scope.spawn(move || call(n))).collect();
        started
            .into_iter()
            .map(|thread| thread.join().expect("no call panics"))
            .collect()
    })
}

/// How many ended with each of these codes; every one did with one of them.
#[track_caller]
fn codes<const N: usize>(ended: &[Ran], codes: [i32; N]) -> [usize; N] {
    for ran in ended {
        let is_expected = ran.code.is_some_and(|code| codes.contains(&code));
        assert!(is_expected, "{ran:?}");
    }
    codes.map(|code| ended.iter().filter(|ran| ran.code == Some(code)).count())
}

/// Both registries count what the logs say, no number is missing, and `doctor` agrees.
#[track_caller]
fn is_right(env: &Env) -> State {
    let state = State::read(&env.home());
    state.has_no_gap("after the race");
    for (id, task) in &state.tasks {
        assert_eq!(
            env.json(&["task", "show", id])["counts"],
            task.recount(),
            "{id}"
        );
    }
    env.is_healthy();
    state
}

/// `test_concurrent_updates` of the orchestrator that lost updates (its `test_race_condition_fix.py`): five agents
/// report five times each, the last time that they have completed at 50 percent.
#[test]
fn test_concurrent_updates() {
    let env = Env::new();
    env.task("TEST-TASK-001");
    let agents: Vec<String> = (0..5).map(|n| format!("agent-{n}")).collect();
    for agent in &agents {
        env.agent("TEST-TASK-001", agent);
    }
    at_once(5, |n| {
        for update in 1..=5 {
            let percent = (update * 10).to_string();
            let status = if update == 5 { "completed" } else { "working" };
            env.ok(&[
                "progress",
                "--task",
                "TEST-TASK-001",
                "--agent",
                &agents[n],
                "-s",
                status,
                "-p",
                &percent,
            ]);
        }
    });
    assert_eq!(
        env.counts("TEST-TASK-001"),
        ([5, 0, 5, 0, 0], [5, 0, 5, 0, 0])
    );
    for log in is_right(&env).tasks["TEST-TASK-001"].agents.values() {
        let percents: Vec<_> = log
            .iter()
            .map(|line| line["percent"].as_u64().unwrap())
            .collect();
        assert_eq!(percents, [0, 10, 20, 30, 40, 50]);
        assert_eq!(log.last().unwrap()["status"], "completed");
    }
}

#[test]
fn every_report_of_64_agents_at_once_is_in_its_log_and_each_end_counts_once() {
    let env = Env::new();
    env.task("T");
    at_once(64, |n| {
        let agent = format!("a-{n}");
        env.agent("T", &agent);
        let progress = ["progress", "--task", "T", "--agent", &agent];
        for report in 0..20 {
            env.ok(&[&progress[..], &[&format!("report {report}")]].concat());
        }
        for _ in 0..2 {
            env.ok(&[&progress[..], &["-s", "completed", "it is finished"]].concat());
        }
    });
    assert_eq!(env.counts("T"), ([64, 0, 64, 0, 0], [64, 0, 64, 0, 0]));
    let state = is_right(&env);
    assert_eq!(state.tasks["T"].agents.len(), 64);
    for (agent, log) in &state.tasks["T"].agents {
        let said: Vec<_> = log[1..]
            .iter()
            .map(|line| line["message"].clone())
            .collect();
        let mut expected: Vec<_> = (0..20).map(|report| format!("report {report}")).collect();
        expected.push("it is finished".to_owned());
        assert_eq!(said, expected, "{agent}");
    }
}

#[test]
fn none_of_500_processes_at_once_times_out() {
    let env = Env::new();
    env.task("T");
    for n in 0..250 {
        env.agent("T", &format!("a-{n}"));
    }
    let start = |n: usize| -> Child {
        let agent = format!("a-{n}");
        let args = match n {
            0..250 => vec!["progress", "--task", "T", "--agent", &agent, "at once"],
            _ => vec!["register", "--task", "T", "--type", "coder", "--id", &agent],
        };
        let mut command = env.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    };
    let started: Vec<Child> = (0..500).map(start).collect();
    let ended: Vec<Ran> = started
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends").into())
        .collect();
    assert_eq!(codes(&ended, [0]), [500]);
    assert_eq!(env.counts("T").1, [500, 500, 0, 0, 0]);
    let state = is_right(&env);
    let reported = state.tasks["T"]
        .agents
        .values()
        .filter(|log| log.len() == 2);
    assert_eq!(reported.count(), 250);
}
