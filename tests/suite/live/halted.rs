//! A supervisor that somebody stopped (SIGSTOP, a frozen container) is no obstacle to whoever ends its agent.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use super::{Running, TASK, World, children, code_and_signal, group, kill, of_home, stat, until};

/// Stops a process, and returns when it has stopped.
fn stop(pid: i32) {
    kill(pid, Signal::STOP);
    until("its stop", || stat(pid, 0).as_deref() == Some("T"));
}

/// A run that is stopped where it is about to record its end: it has the task's lock and waits for the machine's.
fn stopped_with_the_lock(world: &World, id: &str) -> Running {
    let fifo = world.fifo("go");
    let run = world.started(id, &[], &format!("read go < {}; exit 3", fifo.display()));
    let machine = File::open(world.env.home().join("lock")).unwrap();
    flock(&machine, FlockOperation::LockExclusive).unwrap();
    std::fs::write(&fifo, "go\n").unwrap();
    let task = world.env.task_dir(TASK).join("lock");
    until("that it takes its task's lock", || {
        let task = File::open(&task).unwrap();
        flock(&task, FlockOperation::NonBlockingLockShared).is_err()
    });
    stop(run.pid());
    run
}

#[test]
fn terminate_gets_past_one_that_holds_its_tasks_lock() {
    let world = World::new();
    let mut run = stopped_with_the_lock(&world, "a");
    let begun = Instant::now();
    let terminate = ["terminate", "a", "--task", TASK, "--lock-timeout", "20s"];
    world.env.ok(&terminate);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "it is not waited for"
    );
    // Whoever of the two was first has recorded the end.
    let (status, end) = world.end("a");
    assert!(["failed", "terminated"].contains(&status.as_str()), "{end}");
    run.wait();
    assert_eq!(of_home(&world.env), [0; 0]);
    world.env.is_healthy();
}

#[test]
fn terminate_of_another_agent_of_that_task_does_too() {
    let world = World::new();
    let mut other = world.started("b", &[], "exec sleep 1000");
    let _run = stopped_with_the_lock(&world, "a");
    world
        .env
        .ok(&["terminate", "b", "--task", TASK, "--lock-timeout", "5s"]);
    assert_eq!(code_and_signal(other.wait()), (None, Some(15)));
    assert_eq!(world.end("b").0, "terminated");
}

#[test]
fn a_forced_close_gets_past_it() {
    let world = World::new();
    let mut run = stopped_with_the_lock(&world, "a");
    world
        .env
        .ok(&["task", "close", TASK, "--force", "--lock-timeout", "5s"]);
    run.wait();
    assert_eq!(of_home(&world.env), [0; 0]);
    world.env.is_healthy();
}

/// It ends nobody, so it leaves others as they are, and says who is in its way.
#[test]
fn who_ends_nobody_leaves_it_stopped_and_names_it() {
    let world = World::new();
    let run = stopped_with_the_lock(&world, "a");
    let register = ["register", "--task", TASK, "--type", "x"];
    let said = world
        .env
        .fails(75, &[&register[..], &["--lock-timeout", "100ms"]].concat());
    assert!(said.contains(&format!("process {}", run.pid())), "{said}");
    assert_eq!(stat(run.pid(), 0).as_deref(), Some("T"));
}

/// A call that is no supervisor may be stopped for a reason: a debugger, a person.
#[test]
fn a_holder_that_supervises_nobody_is_left_stopped() {
    let world = World::new();
    let mut run = world.started("a", &[], "exec sleep 1000");
    let lock = world.env.task_dir(TASK).join("lock");
    let mut flock_of = std::process::Command::new("flock");
    let holder = flock_of.arg("--no-fork").arg(&lock);
    let mut holder = holder.args(["sleep", "1000"]).spawn().unwrap();
    let pid = i32::try_from(holder.id()).unwrap();
    until("the lock", || {
        let lock = File::open(&lock).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
    });
    stop(pid);
    let terminate = ["terminate", "a", "--task", TASK, "--lock-timeout", "200ms"];
    let said = world.env.fails(75, &terminate);
    assert!(said.contains(&format!("process {pid}")), "{said}");
    assert_eq!(stat(pid, 0).as_deref(), Some("T"));
    holder.kill().unwrap();
    holder.wait().unwrap();
    world.env.ok(&["terminate", "a", "--task", TASK]);
    run.wait();
}

#[test]
fn terminate_continues_a_run_and_a_guardian_that_are_stopped_while_the_command_works() {
    let world = World::new();
    for (id, stops_run, stops_guardian) in
        [("a", true, false), ("b", false, true), ("c", true, true)]
    {
        let script = "setsid sleep 1000 & exec sleep 1000";
        let mut run = world.started(id, &["--grace", "100ms"], script);
        let guardian = children(run.pid());
        if stops_run {
            stop(run.pid());
        }
        if stops_guardian {
            stop(guardian[0]);
        }
        world.env.ok(&["terminate", id, "--task", TASK]);
        assert_eq!(group(run.command), [0; 0]);
        assert_eq!(code_and_signal(run.wait()), (None, Some(15)));
        assert_eq!(of_home(&world.env), [0; 0], "{id}");
    }
    world.env.is_healthy();
}

#[test]
fn a_run_hears_of_an_exit_though_its_guardian_is_stopped() {
    let world = World::new();
    let fifo = world.fifo("go");
    let mut run = world.started("a", &[], &format!("read go < {}; exit 3", fifo.display()));
    stop(children(run.pid())[0]);
    std::fs::write(&fifo, "go\n").unwrap();
    assert_eq!(run.wait().code(), Some(3));
    assert_eq!(world.end("a").1["code"], 3);
}
