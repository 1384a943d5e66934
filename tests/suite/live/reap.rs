//! `reap` ends exactly those that are dead.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rustix::process::Signal;

use super::{TASK, World, kill, until, word};

/// What is done to an agent.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// Its `run` is killed, which nobody but a reaper can record.
    Reaped,
    /// Its command is killed, which its `run` records.
    Recorded,
    /// Nothing.
    Spared,
}

/// Numbers that are the same each time, and in no order.
fn shuffled(length: usize) -> Vec<usize> {
    let mut numbers: Vec<_> = (0..length).collect();
    numbers.sort_by_key(|n| (n + 1) * 2_654_435_761 % 1_000_003);
    numbers
}

#[test]
fn while_agents_are_killed_at_random_four_reapers_touch_no_living_one() {
    const AGENTS: usize = 100;
    const WAVE: usize = 6;
    let world = World::new();
    let mut runs: Vec<_> = (0..AGENTS)
        .map(|n| world.started(&format!("a{n}"), &[], "exec sleep 1000"))
        .collect();
    // Who has no entry was spared.
    let mut killed = BTreeMap::new();
    let over = AtomicBool::new(false);
    let reaped = std::thread::scope(|scope| {
        let reaper = || {
            let mut reaped = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let told = world.env.ok(&["reap", "-q"]);
                reaped.extend(told.lines().map(str::to_owned));
            }
            reaped
        };
        let reapers: Vec<_> = (0..4).map(|_| scope.spawn(reaper)).collect();
        for (wave, agents) in shuffled(AGENTS)[..72].chunks(WAVE).enumerate() {
            for (nth, &at) in agents.iter().enumerate() {
                let (pid, fate) = match nth % 3 {
                    0 => (runs[at].command, Fate::Recorded),
                    _ => (runs[at].pid(), Fate::Reaped),
                };
                killed.insert(format!("a{at}"), (fate, Timestamp::now()));
                kill(pid, Signal::KILL);
            }
            // Others come meanwhile, and are looked at by all reapers as soon as they are there.
            runs.push(world.started(&format!("new{wave}"), &[], "exec sleep 1000"));
            // The next die while these are being reaped, not long after.
            until("the last wave to be reaped", || {
                world.env.counts(TASK).0[3] >= (wave * WAVE) as u64
            });
        }
        until("all dead to be reaped", || {
            world.env.counts(TASK).0 == [112, 40, 0, 72, 0]
        });
        over.store(true, Ordering::Relaxed);
        let told = reapers.into_iter().map(|reaper| reaper.join().unwrap());
        told.collect::<Vec<_>>().concat()
    });
    let reaped: Vec<_> = sorted(reaped);
    let of_fate = |fate| {
        let ids = killed.iter().filter(|(_, (is, _))| *is == fate);
        ids.map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(reaped, of_fate(Fate::Reaped), "each of them once");
    let events = world.env.json(&["events"]);
    let failed = events["events"].as_array().unwrap().iter();
    let failed = failed.filter(|event| event["change"] == "failed");
    let failed = sorted(failed.map(|event| word(&event["agent"])).collect());
    assert_eq!(failed, killed.keys().cloned().collect::<Vec<_>>(), "once");
    let status = world.env.json(&["status", TASK, "--all"]);
    for agent in status["agents"].as_array().unwrap() {
        let id = word(&agent["id"]);
        let spared = (Fate::Spared, Timestamp::MAX);
        let (fate, at) = killed.get(&id).copied().unwrap_or(spared);
        let how = match fate {
            Fate::Reaped => "reaped",
            Fate::Recorded => "signal",
            Fate::Spared => {
                assert_eq!(agent["alive"], "yes", "{id}");
                continue;
            }
        };
        assert_eq!(agent["end"]["how"], how, "{id}");
        let ended: Timestamp = word(&agent["ended_at"]).parse().unwrap();
        // The registry's times are whole microseconds.
        assert!(
            ended.as_microsecond() >= at.as_microsecond(),
            "{id} ended before it died"
        );
    }
    world.env.ok(&["task", "close", TASK, "--force"]);
    for run in &mut runs {
        run.wait();
    }
    world.env.is_healthy();
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
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
