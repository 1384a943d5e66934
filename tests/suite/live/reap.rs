//! `reap` ends exactly those that are dead.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use super::{World, kill, until};

#[test]
fn while_agents_are_killed_at_random_four_reapers_touch_no_living_one() {
    const AGENTS: usize = 100;
    let world = World::new();
    let mut runs: Vec<_> = (0..AGENTS)
        .map(|n| world.started(&format!("a{n}"), &[], "exec sleep 1000"))
        .collect();
    let over = AtomicBool::new(false);
    let reaped = std::thread::scope(|scope| {
        let reapers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut reaped = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        let told = world.env.ok(&["reap", "-q"]);
                        reaped.extend(told.lines().map(str::to_owned));
                    }
                    reaped
                })
            })
            .collect();
        // A fixed shuffle: every other of a walk through all.
        let killed: BTreeSet<String> = (0..AGENTS / 2)
            .map(|n| {
                let at = n * 37 % AGENTS;
                kill(runs[at].pid(), Signal::KILL);
                format!("a{at}")
            })
            .collect();
        until("all dead to be reaped", || {
            world.env.counts("T").0 == [100, 50, 0, 50, 0]
        });
        over.store(true, Ordering::Relaxed);
        let mut all: Vec<_> = reapers
            .into_iter()
            .flat_map(|reaper| reaper.join().unwrap())
            .collect();
        all.sort();
        assert_eq!(all, killed.into_iter().collect::<Vec<_>>(), "each once");
        all
    });
    for n in 0..AGENTS {
        let id = format!("a{n}");
        let is_reaped = reaped.binary_search(&id).is_ok();
        let (status, end) = world.end(&id);
        if is_reaped {
            assert_eq!((status.as_str(), &end["how"]), ("failed", &"reaped".into()));
        } else {
            assert_eq!(world.alive(&id), "yes", "{id}");
        }
    }
    let events = world.env.json(&["events"]);
    let failed = events["events"].as_array().unwrap().iter();
    assert_eq!(
        failed.filter(|event| event["change"] == "failed").count(),
        50
    );
    world.env.ok(&["task", "close", "T", "--force"]);
    for run in &mut runs {
        run.wait();
    }
    world.env.is_healthy();
}

#[test]
fn what_is_reaped_is_told_with_its_reason() {
    let world = World::new();
    let run = world.started("a", &[], "exec sleep 1000");
    assert_eq!(world.env.json(&["reap"])["reaped"], serde_json::json!([]));
    kill(run.pid(), Signal::KILL);
    until("a free lease", || world.lease_is_free("a"));
    let told = world.env.json(&["reap"]);
    assert_eq!(told["schema"], 1);
    assert_eq!(told["reaped"][0]["id"], "a");
    assert_eq!(told["reaped"][0]["alive"], "no");
    assert_eq!(told["reaped"][0]["end"]["how"], "reaped");
    assert!(
        told["reaped"][0]["end"]["reason"]
            .as_str()
            .unwrap()
            .contains("lease")
    );
}

#[test]
fn register_reaps_before_it_refuses() {
    let world = World::with_slots(1);
    let run = world.started("a", &[], "exec sleep 1000");
    let register = ["register", "--task", "T", "--type", "x", "--id", "b"];
    world.env.fails(4, &register);
    kill(run.pid(), Signal::KILL);
    until("a free lease", || world.lease_is_free("a"));
    world.env.ok(&register);
    assert_eq!(world.end("a").1["how"], "reaped");
    // For the machine's limit those of other tasks are reaped.
    world.env.ok(&["config", "max-concurrent", "2"]);
    world.env.task("U");
    let run = world
        .env
        .command(&["run", "--task", "U", "--id", "c", "--", "sleep", "1000"])
        .spawn();
    let mut run = run.unwrap();
    until("its agent", || world.env.counts("U").0[1] == 1);
    world.env.ok(&["task", "set", "T", "--max-concurrent", "5"]);
    world
        .env
        .fails(4, &["register", "--task", "T", "--type", "x", "--id", "d"]);
    run.kill().unwrap();
    run.wait().unwrap();
    let lease = world.env.task_dir("U").join("leases/c");
    until("a free lease", || {
        let file = std::fs::File::open(&lease).unwrap();
        rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockShared).is_ok()
    });
    world
        .env
        .ok(&["register", "--task", "T", "--type", "x", "--id", "d"]);
    assert_eq!(world.env.counts("U").0, [1, 0, 0, 1, 0]);
    // A dead one is not the only one of its type either.
    world.env.is_healthy();
}
