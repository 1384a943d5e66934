//! The same calls made to the file store.

use agentreg::model::rules::{Parent, Registration, Update};
use agentreg::model::{
    End, EndHow, Limits, NewFinding, NewTask, Priority, Requirement, TaskChange,
};
use agentreg::store::file::{FileStore, Options};
use agentreg::store::{Result, Store};

use super::model::Outcome;
use super::operation::{Operation, Registered, Said, Settings};

/// An id of any kind.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a good id")
}

/// A store on a home; its journal is rotated every few changes.
pub fn store(home: &std::path::Path) -> FileStore {
    FileStore::new(Options {
        journal_limit: 3_000,
        ..Options::new(home)
    })
}

/// Makes a call; a warning is a failure here, where nothing is killed.
pub fn apply(store: &FileStore, operation: &Operation) -> Outcome {
    match operation {
        Operation::Open { task, settings } => done(store.open_task(&new_task(task, settings))),
        Operation::Set {
            task,
            description,
            max_agents,
            max_concurrent,
        } => {
            let change = TaskChange {
                description: description.map(str::to_owned),
                max_agents: *max_agents,
                max_concurrent: *max_concurrent,
                ..TaskChange::default()
            };
            plain(store.set_task(&id(task), &change))
        }
        Operation::SetMachine { max_concurrent } => {
            plain(store.set_settings(&|settings| settings.max_concurrent = *max_concurrent))
        }
        Operation::Close { task, force } => {
            let end = End {
                how: EndHow::Terminated,
                code: None,
                signal: None,
                reason: None,
            };
            let force = force.then(|| end.into());
            done(store.close_task(&id(task), force.as_ref()))
        }
        Operation::Register(new) => done(store.register(&id(new.task), &registration(new))),
        Operation::Update(said) => {
            done(store.update(&id(said.task), &id(said.agent), &update(said), None))
        }
        Operation::End {
            task,
            agent,
            status,
        } => {
            let end = End {
                how: EndHow::Exit,
                code: Some(1),
                signal: None,
                reason: None,
            };
            done(store.end(&id(task), &id(agent), *status, &end.into()))
        }
        Operation::Share {
            task,
            agent,
            severity,
        } => {
            let finding = NewFinding {
                finding_type: "insight".to_owned(),
                severity: *severity,
                message: "found".to_owned(),
                data: None,
                file: None,
                line: None,
            };
            plain(store.share(&id(task), &id(agent), &finding))
        }
        Operation::Again | Operation::Interrupt(_) | Operation::Tear { .. } => Ok(false),
    }
}

fn done<T: std::fmt::Debug>(result: Result<agentreg::store::Done<T>>) -> Outcome {
    let done = result.map_err(|error| error.kind().as_str())?;
    assert!(done.warning.is_none(), "{:?}", done.warning);
    Ok(done.changed)
}

fn plain<T>(result: Result<T>) -> Outcome {
    result.map(|_| true).map_err(|error| error.kind().as_str())
}

fn new_task(task: &str, settings: &Settings) -> NewTask {
    NewTask {
        id: id(task),
        description: settings.description.to_owned(),
        priority: Priority::P2,
        workspace: None,
        limits: Limits {
            max_agents: settings.max_agents,
            max_concurrent: settings.max_concurrent,
            max_depth: settings.max_depth,
        },
        require_evidence: Requirement {
            reports: settings.evidence.0,
            findings: settings.evidence.1,
        },
    }
}

fn registration(new: &Registered) -> Registration {
    Registration {
        id: id(new.agent),
        agent_type: id(new.kind),
        parent: new
            .parent
            .map_or(Parent::None, |parent| Parent::Told(id(parent))),
        unique: new.unique,
        pid: None,
        process: None,
        ttl: None,
        host: None,
        labels: new
            .label
            .iter()
            .map(|label| ("colour".to_owned(), (*label).to_owned()))
            .collect(),
        command: None,
        prompt: None,
    }
}

fn update(said: &Said) -> Update {
    Update {
        status: said.status,
        percent: said.percent,
        message: said.message.map(str::to_owned),
    }
}
