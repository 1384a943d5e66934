//! What agents reported.

use agentreg::model::{Report, Timestamp};

use super::agents::status_cell;
use super::items;
use crate::output::age::Clock;
use crate::output::layout::{Column, Line, Row, Table};
use crate::output::{Terminal, style};

/// Reports in the order given, one a line.
pub fn reports(reports: &[Report], now: Timestamp, terminal: &Terminal) -> String {
    if reports.is_empty() {
        return items::empty_list(
            "no reports; an agent reports with",
            "agentreg progress -p 50 \"what it does\"",
            terminal,
        );
    }
    let clock = if terminal.tty {
        Clock::shortest(reports.iter().map(|report| report.at), now)
    } else {
        Clock::Exact
    };
    let row = |report: &Report| {
        Row::from(vec![
            Line::new().styled(style::DIM, clock.show(report.at)),
            Line::new().plain(report.agent.as_str()),
            status_cell(report.status, terminal),
            Line::new().plain(format!("{}%", report.percent)),
            Line::new().plain(report.message.as_deref().unwrap_or("").trim()),
        ])
    };
    let table = Table {
        columns: vec![
            Column::new("TIME"),
            Column::new("AGENT").floor(20).least(12),
            Column::new("STATUS").floor(11),
            Column::new("%").right().floor(4),
            Column::new("MESSAGE").least(12),
        ],
        rows: reports.iter().map(row).collect(),
        heads: false,
    };
    let mut out = String::new();
    table.write(&mut out, terminal);
    out
}
