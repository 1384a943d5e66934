//! `--pid $$` in a shell that runs one command names a process that is gone a moment later: that is said.

use std::fs;
use std::process::{Command, Stdio};

use super::{TASK, World};

/// What a call said on standard error.
fn said(world: &World, command: &mut Command) -> String {
    let ran = world
        .env
        .prepare(command)
        .env("AGENTREG_TASK", TASK)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stderr).unwrap()
}

const REGISTER: &str = "agentreg register --type x --pid $$";

#[test]
fn a_shell_of_one_command_is_no_agent_and_the_process_that_stays_is_named() {
    let world = World::new();
    let own = format!("--pid {}", std::process::id());
    // Some shells execute the last command they have in their own place.
    let then_more = format!("{REGISTER}; :");
    let in_a_subshell = format!("id=$({REGISTER}); echo $id");
    for (shell, options) in [
        ("sh", &["-c"][..]),
        ("bash", &["-c"]),
        ("bash", &["--noprofile", "-lc"]),
        ("bash", &["-euo", "pipefail", "-c"]),
        ("dash", &["-ec"]),
    ] {
        for script in [REGISTER, &then_more, &in_a_subshell] {
            let mut command = Command::new(shell);
            let said = said(&world, command.args(options).arg(script));
            let at = format!("{shell} {options:?} {script}: {said}");
            assert!(said.contains("warning: process"), "{at}");
            assert!(said.contains(&own), "{at}");
        }
    }
}

#[test]
fn shells_within_shells_are_passed_over() {
    let world = World::new();
    let own = format!("--pid {}", std::process::id());
    for script in [
        "sh -c 'agentreg register --type x --pid $PPID; :'; :",
        "bash -c 'sh -c \"agentreg register --type x --pid \\$\\$; :\"; :'; :",
        "x=$(agentreg register --type x --pid $BASHPID); echo $x",
    ] {
        let mut bash = Command::new("bash");
        let said = said(&world, bash.args(["-c", script]));
        assert!(said.contains("warning: process"), "{script}: {said}");
        assert!(said.contains(&own), "{script}: {said}");
    }
    // Whoever waits for the shell stays as long as it does, and is the nearest that is no shell.
    let mut timeout = Command::new("timeout");
    let said = said(
        &world,
        timeout.args(["9", "sh", "-c", "agentreg register --type x --pid $$; :"]),
    );
    assert!(said.contains("(timeout)"), "{said}");
}

#[test]
fn a_script_and_a_shell_that_reads_its_commands_are_agents() {
    let world = World::new();
    fs::write(world.env.root().join("agent.sh"), format!("{REGISTER}; :")).unwrap();
    for args in [&["agent.sh"][..], &["-e", "agent.sh", "-c"]] {
        let mut bash = Command::new("bash");
        assert_eq!(said(&world, bash.args(args)), "", "{args:?}");
    }
    let script = fs::File::open(world.env.root().join("agent.sh")).unwrap();
    let mut bash = Command::new("bash");
    world.env.prepare(&mut bash).env("AGENTREG_TASK", TASK);
    let ran = bash.stdin(Stdio::from(script)).output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
}
