//! Copies of a home: one at rest goes on as it is, one made while calls changed it counts right or says that it does not.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{is_right, registry};
use crate::env::{Env, copy_tree, make_private_dir};

#[test]
fn a_copy_that_was_made_at_rest_is_sound() {
    let whole = registry();
    let env = Env::copy_of(whole.root());
    let noted = env.json(&["doctor"]);
    assert_eq!(noted["ok"], true);
    assert!(noted["notes"].to_string().contains("copied"), "{noted}");
    env.agent("T", "later");
    is_right(&env, "the copy");
    assert_eq!(env.json(&["doctor"])["notes"], serde_json::json!([]));
}

/// Copies the parts of a home in this order.
fn copy(from: &Path, to: &Path, order: &[&str]) {
    make_private_dir(to);
    for part in order {
        let (from, to) = (from.join(part), to.join(part));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file can be twin");
        }
    }
}

#[test]
fn a_copy_that_was_made_while_calls_ran_counts_right_or_says_damaged_until_it_is_mended() {
    let orders: [&[&str]; 3] = [
        &["lock", "registry.json", "journal.jsonl", "closed", "tasks"],
        &["tasks", "closed", "journal.jsonl", "registry.json", "lock"],
        &["registry.json", "tasks", "journal.jsonl", "lock", "closed"],
    ];
    let env = Env::new();
    env.task("T");
    env.task("U");
    let over = AtomicBool::new(false);
    let copies: Vec<Env> = thread::scope(|scope| {
        for task in ["T", "U"] {
            let (env, over) = (&env, &over);
            scope.spawn(move || {
                let mut n = 0;
                while !over.load(Ordering::Relaxed) {
                    n += 1;
                    let id = format!("{task}-{n}");
                    env.agent(task, &id);
                    env.ok(&[
                        "progress", "--task", task, "--agent", &id, "-s", "failed", "-m", "x",
                    ]);
                }
            });
        }
        let mut copies = Vec::new();
        for order in orders.iter().cycle().take(12) {
            let events = || {
                let last = env.json(&["events", "--limit", "1"]);
                last["events"][0]["rev"].as_u64().expect("a rev")
            };
            // Each copy is of a registry that changed since the one before.
            let before = events();
            while events() < before + 4 {
                thread::yield_now();
            }
            let twin = Env::new();
            if std::panic::catch_unwind(|| copy(&env.home(), &twin.home(), order)).is_ok() {
                copies.push(twin);
            }
        }
        over.store(true, Ordering::Relaxed);
        copies
    });
    // A log that moves while it is twin ends a copy, as it ends `cp`.
    assert!(copies.len() > 3, "{}", copies.len());
    for (n, twin) in copies.iter().enumerate() {
        let at = format!("copy {n}");
        let ran = twin.run(&[
            "register", "--task", "T", "--type", "coder", "--id", "later",
        ]);
        if ran.code != Some(0) {
            assert_eq!(ran.code, Some(6), "{at}: {}", ran.stderr);
            let repaired = twin.run(&["doctor", "--repair"]);
            assert_eq!(repaired.code, Some(0), "{at}: {}", repaired.stdout);
            twin.agent("T", "later");
        }
        is_right(twin, &at);
    }
}
