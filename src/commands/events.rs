//! `events`: the journal.

use agentreg::store::EventQuery;

use super::context::{Context, now};
use super::follow::Followed;
use super::{Outcome, feeds, follow};
use crate::cli::EventsArgs;
use crate::output::json::{self, List};
use crate::output::{Answer, people};

pub fn run(args: &EventsArgs, context: &Context) -> Outcome {
    let query = EventQuery {
        task: context.task_to_read(None)?,
        since: args.since.map(|since| since.before(now())),
        after: None,
        until: None,
        limit: args.limit,
    };
    if args.follow {
        let followed = match &query.task {
            Some(task) => Followed::One(task.clone()),
            None => Followed::Some(Vec::new()),
        };
        return follow::run(&mut feeds::Events::new(context, query)?, &followed, context);
    }
    let events = context.store()?.events(&query)?;
    Ok(if context.json() {
        // Without a filter the newest event's number is the number of them all.
        let all = (query.task.is_none() && query.since.is_none())
            .then(|| events.last().map(|event| event.rev))
            .flatten();
        Answer::text(json::document(&List {
            key: "events",
            items: &events,
            total: all.unwrap_or(u64::try_from(events.len()).unwrap_or(u64::MAX)),
        }))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(people::events(&events, now(), &context.terminal()))
    })
}
