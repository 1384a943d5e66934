//! One life through the store, and its rotation: what the binary's tests cannot reach.

use super::*;
use crate::model::rules::Update;
use crate::model::{Change, Counts, Limits, Priority, Requirement, Severity};

fn store(home: &Path) -> FileStore {
    FileStore::new(Options {
        journal_limit: 4_000,
        ..Options::new(home)
    })
}

fn new_task(id: &str) -> NewTask {
    NewTask {
        id: id.parse().unwrap(),
        description: "work".into(),
        priority: Priority::P2,
        workspace: None,
        limits: Limits::default(),
        require_evidence: Requirement::default(),
    }
}

fn registration(id: &str) -> Registration {
    Registration {
        id: id.parse().unwrap(),
        agent_type: "coder".parse().unwrap(),
        parent: crate::model::rules::Parent::None,
        unique: false,
        pid: None,
        process: None,
        ttl: None,
        host: None,
        labels: std::collections::BTreeMap::new(),
        command: None,
        prompt: None,
    }
}

fn said(status: Option<Status>) -> Update {
    Update {
        status,
        percent: None,
        message: None,
    }
}

#[test]
fn one_life_is_counted_in_both_registries() {
    let home = tempfile::tempdir().unwrap();
    let store = store(&home.path().join("home"));
    let task = store.open_task(&new_task("T")).unwrap().value.task.id;
    store.register(&task, &registration("a")).unwrap();
    store
        .update(&task, &"a".parse().unwrap(), &said(None), None)
        .unwrap();
    let finding = NewFinding {
        finding_type: "insight".into(),
        severity: Severity::High,
        message: "x".into(),
        data: None,
        file: None,
        line: None,
    };
    store.share(&task, &"a".parse().unwrap(), &finding).unwrap();
    let done = store
        .update(
            &task,
            &"a".parse().unwrap(),
            &said(Some(Status::Completed)),
            None,
        )
        .unwrap();
    assert_eq!(done.value.evidence.as_ref().unwrap().findings, 1);
    let view = store.view(&task, AgentsWanted::All).unwrap();
    let one_completed = Counts {
        spawned: 1,
        completed: 1,
        ..Counts::default()
    };
    assert_eq!(view.state.counts, one_completed);
    assert_eq!(store.totals().unwrap().agents, one_completed);
    assert_eq!(view.agents, [done.value]);
    assert_eq!(
        store.reports(&task, &ReportQuery::default()).unwrap().len(),
        3
    );
    store.close_task(&task, None).unwrap();
    let Overview { totals, tasks, .. } = store.overview(Scope::All).unwrap();
    assert_eq!(
        (totals.tasks_open, totals.tasks_closed, tasks.len()),
        (0, 1, 1)
    );
}

#[test]
fn the_history_reads_on_across_rotations_without_a_gap_or_a_repetition() {
    let home = tempfile::tempdir().unwrap();
    let store = store(&home.path().join("home"));
    let task = store.open_task(&new_task("T")).unwrap().value.task.id;
    for n in 0..15 {
        let id = format!("a-{n}");
        store.register(&task, &registration(&id)).unwrap();
        let id = id.parse().unwrap();
        store
            .update(&task, &id, &said(Some(Status::Failed)), None)
            .unwrap();
    }
    let home = Home::need(&store.options.home).unwrap();
    assert!(
        events::journals(&home).unwrap().len() > 3,
        "the journal was rotated"
    );
    let events = store.events(&EventQuery::default()).unwrap();
    let revs: Vec<u64> = events.iter().map(|event| event.rev).collect();
    assert_eq!(revs, (1..=31).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap().change, Change::Failed);
}
