//! Containers: `run` as process 1, callers in other pid and time namespaces, a `/proc` that shows little or nothing.

use std::fs;
use std::process::{Child, Command};

use rustix::process::Signal;

use super::{TASK, World, children, kill, until};

/// A pid namespace with a `/proc` of its own. All of it dies with this.
const CONTAINER: [&str; 4] = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const TIME: [&str; 5] = ["--kill-child", "--fork", "--time", "--boottime", "100000"];

/// `unshare` with these options, to be given a program; none where it is not allowed.
fn unshare(world: &World, options: &[&str]) -> Option<Command> {
    let within = |program: &[&str]| {
        let mut unshare = Command::new("unshare");
        world.env.prepare(&mut unshare).env("AGENTREG_TASK", TASK);
        unshare.args(options).args(program);
        unshare
    };
    if within(&["true"])
        .output()
        .is_ok_and(|ran| ran.status.success())
    {
        return Some(within(&[]));
    }
    eprintln!("skipped: such namespaces are not to be had here: {options:?}");
    None
}

/// A process that is ended when the test is, and all of its namespace with it.
struct Inside(Child);

impl Inside {
    /// What `unshare` started, by its number outside.
    fn first(&self) -> i32 {
        let pid = i32::try_from(self.0.id()).unwrap();
        until("its first process", || !children(pid).is_empty());
        children(pid)[0]
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `agentreg` in a namespace, and returns when its command has left the word `up`.
fn up(world: &World, mut unshare: Command, args: &[&str]) -> Inside {
    let child = unshare.arg("agentreg").args(args).spawn().unwrap();
    let inside = Inside(child);
    let up = world.env.root().join("up");
    until("its command", || up.exists());
    fs::remove_file(up).unwrap();
    inside
}

/// Two processes in two sessions.
const PAIR: &str = "setsid sleep 1000 & echo > up; exec sleep 1000";

/// The living processes that stand in this world's directory and are called so.
fn sleeping(world: &World) -> usize {
    let root = world.env.root();
    super::processes(|pid| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at == root)
            && fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.starts_with(b"sleep\0"))
    })
    .len()
}

#[test]
fn as_process_1_it_ends_with_the_code_that_shells_give_to_a_signal() {
    let world = World::new();
    for number in [1, 2, 9, 10, 11, 15, 40] {
        for tee in [false, true] {
            let Some(mut unshare) = unshare(&world, &CONTAINER) else {
                return;
            };
            let id = format!("a{number}{tee}");
            unshare.args(["agentreg", "run", "--id", &id]);
            unshare.args(tee.then_some("--tee"));
            let script = format!("ulimit -c 0; kill -{number} $$");
            let ran = unshare.args(["--", "bash", "-c", &script]).status();
            assert_eq!(ran.unwrap().code(), Some(128 + number));
            assert_eq!(world.end(&id).1["signal"], number);
        }
    }
    world.env.is_healthy();
}

#[test]
fn as_process_1_it_ends_otherwise_as_everywhere() {
    let world = World::new();
    let ends: [(&[&str], &str, i32); 4] = [
        (&[], "exit 7", 7),
        (
            &["--timeout", "100ms"],
            "setsid sleep 1000 & exec sleep 1000",
            124,
        ),
        (&["--grace", "100ms"], "setsid sleep 1000 & exit 0", 0),
        (&[], "exec no-such-command 2>/dev/null", 127),
    ];
    for (options, script, code) in ends {
        let Some(mut unshare) = unshare(&world, &CONTAINER) else {
            return;
        };
        let ran = unshare
            .args(["agentreg", "run"])
            .args(options)
            .args(["--", "sh", "-c", script])
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(code), "{script}");
        assert_eq!(sleeping(&world), 0, "{script}");
    }
    world.env.is_healthy();
}

#[test]
fn as_process_1_it_passes_on_what_a_container_is_told_to_stop_with() {
    let world = World::new();
    let Some(unshare) = unshare(&world, &CONTAINER) else {
        return;
    };
    let script = "trap 'exit 6' TERM; echo > up; while :; do sleep 0.01; done";
    let args = ["run", "--id", "a", "--", "sh", "-c", script];
    let mut inside = up(&world, unshare, &args);
    kill(inside.first(), Signal::TERM);
    assert_eq!(inside.0.wait().unwrap().code(), Some(6));
    assert_eq!(world.end("a").1["code"], 6);
}

#[test]
fn as_process_1_it_asks_for_every_child_that_it_is_given() {
    let world = World::new();
    let Some(unshare) = unshare(&world, &CONTAINER) else {
        return;
    };
    let args = ["run", "--id", "a", "--", "sh", "-c", PAIR];
    let inside = up(&world, unshare, &args);
    let init = inside.first();
    // As `docker exec` does: what it leaves behind is no descendant of the command's.
    let target = init.to_string();
    let go = world.env.root().join("go");
    let waits = format!("until [ -e {} ]; do sleep 0.01; done", go.display());
    let leaves = format!("for n in 1 2 3 4 5; do setsid sh -c '{waits}' >/dev/null 2>&1 & done");
    let mut enter = Command::new("nsenter");
    let ran = world
        .env
        .prepare(&mut enter)
        .args(["--target", &target, "--pid", "--mount"])
        .args(["sh", "-c", &leaves])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let given = || children(init).len();
    until("that it is given them", || given() == 6);
    fs::write(&go, "").unwrap();
    until("that none stays", || {
        let list = fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap();
        list.split_ascii_whitespace().count() == 1
    });
}

#[test]
fn the_death_of_a_container_is_the_death_of_its_agents() {
    let world = World::new();
    let Some(unshare) = unshare(&world, &CONTAINER) else {
        return;
    };
    let args = ["run", "--id", "a", "--", "sh", "-c", PAIR];
    let inside = up(&world, unshare, &args);
    assert_eq!(world.alive("a"), "yes");
    kill(inside.first(), Signal::KILL);
    until("a free lease", || world.lease_is_free("a"));
    assert_eq!(world.alive("a"), "no", "nobody outlives process 1");
    assert_eq!(world.env.ok(&["reap", "-q"]), "a");
    world.env.is_healthy();
}

#[test]
fn where_process_1_is_another_that_is_not_seen_from_outside_and_terminate_gives_the_slot_back() {
    let world = World::with_slots(1);
    let Some(mut unshare) = unshare(&world, &CONTAINER) else {
        return;
    };
    unshare.args(["sh", "-c", "\"$@\"; exit", "sh"]);
    let args = ["run", "--id", "a", "--", "sh", "-c", PAIR];
    let inside = up(&world, unshare, &args);
    kill(inside.first(), Signal::KILL);
    until("a free lease", || world.lease_is_free("a"));
    assert_eq!(world.alive("a"), "unknown");
    assert_eq!(world.env.ok(&["reap", "-q"]), "");
    world.env.ok(&["terminate", "a", "--task", TASK]);
    world.env.agent(TASK, "b");
    world.env.is_healthy();
}

#[test]
fn terminate_and_a_forced_close_reach_a_run_in_another_pid_namespace() {
    let world = World::new();
    let grace = ["--task", TASK, "--grace", "100ms"];
    let terminate = |id| [&["terminate", id][..], &grace].concat();
    // From outside, from beside, and from inside what is outside.
    for (id, within, from) in [("a", true, false), ("b", true, true), ("c", false, true)] {
        let args = ["run", "--id", id, "--", "sh", "-c", PAIR];
        let (Some(container), Some(mut caller)) =
            (unshare(&world, &CONTAINER), unshare(&world, &CONTAINER))
        else {
            return;
        };
        let mut run = if within {
            up(&world, container, &args)
        } else {
            let mut plain = Command::new("env");
            world.env.prepare(&mut plain).env("AGENTREG_TASK", TASK);
            up(&world, plain, &args)
        };
        if from {
            let ran = caller.arg("agentreg").args(terminate(id)).output().unwrap();
            assert!(ran.status.success(), "{id}: {ran:?}");
        } else {
            world.env.ok(&terminate(id));
        }
        assert_eq!(sleeping(&world), 0, "{id}");
        assert!(world.lease_is_free(id));
        run.0.wait().unwrap();
    }
    let args = ["run", "--id", "d", "--", "sh", "-c", PAIR];
    let Some(container) = unshare(&world, &CONTAINER) else {
        return;
    };
    let mut run = up(&world, container, &args);
    world.env.ok(&["task", "close", TASK, "--force"]);
    assert_eq!(sleeping(&world), 0);
    run.0.wait().unwrap();
    world.env.is_healthy();
}

/// Makes the next process of the caller's pid namespace have this number, in bash.
const NEXT_IS: &str = "next_is() { echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; }";

/// Runs a script with this in a container of its own, which must succeed.
fn in_container(world: &World, script: &str, arguments: &[&str]) -> Option<()> {
    let mut unshare = unshare(world, &CONTAINER)?;
    let script = format!("{NEXT_IS}\n{script}");
    let ran = unshare
        .args(["bash", "-c", &script, "bash"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    Some(())
}

#[test]
fn a_process_of_the_same_number_in_another_namespace_is_not_signalled() {
    let world = World::new();
    let named = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut named = Inside(named);
    let pid = named.0.id().to_string();
    let args = ["register", "--task", TASK, "--type", "x", "--pid", &pid];
    for id in ["a", "b"] {
        world.env.ok(&[&args[..], &["--id", id]].concat());
    }
    let script = "next_is $1; sleep 1000 & test $! = $1 || exit 11
        agentreg status T --json | grep -q '\"alive\":\"unknown\"' || exit 12
        test -z \"$(agentreg reap -q)\" || exit 13
        agentreg terminate a > said 2>&1 || exit 14
        agentreg task close T --force || exit 15
        kill -0 $!";
    if in_container(&world, script, &[&pid]).is_none() {
        return;
    }
    assert_eq!(named.0.try_wait().unwrap(), None, "the original neither");
    let said = fs::read_to_string(world.env.root().join("said")).unwrap();
    assert!(said.contains("was not signalled"), "{said}");
    assert_eq!(world.env.counts(TASK).0, [2, 0, 0, 0, 2]);
}

#[test]
fn a_process_that_got_the_number_of_one_that_is_gone_is_not_signalled() {
    let world = World::new();
    // Start times are counted in hundredths of a second, and one of them has to pass.
    let script = "sleep 1000 & first=$!
        agentreg register --type x --id a --pid $first && agentreg register --type x --id b --pid $first || exit 11
        kill -9 $first; wait $first; sleep 0.03
        next_is $first; sleep 1000 & test $! = $first || exit 12
        agentreg status T --json | grep -q '\"alive\":\"no\"' || exit 13
        agentreg terminate a || exit 14
        test \"$(agentreg reap -q)\" = b || exit 15
        kill -0 $first";
    in_container(&world, script, &[]);
}

#[test]
fn a_process_that_got_the_number_of_a_killed_run_is_not_continued() {
    let world = World::new();
    let script = "state() { sed 's/.*) //; s/ .*//' /proc/$1/stat; }
        agentreg run --id a -- sh -c 'echo > up; exec sleep 1000' & run=$!
        until [ -e up ]; do sleep 0.01; done
        read guardian < /proc/$run/task/$run/children
        kill -STOP $guardian; kill -KILL $run; wait $run; sleep 0.03
        next_is $run; sleep 1000 & test $! = $run || exit 11
        kill -STOP $run; until [ $(state $run) = T ]; do sleep 0.01; done
        agentreg terminate a --grace 100ms || exit 12
        test -e /proc/$guardian && test $(state $guardian) != Z && exit 13
        test $(state $run) = T";
    in_container(&world, script, &[]);
}

#[test]
fn a_start_time_in_another_time_namespace_is_no_proof_of_death() {
    let world = World::new();
    let named = Command::new("sleep").arg("1000").spawn().unwrap();
    let named = Inside(named);
    let pid = named.0.id().to_string();
    let args = ["register", "--task", TASK, "--type", "x", "--id", "outer"];
    world.env.ok(&[&args[..], &["--pid", &pid]].concat());
    let Some(mut reaps) = unshare(&world, &TIME) else {
        return;
    };
    let script = "agentreg reap -q; agentreg status T --json";
    let ran = reaps.args(["sh", "-c", script]).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.contains("\"alive\":\"unknown\""), "{said}");
    assert_eq!(world.end("outer").0, "running");
    let Some(mut inner) = unshare(&world, &TIME) else {
        return;
    };
    let script = "agentreg register --type x --id inner --pid $$; echo > up; exec sleep 1000";
    let _inner = Inside(inner.args(["sh", "-c", script]).spawn().unwrap());
    until("the inner one", || world.env.root().join("up").exists());
    assert_eq!(world.alive("inner"), "unknown");
    assert_eq!(world.env.ok(&["reap", "-q"]), "");
    // Who gives up on it frees the slot, and signals nobody.
    let said = world.env.run(&["terminate", "inner", "--task", TASK]);
    assert_eq!(said.code, Some(0));
    assert!(said.stderr.contains("time namespace"), "{}", said.stderr);
}

#[test]
fn a_run_in_another_time_namespace_is_ended_and_reaped_as_any() {
    let world = World::new();
    for id in ["a", "b"] {
        let Some(unshare) = unshare(&world, &TIME) else {
            return;
        };
        let args = ["run", "--id", id, "--", "sh", "-c", PAIR];
        let mut run = up(&world, unshare, &args);
        assert_eq!(world.alive(id), "yes");
        if id == "a" {
            world
                .env
                .ok(&["terminate", id, "--task", TASK, "--grace", "100ms"]);
        } else {
            kill(run.first(), Signal::KILL);
            until("its end", || world.alive(id) == "no");
            assert_eq!(world.env.ok(&["reap", "-q"]), id);
        }
        assert_eq!(sleeping(&world), 0);
        run.0.wait().unwrap();
    }
}

/// `/proc` as a service or a container without rights sees it: processes and no more, or nothing at all.
const HIDDEN_PROC: [&str; 2] = [
    "mount -t proc -o subset=pid proc /proc && test ! -e /proc/sys",
    "mount -t tmpfs none /proc",
];

/// A shell to which `/proc` is hidden so, and that executes what is given to it; none where nothing can be mounted.
fn hidden(world: &World, mount: &str) -> Option<Command> {
    let mut unshare = unshare(world, &["--mount"])?;
    let script = format!("{mount} || exit 99; exec \"$@\"");
    unshare.args(["sh", "-c", &script, "sh"]);
    let mut probe = Command::new("unshare");
    let probe = probe.args(["--mount", "sh", "-c", mount]).output();
    if probe.is_ok_and(|ran| ran.status.success()) {
        return Some(unshare);
    }
    eprintln!("skipped: this cannot be mounted here: {mount}");
    None
}

#[test]
fn run_and_terminate_do_without_what_proc_does_not_show() {
    for mount in HIDDEN_PROC {
        let world = World::new();
        let Some(mut exits) = hidden(&world, mount) else {
            continue;
        };
        let ran = exits
            .args(["agentreg", "run", "--id", "a", "--", "sh", "-c", "exit 3"])
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(3), "{mount}: {ran:?}");
        assert_eq!(world.end("a").1["code"], 3);
        // Its supervisor sees as little; who terminates it sees as much as ever, or as little.
        for (id, sees) in [("b", true), ("c", false)] {
            let mut detach = hidden(&world, mount).unwrap();
            let ran = detach
                .args(["agentreg", "run", "--detach", "--id", id])
                .args(["--", "sh", "-c", "sleep 1000 & exec sleep 1000"])
                .output()
                .unwrap();
            assert!(ran.status.success(), "{mount}: {ran:?}");
            assert_eq!(world.alive(id), "yes");
            let args = ["terminate", id, "--task", TASK, "--grace", "100ms"];
            if sees {
                world.env.ok(&args);
            } else {
                let mut terminate = hidden(&world, mount).unwrap();
                let ran = terminate.arg("agentreg").args(args).output().unwrap();
                assert!(ran.status.success(), "{mount}: {ran:?}");
            }
            assert_eq!(sleeping(&world), 0, "{mount}");
        }
        world.env.is_healthy();
    }
}

#[test]
fn a_pid_that_cannot_be_identified_is_refused_by_the_name_of_what_is_missing() {
    for (mount, missing) in HIDDEN_PROC.into_iter().zip(["/proc/sys/", "/stat"]) {
        let world = World::new();
        let Some(mut registers) = hidden(&world, mount) else {
            continue;
        };
        let pid = std::process::id().to_string();
        let ran = registers
            .args(["agentreg", "register", "--type", "x", "--pid", &pid])
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(1));
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(said.contains(missing), "{said}");
    }
}

/// Its first process is `sleep`, which never asks for a child: whoever is handed to it stays a zombie.
#[test]
fn no_run_hands_on_a_zombie() {
    let world = World::new();
    let Some(mut unshare) = unshare(&world, &CONTAINER) else {
        return;
    };
    let script = r"
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
            agentreg run -- true
            agentreg run --tee -- true
            agentreg run -- no-such-command
            agentreg run --timeout 20ms -- sleep 1000
            agentreg run -- sh -c 'setsid sleep 1000 & exit 0'
            agentreg run -- sh -c 'setsid sleep 1000 & kill -9 $$'
            agentreg run -- sh -c 'for n in 1 2 3 4; do (setsid true &); done'
            agentreg run --grace 50ms -- sh -c 'setsid sleep 1000 & kill -9 $PPID; sleep 1000'
        done >/dev/null 2>&1
        grep -h -B2 '^State:.Z' /proc/[0-9]*/status > zombies.new; mv zombies.new zombies";
    fs::write(world.env.root().join("runs.sh"), script).unwrap();
    let init = "sh runs.sh & exec sleep 1000";
    let child = unshare.args(["sh", "-c", init]).spawn().unwrap();
    let _inside = Inside(child);
    let zombies = world.env.root().join("zombies");
    until("all runs", || zombies.exists());
    assert_eq!(fs::read_to_string(zombies).unwrap(), "");
    assert_eq!(world.env.counts(TASK).0[0], 96);
}
