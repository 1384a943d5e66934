//! Agents that come, go, and are killed, while others look on.

use std::process::Stdio;
use std::thread;

use super::{at_once, codes, is_right};
use crate::env::Env;

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
