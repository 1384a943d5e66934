//! A terminal that goes away while `run` is on it: its other side is closed, and nobody signals anybody but the kernel.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::{TASK, World, of_home, until};

/// A terminal's other side, and `run` on it as the leader of its session.
fn on_a_terminal(world: &World, id: &str, options: &[&str], script: &str) -> (OwnedFd, Child) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let other_side = openpt(flags).unwrap();
    unlockpt(&other_side).unwrap();
    let name = ptsname(&other_side, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(OFlags::NOCTTY.bits()).unwrap())
        .open(name.to_str().unwrap())
        .unwrap();
    let begun = world.env.root().join(format!("{id}.begun"));
    let mut setsid = Command::new("setsid");
    let child = world
        .env
        .prepare(&mut setsid)
        .args(["--ctty", "agentreg", "run", "--task", TASK, "--id", id])
        .args(options)
        .args(["--", "sh", "-c", script])
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal)
        .spawn()
        .unwrap();
    until("its command", || begun.exists());
    (other_side, child)
}

#[test]
fn its_command_hears_of_it_and_the_end_is_recorded() {
    let world = World::new();
    let ends = [
        (
            "a",
            "echo > a.begun; exec sleep 1000",
            (Value::Null, 1.into()),
        ),
        (
            "b",
            "trap 'exit 4' HUP; echo > b.begun; while :; do sleep 0.01; done",
            (4.into(), Value::Null),
        ),
    ];
    for (id, script, (code, signal)) in ends {
        let (terminal, mut run) = on_a_terminal(&world, id, &[], script);
        assert_eq!(world.alive(id), "yes");
        drop(terminal);
        run.wait().unwrap();
        let (status, end) = world.end(id);
        assert_eq!(status, "failed", "{end}");
        assert_eq!((&end["code"], &end["signal"]), (&code, &signal), "{end}");
    }
    assert_eq!(of_home(&world.env), [0; 0]);
    world.env.is_healthy();
}

#[test]
fn a_command_that_outlives_it_is_watched_to_its_end() {
    let world = World::new();
    for (id, options) in [("a", &[][..]), ("b", &["--tee"])] {
        let fifo = world.fifo(id);
        let script = format!(
            "trap '' HUP PIPE; echo > {id}.begun; read x < {}; echo more; exit 5",
            fifo.display()
        );
        let (terminal, mut run) = on_a_terminal(&world, id, options, &script);
        drop(terminal);
        assert_eq!(world.alive(id), "yes");
        fs::write(&fifo, "go\n").unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(5), "{id}");
        assert_eq!(world.end(id).1["code"], 5, "{id}");
    }
    assert_eq!(of_home(&world.env), [0; 0]);
    world.env.is_healthy();
}
