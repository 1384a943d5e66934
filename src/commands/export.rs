//! `export`: a whole task as one JSON document, of one moment, written as it is read.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::LazyLock;

use agentreg::model::{Agent, AgentId, Extra, Report, SCHEMA, TaskId};
use agentreg::store::{AgentsWanted, EventQuery, FindingQuery, ReportQuery, Store};
use serde::Serialize;

use super::Outcome;
use super::alive::alive;
use super::context::{Context, no_task};
use crate::cli::ExportArgs;
use crate::output::json::{AgentObject, FindingObject, TaskItem, WithForeign};
use crate::output::{Answer, Failure, inert, stream};

/// What later versions add to a report stands in its agent.
static NONE: LazyLock<Extra> = LazyLock::new(Extra::new);

/// The reports of so many agents are held at a time.
const BATCH: usize = 256;

pub fn run(args: &ExportArgs, context: &Context) -> Outcome {
    let task = context
        .task_to_read(args.name.as_deref())?
        .ok_or_else(no_task)?;
    let store = context.store()?;
    let view = store.view(&task, AgentsWanted::All)?;
    // What came after the view is of later moments.
    let findings = store.findings(
        &task,
        &FindingQuery {
            until: Some(view.last_finding),
            ..FindingQuery::default()
        },
    )?;
    let events = store.events(&EventQuery {
        task: Some(task.clone()),
        until: Some(view.rev),
        ..EventQuery::default()
    })?;
    // What fails in the store while the document is under way.
    let mut failed = None;
    stream(|out| {
        write!(out, "{{\"schema\":{SCHEMA},\"task\":")?;
        let state = &view.state;
        put(
            out,
            &WithForeign::new(
                TaskItem::from(state),
                &state.task.foreign,
                &state.task.extra,
            ),
        )?;
        write!(out, ",\"agents\":")?;
        failed = agents(out, store, &task, view.agents)?;
        if failed.is_some() {
            return Ok(());
        }
        write!(out, ",\"findings\":")?;
        list(
            out,
            findings.iter().map(|finding| {
                WithForeign::new(
                    FindingObject::from(finding),
                    &finding.foreign,
                    &finding.extra,
                )
            }),
        )?;
        write!(out, ",\"events\":")?;
        list(out, &events)?;
        out.write_all(b"}\n")
    })?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok(Answer::nothing()),
    }
}

/// The agents as they stood at one moment, each with its reports up to then.
fn agents(
    out: &mut dyn Write,
    store: &dyn Store,
    task: &TaskId,
    mut agents: Vec<Agent>,
) -> io::Result<Option<Failure>> {
    let mut separator = b"[";
    for batch in agents.chunks_mut(BATCH) {
        let mut reports = match reports(store, task, batch) {
            Ok(reports) => reports,
            Err(failure) => return Ok(Some(failure)),
        };
        for agent in batch {
            out.write_all(separator)?;
            separator = b",";
            let first = match store.registered(task, &agent.id) {
                Ok(first) => first,
                Err(error) => return Ok(Some(error.into())),
            };
            // A registry of 0.1.0 has it in the last line.
            let mut foreign = first.foreign;
            foreign.extend(std::mem::take(&mut agent.foreign));
            let reports = reports.remove(&agent.id).unwrap_or_default();
            let object = AgentObject::new(agent, alive(store, agent));
            put(
                out,
                &Exported {
                    agent: WithForeign::new(
                        object.with_prompt(first.prompt.as_deref()),
                        &foreign,
                        &agent.extra,
                    )
                    .beside(&["reports"]),
                    reports: reports
                        .iter()
                        .map(|report| WithForeign::new(report, &report.foreign, &NONE))
                        .collect(),
                },
            )?;
        }
    }
    if agents.is_empty() {
        out.write_all(separator)?;
    }
    out.write_all(b"]")?;
    Ok(None)
}

#[derive(Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    agent: WithForeign<'a, AgentObject<'a>>,
    reports: Vec<WithForeign<'a, &'a Report>>,
}

fn reports(
    store: &dyn Store,
    task: &TaskId,
    agents: &[Agent],
) -> Result<HashMap<AgentId, Vec<Report>>, Failure> {
    let query = ReportQuery {
        agents: agents.iter().map(|agent| agent.id.clone()).collect(),
        since: None,
    };
    let until: HashMap<&AgentId, u64> = agents.iter().map(|agent| (&agent.id, agent.seq)).collect();
    let mut by_agent = HashMap::<AgentId, Vec<Report>>::new();
    for report in store.reports(task, &query)? {
        if until
            .get(&report.agent)
            .is_some_and(|seq| report.seq <= *seq)
        {
            by_agent
                .entry(report.agent.clone())
                .or_default()
                .push(report);
        }
    }
    Ok(by_agent)
}

fn list<T: Serialize>(out: &mut dyn Write, items: impl IntoIterator<Item = T>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        put(out, &item)?;
    }
    out.write_all(b"]")
}

fn put(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    inert::write(out, value)
}
