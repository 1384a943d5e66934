use std::collections::BTreeMap;
use std::process::Command;

use agentreg::model::rules::Registration;
use agentreg::model::{AgentId, End, EndHow, Status};
use agentreg::store::Store;
use agentreg::store::file::{FileStore, Options};
use serde_json::Value;

use super::{Running, parsed, while_locked};
use crate::env::Env;

fn follow(env: &Env, words: &[&str]) -> Running {
    let following = Running::start(&mut env.command(&[words, &["--follow", "--json"]].concat()));
    following.until_it_watches();
    following
}

fn documents(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| parsed(line)).collect()
}

#[test]
fn each_finding_comes_once_in_order_until_the_task_is_closed() {
    let env = Env::new();
    env.task("t");
    for agent in ["a", "b", "c", "d"] {
        env.agent("t", agent);
    }
    let share = |agent: &str, text: &str| {
        env.ok(&[
            "finding", "--task", "t", "--agent", agent, "-s", "high", text,
        ]);
    };
    for text in ["one", "two", "three"] {
        share("a", text);
    }
    let mut following = follow(&env, &["findings", "--task", "t", "--limit", "2"]);
    std::thread::scope(|scope| {
        for agent in ["a", "b", "c", "d"] {
            scope.spawn(move || (0..10).for_each(|number| share(agent, &number.to_string())));
        }
    });
    env.ok(&["task", "close", "t", "--force"]);
    following.exits(0);
    let found = documents(&following.rest());
    let numbers: Vec<u64> = found.iter().map(|f| f["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (2..=43).collect::<Vec<u64>>());
    assert_eq!(found[0]["message"], "two");
    assert_eq!(found[0]["schema"], 1);
}

#[test]
fn what_the_other_options_leave_out_does_not_come_later_either() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    env.agent("t", "b");
    let following = follow(
        &env,
        &["findings", "a", "--task", "t", "--min-severity", "high"],
    );
    for (agent, severity, text) in [
        ("a", "low", "1"),
        ("b", "high", "2"),
        ("a", "critical", "3"),
    ] {
        env.ok(&[
            "finding", "--task", "t", "--agent", agent, "-s", severity, text,
        ]);
    }
    env.ok(&["task", "close", "t", "--force"]);
    let found = documents(&following.rest());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["message"], "3");
}

#[test]
fn each_report_comes_once_in_order_across_the_end_of_agents() {
    let env = Env::new();
    env.task("t");
    let mut following = follow(&env, &["reports", "--task", "t"]);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let env = &env;
            scope.spawn(move || {
                let agent = format!("a{number}");
                env.agent("t", &agent);
                for percent in 1..=8 {
                    env.reports("t", &agent, &["-p", &percent.to_string()]);
                }
                env.reports("t", &agent, &["-s", "completed", "all done"]);
            });
        }
    });
    env.ok(&["task", "close", "t"]);
    following.exits(0);
    let reports = documents(&following.rest());
    let mut by_agent = BTreeMap::<String, Vec<u64>>::new();
    let mut last = String::new();
    for report in &reports {
        let at = report["at"].as_str().unwrap().to_owned();
        assert!(last <= at, "{at} comes after {last}");
        last = at;
        let agent = report["agent"].as_str().unwrap().to_owned();
        by_agent
            .entry(agent)
            .or_default()
            .push(report["seq"].as_u64().unwrap());
    }
    assert_eq!(by_agent.len(), 6);
    for (agent, numbers) in by_agent {
        assert_eq!(numbers, (1..=10).collect::<Vec<u64>>(), "{agent}");
    }
    assert_eq!(
        env.json(&["reports", "--task", "t"])["reports"]
            .as_array()
            .unwrap()
            .len(),
        60
    );
}

#[test]
fn each_event_comes_once_in_order_across_rotations() {
    let env = Env::new();
    env.task("t");
    let following = follow(&env, &["events"]);
    let store = FileStore::new(Options {
        journal_limit: 4_000,
        ..Options::new(env.home())
    });
    let task = "t".parse().unwrap();
    for number in 0..60 {
        let id: AgentId = format!("a{number}").parse().unwrap();
        store.register(&task, &registration(&id)).unwrap();
        let end = End {
            how: EndHow::Terminated,
            code: None,
            signal: None,
            reason: None,
        };
        store
            .end(&task, &id, Status::Terminated, &end.into())
            .unwrap();
    }
    let rotated = std::fs::read_dir(env.home()).unwrap().flatten();
    let rotated =
        rotated.filter(|entry| entry.file_name().to_string_lossy().starts_with("journal-"));
    assert!(rotated.count() > 3, "the journal was not rotated");
    for rev in 1..=121 {
        assert_eq!(parsed(&following.line())["rev"], rev);
    }
}

fn registration(id: &AgentId) -> Registration {
    Registration {
        id: id.clone(),
        agent_type: "w".parse().unwrap(),
        parent: agentreg::model::rules::Parent::None,
        unique: false,
        pid: None,
        process: None,
        ttl: None,
        host: None,
        labels: BTreeMap::new(),
        command: None,
        prompt: None,
    }
}

#[test]
fn without_a_task_those_that_are_opened_later_are_followed_too() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    let following = follow(&env, &["findings"]);
    env.task("u");
    env.agent("u", "b");
    env.ok(&["finding", "--task", "u", "--agent", "b", "from u"]);
    assert_eq!(parsed(&following.line())["task"], "u");
    env.ok(&["finding", "--task", "t", "--agent", "a", "from t"]);
    assert_eq!(parsed(&following.line())["message"], "from t");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    let mut shell = Command::new("sh");
    env.prepare(&mut shell)
        .args(["-c", "agentreg reports --follow | head -n 1"]);
    let mut pipeline = Running::start(&mut shell);
    assert!(pipeline.line().contains("running"));
    // Nothing more ever comes, and the shell waits for both.
    pipeline.exits(0);
}

#[test]
fn people_get_lines_without_documents() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    let following = Running::start(&mut env.command(&["events", "--follow", "--limit", "1"]));
    assert!(following.line().contains("registered"));
    env.reports("t", "a", &["-s", "completed"]);
    assert!(following.line().contains("completed"));
}

#[test]
fn a_process_that_was_stopped_in_a_change_holds_up_nobody_who_follows() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    env.ok(&["finding", "--task", "t", "--agent", "a", "there"]);
    while_locked(&env, "t", || {
        for words in [
            ["findings", "--task", "t"],
            ["reports", "--task", "t"],
            ["events", "--task", "t"],
        ] {
            follow(&env, &words).line();
        }
        let watching = Running::start(&mut env.command(&["status", "t", "--watch"]));
        assert!(watching.line().contains("work"));
    });
}
