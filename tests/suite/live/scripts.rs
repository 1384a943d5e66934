//! A script around `run` on a terminal: it hears what is typed as without `run`, and has its terminal back whatever becomes
//! of `run` and of the command.

use std::fs;

use expectrl::ControlCode;
use rustix::process::Signal;

use super::terminal::{CTRL_C, PROMPT, presses, sees, shell, types};
use super::{World, kill, stat, until};

const CTRL_BACKSLASH: ControlCode = ControlCode::FileSeparator;

/// Reads the terminal and says who it is; `begun` is the word of it when it runs.
const READS: &str = "echo $$ > pid.new; mv pid.new pid; read x";

/// The command's pid, when the terminal listens to its group.
fn has_the_terminal(world: &World) -> i32 {
    let path = world.env.root().join("pid");
    until("its pid", || path.exists());
    let pid: i32 = fs::read_to_string(&path).unwrap().trim().parse().unwrap();
    fs::remove_file(path).unwrap();
    until("that it has the terminal", || {
        let (group, listens) = (stat(pid, 2), stat(pid, 5));
        group.is_some() && group == listens
    });
    pid
}

/// Lets the script read when the terminal listens to it again. Where `run` is killed the script goes on at once, and may be
/// there before the guardian, who gives the terminal back: who reads just then is stopped as any in the background.
fn has_it_back(world: &World, command: i32) {
    let own = world.env.root().join("own");
    let pid = || fs::read_to_string(&own).ok()?.trim().parse::<i32>().ok();
    until("that the script goes on", || pid().is_some());
    let pid = pid().unwrap();
    // A shell that does not hear of ending takes the terminal again as long as it lives.
    until("that the command is gone", || {
        super::group(command).is_empty()
    });
    until("that it has its terminal back", || {
        stat(pid, 2) == stat(pid, 5)
    });
    fs::write(world.env.root().join("go"), "").unwrap();
}

fn parent(pid: i32) -> i32 {
    stat(pid, 1).unwrap().parse().unwrap()
}

fn script(world: &World, text: &str) {
    fs::write(world.env.root().join("script.sh"), text).unwrap();
}

#[test]
fn its_traps_are_run_once_for_each_key_whatever_the_command_does_with_it() {
    let world = World::new();
    let mut shell = shell(&world);
    for run in [
        "agentreg run --",
        "agentreg run --tee --",
        "agentreg run -- agentreg run --",
    ] {
        for (name, key) in [("INT", CTRL_C), ("QUIT", CTRL_BACKSLASH)] {
            for (end, code) in [("trap 'exit 3' INT QUIT", "3"), (":", "")] {
                script(
                    &world,
                    &format!(
                        "n=0; trap 'n=$((n+1))' {name}; ulimit -c 0
                        {run} sh -c \"{end}; {READS}; echo > has-read; while :; do sleep 0.01; done\"
                        echo code-$?.; sleep 0.1; echo heard-$n."
                    )
                    .replace("$$ ", "\\$\\$ "),
                );
                types(&mut shell, "sh script.sh");
                has_the_terminal(&world);
                // A shell that hears of a signal just before it reads reads on.
                types(&mut shell, "a line");
                let has_read = world.env.root().join("has-read");
                until("that it has read", || has_read.exists());
                fs::remove_file(has_read).unwrap();
                presses(&mut shell, key);
                sees(&mut shell, &format!("code-{code}"));
                sees(&mut shell, "heard-1.");
                sees(&mut shell, PROMPT);
            }
        }
    }
}

/// What ends while the command has the terminal.
#[derive(Clone, Copy)]
enum Dies {
    Command,
    Run,
    Guardian,
    Agent,
}

#[test]
fn it_reads_on_whoever_is_killed() {
    for dies in [Dies::Command, Dies::Run, Dies::Guardian, Dies::Agent] {
        let world = World::new();
        let mut shell = shell(&world);
        script(
            &world,
            &format!(
                "agentreg run --id a --grace 100ms -- sh -c '{READS}'
                echo $$ > own; until [ -e go ]; do sleep 0.01; done; read y; echo y-is-$y"
            ),
        );
        types(&mut shell, "sh script.sh");
        let command = has_the_terminal(&world);
        let guardian = parent(command);
        let run = parent(guardian);
        match dies {
            Dies::Command => kill(command, Signal::KILL),
            Dies::Run => kill(run, Signal::KILL),
            Dies::Guardian => kill(guardian, Signal::KILL),
            Dies::Agent => {
                world.env.ok(&["terminate", "a", "--task", "T"]);
            }
        }
        has_it_back(&world, command);
        types(&mut shell, "hello");
        sees(&mut shell, "y-is-hello");
        sees(&mut shell, PROMPT);
    }
}

#[test]
fn it_reads_on_where_the_terminal_was_with_a_group_that_the_command_made() {
    for dies in ["run", "command"] {
        let world = World::new();
        let mut shell = shell(&world);
        script(
            &world,
            "agentreg run --grace 100ms -- bash -c 'echo $$ > shell; PS1=within\\> exec bash --norc --noprofile -i'
            echo $$ > own; until [ -e go ]; do sleep 0.01; done; read y; echo y-is-$y",
        );
        types(&mut shell, "sh script.sh");
        sees(&mut shell, "within>");
        // A job of an interactive shell has the terminal, in a group of its own.
        types(
            &mut shell,
            "sh -c 'echo $$ > pid.new; mv pid.new pid; read x'",
        );
        has_the_terminal(&world);
        let inner = fs::read_to_string(world.env.root().join("shell")).unwrap();
        let inner: i32 = inner.trim().parse().unwrap();
        let run = parent(parent(inner));
        kill(if dies == "run" { run } else { inner }, Signal::KILL);
        has_it_back(&world, inner);
        types(&mut shell, "hello");
        sees(&mut shell, "y-is-hello");
        sees(&mut shell, PROMPT);
    }
}

#[test]
fn it_reads_on_where_the_outer_of_two_runs_is_killed() {
    let world = World::new();
    let mut shell = shell(&world);
    script(
        &world,
        &format!(
            "agentreg run -- agentreg run -- sh -c '{READS}'
            echo $$ > own; until [ -e go ]; do sleep 0.01; done; read y; echo y-is-$y"
        ),
    );
    types(&mut shell, "sh script.sh");
    let command = has_the_terminal(&world);
    let inner = parent(parent(command));
    kill(parent(parent(inner)), Signal::KILL);
    has_it_back(&world, command);
    types(&mut shell, "hello");
    sees(&mut shell, "y-is-hello");
    sees(&mut shell, PROMPT);
}
