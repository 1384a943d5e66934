//! The calls that change something, and the registries they are made in.

use serde_json::Value;

use super::strace::{Injection, Site, inject, sites};
use crate::env::Env;
use crate::state::State;

/// A call that changes something.
pub struct Call {
    /// Its arguments.
    pub args: &'static [&'static str],
    /// Whether the registry shows that it happened.
    pub happened: fn(&State) -> bool,
    /// Whether a repetition says the same once more: a report or a finding has no id to be known by.
    pub repeats: bool,
    /// Whether it is the first one in a home.
    pub begins: bool,
}

const fn once(args: &'static [&'static str], happened: fn(&State) -> bool) -> Call {
    Call {
        args,
        happened,
        repeats: false,
        begins: false,
    }
}

pub const FIRST_TASK: Call = Call {
    begins: true,
    ..TASK_NEW
};

pub const TASK_NEW: Call = once(
    &["task", "new", "more work", "--id", "N", "--workspace", "/"],
    |state| state.has("N", None, "opened"),
);

pub const TASK_SET: Call = once(
    &["task", "set", "T", "--priority", "P0", "--max-agents", "90"],
    |state| state.tasks["T"].settings["priority"] == "P0",
);

pub const TASK_CLOSE: Call = once(&["task", "close", "E"], |state| {
    state.has("E", None, "closed")
});

pub const TASK_CLOSE_FORCE: Call = once(&["task", "close", "C", "--force"], |state| {
    state.has("C", None, "closed")
});

pub const REGISTER: Call = once(
    &[
        "register", "--task", "T", "--type", "coder", "--id", "new", "--prompt", "go",
    ],
    |state| state.has("T", Some("new"), "registered"),
);

pub const COMPLETED: Call = once(
    &[
        "progress",
        "--task",
        "T",
        "--agent",
        "mine",
        "-s",
        "completed",
        "all is well",
    ],
    |state| state.has("T", Some("mine"), "completed"),
);

pub const FAILED: Call = once(
    &[
        "progress", "--task", "T", "--agent", "mine", "-s", "failed", "no way",
    ],
    |state| state.has("T", Some("mine"), "failed"),
);

pub const TERMINATE: Call = once(
    &["terminate", "mine", "--task", "T", "--reason", "superseded"],
    |state| state.has("T", Some("mine"), "terminated"),
);

pub const REAP: Call = once(&["reap", "--task", "T"], |state| {
    state.has("T", Some("ghost"), "failed")
});

pub const REPORT: Call = Call {
    repeats: true,
    ..once(
        &[
            "progress", "--task", "T", "--agent", "mine", "-p", "50", "halfway",
        ],
        |state| says(&state.tasks["T"].agents["mine"], "halfway"),
    )
};

pub const FINDING: Call = Call {
    repeats: true,
    ..once(
        &[
            "finding", "--task", "T", "--agent", "mine", "-s", "high", "a leak",
        ],
        |state| says(&state.tasks["T"].findings, "a leak"),
    )
};

pub const IMPORT: Call = once(&["import", "old"], |state| {
    state.has(super::old::TASK, None, "imported")
});

pub const CONFIG: Call = once(&["config", "max-concurrent", "50"], |state| {
    state.settings["max_concurrent"] == 50
});

fn says(lines: &[Value], message: &str) -> bool {
    let starts = |said: &Value| said.as_str().is_some_and(|said| said.starts_with(message));
    lines.iter().any(|line| starts(&line["message"]))
}

impl Call {
    /// The same with a longer last argument, its message or prompt.
    pub fn longer_by(&self, length: usize) -> Self {
        let (last, args) = self.args.split_last().expect("arguments");
        let last: &str = Box::leak(format!("{last}{}", "x".repeat(length)).into_boxed_str());
        Self {
            args: Box::leak([args, &[last]].concat().into_boxed_slice()),
            ..*self
        }
    }
}

/// What the journal's last line is when the call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// A change of the call's own task.
    Own,
    /// A change of another task.
    Other,
    /// A change of the call's own task whose call was killed right after it was committed.
    OwnUnapplied,
    /// The same, of another task.
    OtherUnapplied,
    /// The opening of another task, not applied.
    OpeningUnapplied,
    /// The closing of another task, not applied.
    ClosingUnapplied,
    /// As `Own`, and then a line torn in every file.
    Torn,
}

/// A registry for `call` to be made in.
pub fn registry(call: &Call, before: Before) -> Env {
    let env = Env::in_memory();
    std::fs::create_dir(env.root().join("ws")).expect("a workspace");
    super::old::write(&env.root().join("old"));
    if call.begins {
        return env;
    }
    for task in ["T", "O", "C", "E"] {
        env.ok(&["task", "new", "work", "--id", task, "--workspace", "ws"]);
    }
    for (task, agent) in [
        ("T", "mine"),
        ("T", "peer"),
        ("O", "other"),
        ("C", "c1"),
        ("C", "c2"),
    ] {
        env.agent(task, agent);
    }
    env.ok(&["progress", "--task", "T", "--agent", "mine", "has begun"]);
    env.ok(&["finding", "--task", "T", "--agent", "mine", "a smell"]);
    env.ok(&["register", "--task", "O", "--type", "coder", "--id", "last"]);
    if call.args[0] == "reap" {
        haunt(&env);
    }
    let own = own_task(call);
    match before {
        Before::Other => {}
        Before::Own => env.agent(own, "own"),
        Before::OwnUnapplied => {
            committed_only(
                &env,
                &["register", "--task", own, "--type", "t", "--id", "late"],
            );
        }
        Before::OtherUnapplied => {
            env.agent(own, "own");
            committed_only(
                &env,
                &["progress", "--task", "O", "--agent", "last", "-s", "failed"],
            );
        }
        Before::OpeningUnapplied => {
            committed_only(
                &env,
                &["task", "new", "x", "--id", "X", "--workspace", "ws"],
            );
        }
        Before::ClosingUnapplied => {
            env.ok(&["task", "new", "x", "--id", "X", "--workspace", "ws"]);
            committed_only(&env, &["task", "close", "X"]);
        }
        Before::Torn => {
            env.agent(own, "own");
            tear_every_file(&env);
        }
    }
    env
}

/// Registers an agent that has been silent for longer than it may, wherever the home is copied to.
fn haunt(env: &Env) {
    env.ok(&[
        "register", "--task", "T", "--type", "coder", "--id", "ghost", "--ttl", "1h",
    ]);
    let log = env.home().join("tasks/T/agents/active/ghost.jsonl");
    let text = std::fs::read_to_string(&log).expect("its log");
    let (before, behind) = text.split_once("\"updated_at\":\"").expect("a time");
    let long_ago = format!("{before}\"updated_at\":\"2020{}", &behind[4..]);
    std::fs::write(&log, long_ago).expect("its log");
}

fn own_task(call: &Call) -> &'static str {
    match call.args {
        ["task", "close", task, ..] => task,
        _ => "T",
    }
}

/// Makes a call that dies right after its commit.
fn committed_only(env: &Env, args: &[&str]) {
    let copy = Env::copy_of(env.root());
    let sites = sites(&copy, args);
    let is_commit = |site: &Site| {
        let journal = copy.home().join("journal.jsonl");
        site.written()
            .is_some_and(|(path, _)| journal == std::path::Path::new(path))
    };
    let commit = sites.iter().rposition(is_commit).expect("a commit");
    let synced = sites[commit..]
        .iter()
        .position(Site::syncs)
        .expect("the commit is synced");
    inject(env, args, &sites[commit + synced + 1], Injection::Kill);
    let state = State::read(&env.home());
    let last = state.journal.last().expect("a commit");
    let task = state.tasks.get(last["task"].as_str().expect("its task"));
    let mark = task.and_then(|task| task.marks.last());
    assert_ne!(
        mark.map(|mark| &mark["rev"]),
        Some(&last["rev"]),
        "it is applied"
    );
}

/// Leaves the beginning of a line in every file that has lines, as a writer does that is killed in its write.
fn tear_every_file(env: &Env) {
    for file in [
        "journal.jsonl",
        "tasks/T/journal.jsonl",
        "tasks/T/findings.jsonl",
        "tasks/T/agents/active/mine.jsonl",
        "tasks/O/journal.jsonl",
        "tasks/O/agents/active/other.jsonl",
    ] {
        let path = env.home().join(file);
        let text = std::fs::read(&path).expect("a file with lines");
        let last = text.split_inclusive(|&byte| byte == b'\n').next_back();
        let line = last.unwrap_or(b"{\"schema\":1,\"seq\":1,\"mess");
        let torn = [&text[..], &line[..line.len() - 20]].concat();
        std::fs::write(&path, torn).expect("a torn line");
    }
}
