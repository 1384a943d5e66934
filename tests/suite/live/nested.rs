//! Who gets the terminal where `run` is not alone: in a `run`, in `$(…)`, beside another; and at once where it is.

use super::World;
use super::terminal::{
    BEGUN, CTRL_C, CTRL_Z, PROMPT, presses, sees, shell, stops_between_two_lines, types,
};

/// Prints whether the group that runs it has the terminal.
const LOOKS: &str = "set -- $(sed \"s/.*) //\" /proc/$$/stat); [ $3 = $6 ] && echo in-$((40+2)) || echo out-$((40+2))";

#[test]
fn a_run_in_a_run_reads_the_terminal() {
    let world = World::new();
    let mut shell = shell(&world);
    let reads = "sh -c 'read x; echo got-$x'";
    types(
        &mut shell,
        &format!("agentreg run -- agentreg run -- {reads}"),
    );
    types(&mut shell, "one");
    sees(&mut shell, "got-one");
    sees(&mut shell, PROMPT);
    // A pipe keeps the terminal from being handed over before it is asked for.
    let thrice = "agentreg run -- agentreg run -- agentreg run --";
    types(&mut shell, &format!("{thrice} {reads} | cat"));
    types(&mut shell, "two");
    sees(&mut shell, "got-two");
    sees(&mut shell, PROMPT);
}

#[test]
fn a_run_in_a_run_stops_and_goes_on() {
    let world = World::new();
    let mut shell = shell(&world);
    for end in ["", " | cat"] {
        stops_between_two_lines(&mut shell, "agentreg run -- agentreg run --", end);
    }
}

#[test]
fn the_shell_is_told_that_ctrl_z_stopped_it() {
    let world = World::new();
    let mut shell = shell(&world);
    for tee in ["", "--tee"] {
        types(
            &mut shell,
            &format!("agentreg run {tee} -- sh -c '{BEGUN}; exec sleep 1000'"),
        );
        sees(&mut shell, "begun-42");
        presses(&mut shell, CTRL_Z);
        sees(&mut shell, PROMPT);
        types(&mut shell, "echo told-$?");
        sees(&mut shell, "told-148");
        sees(&mut shell, PROMPT);
        types(&mut shell, "fg");
        sees(&mut shell, "agentreg run");
        presses(&mut shell, CTRL_C);
        sees(&mut shell, PROMPT);
    }
}

#[test]
fn what_a_shell_substitutes_reads_the_terminal() {
    let world = World::new();
    let mut shell = shell(&world);
    types(
        &mut shell,
        "x=$(agentreg run -- sh -c 'read a; echo $a'); echo got-$x",
    );
    types(&mut shell, "hello");
    sees(&mut shell, "got-hello");
    sees(&mut shell, PROMPT);
}

#[test]
fn a_command_at_the_prompt_has_the_terminal_before_it_asks() {
    let world = World::new();
    let mut shell = shell(&world);
    for run in ["agentreg run --", "agentreg run -- agentreg run --"] {
        types(&mut shell, &format!("{run} sh -c '{LOOKS}'"));
        sees(&mut shell, "in-42");
        sees(&mut shell, PROMPT);
    }
    types(&mut shell, "agentreg run -- no-such-command");
    sees(&mut shell, PROMPT);
    types(&mut shell, "echo still-$((1+1))");
    sees(&mut shell, "still-2");
    types(
        &mut shell,
        &format!("agentreg run -- sh -c '{LOOKS}' | cat"),
    );
    sees(&mut shell, "out-42");
    sees(&mut shell, PROMPT);
}

#[test]
fn two_commands_of_a_pipeline_read_the_terminal_one_after_the_other() {
    let world = World::new();
    let mut shell = shell(&world);
    types(
        &mut shell,
        "agentreg run -- sh -c 'read x </dev/tty; echo got-$x >&2' | agentreg run -- sh -c 'read x </dev/tty; echo got-$x'",
    );
    for line in ["one", "two"] {
        types(&mut shell, line);
        sees(&mut shell, &format!("got-{line}"));
    }
    sees(&mut shell, PROMPT);
    assert_eq!(world.env.counts("T").0, [2, 0, 2, 0, 0]);
}
