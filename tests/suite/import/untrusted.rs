//! A workspace may come from anywhere: what lies in it is input, and nothing more.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::path;
use super::workspace::{self, TASK, given};
use crate::env::{BINARY, Env, Ran};

const SECRET: &str = r#"{"timestamp": "2025-10-17T22:00:00", "status": "working", "message": "SECRET", "finding_type": "issue", "severity": "low"}"#;

/// `import` within a time: a pipe that is opened for reading has no end of waiting.
fn import(env: &Env, base: &Path, limit: &str) -> Ran {
    let mut shell = Command::new("timeout");
    env.prepare(&mut shell)
        .args([
            "60",
            "sh",
            "-c",
            &format!("{limit} exec \"$0\" import \"$1\" --json"),
        ])
        .arg(BINARY)
        .arg(base);
    shell.output().unwrap().into()
}

/// What may lie where the orchestrator has its files and directories.
#[derive(Debug, Clone, Copy)]
enum Odd {
    Link,
    Loop,
    Pipe,
    Socket,
    Directory,
    File,
}

/// Puts it there, in the place of what was there; a link leads to `private`.
fn put(odd: Odd, place: &Path, private: &Path) {
    let _ = fs::remove_file(place);
    let _ = fs::remove_dir_all(place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    match odd {
        Odd::Link => symlink(private, place).unwrap(),
        Odd::Loop => symlink(place.file_name().unwrap(), place).unwrap(),
        Odd::Pipe => {
            let made = Command::new("mkfifo").arg(place).status().unwrap();
            assert!(made.success());
        }
        Odd::Socket => drop(UnixListener::bind(place).unwrap()),
        Odd::Directory => fs::create_dir(place).unwrap(),
        Odd::File => fs::write(place, "{}").unwrap(),
    }
}

#[test]
fn only_regular_files_below_the_base_are_read_and_what_is_not_is_named() {
    let log = format!("{TASK}/progress/a_progress.jsonl");
    let findings = format!("{TASK}/findings/a_findings.jsonl");
    let archived = format!("{TASK}/archive/a_progress.jsonl");
    let folders = ["progress", "findings", "archive"].map(|name| format!("{TASK}/{name}"));
    let files = [
        log,
        findings,
        archived,
        "registry/GLOBAL_REGISTRY.json".to_owned(),
    ];
    let others = ["registry".to_owned(), "TASK-other".to_owned()];
    let is_folder = |place: &String| folders.contains(place) || others.contains(place);
    for place in files.iter().chain(&folders).chain(&others) {
        for odd in [
            Odd::Link,
            Odd::Loop,
            Odd::Pipe,
            Odd::Socket,
            Odd::Directory,
            Odd::File,
        ] {
            let is_what_it_should_be = match odd {
                Odd::Directory => is_folder(place),
                Odd::File => !is_folder(place),
                _ => false,
            };
            if is_what_it_should_be {
                continue;
            }
            let env = Env::in_memory();
            let base = given(&env, &[workspace::agent("a", true)]);
            let private = env.root().join("private");
            if is_folder(place) {
                fs::create_dir(&private).unwrap();
                for name in ["a_progress.jsonl", "a_findings.jsonl"] {
                    fs::write(private.join(name), SECRET).unwrap();
                }
                workspace::write_registry(
                    &private,
                    ".",
                    &workspace::registry("TASK-other", &[], 0),
                );
            } else {
                fs::write(&private, SECRET).unwrap();
            }
            put(odd, &base.join(place), &private);
            let at = format!("{odd:?} in the place of {place}");
            let ran = import(&env, &base, "");
            assert_eq!(ran.code, Some(0), "{at}: {ran:?}");
            let name = base.join(place).display().to_string();
            assert!(
                ran.stdout.contains(&name),
                "{at} is not named: {}",
                ran.stdout
            );
            let exported = env.ok(&["export", TASK]);
            assert!(!exported.contains("SECRET"), "{at}: {exported}");
            env.fails(3, &["status", "TASK-other"]);
            env.is_healthy();
        }
    }
}

#[test]
fn a_registry_that_is_no_regular_file_leaves_its_task_out() {
    for odd in [Odd::Link, Odd::Loop, Odd::Pipe, Odd::Socket, Odd::Directory] {
        let env = Env::in_memory();
        let base = given(&env, &[workspace::agent("a", true)]);
        let place = base.join(TASK).join("AGENT_REGISTRY.json");
        let private = env.root().join("private");
        fs::rename(&place, &private).unwrap();
        put(odd, &place, &private);
        let ran = import(&env, &base, "");
        assert_eq!(ran.code, Some(6), "{odd:?}: {ran:?}");
        assert!(
            ran.stderr.contains("AGENT_REGISTRY.json"),
            "{odd:?}: {ran:?}"
        );
        // The others come in, and this one is named.
        workspace::write_registry(&base, "TASK-2", &workspace::registry("TASK-2", &[], 0));
        let ran = import(&env, &base, "");
        assert_eq!(ran.code, Some(0), "{odd:?}: {ran:?}");
        assert!(ran.stdout.contains(path(&place)), "{odd:?}: {ran:?}");
        env.fails(3, &["status", TASK]);
        env.ok(&["status", "TASK-2"]);
    }
}

#[test]
fn a_link_that_somebody_names_is_theirs_to_follow() {
    let env = Env::in_memory();
    let base = given(&env, &[workspace::agent("a", true)]);
    let link = env.root().join("link");
    symlink(&base, &link).unwrap();
    assert_eq!(env.ok(&["import", path(&link), "-q"]), TASK);
}

/// Much less than each file here has, in kilobytes of address space, and enough for the program itself.
const LITTLE: &str = "ulimit -v 40000 &&";
const MIB: usize = 1 << 20;

/// A file of 80 MiB: `before`, so many `x`, `behind`.
fn large(file: &Path, before: &str, behind: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut file = File::create(file).unwrap();
    file.write_all(before.as_bytes()).unwrap();
    let chunk = vec![b'x'; MIB];
    for _ in 0..80 {
        file.write_all(&chunk).unwrap();
    }
    file.write_all(behind.as_bytes()).unwrap();
}

#[test]
fn a_log_of_any_length_is_read_a_line_at_a_time() {
    let env = Env::in_memory();
    let base = given(&env, &[workspace::agent("a", true)]);
    let said = |n| json!({"timestamp": "2025-10-17T22:00:00", "status": "working", "message": format!("{n} {}", "m".repeat(2000)), "progress": 7});
    workspace::write_lines(&base, TASK, "progress", "a", (0..30_000).map(said));
    let found = |n| json!({"timestamp": "2025-10-17T22:00:00", "finding_type": "issue", "severity": "low", "message": said(n)["message"]});
    workspace::write_lines(&base, TASK, "findings", "a", (0..5_000).map(found));
    let ran = import(&env, &base, LITTLE);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let task = env.json(&["task", "show", TASK]);
    assert_eq!(task["counts"]["active"], 1);
    let last = env.json(&["findings", "--task", TASK, "--limit", "1"]);
    assert_eq!(last["findings"][0]["seq"], 5_000);
    assert_eq!(env.json(&["status", TASK])["agents"][0]["seq"], 30_001);
}

#[test]
fn what_is_too_long_is_named_and_costs_no_memory() {
    let line = r#"{"timestamp": "2025-10-17T22:00:00", "status": "working", "message": "fine", "finding_type": "issue", "severity": "low"}"#;
    let rest = format!("\"}}\n{line}\n");
    for kind in ["progress", "findings"] {
        let env = Env::in_memory();
        let base = given(&env, &[workspace::agent("a", true)]);
        let file: PathBuf = base.join(TASK).join(kind).join(format!("a_{kind}.jsonl"));
        large(&file, "{\"message\": \"", &rest);
        let ran = import(&env, &base, LITTLE);
        assert_eq!(ran.code, Some(0), "{kind}: {ran:?}");
        assert!(ran.stdout.contains("longer than 4 MiB"), "{kind}: {ran:?}");
        assert!(env.ok(&["export", TASK]).contains("fine"), "{kind}");
    }

    // One agent of many, and what is not of any agent.
    let agent = workspace::agent("a", true).to_string();
    for (before, behind, code) in [
        (
            format!(
                "{{\"task_id\": \"{TASK}\", \"agents\": [{agent}, {{\"id\": \"b\", \"prompt\": \""
            ),
            "\"}]}".to_owned(),
            0,
        ),
        (
            format!("{{\"task_id\": \"{TASK}\", \"agents\": [{agent}], \"notes\": \""),
            "\"}".to_owned(),
            6,
        ),
        (
            format!("{{\"task_id\": \"{TASK}\", \"agents\": [{agent}], \""),
            "\": 1}".to_owned(),
            6,
        ),
    ] {
        let env = Env::in_memory();
        let base = given(&env, &[]);
        large(
            &base.join(TASK).join("AGENT_REGISTRY.json"),
            &before,
            &behind,
        );
        let ran = import(&env, &base, LITTLE);
        assert_eq!(ran.code, Some(code), "{before}: {ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("longer than 4 MiB"), "{before}: {said}");
    }

    let env = Env::in_memory();
    let base = given(&env, &[workspace::agent("a", true)]);
    large(
        &base.join("registry/GLOBAL_REGISTRY.json"),
        "{\"tasks\": {\"",
        "\": 1}}",
    );
    let ran = import(&env, &base, LITTLE);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("GLOBAL_REGISTRY.json"), "{ran:?}");
}

/// However deep, what came in can be read again in every line that it is then part of.
#[test]
fn depth_does_no_harm_wherever_it_is() {
    let nested = |levels: usize, open: &str, close: &str| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    let line = |field: &str| {
        format!(
            "{{\"timestamp\": \"2025-10-17T22:00:00\", \"status\": \"working\", \"severity\": \"low\", \"message\": \"m\", {field}}}\n"
        )
    };
    for levels in [63, 64, 65, 100, 120, 126, 127, 128, 5_000] {
        for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
            let deep = nested(levels, open, close);
            let odd = format!("\"odd\": {deep}");
            let agent = workspace::agent("a", true).to_string();
            let agent = agent.replacen('{', &format!("{{{odd},"), 1);
            let env = Env::in_memory();
            let base = env.root().join("workspace");
            let folder = base.join(TASK);
            for (kind, field) in [
                ("progress", odd.clone()),
                ("findings", format!("\"data\": {deep}")),
            ] {
                fs::create_dir_all(folder.join(kind)).unwrap();
                fs::write(
                    folder.join(kind).join(format!("a_{kind}.jsonl")),
                    line(&field),
                )
                .unwrap();
            }
            let registry = format!(
                "{{\"task_id\": \"{TASK}\", \"task_description\": \"x\", {odd}, \"agents\": [{agent}]}}"
            );
            fs::write(folder.join("AGENT_REGISTRY.json"), registry).unwrap();
            let ran = import(&env, &base, "");
            let at = format!("{levels} times {open}");
            assert_eq!(ran.code, Some(0), "{at}: {ran:?}");
            let named = ran.stdout.matches("nested deeper than 64 levels").count();
            assert_eq!(
                named,
                if levels > 64 { 4 } else { 0 },
                "{at}: {}",
                ran.stdout
            );
            // Its end is a line of the journal, which holds the agent a level deeper.
            for args in [
                &["progress", "--task", TASK, "--agent", "a", "goes on"][..],
                &[
                    "progress",
                    "--task",
                    TASK,
                    "--agent",
                    "a",
                    "-s",
                    "completed",
                    "over",
                ],
                &["task", "set", TASK, "--priority", "P0"],
                &["export", TASK],
                &["status", TASK, "--all"],
                &["findings", "--task", TASK],
                &["task", "close", TASK],
            ] {
                env.ok(args);
            }
            let (counts, totals) = env.counts(TASK);
            assert_eq!((counts, totals), ([1, 0, 1, 0, 0], [1, 0, 1, 0, 0]), "{at}");
            env.is_healthy();
        }
    }
}
