//! `run` and its guardian are both killed: what their agent had started in other sessions lives, and nobody takes the
//! agent for dead before it was looked for.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use super::{Running, TASK, World, children, kill, of_home, processes, until};

/// One that lives on when the command dies, and does not hear of ending.
const DEAF: &str = "setsid sh -c 'trap \"\" TERM; echo > there; exec sleep 1000' & exec sleep 1000";
/// One that lives on, and hears of ending.
const HEARS: &str = "setsid sh -c 'echo > there; exec sleep 1000' & exec sleep 1000";

/// Kills a run and its guardian at once: neither sees the death of the other.
fn kill_both(run: &mut Running) {
    let guardian = children(run.pid());
    assert_eq!(guardian.len(), 1, "one guardian");
    for signal in [Signal::STOP, Signal::KILL] {
        kill(run.pid(), signal);
        kill(guardian[0], signal);
    }
    run.wait();
}

/// An agent of whom one process is left.
fn orphan(world: &World, id: &str, command: &str) -> i32 {
    let there = world.env.root().join("there");
    let mut run = world.started(id, &[], command);
    until("the one that lives on", || there.exists());
    fs::remove_file(there).unwrap();
    kill_both(&mut run);
    until("the death of the command", || {
        of_home(&world.env).len() == 1
    });
    until("a free lease", || world.lease_is_free(id));
    of_home(&world.env)[0]
}

#[test]
fn who_only_looks_takes_what_is_left_for_life_and_names_it() {
    let world = World::with_slots(1);
    let left = orphan(&world, "a", DEAF);
    assert_eq!(world.alive("a"), "unknown");
    let register = ["register", "--task", TASK, "--type", "x", "--id", "b"];
    let refused = world.env.fails(4, &register);
    assert!(refused.contains(&left.to_string()), "{refused}");
    assert!(refused.contains("agentreg reap"), "{refused}");
    world
        .env
        .fails(124, &["wait", "a", "--task", TASK, "--timeout", "100ms"]);
    assert_eq!(of_home(&world.env), [left], "nobody was asked to end it");
    kill(left, Signal::KILL);
    until("its end", || of_home(&world.env).is_empty());
    // Looking tells whoever acts on it: the slot is free.
    world.env.ok(&register);
    let (status, end) = world.end("a");
    assert_eq!((status.as_str(), &end["how"]), ("failed", &json!("reaped")));
    world.env.is_healthy();
}

#[test]
fn terminate_ends_what_is_left() {
    let world = World::new();
    orphan(&world, "a", DEAF);
    let terminate = ["terminate", "a", "--task", TASK, "--grace", "100ms"];
    world.env.ok(&terminate);
    assert_eq!(of_home(&world.env), [0; 0]);
    let (status, end) = world.end("a");
    assert_eq!(status, "terminated");
    assert!(end["warnings"].to_string().contains("ended 1 process"));
    world.env.is_healthy();
}

#[test]
fn a_forced_close_ends_what_is_left() {
    let world = World::new();
    orphan(&world, "a", HEARS);
    world.env.ok(&["task", "close", TASK, "--force"]);
    assert_eq!(of_home(&world.env), [0; 0]);
    assert_eq!(world.end("a").0, "terminated");
    world.env.is_healthy();
}

#[test]
fn reap_ends_what_hears_of_it_and_then_records_the_death() {
    let world = World::new();
    let mut run = world.started(
        "a",
        &[],
        "setsid sleep 1000 & setsid sleep 1000 & exec sleep 1000",
    );
    // The two, the command, its supervisor, its guardian, and the shell that is to become one of the two at times.
    until("the two", || {
        processes(|pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == b"sleep\x001000\0")
                && of_home(&world.env).contains(&pid)
        })
        .len()
            == 3
    });
    kill_both(&mut run);
    until("the death of the command", || {
        of_home(&world.env).len() == 2
    });
    assert_eq!(world.env.ok(&["reap", "-q", "--task", TASK]), "a");
    assert_eq!(of_home(&world.env), [0; 0]);
    let (status, end) = world.end("a");
    assert_eq!((status.as_str(), &end["how"]), ("failed", &json!("reaped")));
    assert!(end["warnings"].to_string().contains("ended 2 processes"));
    world.env.is_healthy();
}

#[test]
fn an_agent_of_whom_nothing_is_left_is_dead_at_the_first_look() {
    let world = World::with_slots(1);
    let mut run = world.started("a", &[], "exec sleep 1000");
    kill_both(&mut run);
    until("the death of the command", || {
        of_home(&world.env).is_empty()
    });
    world.env.agent(TASK, "b");
    assert_eq!(world.end("a").1["how"], "reaped");
}

#[test]
fn who_is_a_part_of_the_agent_does_not_end_itself() {
    let world = World::new();
    let there = world.env.root().join("there");
    let inside = "setsid sh -c 'echo $$ > there.new; mv there.new there; read go < go.fifo;
        agentreg terminate a --grace 100ms > said 2>&1; mv said told; exec sleep 1000' & exec sleep 1000";
    let fifo = world.fifo("go");
    let mut run = world.started("a", &[], inside);
    until("the one inside", || there.exists());
    let shell: i32 = fs::read_to_string(&there).unwrap().trim().parse().unwrap();
    kill_both(&mut run);
    fs::write(fifo, "go\n").unwrap();
    let told = world.env.root().join("told");
    until("what it says", || told.exists());
    let told = fs::read_to_string(told).unwrap();
    assert!(
        told.contains(&format!("process {shell} was left alone")),
        "{told}"
    );
    assert_eq!(of_home(&world.env), [shell]);
    assert_eq!(world.end("a").0, "terminated");
    kill(shell, Signal::KILL);
}

#[test]
fn another_agent_that_it_started_is_spared() {
    let world = World::new();
    let script = "agentreg run --detach --id other -- sh -c 'echo > there; exec sleep 1000'; exec sleep 1000";
    let there = world.env.root().join("there");
    let mut run = world.started("a", &[], script);
    until("the other agent", || there.exists());
    kill_both(&mut run);
    until("a free lease", || world.lease_is_free("a"));
    world
        .env
        .ok(&["terminate", "a", "--task", TASK, "--grace", "100ms"]);
    assert_eq!(world.alive("other"), "yes");
    world.env.ok(&["terminate", "other", "--task", TASK]);
    assert_eq!(of_home(&world.env), [0; 0]);
    world.env.is_healthy();
}

#[test]
fn a_guardian_that_is_stopped_is_continued_by_who_ends_the_agent() {
    let world = World::new();
    let mut run = world
        .run("a", &[], DEAF)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(run.id()).unwrap();
    until("the one that lives on", || {
        world.env.root().join("there").exists()
    });
    let guardian = children(pid);
    kill(guardian[0], Signal::STOP);
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(world.alive("a"), "yes", "its lease is held");
    assert_eq!(world.env.ok(&["reap", "-q", "--task", TASK]), "");
    world
        .env
        .ok(&["terminate", "a", "--task", TASK, "--grace", "100ms"]);
    assert_eq!(of_home(&world.env), [0; 0]);
}
