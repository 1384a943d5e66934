//! The journal.

use agentreg::model::{Event, Timestamp};

use crate::output::Terminal;

/// The journal's events, one a line.
pub fn events(events: &[Event], _now: Timestamp, _terminal: &Terminal) -> String {
    let line = |event: &Event| {
        let agent = event.agent.as_ref().map_or("-", |id| id.as_str());
        format!(
            "{} {} {} {} {agent}\n",
            event.rev, event.at, event.change, event.task
        )
    };
    events.iter().map(line).collect()
}
