//! What `wait` waited for.

use agentreg::model::{Agent, Status};

use super::agents::status_cell;
use crate::output::Terminal;
use crate::output::layout::{Column, Line, Row, Table};

/// How the agents stand, and each of those that are worth a word.
pub fn waited(all: &[Agent], worth_a_word: &[Agent], terminal: &Terminal) -> String {
    let mut out = String::new();
    let noun = if all.len() == 1 { "agent" } else { "agents" };
    let mut line = Line::new().plain(format!("{} {noun}", all.len()));
    let mut separator = ": ";
    for status in Status::ALL {
        let number = all.iter().filter(|agent| agent.status == status).count();
        if number > 0 {
            line = line.plain(format!("{separator}{number} {status}"));
            separator = ", ";
        }
    }
    line.write(&mut out, terminal);
    let row = |agent: &Agent| {
        Row::from(vec![
            status_cell(agent.status, terminal),
            Line::new().plain(agent.id.as_str()),
            Line::new().plain(why(agent)),
        ])
    };
    let table = Table {
        columns: vec![
            Column::new("STATUS"),
            Column::new("AGENT").least(12),
            Column::new("MESSAGE").least(10),
        ],
        rows: worth_a_word.iter().map(row).collect(),
        heads: false,
    };
    table.write(&mut out, terminal);
    out
}

fn why(agent: &Agent) -> String {
    let reason = agent.end.as_ref().and_then(|end| end.reason.as_deref());
    let message = agent.message.as_deref();
    let said: Vec<_> = reason.into_iter().chain(message).map(str::trim).collect();
    said.join(": ")
}
