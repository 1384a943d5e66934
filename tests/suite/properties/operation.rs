//! What may be asked of a registry: few names and small numbers, so that calls meet each other.

use agentreg::model::{Severity, Status};
use proptest::prelude::*;
use proptest::sample::select;

/// Ids of tasks; one begins another.
pub const TASKS: [&str; 3] = ["T-1", "T-10", "U"];
/// Ids of agents; one begins another.
pub const AGENTS: [&str; 5] = ["a1", "a12", "a2", "b", "c"];
/// A task's settings that a test may give it.
pub const SETTINGS: [Settings; 3] = [
    Settings::new("wide", None, None, 9, (0, 0)),
    Settings::new("narrow", Some(4), Some(2), 2, (0, 0)),
    Settings::new("strict", None, Some(3), 3, (2, 1)),
];

/// What a task is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub description: &'static str,
    pub max_agents: Option<u64>,
    pub max_concurrent: Option<u64>,
    pub max_depth: u32,
    /// Reports and findings that a completion must show.
    pub evidence: (u64, u64),
}

impl Settings {
    const fn new(
        description: &'static str,
        max_agents: Option<u64>,
        max_concurrent: Option<u64>,
        max_depth: u32,
        evidence: (u64, u64),
    ) -> Self {
        Self {
            description,
            max_agents,
            max_concurrent,
            max_depth,
            evidence,
        }
    }
}

/// A number or none.
pub type Limit = Option<u64>;

/// One call.
#[derive(Debug, Clone)]
pub enum Operation {
    Open {
        task: &'static str,
        settings: Settings,
    },
    Set {
        task: &'static str,
        description: Option<&'static str>,
        max_agents: Option<Limit>,
        max_concurrent: Option<Limit>,
    },
    SetMachine {
        max_concurrent: Option<u64>,
    },
    Close {
        task: &'static str,
        force: bool,
    },
    Register(Registered),
    Update(Said),
    End {
        task: &'static str,
        agent: &'static str,
        status: Status,
    },
    Share {
        task: &'static str,
        agent: &'static str,
        severity: Severity,
    },
    /// The call before once more.
    Again,
    /// What was written is cut back to what a call that died after its commit leaves.
    Interrupt(Stage),
    /// A call died while it wrote a line of this file of the task, or of the home's journal: so much of it is there.
    Tear {
        file: Torn,
        task: &'static str,
        share: u8,
    },
}

#[derive(Debug, Clone)]
pub struct Registered {
    pub task: &'static str,
    pub agent: &'static str,
    pub kind: &'static str,
    pub parent: Option<&'static str>,
    pub unique: bool,
    pub label: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Said {
    pub task: &'static str,
    pub agent: &'static str,
    pub status: Option<Status>,
    pub percent: Option<u8>,
    pub message: Option<&'static str>,
}

/// How far the call had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The journal has the change, and nothing else.
    Committed,
    /// The agent's log has it too.
    Recorded,
    /// All is in its place, and the mark is missing.
    Moved,
}

/// The file that was being appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Torn {
    Journal,
    TaskJournal,
    Findings,
    Log(&'static str),
}

/// Any call; most are on one task, and about agents.
pub fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (task(), select(&SETTINGS[..]))
            .prop_map(|(task, settings)| Operation::Open { task, settings }),
        1 => set(),
        1 => limit().prop_map(|max_concurrent| Operation::SetMachine { max_concurrent }),
        1 => (task(), any::<bool>()).prop_map(|(task, force)| Operation::Close { task, force }),
        9 => register(),
        9 => update(),
        2 => (task(), select(&AGENTS[..]), select(vec![
            Status::Completed, Status::Failed, Status::Terminated,
        ])).prop_map(|(task, agent, status)| Operation::End { task, agent, status }),
        4 => (task(), select(&AGENTS[..]), select(&Severity::ALL[..]))
            .prop_map(|(task, agent, severity)| Operation::Share { task, agent, severity }),
        2 => Just(Operation::Again),
        3 => select(vec![Stage::Committed, Stage::Recorded, Stage::Moved])
            .prop_map(Operation::Interrupt),
        3 => (torn(), task(), prop_oneof![any::<u8>(), Just(u8::MAX)])
            .prop_map(|(file, task, share)| Operation::Tear { file, task, share }),
    ]
}

fn task() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just(TASKS[0]), 1 => select(&TASKS[..])]
}

fn limit() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (0..6_u64).prop_map(Some)]
}

fn set() -> impl Strategy<Value = Operation> {
    (
        task(),
        select(vec![None, Some("wide"), Some("other")]),
        proptest::option::of(limit()),
        proptest::option::of(limit()),
    )
        .prop_map(
            |(task, description, max_agents, max_concurrent)| Operation::Set {
                task,
                description,
                max_agents,
                max_concurrent,
            },
        )
}

fn register() -> impl Strategy<Value = Operation> {
    let parent = prop_oneof![
        3 => Just(None),
        3 => select(&AGENTS[..]).prop_map(Some),
        1 => Just(Some("nobody")),
    ];
    (
        task(),
        select(&AGENTS[..]),
        select(vec!["coder", "tester"]),
        parent,
        prop_oneof![4 => Just(false), 1 => Just(true)],
        select(vec![None, None, Some("blue")]),
    )
        .prop_map(|(task, agent, kind, parent, unique, label)| {
            Operation::Register(Registered {
                task,
                agent,
                kind,
                parent,
                unique,
                label,
            })
        })
}

fn update() -> impl Strategy<Value = Operation> {
    (
        task(),
        select(&AGENTS[..]),
        prop_oneof![1 => Just(None), 3 => select(&Status::ALL[..]).prop_map(Some)],
        proptest::option::of(0..=100_u8),
        select(vec![None, Some("half way"), Some("")]),
    )
        .prop_map(|(task, agent, status, percent, message)| {
            Operation::Update(Said {
                task,
                agent,
                status,
                percent,
                message,
            })
        })
}

fn torn() -> impl Strategy<Value = Torn> {
    prop_oneof![
        Just(Torn::Journal),
        Just(Torn::TaskJournal),
        Just(Torn::Findings),
        select(&AGENTS[..]).prop_map(Torn::Log),
    ]
}
