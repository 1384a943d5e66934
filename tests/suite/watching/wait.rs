use std::process::Command;
use std::time::{Duration, Instant};

use super::{Running, eventually, parsed, while_locked};
use crate::env::Env;

fn wait(env: &Env, words: &[&str]) -> Running {
    let words = [&["wait", "--task", "t"], words].concat();
    Running::start(&mut env.command(&words))
}

fn with_agents(agents: &[&str]) -> Env {
    let env = Env::new();
    env.task("t");
    for agent in agents {
        env.agent("t", agent);
    }
    env
}

#[test]
fn it_returns_at_once_if_it_holds_already() {
    let env = with_agents(&["a", "b"]);
    env.reports("t", "a", &["-s", "completed"]);
    assert_eq!(env.run(&["wait", "a"]).code, Some(0));
    assert_eq!(env.run(&["wait", "--task", "t", "--any"]).code, Some(0));
    assert_eq!(env.run(&["wait", "b", "--until", "running"]).code, Some(0));
    assert_eq!(
        env.run(&["wait", "--task", "t", "--any", "--timeout", "0s"])
            .code,
        Some(0)
    );
}

#[test]
fn it_wakes_at_once_when_the_last_agent_ends() {
    let mut late = Vec::new();
    for _ in 0..7 {
        let env = with_agents(&["a", "b"]);
        env.reports("t", "a", &["-s", "completed"]);
        let mut waiting = wait(&env, &[]);
        waiting.until_it_watches();
        env.reports("t", "b", &["-s", "completed"]);
        let ended = Instant::now();
        waiting.exits(0);
        late.push(ended.elapsed());
    }
    late.sort_unstable();
    // Half of a second would be a poll; the promise is 50 ms, and a busy machine takes its time as well.
    assert!(late[3] < Duration::from_millis(150), "{late:?}");
}

#[test]
fn it_misses_no_change_while_it_starts() {
    for _ in 0..30 {
        let env = with_agents(&["a"]);
        let mut waiting = wait(&env, &["--timeout", "20s"]);
        env.reports("t", "a", &["-s", "completed"]);
        waiting.exits(0);
    }
}

#[test]
fn an_agent_that_dies_without_a_word_is_recorded_within_a_second() {
    let env = with_agents(&[]);
    let mut worker = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = worker.id().to_string();
    env.ok(&[
        "register", "--task", "t", "--type", "w", "--id", "a", "--pid", &pid,
    ]);
    let mut waiting = wait(&env, &["--json"]);
    waiting.until_it_watches();
    worker.kill().unwrap();
    worker.wait().unwrap();
    let died = Instant::now();
    waiting.exits(8);
    assert!(
        died.elapsed() < Duration::from_millis(1500),
        "{:?}",
        died.elapsed()
    );
    let agent = &parsed(&waiting.line())["agents"][0];
    assert_eq!(agent["status"], "failed");
    assert_eq!(agent["end"]["how"], "reaped");
    assert_eq!(env.counts("t").0, [1, 0, 0, 1, 0]);
    env.is_healthy();
}

#[test]
fn one_that_is_dead_already_is_not_waited_for() {
    let env = with_agents(&[]);
    let mut worker = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = worker.id().to_string();
    env.ok(&[
        "register", "--task", "t", "--type", "w", "--id", "a", "--pid", &pid,
    ]);
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(env.run(&["wait", "a", "--timeout", "0s"]).code, Some(8));
}

#[test]
fn all_have_to_complete_or_it_exits_8() {
    let env = with_agents(&["a", "b"]);
    env.reports("t", "a", &["-s", "failed", "no disk"]);
    let mut waiting = wait(&env, &[]);
    waiting.until_it_watches();
    env.reports("t", "b", &["-s", "completed"]);
    waiting.exits(8);
    assert_eq!(waiting.line(), "2 agents: 1 completed, 1 failed");
    assert!(waiting.line().contains("no disk"));
}

#[test]
fn what_can_no_longer_come_true_is_not_waited_for() {
    let env = with_agents(&["a", "b"]);
    let mut all = wait(&env, &["--until", "completed", "-q"]);
    let mut any = wait(&env, &["--until", "completed", "--any", "-q"]);
    all.until_it_watches();
    any.until_it_watches();
    env.reports("t", "a", &["-s", "failed"]);
    all.exits(8);
    env.reports("t", "b", &["-s", "completed"]);
    any.exits(0);
    assert!(all.rest().is_empty() && any.rest().is_empty());
    let said = env.fails(8, &["wait", "a", "b", "--until", "blocked"]);
    assert!(said.contains("2 have ended without"), "{said}");
}

#[test]
fn when_the_time_is_over_it_exits_124() {
    let env = with_agents(&["a"]);
    let said = env.fails(124, &["wait", "a", "--timeout", "200ms", "--json"]);
    let error = &parsed(&said)["error"];
    assert_eq!(error["kind"], "timed_out");
    assert_eq!(error["retryable"], true);
}

#[test]
fn who_is_unknown_cannot_be_waited_for() {
    let env = with_agents(&[]);
    env.fails(3, &["wait", "--task", "t"]);
    env.fails(3, &["wait", "--task", "nothing"]);
    env.fails(3, &["wait", "a"]);
    env.fails(2, &["wait"]);
}

#[test]
fn so_many_registrations_are_waited_for_first() {
    let env = with_agents(&[]);
    let mut waiting = wait(&env, &["--agents", "2", "--json"]);
    waiting.until_it_watches();
    env.agent("t", "a");
    env.reports("t", "a", &["-s", "completed"]);
    env.agent("t", "b");
    env.reports("t", "b", &["-s", "completed"]);
    waiting.exits(0);
    let answer = parsed(&waiting.line());
    assert_eq!(answer["met"], true);
    assert_eq!(answer["agents"].as_array().unwrap().len(), 2);
}

#[test]
fn a_closed_task_gets_no_more_registrations() {
    let env = with_agents(&[]);
    env.agent("t", "a");
    env.reports("t", "a", &["-s", "completed"]);
    let mut waiting = wait(&env, &["--agents", "2"]);
    waiting.until_it_watches();
    env.ok(&["task", "close", "t"]);
    waiting.exits(8);
}

#[test]
fn an_agent_registered_meanwhile_is_waited_for_as_well() {
    let env = with_agents(&["a"]);
    let mut waiting = wait(&env, &["--json"]);
    waiting.until_it_watches();
    env.agent("t", "b");
    env.reports("t", "a", &["-s", "completed"]);
    env.reports("t", "b", &["-s", "completed"]);
    waiting.exits(0);
    assert_eq!(
        parsed(&waiting.line())["agents"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_status_that_an_agent_only_passes_through_counts() {
    let env = with_agents(&["a"]);
    let mut waiting = wait(&env, &["a", "--until", "blocked"]);
    waiting.until_it_watches();
    env.reports("t", "a", &["-s", "blocked"]);
    env.reports("t", "a", &["-s", "completed"]);
    waiting.exits(0);
}

#[test]
fn agents_are_found_in_all_open_tasks() {
    let env = with_agents(&["a"]);
    env.task("u");
    env.agent("u", "b");
    let mut waiting = Running::start(&mut env.command(&["wait", "a", "b", "--json"]));
    waiting.until_it_watches();
    env.reports("t", "a", &["-s", "completed"]);
    env.reports("u", "b", &["-s", "completed"]);
    waiting.exits(0);
    assert_eq!(
        parsed(&waiting.line())["agents"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_process_that_was_stopped_in_a_change_holds_up_nobody_who_waits() {
    let env = with_agents(&["a", "b"]);
    env.reports("t", "a", &["-s", "completed"]);
    while_locked(&env, "t", || {
        assert_eq!(
            env.run(&["wait", "a", "--json", "--timeout", "5s"]).code,
            Some(0)
        );
        env.fails(124, &["wait", "b", "--timeout", "100ms"]);
    });
}

#[test]
fn without_inotify_it_looks_every_second() {
    let env = with_agents(&["a"]);
    let mut shell = Command::new("unshare");
    // A user namespace of its own has a limit of its own.
    let script = "echo 0 >/proc/sys/user/max_inotify_instances && echo limited && exec agentreg wait a --json";
    env.prepare(&mut shell).args(["-Ur", "sh", "-c", script]);
    let mut waiting = Running::start(&mut shell);
    let Ok(said) = waiting.lines.recv_timeout(super::LONG) else {
        // No user namespaces here.
        return;
    };
    assert_eq!(said, "limited");
    let pid = waiting.child.id();
    eventually("it waits", || {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == "agentreg")
    });
    env.reports("t", "a", &["-s", "completed"]);
    waiting.exits(0);
}
