//! The real registry and the plain one side by side: everything that can be read.

use std::path::Path;

use agentreg::model::{
    Agent, AgentId, Severity, SeveritySums, Task as Settings, TaskState, TaskStatus,
};
use agentreg::store::{
    AgentsWanted, EventQuery, FindingQuery, Overview, ReportQuery, Scope, Store,
};

use super::model::{self, Model, Task};
use super::operation::AGENTS;
use super::real::id;

/// All that the store says is what the model says.
pub fn assert_equal(store: &impl Store, model: &Model) {
    assert_eq!(store.totals().unwrap(), model.totals());
    assert_eq!(
        store.settings().unwrap().max_concurrent,
        model.machine_limit
    );
    for scope in [Scope::Open, Scope::All] {
        let Overview {
            totals,
            tasks: states,
            ..
        } = store.overview(scope).unwrap();
        assert_eq!(totals, model.totals());
        let mut states: Vec<_> = states.iter().map(|s| (s.task.id.to_string(), s)).collect();
        states.sort_by(|a, b| a.0.cmp(&b.0));
        let known: Vec<_> = model
            .tasks
            .iter()
            .filter(|(_, task)| task.is_open || scope == Scope::All)
            .collect();
        assert_eq!(states.len(), known.len());
        for ((name, state), (known_name, task)) in states.into_iter().zip(known) {
            assert_eq!(name, *known_name);
            assert_state(state, task);
        }
    }
    for (name, task) in &model.tasks {
        assert_task(store, name, task);
    }
    assert_events(store, model);
}

fn assert_state(state: &TaskState, task: &Task) {
    let Settings {
        description,
        limits,
        require_evidence,
        ..
    } = &state.task;
    let settings = &task.settings;
    assert_eq!(description, settings.description);
    assert_eq!(limits.max_agents, settings.max_agents);
    assert_eq!(limits.max_concurrent, settings.max_concurrent);
    assert_eq!(limits.max_depth, settings.max_depth);
    assert_eq!(
        (require_evidence.reports, require_evidence.findings),
        settings.evidence
    );
    assert_eq!(state.status == TaskStatus::Open, task.is_open);
    assert_eq!(state.counts, task.counts());
    let with = |severity| task.findings.iter().filter(|f| f.1 == severity).count() as u64;
    let sums = SeveritySums {
        low: with(Severity::Low),
        medium: with(Severity::Medium),
        high: with(Severity::High),
        critical: with(Severity::Critical),
    };
    assert_eq!(state.findings, sums);
}

fn assert_task(store: &impl Store, name: &str, task: &Task) {
    let all = store.view(&id(name), AgentsWanted::All).unwrap();
    assert_state(&all.state, task);
    assert_eq!(all.agents.len(), task.agents.len());
    assert_order(&all.agents, task);
    for agent in &all.agents {
        assert_agent(agent, &task.agents[agent.id.as_str()]);
    }
    let last = store
        .view(&id(name), AgentsWanted::ActiveAndLast(2))
        .unwrap();
    let shown = task.counts().active + (task.counts().spawned - task.counts().active).min(2);
    assert_eq!(last.agents.len() as u64, shown);
    assert_order(&last.agents, task);
    let last_ended = |agents: &[Agent]| {
        let ended = agents.iter().filter(|agent| !agent.status.is_active());
        ended
            .map(|agent| agent.id.clone())
            .take(2)
            .collect::<Vec<_>>()
    };
    assert_eq!(last_ended(&last.agents), last_ended(&all.agents));
    for name_of in AGENTS {
        let one = store.view(&id(name), AgentsWanted::These(&[id(name_of)]));
        match task.agents.get(name_of) {
            Some(known) => assert_agent(&one.unwrap().agents[0], known),
            None => assert_eq!(one.unwrap_err().kind().as_str(), "not_found"),
        }
    }
    assert_reports(store, name, task);
    assert_findings(store, name, task);
}

/// Active agents as they were registered, then ended ones, the last first. One `close` ends several in any order.
fn assert_order(agents: &[Agent], task: &Task) {
    let (active, ended): (Vec<_>, Vec<_>) = agents
        .iter()
        .map(|agent| &task.agents[agent.id.as_str()])
        .partition(|agent| agent.ended.is_none());
    assert_eq!(
        agents.iter().filter(|a| a.status.is_active()).count(),
        active.len()
    );
    assert!(active.is_sorted_by_key(|agent| agent.registered));
    let closed_at_once = |a: &model::Agent, b: &model::Agent| {
        [a, b].iter().all(|x| x.status.as_str() == "terminated")
    };
    assert!(
        ended
            .windows(2)
            .all(|pair| pair[0].ended > pair[1].ended || closed_at_once(pair[0], pair[1]))
    );
}

fn assert_agent(agent: &Agent, known: &model::Agent) {
    assert_eq!(agent.agent_type.as_str(), known.kind);
    assert_eq!(agent.parent.as_ref().map(AgentId::as_str), known.parent);
    assert_eq!(agent.depth, known.depth);
    assert_eq!(agent.labels.get("colour").map(String::as_str), known.label);
    assert_eq!(agent.status, known.status);
    assert_eq!(agent.percent, known.percent);
    assert_eq!(agent.message.as_deref(), known.message);
    assert_eq!(agent.seq, known.lines);
    assert_eq!(agent.ended_at.is_some(), known.ended.is_some());
    assert_eq!(agent.end.is_some(), known.ended.is_some());
    let evidence = agent.evidence.as_ref();
    assert_eq!(evidence.map(|e| (e.reports, e.findings)), known.evidence);
}

/// Every line of every log is a report, numbered without gaps; times never fall.
fn assert_reports(store: &impl Store, name: &str, task: &Task) {
    let reports = store.reports(&id(name), &ReportQuery::default()).unwrap();
    assert!(reports.is_sorted_by_key(|report| report.at));
    let lines: u64 = task.agents.values().map(|agent| agent.lines).sum();
    assert_eq!(reports.len() as u64, lines);
    for (agent, known) in &task.agents {
        let query = ReportQuery {
            agents: vec![id(agent)],
            since: None,
        };
        let own = store.reports(&id(name), &query).unwrap();
        let numbers: Vec<u64> = own.iter().map(|report| report.seq).collect();
        assert_eq!(numbers, (1..=known.lines).collect::<Vec<_>>());
        assert_eq!(own.last().unwrap().status, known.status);
        let last: Vec<_> = reports.iter().filter(|r| r.agent == id(agent)).collect();
        assert_eq!(last, own.iter().collect::<Vec<_>>());
    }
}

fn assert_findings(store: &impl Store, name: &str, task: &Task) {
    let list = |query: &FindingQuery| {
        let findings = store.findings(&id(name), query).unwrap();
        let plain = findings
            .into_iter()
            .map(|f| (f.seq, f.agent.to_string(), f.severity));
        plain.collect::<Vec<_>>()
    };
    let known: Vec<_> = (1..)
        .zip(&task.findings)
        .map(|(seq, (agent, severity))| (seq, (*agent).to_owned(), *severity))
        .collect();
    assert_eq!(list(&FindingQuery::default()), known);
    let severe = FindingQuery {
        min_severity: Some(Severity::High),
        after: Some(1),
        limit: Some(2),
        ..FindingQuery::default()
    };
    let mut newest: Vec<_> = known
        .into_iter()
        .filter(|f| f.0 > 1 && f.2 >= Severity::High)
        .collect();
    newest.drain(..newest.len().saturating_sub(2));
    assert_eq!(list(&severe), newest);
}

/// The journal tells every lifecycle change once, in order, with the counts after it; one `close` ends several in any
/// order.
fn assert_events(store: &impl Store, model: &Model) {
    let events = store.events(&EventQuery::default()).unwrap();
    let revs: Vec<u64> = events.iter().map(|event| event.rev).collect();
    assert_eq!(revs, (1..=model.events.len() as u64).collect::<Vec<_>>());
    for (event, known) in events.iter().zip(&model.events) {
        assert_eq!(event.task.as_str(), known.task);
        assert_eq!(event.change.as_str(), known.change);
        assert_eq!(event.counts, known.counts);
        assert_eq!(event.totals, known.totals);
    }
    let mut told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.task.as_str(),
                event.agent.as_ref().map(AgentId::as_str),
                event.change.as_str(),
            )
        })
        .collect();
    let mut known: Vec<_> = model
        .events
        .iter()
        .map(|event| (event.task, event.agent, event.change))
        .collect();
    told.sort_unstable();
    known.sort_unstable();
    assert_eq!(told, known);
}

/// What is in the files, counted without the program: each agent's last line, and the findings' lines.
pub fn assert_recount(home: &Path, model: &Model) {
    for (name, task) in &model.tasks {
        let dir = home
            .join(if task.is_open { "tasks" } else { "closed" })
            .join(name);
        let mut logs = 0;
        for (folder, is_active) in [("active", true), ("ended", false)] {
            for entry in std::fs::read_dir(dir.join("agents").join(folder)).unwrap() {
                let lines = lines(&entry.unwrap().path());
                let last = lines.last().expect("a log has a line");
                let known = &task.agents[last["id"].as_str().unwrap()];
                assert_eq!(last["status"], known.status.as_str());
                assert_eq!(lines.len() as u64, known.lines);
                assert_eq!(known.status.is_active(), is_active);
                logs += 1;
            }
        }
        assert_eq!(logs, task.agents.len());
        assert_eq!(
            lines(&dir.join("findings.jsonl")).len(),
            task.findings.len()
        );
    }
}

/// The whole lines of a file; one that its writer did not finish does not count.
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let content = std::fs::read_to_string(path).unwrap();
    let whole = &content[..content.rfind('\n').map_or(0, |newline| newline + 1)];
    whole
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of the registry parses"))
        .collect()
}
