//! Real processes at once: nothing acknowledged is lost, nothing is counted twice, no limit is passed.

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
fn of_48_registrations_at_once_under_a_limit_of_7_seven_succeed() {
    let env = Env::new();
    env.ok(&["task", "new", "work", "--id", "T", "--max-concurrent", "7"]);
    let ended = at_once(48, |_| {
        env.run(&["register", "--task", "T", "--type", "coder"])
    });
    assert_eq!(codes(&ended, [0, 4]), [7, 41]);
    assert_eq!(env.counts("T"), ([7, 7, 0, 0, 0], [7, 7, 0, 0, 0]));
    is_right(&env);
}

#[test]
fn the_limit_of_the_machine_holds_across_tasks() {
    let env = Env::new();
    for task in ["T", "U", "V"] {
        env.task(task);
    }
    env.ok(&["config", "max-concurrent", "7"]);
    let ended = at_once(48, |n| {
        env.run(&[
            "register",
            "--task",
            ["T", "U", "V"][n % 3],
            "--type",
            "coder",
        ])
    });
    assert_eq!(codes(&ended, [0, 4]), [7, 41]);
    assert_eq!(env.counts("T").1, [7, 7, 0, 0, 0]);
    is_right(&env);
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

#[test]
fn a_first_task_that_is_opened_20_times_at_once_is_opened_once() {
    let env = Env::new();
    let ended = at_once(20, |_| env.run(&["task", "new", "work", "--id", "T"]));
    assert_eq!(codes(&ended, [0]), [20]);
    let state = is_right(&env);
    assert_eq!((state.journal.len(), state.tasks.len()), (1, 1));
    let leftovers = std::fs::read_dir(env.home().join("tasks")).unwrap().count();
    assert_eq!(leftovers, 1, "what the others built is taken away");
}

#[test]
fn an_agent_that_is_registered_20_times_at_once_is_registered_once() {
    let env = Env::new();
    env.task("T");
    let args = ["register", "--task", "T", "--type", "coder", "--id", "a"];
    let ended = at_once(20, |_| env.run(&args));
    assert_eq!(codes(&ended, [0]), [20]);
    assert_eq!(env.counts("T"), ([1, 1, 0, 0, 0], [1, 1, 0, 0, 0]));
    is_right(&env);
}

#[test]
fn of_20_unique_registrations_at_once_one_succeeds() {
    let env = Env::new();
    env.task("T");
    let args = ["register", "--task", "T", "--type", "coder", "--unique"];
    let ended = at_once(20, |_| env.run(&args));
    assert_eq!(codes(&ended, [0, 4]), [1, 19]);
    is_right(&env);
}

#[test]
fn of_an_agents_contrary_ends_at_once_one_counts() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    let ended = at_once(20, |n| {
        let status = ["completed", "failed"][n % 2];
        env.run(&["progress", "--task", "T", "--agent", "a", "-s", status])
    });
    assert_eq!(codes(&ended, [0, 4]), [10, 10]);
    let ([spawned, active, completed, failed, _], _) = env.counts("T");
    assert_eq!((spawned, active, completed + failed), (1, 0, 1));
    is_right(&env);
}

#[test]
fn a_task_that_is_closed_by_force_while_agents_register_ends_with_none_active() {
    let env = Env::new();
    env.task("T");
    env.task("U");
    let ended = at_once(40, |n| match n {
        20 => env.run(&["task", "close", "T", "--force"]),
        n if n % 4 == 3 => env.run(&["register", "--task", "U", "--type", "coder"]),
        _ => env.run(&["register", "--task", "T", "--type", "coder"]),
    });
    let [admitted, _] = codes(&ended, [0, 4]);
    let ([spawned, active, _, _, terminated], totals) = env.counts("T");
    assert_eq!((active, terminated), (0, spawned));
    assert_eq!(totals[1], 10, "the other task's agents are active");
    assert_eq!(
        spawned + 10 + 1,
        admitted as u64,
        "who was told so was registered"
    );
    assert!(is_right(&env).tasks["T"].is_closed);
}

#[test]
fn what_is_shown_while_agents_come_and_go_always_adds_up() {
    let env = Env::new();
    env.task("T");
    env.task("U");
    at_once(6, |n| {
        let task = ["T", "U"][n % 2];
        for round in 0..15 {
            if n < 2 {
                let shown = env.json(&["status", task, "--all"]);
                let counted = crate::state::tally(shown["agents"].as_array().unwrap().iter());
                assert_eq!(shown["counts"], counted);
                let shown = env.json(&["status"]);
                let sum: u64 = shown["tasks"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|task| task["counts"]["spawned"].as_u64().unwrap())
                    .sum();
                assert_eq!(shown["totals"]["spawned"], sum);
            } else {
                let agent = format!("a-{n}-{round}");
                env.agent(task, &agent);
                env.ok(&[
                    "progress", "--task", task, "--agent", &agent, "-s", "failed",
                ]);
            }
        }
    });
    assert_eq!(env.counts("T").1, [60, 0, 0, 60, 0]);
    is_right(&env);
}

/// The moment of each death is chance, so each run tries others; the crash tests try every one, but alone.
#[test]
fn processes_killed_among_others_lose_and_break_nothing() {
    let env = Env::new();
    env.task("T");
    env.task("U");
    let acknowledged = at_once(6, |n| {
        let task = ["T", "U"][n % 2];
        let agent = format!("a-{n}");
        env.agent(task, &agent);
        let mut acknowledged = Vec::new();
        for round in 0..40_u32 {
            let own = format!("{agent}-{round}");
            let args: &[&str] = match round % 4 {
                0 | 1 => &["progress", "--task", task, "--agent", &agent, &own],
                2 => &["register", "--task", task, "--type", "coder", "--id", &own],
                _ => &["finding", "--task", task, "--agent", &agent, &own],
            };
            let mut command = env.command(args);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("the program starts");
            if n < 3 {
                // Some time into its life of a few milliseconds.
                thread::sleep(std::time::Duration::from_micros(u64::from(
                    round * 997 % 5_000,
                )));
                child.kill().expect("it can be killed");
            }
            let output = child.wait_with_output().expect("it ends");
            if output.status.success() {
                acknowledged.push(own);
            } else {
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert!(n < 3 && stderr.is_empty(), "{args:?}: {stderr}");
            }
        }
        acknowledged
    });
    // Whoever comes next finishes what the dead left.
    env.agent("T", "last");
    env.agent("U", "last");
    let state = is_right(&env);
    let mut found: Vec<String> = Vec::new();
    for task in state.tasks.values() {
        found.extend(task.agents.keys().cloned());
        let said = task.agents.values().flatten().chain(&task.findings);
        found.extend(said.filter_map(|line| Some(line["message"].as_str()?.to_owned())));
    }
    for own in acknowledged.into_iter().flatten() {
        assert!(found.contains(&own), "{own} is lost");
    }
}
