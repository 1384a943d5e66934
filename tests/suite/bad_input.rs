//! Bad input gets a sentence that says what to do, the exit code of the table, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::env::Env;

/// A home with a task `parser-review` and its agents `coder-1`, active, and `coder-2`, completed.
fn fleet() -> Env {
    let env = Env::new();
    env.task("parser-review");
    env.agent("parser-review", "coder-1");
    env.agent("parser-review", "coder-2");
    env.ok(&[
        "progress",
        "--agent",
        "coder-2",
        "-s",
        "completed",
        "-m",
        "done",
    ]);
    env
}

/// Every file below a directory with its content; links by their target.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(snapshot(&path));
        } else if kind.is_file() {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// The call fails with `code`, says all of `words` on standard error, nothing on standard output, and changes no byte of
/// the home; with `--json` it says one line of the same kind.
#[track_caller]
fn refused(env: &Env, code: i32, kind: &str, args: &[&str], words: &[&str]) {
    let before = snapshot(&env.home());
    let ran = env.run(args);
    assert_eq!(
        ran.code,
        Some(code),
        "{args:?}: {}{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(ran.stdout, "", "{args:?}");
    for word in words {
        assert!(
            ran.stderr.contains(word),
            "{args:?}: {word:?} in {}",
            ran.stderr
        );
    }
    let json = env.run(&[&["--json"], args].concat());
    assert_eq!(json.code, Some(code), "{args:?}: {}", json.stderr);
    let lines: Vec<&str> = json.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{args:?}: {}", json.stderr);
    let error: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(error["schema"], 1);
    assert_eq!(error["error"]["kind"], kind, "{args:?}: {error}");
    assert!(snapshot(&env.home()) == before, "{args:?} changed the home");
}

#[test]
fn an_unknown_task_or_agent_is_exit_3_and_the_nearest_is_named() {
    let env = fleet();
    refused(
        &env,
        3,
        "not_found",
        &["status", "parser-reviev"],
        &["parser-review?"],
    );
    refused(
        &env,
        3,
        "not_found",
        &["task", "close", "other"],
        &["other"],
    );
    let progress = [
        "progress",
        "--task",
        "parser-review",
        "--agent",
        "coder-3",
        "x",
    ];
    refused(
        &env,
        3,
        "not_found",
        &progress,
        &["coder-3", "did you mean coder-"],
    );
    refused(
        &env,
        3,
        "not_found",
        &["progress", "--agent", "nobody", "x"],
        &["no open task has"],
    );
    let register = [
        "register",
        "--task",
        "parser-review",
        "--type",
        "x",
        "--parent",
        "coder-9",
    ];
    refused(&env, 3, "not_found", &register, &["the parent coder-9"]);
}

#[test]
fn an_id_that_is_a_path_is_a_usage_error() {
    let env = fleet();
    for id in [
        "../evil",
        "/etc/passwd",
        "a/b",
        ".hidden",
        "..",
        "-x",
        "",
        &"x".repeat(129),
    ] {
        let new = format!("--id={id}");
        refused(&env, 2, "usage", &["task", "new", "work", &new], &["--id"]);
        let register = [
            "register",
            "--task",
            "parser-review",
            "--type",
            "coder",
            &new,
        ];
        refused(&env, 2, "usage", &register, &["--id"]);
        let agent = format!("--agent={id}");
        refused(&env, 2, "usage", &["progress", &agent, "x"], &[]);
    }
}

#[test]
fn numbers_words_and_data_out_of_range_are_usage_errors_that_say_what_would_do() {
    let env = fleet();
    let me = "--agent=coder-1";
    refused(
        &env,
        2,
        "usage",
        &["progress", me, "-p", "101"],
        &["101", "0 to 100"],
    );
    refused(
        &env,
        2,
        "usage",
        &["progress", me, "-s", "completd"],
        &["did you mean completed?"],
    );
    refused(
        &env,
        2,
        "usage",
        &["progress", me, "completed"],
        &["-s completed"],
    );
    refused(
        &env,
        2,
        "usage",
        &["finding", me, "-s", "hihg", "x"],
        &["did you mean high?"],
    );
    refused(
        &env,
        2,
        "usage",
        &["finding", me, "--data", "{\"a\":\n 1,}", "x"],
        &["line 2 column"],
    );
    refused(
        &env,
        2,
        "usage",
        &["finding", me, "--data", "@missing.json", "x"],
        &["missing.json"],
    );
    refused(
        &env,
        2,
        "usage",
        &["findings", "two words"],
        &["did you mean `agentreg finding`"],
    );
    refused(
        &env,
        2,
        "usage",
        &["findings", "--since", "yesterdayish"],
        &["yesterdayish"],
    );
    refused(
        &env,
        2,
        "usage",
        &["progress", me, "--percnt", "5"],
        &["--percent"],
    );
    refused(
        &env,
        2,
        "usage",
        &["progress", me, "two", "words"],
        &["quotes"],
    );
    refused(&env, 2, "usage", &["statsu"], &["status"]);
    refused(&env, 2, "usage", &["task", "new", "  "], &["empty"]);
    refused(
        &env,
        2,
        "usage",
        &["config", "max-concurent", "3"],
        &["max-concurrent"],
    );
}

#[test]
fn what_is_too_long_is_a_usage_error_that_names_the_bound() {
    let env = fleet();
    let long = "x".repeat(64 * 1024 + 1);
    let me = "--agent=coder-1";
    refused(
        &env,
        2,
        "usage",
        &["progress", me, &long],
        &["65537", "65536"],
    );
    refused(&env, 2, "usage", &["finding", me, &long], &["65536"]);
    let prompt = "x".repeat(16 * 1024 + 1);
    let register = [
        "register",
        "--task=parser-review",
        "--type=x",
        "--prompt",
        &prompt,
    ];
    refused(&env, 2, "usage", &register, &["16384"]);
    let label = format!("key={}", "x".repeat(125));
    let register = [
        "register",
        "--task=parser-review",
        "--type=x",
        "--label",
        &label,
    ];
    refused(&env, 2, "usage", &register, &["128"]);
}

#[test]
fn a_variable_that_is_set_but_empty_names_the_command_that_failed() {
    let env = fleet();
    for (variable, args, words) in [
        (
            "AGENTREG_TASK",
            &["register", "--type", "x"][..],
            "task new",
        ),
        ("AGENTREG_TASK", &["status"], "task new"),
        ("AGENTREG_AGENT", &["progress", "x"], "register"),
        ("AGENTREG_AGENT", &["finding", "x"], "register"),
    ] {
        let output = env.command(args).env(variable, "").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(2),
            "{variable} {args:?}: {stderr}"
        );
        assert!(
            stderr.contains(variable) && stderr.contains(words),
            "{stderr}"
        );
    }
}

#[test]
fn a_rule_that_says_no_is_exit_4() {
    let env = fleet();
    let again = [
        "progress",
        "--agent=coder-2",
        "--task=parser-review",
        "more",
    ];
    refused(
        &env,
        4,
        "illegal_transition",
        &again,
        &["coder-2 has completed"],
    );
    refused(
        &env,
        4,
        "task_active",
        &["task", "close", "parser-review"],
        &["1 active agent", "--force"],
    );
    let twice = [
        "register",
        "--task=parser-review",
        "--type=other",
        "--id=coder-1",
    ];
    refused(&env, 4, "duplicate", &twice, &["coder-1"]);
    refused(
        &env,
        4,
        "duplicate",
        &["task", "new", "other", "--id=parser-review"],
        &["parser-review"],
    );
    let unique = [
        "register",
        "--task=parser-review",
        "--type=coder",
        "--unique",
    ];
    refused(&env, 4, "duplicate", &unique, &["coder-1"]);
    env.ok(&["task", "set", "parser-review", "--max-concurrent", "1"]);
    let third = ["register", "--task=parser-review", "--type=coder"];
    refused(
        &env,
        4,
        "limit_reached",
        &third,
        &["1 active agents of at most 1"],
    );
}

#[test]
fn a_registry_of_a_newer_schema_is_refused_by_every_call() {
    let env = fleet();
    let journal = env.home().join("journal.jsonl");
    let mut lines = fs::read(&journal).unwrap();
    lines.extend(b"{\"schema\":3,\"rev\":99}\n");
    fs::write(&journal, lines).unwrap();
    refused(
        &env,
        6,
        "newer_schema",
        &["status"],
        &["journal.jsonl", "newer"],
    );
    refused(
        &env,
        6,
        "newer_schema",
        &["progress", "--agent=coder-1", "--task=parser-review", "x"],
        &["newer"],
    );
    refused(&env, 6, "newer_schema", &["task", "new", "x"], &["newer"]);
}

#[test]
fn a_registry_that_cannot_be_read_names_the_file_and_the_doctor() {
    let env = fleet();
    fs::remove_file(env.home().join("journal.jsonl")).unwrap();
    let me = ["progress", "--agent=coder-1", "--task=parser-review", "x"];
    refused(
        &env,
        6,
        "damaged",
        &me,
        &["journal.jsonl", "agentreg doctor"],
    );
    refused(&env, 6, "damaged", &["status"], &["journal.jsonl"]);
    refused(
        &env,
        6,
        "damaged",
        &["task", "new", "x"],
        &["journal.jsonl"],
    );
}

#[test]
fn a_home_that_is_a_file_is_refused() {
    let env = Env::new();
    fs::write(env.home(), "not a directory").unwrap();
    refused(
        &env,
        1,
        "io",
        &["task", "new", "x"],
        &["is not a directory", "--home"],
    );
    refused(&env, 1, "io", &["status"], &["is not a directory"]);
    assert_eq!(fs::read(env.home()).unwrap(), b"not a directory");
}

#[test]
fn a_home_that_is_open_to_others_is_refused_with_the_remedy() {
    let env = fleet();
    for mode in [0o755, 0o777, 0o710] {
        fs::set_permissions(env.home(), fs::Permissions::from_mode(mode)).unwrap();
        refused(
            &env,
            1,
            "io",
            &["status"],
            &["open to other users", "chmod 700"],
        );
        let me = ["progress", "--agent=coder-1", "--task=parser-review", "x"];
        refused(&env, 1, "io", &me, &["chmod 700"]);
    }
}

#[test]
fn an_empty_directory_that_others_can_only_look_into_becomes_a_private_home() {
    let env = Env::new();
    fs::create_dir(env.home()).unwrap();
    fs::set_permissions(env.home(), fs::Permissions::from_mode(0o755)).unwrap();
    env.task("T");
    let mode = fs::metadata(env.home()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_home_that_cannot_be_written_is_refused() {
    let env = Env::new();
    // Nobody, root neither, makes a directory in /proc.
    let output = env
        .command(&["task", "new", "x"])
        .env("AGENTREG_HOME", "/proc/agentreg")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("/proc/agentreg"), "{stderr}");
}

#[test]
fn a_symbolic_link_where_a_directory_or_file_belongs_is_not_followed() {
    for (place, args) in [
        (
            "tasks/parser-review",
            &["progress", "--agent=coder-1", "--task=parser-review", "x"][..],
        ),
        (
            "tasks/parser-review/agents",
            &["progress", "--agent=coder-1", "--task=parser-review", "x"],
        ),
        (
            "tasks/parser-review/agents/active",
            &["register", "--task=parser-review", "--type=x", "--id=n"],
        ),
        (
            "tasks/parser-review/lock",
            &["finding", "--agent=coder-1", "--task=parser-review", "x"],
        ),
        (
            "tasks/parser-review/findings.jsonl",
            &["finding", "--agent=coder-1", "--task=parser-review", "x"],
        ),
        ("tasks", &["task", "new", "x"]),
        ("journal.jsonl", &["status"]),
    ] {
        let env = fleet();
        let inside = env.home().join(place);
        let outside = env.root().join("elsewhere");
        fs::rename(&inside, &outside).unwrap();
        symlink(&outside, &inside).unwrap();
        let before = snapshot(&outside);
        refused(&env, 6, "damaged", args, &["symbolic link", place]);
        assert!(
            snapshot(&outside) == before,
            "{place}: what the link leads to was changed"
        );
    }
}
