//! `reports`: what agents said of their state, by time.

use agentreg::store::ReportQuery;

use super::context::{Context, now};
use super::follow::Followed;
use super::skipped::Skipped;
use super::{Outcome, feeds, follow, selection};
use crate::cli::ReportsArgs;
use crate::output::json::{self, List};
use crate::output::{Answer, people};

pub fn run(args: &ReportsArgs, context: &Context) -> Outcome {
    let instead = "did you mean `agentreg progress`, which reports?";
    let mut skipped = Skipped::default();
    let selected = selection::tasks(&args.agents, context, instead, &mut skipped)?;
    let since = args.since.map(|since| since.before(now()));
    if args.follow {
        let query = ReportQuery {
            agents: Vec::new(),
            since,
        };
        let mut feed = feeds::Reports::new(context, &selected, query, args.limit, &mut skipped)?;
        skipped.tell(context);
        let task = context.task_to_read(None)?;
        let followed = Followed::new(task, !args.agents.is_empty(), &selected);
        return follow::run(&mut feed, &followed, context);
    }
    let store = context.store()?;
    let mut reports = Vec::new();
    let several = selected.len() > 1;
    for (task, agents) in selected {
        let found = store.reports(&task, &ReportQuery { agents, since });
        reports.extend(skipped.unless_odd(found)?.unwrap_or_default());
    }
    if several {
        // Stable: what a task's reports are in order is kept where times are equal.
        reports.sort_by_key(|report| report.at);
    }
    let total = u64::try_from(reports.len()).unwrap_or(u64::MAX);
    let reports = selection::newest(reports, args.limit);
    Ok(skipped.told_with(if context.json() {
        Answer::text(json::document(&skipped.within(List {
            key: "reports",
            items: &reports,
            total,
        })))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(people::reports(&reports, now(), &context.terminal()))
    }))
}
