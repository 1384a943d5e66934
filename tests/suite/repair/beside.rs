//! Repairs beside living calls change nothing where nothing is wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::is_right;
use crate::env::Env;

#[test]
fn repairs_beside_living_calls_undo_nothing_and_change_nothing() {
    const LIVES: usize = 40;
    let env = Env::new();
    env.task("T");
    let over = AtomicBool::new(false);
    let lives = |name: &str| {
        for n in 0..LIVES {
            let id = format!("{name}-{n}");
            env.agent("T", &id);
            env.ok(&["progress", "--task", "T", "--agent", &id, "-p", "50"]);
            env.ok(&[
                "progress",
                "--task",
                "T",
                "--agent",
                &id,
                "-s",
                "completed",
                "-m",
                "x",
            ]);
        }
    };
    let repairs = thread::scope(|scope| {
        let repairing = scope.spawn(|| {
            let mut repairs = 0;
            while !over.load(Ordering::Relaxed) {
                let ran = env.run(&["doctor", "--repair"]);
                assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
                repairs += 1;
            }
            repairs
        });
        let writers: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| scope.spawn(move || lives(name)))
            .into();
        let ended: Vec<_> = writers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a writer failed");
        repairing.join().expect("no repair fails")
    });
    assert!(repairs > 3, "{repairs}");
    let all = 4 * LIVES as u64;
    assert_eq!(env.counts("T").0, [all, 0, all, 0, 0]);
    is_right(&env, "after the race");
    let events = env.json(&["events", "--limit", "100000"]);
    let changes = events["events"].as_array().expect("events");
    assert_eq!(changes.len(), 1 + 2 * 4 * LIVES);
    assert!(changes.iter().all(|event| event["change"] != "repaired"));
}
