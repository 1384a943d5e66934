//! What may be there once, or so many times, is there so often, however many ask for it at once.

use super::{at_once, codes, is_right};
use crate::env::Env;

#[test]
fn of_48_registrations_at_once_under_a_limit_of_7_seven_succeed() {
    let env = Env::new();
    env.ok(&["task", "new", "work", "--id", "T", "--max-concurrent", "7"]);
    let ended = at_once(48, |_| {
        env.run(&["register", "--task", "T", "--type", "coder"])
    });
    assert_eq!(codes(&ended, [0, 4]), [7, 41]);
    assert_eq!(env.counts("T"), ([7, 7, 0, 0, 0], [7, 7, 0, 0, 0]));
    is_right(&env);
}

#[test]
fn the_limit_of_the_machine_holds_across_tasks() {
    let env = Env::new();
    for task in ["T", "U", "V"] {
        env.task(task);
    }
    env.ok(&["config", "max-concurrent", "7"]);
    let ended = at_once(48, |n| {
        env.run(&[
            "register",
            "--task",
            ["T", "U", "V"][n % 3],
            "--type",
            "coder",
        ])
    });
    assert_eq!(codes(&ended, [0, 4]), [7, 41]);
    assert_eq!(env.counts("T").1, [7, 7, 0, 0, 0]);
    is_right(&env);
}

#[test]
fn a_first_task_that_is_opened_20_times_at_once_is_opened_once() {
    let env = Env::new();
    let ended = at_once(20, |_| env.run(&["task", "new", "work", "--id", "T"]));
    assert_eq!(codes(&ended, [0]), [20]);
    let state = is_right(&env);
    assert_eq!((state.journal.len(), state.tasks.len()), (1, 1));
    let leftovers = std::fs::read_dir(env.home().join("tasks")).unwrap().count();
    assert_eq!(leftovers, 1, "what the others built is taken away");
}

#[test]
fn an_agent_that_is_registered_20_times_at_once_is_registered_once() {
    let env = Env::new();
    env.task("T");
    let args = ["register", "--task", "T", "--type", "coder", "--id", "a"];
    let ended = at_once(20, |_| env.run(&args));
    assert_eq!(codes(&ended, [0]), [20]);
    assert_eq!(env.counts("T"), ([1, 1, 0, 0, 0], [1, 1, 0, 0, 0]));
    is_right(&env);
}

#[test]
fn of_20_unique_registrations_at_once_one_succeeds() {
    let env = Env::new();
    env.task("T");
    let args = ["register", "--task", "T", "--type", "coder", "--unique"];
    let ended = at_once(20, |_| env.run(&args));
    assert_eq!(codes(&ended, [0, 4]), [1, 19]);
    is_right(&env);
}

#[test]
fn of_an_agents_contrary_ends_at_once_one_counts() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    let ended = at_once(20, |n| {
        let status = ["completed", "failed"][n % 2];
        env.run(&["progress", "--task", "T", "--agent", "a", "-s", status])
    });
    assert_eq!(codes(&ended, [0, 4]), [10, 10]);
    let ([spawned, active, completed, failed, _], _) = env.counts("T");
    assert_eq!((spawned, active, completed + failed), (1, 0, 1));
    is_right(&env);
}
