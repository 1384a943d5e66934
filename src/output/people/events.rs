//! The journal.

use agentreg::model::{Event, Timestamp};

use super::items;
use crate::output::age::Clock;
use crate::output::layout::{Column, Line, Row, Table};
use crate::output::{Terminal, style};

/// From this width on there is room for the counts after each event.
const WIDE: usize = 110;

/// The journal's events, one a line.
pub fn events(events: &[Event], now: Timestamp, terminal: &Terminal) -> String {
    if events.is_empty() {
        return items::empty_list(
            "nothing has happened yet; open a task",
            "agentreg task new \"what is to be done\"",
            terminal,
        );
    }
    let clock = if terminal.tty {
        Clock::shortest(events.iter().map(|event| event.at), now)
    } else {
        Clock::Exact
    };
    let with_counts = !terminal.tty || terminal.width >= WIDE;
    let mut columns = vec![
        Column::new("REV").right().floor(4),
        Column::new("TIME"),
        Column::new("CHANGE").floor(12),
        Column::new("AGENT").floor(20).least(12),
        Column::new("TASK").least(12),
    ];
    if with_counts {
        columns.push(Column::new("COUNTS").least(8));
    }
    let table = Table {
        columns,
        rows: events
            .iter()
            .map(|event| row(event, clock, with_counts, terminal))
            .collect(),
        heads: false,
    };
    let mut out = String::new();
    table.write(&mut out, terminal);
    out
}

fn row(event: &Event, clock: Clock, with_counts: bool, terminal: &Terminal) -> Row {
    let (style, glyph) = style::change(event.change);
    let change = if terminal.tty {
        format!("{glyph} {}", event.change)
    } else {
        event.change.to_string()
    };
    let agent = event.agent.as_ref().map_or("", |id| id.as_str());
    let mut cells = vec![
        Line::new().styled(style::DIM, event.rev.to_string()),
        Line::new().styled(style::DIM, clock.show(event.at)),
        Line::new().styled(style, change),
        Line::new().plain(agent),
        Line::new().styled(
            if agent.is_empty() {
                style::PLAIN
            } else {
                style::DIM
            },
            event.task.as_str(),
        ),
    ];
    if with_counts {
        cells.push(if terminal.tty {
            items::short_counts(&event.counts)
        } else {
            let counts = event.counts;
            Line::new().plain(format!(
                "active={} completed={} failed={} terminated={}",
                counts.active, counts.completed, counts.failed, counts.terminated
            ))
        });
    }
    cells.into()
}
