//! `--wait` is a counting semaphore.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{World, kill, stat, until};

#[test]
fn two_hundred_through_five_slots_never_six_at_once() {
    let world = World::with_slots(5);
    // The kernel counts: who finds all five files locked is the sixth. The locks die with their holders.
    let script = "for slot in 1 2 3 4 5; do exec 9>slot.$slot
        if flock -n 9; then sleep 0.01; echo $AGENTREG_AGENT >> through; exit 0; fi
        done; echo $AGENTREG_AGENT >> sixth";
    let mut runs: Vec<_> = (0..200)
        .map(|n| {
            world
                .run(&format!("a{n}"), &["--wait"], script)
                .stderr(fs::File::create(world.env.root().join(format!("{n}.err"))).unwrap())
                .spawn()
                .unwrap()
        })
        .collect();
    // Some are killed while they wait or work, as it comes.
    for n in (0..200).step_by(9) {
        kill(i32::try_from(runs[n].id()).unwrap(), Signal::KILL);
    }
    let codes: Vec<_> = runs
        .iter_mut()
        .map(|run| run.wait().unwrap().code())
        .collect();
    let root = world.env.root();
    assert!(!root.join("sixth").exists());
    let through = fs::read_to_string(root.join("through")).unwrap();
    for (n, code) in codes.iter().enumerate() {
        if n % 9 != 0 {
            let told = fs::read_to_string(root.join(format!("{n}.err"))).unwrap();
            assert_eq!(*code, Some(0), "a{n}: {told}");
            let id = format!("a{n}");
            assert_eq!(
                through.lines().filter(|line| *line == id).count(),
                1,
                "{id}"
            );
        }
    }
    let most = world.env.json(&["events"])["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["counts"]["active"].as_u64())
        .max();
    assert!(most <= Some(5), "{most:?}");
    until("the killed to be gone", || {
        world.env.ok(&["reap", "-q"]);
        world.env.counts("T").0[1] == 0
    });
    world.env.is_healthy();
}

#[test]
fn who_waits_takes_the_slot_of_one_that_ends_and_of_one_that_is_killed() {
    let world = World::with_slots(1);
    let mut first = world.started("a", &[], "exec sleep 1000");
    let mut waiting = world
        .env
        .command(&[
            "register", "--wait", "--task", "T", "--type", "x", "--id", "b",
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("it to sleep", || {
        stat(i32::try_from(waiting.id()).unwrap(), 0).as_deref() == Some("S")
    });
    kill(first.pid(), Signal::KILL);
    assert!(waiting.wait().unwrap().success());
    first.wait();
    assert_eq!(world.end("a").1["how"], "reaped");
    let mut waiting = world.run("c", &["--wait=60s"], "exit 0").spawn().unwrap();
    world
        .env
        .ok(&["progress", "--task", "T", "--agent", "b", "-s", "completed"]);
    assert!(waiting.wait().unwrap().success());
}

#[test]
fn who_waits_too_long_is_told_so() {
    let world = World::with_slots(1);
    world.env.agent("T", "a");
    for verb in [
        &["register", "--type", "x"][..],
        &["run", "--type", "x"][..],
    ] {
        let mut args = verb.to_vec();
        args.extend(["--wait=50ms", "--json", "--task", "T"]);
        if verb[0] == "run" {
            args.extend(["--", "true"]);
        }
        let told: Value = serde_json::from_str(&world.env.fails(124, &args)).unwrap();
        assert_eq!(told["error"]["kind"], "timed_out");
        assert_eq!(told["error"]["retryable"], true);
    }
}

#[test]
fn what_no_waiting_can_mend_is_refused_at_once() {
    let world = World::with_slots(1);
    world.env.agent("T", "a");
    let wait = ["register", "--wait", "--task", "T", "--type", "x"];
    let depth = [&wait[..], &["--parent", "a"]].concat();
    world.env.ok(&["task", "set", "T", "--max-depth", "1"]);
    assert!(world.env.fails(4, &depth).contains("depth"));
    let mut waiting = world
        .env
        .command(&wait)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("it to sleep", || {
        stat(i32::try_from(waiting.id()).unwrap(), 0).as_deref() == Some("S")
    });
    world.env.ok(&["task", "set", "T", "--max-agents", "1"]);
    assert_eq!(waiting.wait().unwrap().code(), Some(4));
    world.env.ok(&["task", "close", "T", "--force"]);
    world.env.fails(4, &wait);
}

#[test]
fn who_waits_uses_no_measurable_processor() {
    let world = World::with_slots(1);
    world.env.agent("T", "a");
    let mut waiting = world.run("b", &["--wait"], "exit 0").spawn().unwrap();
    let pid = i32::try_from(waiting.id()).unwrap();
    until("it to sleep", || stat(pid, 0).as_deref() == Some("S"));
    let ticks = || -> u64 {
        [11, 12]
            .map(|n| stat(pid, n).unwrap().parse::<u64>().unwrap())
            .iter()
            .sum()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_secs(3));
    assert!(ticks() - before <= 1, "a hundredth of a second in three");
    // Ctrl-C ends it at once, and nothing is left of it.
    kill(pid, Signal::INT);
    assert_eq!(
        super::code_and_signal(waiting.wait().unwrap()),
        (None, Some(2))
    );
    assert_eq!(world.env.counts("T").0[0], 1);
}

#[test]
fn a_killed_one_is_not_the_only_one_of_its_type() {
    let world = World::new();
    let run = world.started("a", &["--type", "x", "--unique"], "exec sleep 1000");
    let unique = [
        "register", "--unique", "--task", "T", "--type", "x", "--id", "b",
    ];
    world.env.fails(4, &unique);
    kill(run.pid(), Signal::KILL);
    until("a free lease", || world.lease_is_free("a"));
    world.env.ok(&unique);
}
