//! A copy of a home knows the processes of the original by number, and leaves them alone.

use std::os::unix::fs::symlink;
use std::process::{Child, Command};

use rustix::process::Signal;

use super::{TASK, World, children, group, kill, of_home, until};
use crate::env::{Env, copy_tree};

/// A copy of this world's home, at rest as far as the registry goes.
fn copy(world: &World) -> World {
    let env = Env::new();
    copy_tree(&world.env.home(), &env.home());
    World { env }
}

struct Named(Child);

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An agent of `run`, and one with `--pid`.
fn two(world: &World) -> (super::Running, Named) {
    let run = world.started("a", &[], "exec sleep 1000");
    let named = Named(Command::new("sleep").arg("1000").spawn().unwrap());
    let pid = named.0.id().to_string();
    let args = ["register", "--task", TASK, "--type", "x", "--id", "b"];
    world.env.ok(&[&args[..], &["--pid", &pid]].concat());
    (run, named)
}

#[test]
fn nobody_is_signalled_or_taken_for_dead_from_it() {
    let world = World::new();
    let (run, mut named) = two(&world);
    let twin = copy(&world);
    for id in ["a", "b"] {
        assert_eq!(twin.alive(id), "unknown", "{id}");
    }
    assert_eq!(twin.env.ok(&["reap", "-q"]), "");
    let other = copy(&world);
    for id in ["a", "b"] {
        twin.env.ok(&["terminate", id, "--task", TASK]);
        assert_eq!(twin.end(id).0, "terminated");
    }
    other.env.ok(&["task", "close", TASK, "--force"]);
    assert!(!group(run.command).is_empty());
    assert_eq!(named.0.try_wait().unwrap(), None);
    for id in ["a", "b"] {
        assert_eq!(world.alive(id), "yes", "{id}");
    }
    for world in [&world, &twin, &other] {
        world.env.is_healthy();
    }
}

#[test]
fn what_is_left_of_an_agent_of_the_original_is_not_ended_from_it() {
    let world = World::new();
    let there = world.env.root().join("there");
    let script = "setsid sh -c 'echo > there; exec sleep 1000' & exec sleep 1000";
    let mut run = world.started("a", &[], script);
    until("the one that lives on", || there.exists());
    let guardian = children(run.pid());
    for signal in [Signal::STOP, Signal::KILL] {
        kill(run.pid(), signal);
        kill(guardian[0], signal);
    }
    run.wait();
    until("the death of the command", || {
        of_home(&world.env).len() == 1
    });
    let twin = copy(&world);
    assert_eq!(twin.alive("a"), "unknown");
    assert_eq!(twin.env.ok(&["reap", "-q"]), "");
    twin.env.ok(&["terminate", "a", "--task", TASK]);
    assert_eq!(of_home(&world.env).len(), 1);
    // The original finds it, by whatever path it is called.
    let path = world.env.root().join("other-path");
    symlink(world.env.home(), &path).unwrap();
    let home = path.to_str().unwrap();
    world
        .env
        .ok(&["--home", home, "terminate", "a", "--task", TASK]);
    assert_eq!(of_home(&world.env), [0; 0]);
}
