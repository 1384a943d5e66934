//! Whatever a command starts is gone when `run` is: in whatever session and group it is, with whatever environment, and
//! however it all comes to its end.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::{Running, TASK, World, kill, processes, until};

/// Each in a session, a group, an environment or with a dead parent of its own, and each leaves a word when it is what it
/// will be.
const HIDE: &str = r#"
    hide() {
        setsid sh -c "$1" &
        (setsid sh -c "(sh -c \"\$0\" &)" "$1" &)
        env -i PATH="$PATH" setsid sh -c "$1" &
        set -m; sh -c "$1" & set +m
        nohup sh -c "$1" >/dev/null 2>&1 &
    }
    hide "echo > hidden.\$\$; exec sleep 1000""#;
/// The same once more, who do not hear of ending.
const HIDE_DEAF: &str = r#"
    hide "trap '' TERM HUP INT; echo > hidden.\$\$; exec sleep 1000""#;
const KINDS: usize = 5;

/// The living processes that stand in this world's directory: nothing that is started here leaves it.
fn of_world(world: &World) -> Vec<i32> {
    let root = world.env.root();
    processes(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at == root))
}

/// A run whose command has started all of the hidden ones, and then does `script`.
fn hiding(options: &[&str], script: &str) -> (World, Running) {
    started(&[HIDE, HIDE_DEAF], options, script)
}

fn started(hide: &[&str], options: &[&str], script: &str) -> (World, Running) {
    let world = World::new();
    let fifo = world.fifo("go");
    let script = format!("{}\nread go < {}\n{script}", hide.concat(), fifo.display());
    let mut args = vec!["run", "--task", TASK, "--id", "a", "--grace", "200ms"];
    args.extend(options);
    args.extend(["--", "bash", "-c", &script]);
    let child = world
        .env
        .command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hidden = || {
        let names = fs::read_dir(world.env.root()).unwrap().flatten();
        let is_word = |name: &str| name.starts_with("hidden.");
        let words = names.filter(|entry| entry.file_name().to_str().is_some_and(is_word));
        words.count()
    };
    until("all that it starts", || hidden() == hide.len() * KINDS);
    let run = Running { child, command: 0 };
    (world, run)
}

fn let_go(world: &World) {
    fs::write(world.env.root().join("go.fifo"), "go\n").unwrap();
}

#[track_caller]
fn nobody_is_left(world: &World) {
    let left = of_world(world);
    assert_eq!(left, [0; 0], "they outlived their agent");
    assert!(world.lease_is_free("a"));
    assert_eq!(world.alive("a"), "no");
    world.env.is_healthy();
}

#[test]
fn when_its_time_is_over() {
    let (world, mut run) = hiding(&["--timeout", "2s"], "");
    assert_eq!(run.wait().code(), Some(124));
    nobody_is_left(&world);
    assert_eq!(world.end("a").1["how"], "timeout");
}

#[test]
fn when_it_exits_whatever_its_code() {
    for (code, status) in [(0, "completed"), (3, "failed")] {
        let (world, mut run) = hiding(&[], &format!("exit {code}"));
        let_go(&world);
        assert_eq!(run.wait().code(), Some(code));
        nobody_is_left(&world);
        let (is, end) = world.end("a");
        assert_eq!(is, status);
        let told = format!("left {} processes", 2 * KINDS);
        assert!(end["warnings"].to_string().contains(&told), "{end}");
    }
}

#[test]
fn when_it_is_killed() {
    for (name, number) in [("KILL", 9), ("SEGV", 11)] {
        let (world, mut run) = hiding(&[], &format!("ulimit -c 0; kill -{name} $$"));
        let_go(&world);
        assert_eq!(super::code_and_signal(run.wait()), (None, Some(number)));
        nobody_is_left(&world);
        let (status, end) = world.end("a");
        assert_eq!(
            (status.as_str(), &end["signal"]),
            ("failed", &number.into())
        );
    }
}

#[test]
fn when_it_is_terminated() {
    let (world, mut run) = hiding(&[], "");
    let terminate = ["terminate", "a", "--task", TASK, "--grace", "200ms"];
    world.env.ok(&terminate);
    // `run` itself has let go of everything by then, and has only to exit.
    assert!(world.lease_is_free("a"));
    run.wait();
    nobody_is_left(&world);
}

#[test]
fn when_its_task_is_closed_by_force() {
    // Whoever does not hear of it has ten seconds there.
    let (world, mut run) = started(&[HIDE], &[], "");
    world.env.ok(&["task", "close", TASK, "--force"]);
    run.wait();
    assert_eq!(of_world(&world), [0; 0]);
    world.env.is_healthy();
}

#[test]
fn when_run_is_told_to_end_by_a_signal_that_its_command_dies_of() {
    let (world, mut run) = hiding(&[], "");
    kill(run.pid(), Signal::TERM);
    assert_eq!(super::code_and_signal(run.wait()), (None, Some(15)));
    nobody_is_left(&world);
}

#[test]
fn when_run_is_killed() {
    let (world, mut run) = hiding(&[], "");
    kill(run.pid(), Signal::KILL);
    run.wait();
    let took = until("the end of all", || of_world(&world).is_empty());
    assert!(took < Duration::from_secs(1), "{took:?}");
    until("a free lease", || world.lease_is_free("a"));
    nobody_is_left(&world);
}

#[test]
fn when_the_guardian_is_killed() {
    let (world, mut run) = hiding(&[], "");
    let guardian = super::children(run.pid());
    assert_eq!(guardian.len(), 1);
    kill(guardian[0], Signal::KILL);
    assert!(!run.wait().success());
    nobody_is_left(&world);
    assert_eq!(world.end("a").0, "failed");
}

#[test]
fn when_the_output_is_kept() {
    let (world, mut run) = hiding(&["--tee"], "exit 4");
    let_go(&world);
    assert_eq!(run.wait().code(), Some(4));
    nobody_is_left(&world);
}

/// One that forks as fast as it can has always a child that was not there a moment ago.
#[test]
fn also_those_that_are_being_started_just_then() {
    let world = World::new();
    let script = "trap '' TERM; echo > forks; while :; do (setsid sleep 1000 &); done";
    let mut run = world
        .run("a", &["--grace", "50ms"], script)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("a first child", || of_world(&world).len() > 5);
    world
        .env
        .ok(&["terminate", "a", "--task", TASK, "--grace", "50ms"]);
    run.wait().unwrap();
    nobody_is_left(&world);
}

#[test]
fn a_detached_run_within_it_is_an_agent_of_its_own_and_lives_on() {
    let world = World::new();
    let script =
        "agentreg run --detach --id inner -- sh -c 'setsid sleep 1000 & exec sleep 1000'; exit 0";
    let outer = world.run("outer", &[], script).output().unwrap();
    assert_eq!(outer.status.code(), Some(0));
    assert_eq!(world.end("outer").0, "completed");
    assert_eq!(world.end("outer").1["warnings"], serde_json::json!([]));
    assert_eq!(world.alive("inner"), "yes");
    world.env.ok(&["terminate", "inner", "--task", TASK]);
    assert_eq!(of_world(&world), [0; 0]);
}

#[test]
fn a_run_within_it_records_its_own_end() {
    let world = World::new();
    let script =
        "agentreg run --id inner -- sh -c 'setsid sleep 1000 & echo > within; exec sleep 1000'";
    let mut outer = world.run("outer", &[], script).spawn().unwrap();
    until("the inner command", || {
        world.env.root().join("within").exists()
    });
    world.env.ok(&["terminate", "outer", "--task", TASK]);
    outer.wait().unwrap();
    assert_eq!(world.end("outer").0, "terminated");
    let (status, end) = world.end("inner");
    assert_eq!((status.as_str(), &end["signal"]), ("failed", &15.into()));
    assert_eq!(of_world(&world), [0; 0]);
    world.env.is_healthy();
}

#[test]
fn the_end_of_a_run_within_it_is_not_its_own() {
    let world = World::new();
    let script =
        "agentreg run --id inner --timeout 100ms -- sh -c 'setsid sleep 1000 & exec sleep 1000';
        test $? = 124 && exit 5";
    let outer = world.run("outer", &[], script).status().unwrap();
    assert_eq!(outer.code(), Some(5));
    assert_eq!(world.end("inner").1["how"], "timeout");
    let (_, end) = world.end("outer");
    assert_eq!(
        (&end["code"], &end["warnings"]),
        (&5.into(), &serde_json::json!([]))
    );
    assert_eq!(of_world(&world), [0; 0]);
}
