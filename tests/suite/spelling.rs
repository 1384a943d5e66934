//! On a file system that merges upper and lower case, a name in another case opens what is another's.
//!
//! Such a file system is played: the other name is a second name of the same log, and a copy of the task's directory.

use std::fs;

use crate::env::{Env, copy_tree};

fn with_other_names() -> Env {
    let env = Env::new();
    env.task("Nightly");
    env.agent("Nightly", "Worker");
    env.ok(&["progress", "--task", "Nightly", "--agent", "Worker", "mine"]);
    let active = env.task_dir("Nightly").join("agents/active");
    for name in ["WORKER", "Worker."] {
        let other = active.join(format!("{name}.jsonl"));
        fs::hard_link(active.join("Worker.jsonl"), other).unwrap();
    }
    copy_tree(&env.task_dir("Nightly"), &env.task_dir("NIGHTLY"));
    env
}

fn is_unchanged(env: &Env) {
    for name in ["WORKER", "Worker."] {
        let other = format!("agents/active/{name}.jsonl");
        fs::remove_file(env.task_dir("Nightly").join(other)).unwrap();
    }
    fs::remove_dir_all(env.task_dir("NIGHTLY")).unwrap();
    env.is_healthy();
    let agents = env.json(&["status", "Nightly", "--all"]);
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1, "{agents}");
    assert_eq!(agents["agents"][0]["message"], "mine");
    assert_eq!(env.counts("Nightly").1, [1, 1, 0, 0, 0]);
}

#[test]
fn an_agent_in_another_case_is_unknown_and_its_id_is_taken() {
    let env = with_other_names();
    for other in ["WORKER", "Worker."] {
        let me = ["--task", "Nightly", "--agent", other];
        for (args, code) in [
            (&["progress", "-p", "10", "not mine"][..], 3),
            (&["progress", "-s", "completed", "-m", "over"], 3),
            (&["finding", "not mine"], 3),
        ] {
            env.fails(code, &[args, &me].concat());
        }
        let register = ["register", "--task", "Nightly", "--type", "w"];
        let said = env.fails(4, &[&register[..], &["--id", other]].concat());
        assert!(said.contains("upper and lower case"), "{said}");
        let child = ["--id", "child", "--parent", other];
        env.fails(3, &[&register[..], &child].concat());
    }
    let said = env.fails(
        3,
        &["progress", "--task", "Nightly", "--agent", "WORKER", "x"],
    );
    assert!(
        said.contains("write it as it was registered: Worker"),
        "{said}"
    );
    is_unchanged(&env);
}

#[test]
fn a_task_in_another_case_is_unknown_and_its_id_is_taken() {
    let env = with_other_names();
    let me = ["--task", "NIGHTLY", "--agent", "Worker"];
    for args in [
        &["progress", "-p", "10", "not mine"][..],
        &["progress", "-s", "failed", "-m", "over"],
        &["finding", "not mine"],
    ] {
        env.fails(3, &[args, &me].concat());
    }
    for args in [
        &["register", "--task", "NIGHTLY", "--type", "w"][..],
        &["run", "--task", "NIGHTLY", "--", "true"],
        &["task", "set", "NIGHTLY", "--priority", "P0"],
        &["task", "close", "NIGHTLY", "--force"],
        &["task", "show", "NIGHTLY"],
        &["status", "NIGHTLY"],
        &["findings", "--task", "NIGHTLY"],
        &["reports", "--task", "NIGHTLY"],
        &["reap", "--task", "NIGHTLY"],
        &["terminate", "Worker", "--task", "NIGHTLY"],
        &["output", "Worker", "--task", "NIGHTLY"],
        &["wait", "--task", "NIGHTLY", "--timeout", "1s"],
        &["export", "NIGHTLY"],
    ] {
        let ran = env.run(args);
        let right = if args[0] == "run" { 125 } else { 3 };
        assert_eq!(ran.code, Some(right), "{args:?}: {ran:?}");
    }
    let said = env.fails(4, &["task", "new", "work", "--id", "NIGHTLY"]);
    assert!(said.contains("upper and lower case"), "{said}");
    is_unchanged(&env);
}
