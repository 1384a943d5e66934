//! `findings`: what agents found.

use agentreg::model::{Finding, SeveritySums, TaskId};
use agentreg::store::{AgentsWanted, FindingQuery, Store};
use serde::Serialize;

use super::context::{Context, now};
use super::follow::Followed;
use super::selection::{self, Selected};
use super::skipped::Skipped;
use super::{Outcome, feeds, follow};
use crate::cli::FindingsArgs;
use crate::output::json::{self, FindingObject, FindingSums, List};
use crate::output::{Answer, Failure, people};

pub fn run(args: &FindingsArgs, context: &Context) -> Outcome {
    let instead = "did you mean `agentreg finding`, which shares one?";
    let mut skipped = Skipped::default();
    let selected = selection::tasks(&args.agents, context, instead, &mut skipped)?;
    if args.after.is_some() && selected.len() > 1 {
        return Err(Failure::usage(
            "--after numbers the findings of one task, and several are asked for",
        )
        .hint("name one with --task"));
    }
    if args.summary {
        return summary(args, context, &selected, skipped);
    }
    if args.follow {
        let mut feed = feeds::Findings::new(
            context,
            &selected,
            query(args, &[], args.limit),
            &mut skipped,
        )?;
        skipped.tell(context);
        let task = context.task_to_read(None)?;
        let followed = Followed::new(task, !args.agents.is_empty(), &selected);
        return follow::run(&mut feed, &followed, context);
    }
    let mut findings = Vec::new();
    let store = context.store()?;
    for (task, agents) in &selected {
        let found = store.findings(task, &query(args, agents, args.limit));
        findings.extend(skipped.unless_odd(found)?.unwrap_or_default());
    }
    if selected.len() > 1 {
        findings.sort_by(|a, b| (a.at, &a.task, a.seq).cmp(&(b.at, &b.task, b.seq)));
    }
    let total = total(args, store, &selected, findings.len(), &mut skipped)?;
    let findings = selection::newest(findings, args.limit);
    Ok(skipped.told_with(if context.json() {
        let items: Vec<_> = findings.iter().map(FindingObject::from).collect();
        Answer::text(json::document(&skipped.within(List {
            key: "findings",
            items: &items,
            total,
        })))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(people::findings(
            &findings,
            selected.len() > 1,
            now(),
            &context.terminal(),
        ))
    }))
}

fn query(
    args: &FindingsArgs,
    agents: &[agentreg::model::AgentId],
    limit: Option<usize>,
) -> FindingQuery {
    FindingQuery {
        agents: agents.to_vec(),
        finding_type: args.finding_type.clone(),
        min_severity: args.min_severity,
        since: args.since.map(|since| since.before(now())),
        after: args.after,
        until: None,
        limit,
    }
}

/// How many there are without the limit: from the tasks' sums where all are asked for, else as many as were read.
fn total(
    args: &FindingsArgs,
    store: &dyn Store,
    selected: &[Selected],
    read: usize,
    skipped: &mut Skipped,
) -> Result<u64, Failure> {
    if args.limit.is_none() || !asks_for_all(args) {
        return Ok(u64::try_from(read).unwrap_or(u64::MAX));
    }
    let mut total = 0;
    for (task, _) in selected {
        let seen = skipped.unless_odd(store.view(task, AgentsWanted::None))?;
        total += seen.map_or(0, |view| view.state.findings.total());
    }
    Ok(total)
}

fn asks_for_all(args: &FindingsArgs) -> bool {
    args.agents.is_empty()
        && args.finding_type.is_none()
        && args.min_severity.is_none()
        && args.since.is_none()
        && args.after.is_none()
}

fn summary(
    args: &FindingsArgs,
    context: &Context,
    selected: &[Selected],
    mut skipped: Skipped,
) -> Outcome {
    let store = context.store()?;
    let mut sums: Vec<(TaskId, SeveritySums)> = Vec::new();
    for (task, agents) in selected {
        let of_task = if asks_for_all(args) {
            let seen = store.view(task, AgentsWanted::None);
            seen.map(|view| view.state.findings)
        } else {
            let found = store.findings(task, &query(args, agents, None));
            found.map(|found| count(&found))
        };
        let of_task = skipped.unless_odd(of_task)?;
        sums.extend(of_task.map(|of_task| (task.clone(), of_task)));
    }
    let all = sums
        .iter()
        .fold(SeveritySums::default(), |all, (_, sums)| all.plus(*sums));
    Ok(skipped.told_with(if context.json() {
        Answer::text(json::document(&skipped.within(Summary::new(all, &sums))))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(people::findings_summary(&all, &sums, &context.terminal()))
    }))
}

fn count(findings: &[Finding]) -> SeveritySums {
    findings
        .iter()
        .fold(SeveritySums::default(), |sums, finding| {
            sums.with(finding.severity)
        })
}

/// `findings{total, by_severity}, tasks[{task, findings}]`.
#[derive(Serialize)]
struct Summary<'a> {
    findings: FindingSums,
    tasks: Vec<OfTask<'a>>,
}

#[derive(Serialize)]
struct OfTask<'a> {
    task: &'a TaskId,
    findings: FindingSums,
}

impl<'a> Summary<'a> {
    fn new(all: SeveritySums, sums: &'a [(TaskId, SeveritySums)]) -> Self {
        let of_task = |(task, sums): &'a (TaskId, SeveritySums)| OfTask {
            task,
            findings: (*sums).into(),
        };
        Self {
            findings: all.into(),
            tasks: sums.iter().map(of_task).collect(),
        }
    }
}
