//! The lives of agents as their scripts live them.

use std::io::Write;
use std::process::Stdio;

use crate::env::Env;

#[test]
fn an_id_is_printed_alone() {
    let env = Env::new();
    let task = env.ok(&["task", "new", "work"]);
    let agent = env.ok(&["register", "--task", &task, "--type", "code_auditor"]);
    assert!(
        task.starts_with("TASK-") && task.len() == "TASK-20251017-213512-5169d812".len(),
        "{task}"
    );
    assert!(
        agent.starts_with("code_auditor-") && agent.len() == "code_auditor-213536-71587d".len(),
        "{agent}"
    );
}

#[test]
fn the_task_is_found_by_the_agent_where_none_is_named() {
    let env = Env::new();
    env.task("T");
    env.task("U");
    env.agent("U", "mine");
    env.ok(&["progress", "--agent=mine", "-p", "30", "here"]);
    assert_eq!(env.json(&["status", "U"])["agents"][0]["percent"], 30);
    env.agent("T", "mine");
    assert!(
        env.fails(2, &["progress", "--agent=mine", "where"])
            .contains("--task")
    );
}

#[test]
fn what_a_report_leaves_out_stays_and_running_becomes_working() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    let report = |args: &[&str]| {
        let agent =
            env.json(&[&["progress", "--task=T", "--agent=a"], args].concat())["agent"].clone();
        (
            agent["status"].clone(),
            agent["percent"].clone(),
            agent["message"].clone(),
        )
    };
    assert_eq!(
        report(&["-p", "40"]),
        ("working".into(), 40.into(), serde_json::Value::Null)
    );
    assert_eq!(
        report(&["first"]),
        ("working".into(), 40.into(), "first".into())
    );
    assert_eq!(
        report(&["-s", "blocked"]),
        ("blocked".into(), 40.into(), "first".into())
    );
    assert_eq!(
        report(&["-p", "50"]),
        ("blocked".into(), 50.into(), "first".into())
    );
    assert_eq!(
        report(&["-s", "done"]),
        ("completed".into(), 100.into(), "first".into())
    );
}

#[test]
fn an_end_reported_twice_is_counted_once_and_any_other_report_after_it_is_refused() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    for _ in 0..2 {
        env.ok(&[
            "progress",
            "--task=T",
            "--agent=a",
            "-s",
            "completed",
            "-m",
            "fin",
        ]);
    }
    env.fails(4, &["progress", "--task=T", "--agent=a", "-s", "working"]);
    env.fails(4, &["progress", "--task=T", "--agent=a", "-s", "failed"]);
    env.ok(&["finding", "--task=T", "--agent=a", "still welcome"]);
    let counted = [1, 0, 1, 0, 0];
    assert_eq!(env.counts("T"), (counted, counted));
    assert_eq!(env.json(&["reports", "--task=T"])["total"], 2);
}

#[test]
fn a_text_may_begin_with_a_hyphen_or_come_from_standard_input_or_by_its_option() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    let said = || env.json(&["status", "T"])["agents"][0]["message"].clone();
    env.ok(&["progress", "--task=T", "--agent=a", "- a list item"]);
    assert_eq!(said(), "- a list item");
    env.ok(&["progress", "--task=T", "--agent=a", "-m", "--percnt"]);
    assert_eq!(said(), "--percnt");
    env.ok(&["progress", "--task=T", "--agent=a", "--", "--percnt"]);
    assert_eq!(said(), "--percnt");
    let mut child = env
        .command(&["progress", "--task=T", "--agent=a", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all("two\nlines\n".as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said(), "two\nlines");
}

#[test]
fn a_completion_has_its_evidence_and_is_refused_what_the_task_requires_and_it_lacks() {
    let env = Env::new();
    env.ok(&[
        "task",
        "new",
        "work",
        "--id=T",
        "--require-evidence",
        "reports=2,findings=1",
    ]);
    env.agent("T", "a");
    let me = ["--task=T", "--agent=a"];
    let complete = [&["progress"], &me[..], &["-s", "completed"]].concat();
    let refusal = env.fails(4, &complete);
    assert!(
        refusal.contains("2 reports (it has 1)") && refusal.contains("1 finding (it has 0)"),
        "{refusal}"
    );
    env.ok(&[&["progress"], &me[..], &["-p", "60", "half"]].concat());
    env.ok(&[&["finding"], &me[..], &["x"]].concat());
    std::fs::write(env.root().join("result.txt"), "made").unwrap();
    let evidence = env.json(&complete)["agent"]["evidence"].clone();
    assert_eq!(
        (&evidence["reports"], &evidence["findings"]),
        (&2.into(), &1.into())
    );
    assert_eq!(evidence["files_changed"]["count"], 1);
    assert_eq!(
        evidence["warnings"],
        serde_json::json!(["completed without a message"])
    );
}

#[test]
fn a_parent_is_who_registers_and_depth_is_bounded() {
    let env = Env::new();
    env.ok(&["task", "new", "work", "--id=T", "--max-depth=2"]);
    let register = |id: &str, agent: Option<&str>, more: &[&str]| {
        let id = format!("--id={id}");
        let mut command = env.command(&[&["register", "--type=coder", &id], more].concat());
        command.env("AGENTREG_TASK", "T");
        if let Some(agent) = agent {
            command.env("AGENTREG_AGENT", agent);
        }
        command.output().unwrap().status.code()
    };
    assert_eq!(register("lead", None, &[]), Some(0));
    assert_eq!(register("helper", Some("lead"), &[]), Some(0));
    assert_eq!(register("too-deep", Some("helper"), &[]), Some(4));
    assert_eq!(
        register("second-lead", Some("helper"), &["--parent=none"]),
        Some(0)
    );
    let agents = env.json(&["status", "T"])["agents"].clone();
    let depths: Vec<_> = agents
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["parent"].as_str(), a["depth"].as_u64()))
        .collect();
    assert_eq!(
        depths,
        [(None, Some(1)), (Some("lead"), Some(2)), (None, Some(1))]
    );
}

#[test]
fn closing_is_refused_while_agents_are_active_unless_forced() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    env.agent("T", "b");
    env.fails(4, &["task", "close", "T"]);
    env.ok(&["task", "close", "T", "--force"]);
    env.ok(&["task", "close", "T"]);
    env.fails(4, &["register", "--task=T", "--type=coder"]);
    assert_eq!(env.json(&["status", "T"])["counts"]["terminated"], 2);
    assert_eq!(env.json(&["status"])["totals"]["tasks_closed"], 1);
    env.is_healthy();
}

#[test]
fn files_are_private_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let env = Env::new();
    let script = "umask 0; agentreg task new x --id T; agentreg register --task T --type c --id a; \
                  agentreg finding --task T --agent a hi; agentreg progress --task T --agent a -s failed";
    let mut shell = std::process::Command::new("sh");
    assert!(
        env.prepare(shell.args(["-ec", script]))
            .output()
            .unwrap()
            .status
            .success()
    );
    let mut open = vec![env.home()];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            metadata.permissions().mode() & 0o777,
            wanted,
            "{}",
            path.display()
        );
        seen += 1;
        if metadata.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    assert!(seen > 10);
}

#[test]
fn a_report_costs_what_it_says_however_much_its_agent_was_registered_with() {
    let env = Env::new();
    env.task("T");
    let prompt = "p".repeat(16 * 1024);
    let labels: Vec<String> = (0..64).map(|n| format!("--label=k{n}=v")).collect();
    let mut register = vec!["register", "--task=T", "--type=w", "--id=a", "--prompt"];
    register.push(&prompt);
    env.ok(&register);
    let log = env.task_dir("T").join("agents/active/a.jsonl");
    let grows = |args: &[&str]| {
        let before = std::fs::metadata(&log).unwrap().len();
        env.ok(&[args, &["--task=T", "--agent=a"]].concat());
        std::fs::metadata(&log).unwrap().len() - before
    };
    for args in [&["progress", "-p", "5"][..], &["progress", "a word"]] {
        let bytes = grows(args);
        assert!(bytes < 1000, "{args:?}: {bytes}");
    }
    // It is kept all the same.
    let exported = env.json(&["export", "T"]);
    assert_eq!(exported["agents"][0]["prompt"].as_str(), Some(&*prompt));
    assert_eq!(
        env.json(&["status", "T"])["agents"][0]["prompt"],
        serde_json::Value::Null
    );
    env.ok(&[
        "progress",
        "--task=T",
        "--agent=a",
        "-s",
        "completed",
        "over",
    ]);
    for document in ["journal.jsonl", "tasks/T/journal.jsonl"] {
        let text = std::fs::read_to_string(env.home().join(document)).unwrap();
        assert!(text.matches(&prompt).count() <= 1, "{document}");
    }
    assert_eq!(
        env.json(&["export", "T"])["agents"][0]["prompt"].as_str(),
        Some(&*prompt)
    );

    let many: Vec<&str> = ["register", "--task=T", "--type=w"]
        .into_iter()
        .chain(labels.iter().map(String::as_str))
        .collect();
    env.ok(&many);
    let said = env.fails(2, &[&many[..], &["--label=one=more"]].concat());
    assert!(said.contains("64"), "{said}");
    let run = [&["run"], &many[1..], &["--label=one=more", "--", "true"]].concat();
    let ran = env.run(&run);
    assert!(ran.stderr.contains("64"), "{ran:?}");
}

#[test]
fn an_agent_of_another_task_is_no_parent_and_nobody_is_their_own() {
    let env = Env::new();
    env.task("outer");
    env.task("inner");
    env.agent("outer", "lead");
    // An orchestrator that an agent of the outer task started: that agent's name is still in its environment.
    let calls: [&[&str]; 3] = [
        &["register", "--type", "w", "--id", "a"],
        &["run", "--type", "w", "--id", "b", "--", "true"],
        &["run", "--detach", "--type", "w", "--id", "c", "--", "true"],
    ];
    for args in calls {
        let mut command = env.command(args);
        command.env("AGENTREG_TASK", "inner");
        command.env("AGENTREG_AGENT", "lead");
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{args:?}: {ran:?}");
    }
    let inside =
        "task=$(agentreg task new sub) && AGENTREG_TASK=$task agentreg register --type w --id d";
    let args = ["run", "--task", "outer", "--id", "nested", "--", "sh", "-c"];
    env.ok(&[&args[..], &[inside]].concat());
    // Repeated by the agent itself, a registration names itself as its parent, and is the same all the same.
    let args = ["register", "--task", "outer", "--type", "x", "--id", "self"];
    env.ok(&args);
    let again = env.command(&args).env("AGENTREG_AGENT", "self").output();
    assert!(again.as_ref().unwrap().status.success(), "{again:?}");
    for task in env.json(&["export", "inner"])["agents"].as_array().unwrap() {
        assert!(task["parent"].is_null(), "{task}");
    }
    env.is_healthy();
}
