//! What must hold after a call that was killed or failed, whatever it came to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::calls::Call;
use crate::env::{Env, Ran};
use crate::state::{State, tally};

/// What comes next after the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Other agents of its task, then those of another task, then it is made again.
    SameTask,
    /// The other way round.
    OtherTask,
    /// It is made again at once.
    Retry,
}

/// What the registry must come to: the call is made and nothing goes wrong.
pub fn expected(call: &Call, registry: &Env) -> Value {
    let env = Env::copy_of(registry.root());
    env.ok(call.args);
    others(call, &env, Next::SameTask, "in a good run");
    let state = State::read(&env.home());
    assert!((call.happened)(&state), "{:?} left no trace", call.args);
    state.essence()
}

/// Others go on, the call is made again, and the registry is as if it had been made once.
pub fn goes_on(call: &Call, env: &Env, next: Next, before: &State, expected: &Value, at: &str) {
    let at = format!("{at}, then {next:?}");
    let left = State::read(&env.home());
    before.is_kept_in(&left, &at);
    left.has_no_gap(&at);
    let again = left.tasks.contains_key("T") && (call.happened)(&left);
    answers_add_up(env, &at);
    is_healthy(env, &at);
    if next == Next::Retry {
        retry(call, env, &at);
        others(call, env, next, &at);
    } else {
        others(call, env, next, &at);
        retry(call, env, &at);
    }
    let after = State::read(&env.home());
    left.is_kept_in(&after, &at);
    after.has_no_gap(&at);
    counts_equal_a_recount(env, &after, &at);
    is_healthy(env, &at);
    let mut essence = after.essence();
    if call.repeats && again {
        forget_repetition(call, &mut essence, &at);
    }
    let differences = differences("", &essence, expected);
    assert!(differences.is_empty(), "{at}: {differences:#?}");
}

/// Where two documents differ.
fn differences(at: &str, is: &Value, expected: &Value) -> Vec<String> {
    match (is, expected) {
        (Value::Object(is), Value::Object(expected)) => {
            let keys: BTreeSet<&String> = is.keys().chain(expected.keys()).collect();
            let of = |key: &String| {
                let value = |object: &Map<String, Value>| object.get(key).cloned();
                let (is, expected) = (value(is), value(expected));
                differences(
                    &format!("{at}/{key}"),
                    &is.unwrap_or_default(),
                    &expected.unwrap_or_default(),
                )
            };
            keys.into_iter().flat_map(of).collect()
        }
        _ if is == expected => Vec::new(),
        _ => vec![format!("{at} is {is} and not {expected}")],
    }
}

fn retry(call: &Call, env: &Env, at: &str) {
    let ran = env.run(call.args);
    assert_eq!(ran.code, Some(0), "{at}, made again: {}", ran.stderr);
}

/// Other agents report and register.
fn others(call: &Call, env: &Env, next: Next, at: &str) {
    if call.begins {
        works(
            env,
            &["task", "new", "work", "--id", "O", "--workspace", "ws"],
            at,
        );
        works(
            env,
            &[
                "register", "--task", "O", "--type", "coder", "--id", "other",
            ],
            at,
        );
    }
    let mut tasks = if call.begins {
        vec![("O", "other")]
    } else {
        vec![("T", "peer"), ("O", "other")]
    };
    if next == Next::OtherTask {
        tasks.reverse();
    }
    for (task, agent) in &tasks {
        works(
            env,
            &["progress", "--task", task, "--agent", agent, "goes on"],
            at,
        );
    }
    for (task, _) in &tasks {
        works(
            env,
            &[
                "register", "--task", task, "--type", "coder", "--id", "joins",
            ],
            at,
        );
    }
}

fn works(env: &Env, args: &[&str], at: &str) {
    let ran = env.run(args);
    assert_eq!(ran.code, Some(0), "{at}: {args:?}: {}", ran.stderr);
}

fn is_healthy(env: &Env, at: &str) {
    let Ran {
        code,
        stdout,
        stderr,
    } = env.run(&["doctor"]);
    let is_well = code == Some(0) || (code == Some(3) && nothing_yet(env));
    assert!(is_well, "{at}: doctor: {stdout}{stderr}");
}

/// Before the first commit there may be no registry yet.
fn nothing_yet(env: &Env) -> bool {
    State::read(&env.home()).journal.is_empty()
}

/// What the commands show adds up, whatever is applied already.
fn answers_add_up(env: &Env, at: &str) {
    if nothing_yet(env) {
        return;
    }
    let mut sum = [0; 5];
    let mut open = 0;
    for task in env.json(&["task", "list", "--all"])["tasks"]
        .as_array()
        .expect("tasks")
    {
        let id = task["id"].as_str().expect("an id");
        let shown = env.json(&["status", id, "--all"]);
        let counted = tally(shown["agents"].as_array().expect("agents").iter());
        assert_eq!(shown["counts"], counted, "{at}: status {id}");
        for (sum, count) in sum.iter_mut().zip(five(&counted)) {
            *sum += count;
        }
        open += u64::from(task["status"] == "open");
    }
    let totals = env.json(&["status"])["totals"].clone();
    assert_eq!(
        (five(&totals), &totals["tasks_open"]),
        (sum, &open.into()),
        "{at}: status"
    );
}

/// Both registries count what the agents' logs say.
fn counts_equal_a_recount(env: &Env, state: &State, at: &str) {
    let mut sum = [0; 5];
    for (id, task) in &state.tasks {
        let recount = task.recount();
        assert_eq!(
            env.json(&["task", "show", id])["counts"],
            recount,
            "{at}: task show {id}"
        );
        assert_eq!(
            task.marks.last().expect("a mark")["counts"],
            recount,
            "{at}: {id}"
        );
        for (sum, count) in sum.iter_mut().zip(five(&recount)) {
            *sum += count;
        }
    }
    let totals = &state.journal.last().expect("a commit")["totals"];
    assert_eq!(five(totals), sum, "{at}: the journal");
    assert_eq!(env.json(&["status"])["totals"], *totals, "{at}: status");
}

fn five(counts: &Value) -> [u64; 5] {
    ["spawned", "active", "completed", "failed", "terminated"]
        .map(|key| counts[key].as_u64().expect("a count"))
}

/// The first try was never acknowledged and yet is there: then, and only then, the retry makes two of it.
fn forget_repetition(call: &Call, essence: &mut Value, at: &str) {
    let task = &mut essence["tasks"]["T"];
    let lines = match call.args[0] {
        "finding" => &mut task["findings"],
        _ => &mut task["agents"]["mine"],
    };
    let lines = lines.as_array_mut().expect("lines");
    let (second, first) = (lines.pop(), lines.last());
    let (Some(second), Some(first)) = (second, first) else {
        panic!("{at}: nothing is repeated");
    };
    // All but the number, and for a finding the sums, is the same.
    let same = |line: &Value| line.as_array().expect("a line")[1..5].to_vec();
    assert_eq!(
        same(&second),
        same(first),
        "{at}: the retry said something else"
    );
}
