//! `run --detach`: a supervisor in a session of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::Value;

use super::{World, kill, stat, until};

#[test]
fn it_prints_the_id_and_holds_nothing_of_its_callers() {
    let world = World::new();
    let fifo = world.fifo("go");
    let script = format!(
        "echo in; cat; echo out; echo err >&2; read x < {}; exit 3",
        fifo.display()
    );
    // `output` waits for the end of both pipes: nobody else holds them.
    let ran = world.run("a", &["--detach"], &script).output().unwrap();
    assert_eq!((ran.stdout, ran.stderr), (b"a\n".to_vec(), Vec::new()));
    assert_eq!(world.alive("a"), "yes");
    fs::write(fifo, "go\n").unwrap();
    until("the end", || world.agent("a")["end"] != Value::Null);
    assert_eq!(world.end("a").1["code"], 3);
    let log = world.env.task_dir("T").join("output/a.log");
    assert_eq!(fs::read_to_string(&log).unwrap(), "in\nout\nerr\n");
    assert_eq!(
        fs::metadata(log).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_cannot_be_executed_is_told() {
    let world = World::new();
    let args = [
        "run",
        "--detach",
        "--json",
        "--task",
        "T",
        "--id",
        "a",
        "--",
        "no-such-command",
    ];
    let told: Value = serde_json::from_str(&world.env.fails(127, &args)).unwrap();
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no-such-command")
    );
    assert_eq!(world.end("a").1["code"], 127);
    let args = [
        "run", "--detach", "--task", "T", "--id", "b", "--type", "x", "--", "/",
    ];
    world.env.fails(126, &args);
}

#[test]
fn it_outlives_the_session_it_was_started_in() {
    let world = World::new();
    let fifo = world.fifo("pid");
    let script = format!("echo $$ > {}; exec sleep 1000", fifo.display());
    let reader = std::thread::spawn(move || super::read(&fifo));
    world.run("a", &["--detach"], &script).output().unwrap();
    let command: i32 = reader.join().unwrap().trim().parse().unwrap();
    let own = stat(i32::try_from(std::process::id()).unwrap(), 3);
    assert_ne!(stat(command, 3), own, "its session");
    assert_eq!(stat(command, 4).as_deref(), Some("0"), "its terminal");
    // SIGKILL of the supervisor ends it as it ends any `run`.
    let parent = |pid: i32| -> i32 { stat(pid, 1).unwrap().parse().unwrap() };
    let supervisor = parent(parent(command));
    kill(supervisor, Signal::KILL);
    until("the end of the group", || super::group(command).is_empty());
    until("a free lease", || world.lease_is_free("a"));
    assert_eq!(world.alive("a"), "no");
    assert_eq!(world.env.ok(&["reap", "-q"]), "a");
}
