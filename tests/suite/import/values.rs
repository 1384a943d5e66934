//! What values come to: numbers, and times in a zone.

use std::fs;

use super::path;
use super::workspace::{self, TASK, given};
use crate::env::{Env, Ran};

/// What no number of a machine holds, or would print again as it was written.
const NUMBERS: [&str; 9] = [
    "18446744073709551617",
    "123456789012345678901234567890",
    "-9223372036854775809",
    "0.1000000000000000055",
    "1E2",
    "1.50",
    "-0",
    "1e400",
    "-1e-400",
];

#[test]
fn numbers_in_data_are_kept_as_they_were_written() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    let file = env.root().join("data.json");
    for number in NUMBERS {
        let data = format!("{{\"n\":{number},\"list\":[{number}]}}");
        fs::write(&file, &data).unwrap();
        let named = format!("@{}", file.display());
        for argument in [&data, &named] {
            let answer = env.ok(&[
                "finding",
                "--task=t",
                "--agent=a",
                "x",
                "--json",
                "--data",
                argument,
            ]);
            assert!(answer.contains(&data), "{number}: {answer}");
            let last = env.ok(&["findings", "--task=t", "--json", "--limit=1"]);
            assert!(last.contains(&data), "{number}: {last}");
        }
        env.ok(&["finding", "--task=t", "--agent=a", "bare", "--data", number]);
        let last = env.ok(&["findings", "--task=t", "--json", "--limit=1"]);
        assert!(
            last.contains(&format!("\"data\":{number}")),
            "{number}: {last}"
        );
    }
    let exported = env.ok(&["export", "t"]);
    for number in NUMBERS {
        assert!(exported.contains(&format!("{{\"n\":{number},")), "{number}");
    }
    env.is_healthy();
}

#[test]
fn numbers_in_a_workspace_are_kept_as_they_were_written() {
    for number in NUMBERS {
        let env = Env::in_memory();
        let odd = format!("\"odd\": {number}");
        let base = given(&env, &[workspace::agent("a", true)]);
        let registry = base.join(TASK).join("AGENT_REGISTRY.json");
        let text = fs::read_to_string(&registry).unwrap();
        // Of the task, and of the agent, whose first field it is.
        let text = text.replace("\"id\": \"a\"", &format!("{odd}, \"id\": \"a\""));
        let text = text.replacen('{', &format!("{{\"odd_too\": {number},"), 1);
        fs::write(&registry, text).unwrap();
        for (kind, field) in [
            ("progress", odd.as_str()),
            ("findings", &format!("\"data\": {{\"n\": {number}}}, {odd}")),
        ] {
            fs::create_dir_all(base.join(TASK).join(kind)).unwrap();
            let line = format!(
                "{{\"timestamp\": \"2025-10-17T22:00:00\", \"status\": \"working\", \"severity\": \"low\", \"message\": \"m\", {field}}}\n"
            );
            fs::write(
                base.join(TASK).join(kind).join(format!("a_{kind}.jsonl")),
                line,
            )
            .unwrap();
        }
        env.ok(&["import", path(&base)]);
        // They stay so in what is written of the agent and the task later on.
        env.ok(&[
            "progress",
            "--task",
            TASK,
            "--agent",
            "a",
            "-s",
            "completed",
            "over",
        ]);
        env.ok(&["task", "set", TASK, "--priority", "P0"]);
        let exported = env.ok(&["export", TASK]).replace(' ', "");
        let count = |text: &str| exported.matches(text).count();
        assert_eq!(
            count(&format!("\"odd\":{number}")),
            3,
            "{number}: {exported}"
        );
        assert_eq!(
            count(&format!("\"odd_too\":{number}")),
            1,
            "{number}: {exported}"
        );
        assert_eq!(
            count(&format!("{{\"n\":{number}}}")),
            1,
            "{number}: {exported}"
        );
        env.is_healthy();
    }
}

fn import_in(env: &Env, zone: &str) -> Ran {
    let base = env.root().join("workspace");
    let mut import = env.command(&["import", path(&base)]);
    import.env("TZ", zone).output().unwrap().into()
}

#[test]
fn a_zone_that_is_not_known_is_refused_by_name_and_nothing_comes_in() {
    let env = Env::new();
    given(&env, &[workspace::agent("a", true)]);
    for zone in [
        "Mars/Phobos",
        "Europe/Berlni",
        ":Europe/Berlni",
        "CET-1CETS,nonsense",
        "/no/such/file",
        "../../etc/passwd",
        "/etc/passwd",
        "UTC ",
    ] {
        let ran = import_in(&env, zone);
        assert_eq!(ran.code, Some(2), "{zone}: {ran:?}");
        assert!(ran.stderr.contains(zone.trim_start_matches(':')), "{ran:?}");
        assert!(ran.stderr.contains("TZ"), "{ran:?}");
    }
    assert!(!env.home().join("tasks").join(TASK).exists());
}

#[test]
fn the_zone_in_which_times_were_read_is_always_told() {
    for (zone, told) in [
        ("UTC", "UTC"),
        ("", "UTC"),
        ("CET-1", "CET-1"),
        ("<+03>-3", "<+03>-3"),
    ] {
        let env = Env::in_memory();
        given(&env, &[workspace::agent("a", true)]);
        let ran = import_in(&env, zone);
        assert_eq!(ran.code, Some(0), "{zone}: {ran:?}");
        let line = format!("times without an offset were read as {told}\n");
        assert!(ran.stdout.contains(&line), "{zone}: {}", ran.stdout);
    }
    let env = Env::in_memory();
    let base = given(&env, &[workspace::agent("a", true)]);
    assert_eq!(env.json(&["import", path(&base)])["zone"], "UTC");
}
