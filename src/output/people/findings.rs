//! What agents discovered.

use agentreg::model::{Finding, Severity, SeveritySums, TaskId, Timestamp};

use super::items::{self, by_severity, severities};
use crate::output::age::Clock;
use crate::output::layout::{Column, Line, Row, Table, flow, wrap};
use crate::output::{Terminal, style};

/// The column a finding's text begins in, under its type.
const INDENT: usize = 7;

/// Findings in the order given; `with_task` names each one's task. On a terminal the whole text stands under each.
pub fn findings(
    findings: &[Finding],
    with_task: bool,
    now: Timestamp,
    terminal: &Terminal,
) -> String {
    if findings.is_empty() {
        return nothing(terminal);
    }
    if terminal.tty {
        blocks(findings, with_task, now, terminal)
    } else {
        lines(findings, with_task, terminal)
    }
}

fn nothing(terminal: &Terminal) -> String {
    items::empty_list(
        "no findings; an agent shares one with",
        "agentreg finding -s high \"what it found\"",
        terminal,
    )
}

fn blocks(findings: &[Finding], with_task: bool, now: Timestamp, terminal: &Terminal) -> String {
    let clock = Clock::shortest(findings.iter().map(|finding| finding.at), now);
    let mut out = String::new();
    for finding in findings {
        let severity = style::severity(finding.severity);
        let number = format!("#{}", finding.seq);
        let mut head = Line::new()
            .styled(style::DIM, format!("{number:>5}"))
            .pad(INDENT)
            .styled(severity, finding.severity.as_str())
            .pad(INDENT + 10)
            .plain(&finding.finding_type)
            .plain("  ")
            .styled(style::DIM, finding.agent.as_str())
            .plain("  ")
            .styled(style::DIM, clock.show(finding.at));
        if with_task {
            head = head.plain("  ").styled(style::DIM, finding.task.as_str());
        }
        head.write(&mut out, terminal);
        let indent = || Line::new().pad(INDENT);
        for line in wrap(&finding.message, terminal.width.saturating_sub(INDENT)) {
            indent().plain(line).write(&mut out, terminal);
        }
        if let Some(place) = place(finding) {
            indent().styled(style::DIM, place).write(&mut out, terminal);
        }
        if let Some(data) = &finding.data {
            indent()
                .styled(style::DIM, data.as_str())
                .write(&mut out, terminal);
        }
    }
    out
}

fn lines(findings: &[Finding], with_task: bool, terminal: &Terminal) -> String {
    let row = |finding: &Finding| {
        let message = finding.message.trim();
        let message = match place(finding) {
            Some(place) => format!("{message} ({place})"),
            None => message.to_owned(),
        };
        let mut cells = vec![
            Line::new().plain(finding.seq.to_string()),
            Line::new().plain(Clock::Exact.show(finding.at)),
            Line::new().styled(style::severity(finding.severity), finding.severity.as_str()),
            Line::new().plain(&finding.finding_type),
            Line::new().plain(finding.agent.as_str()),
            Line::new().plain(message),
        ];
        if with_task {
            cells.insert(4, Line::new().plain(finding.task.as_str()));
        }
        Row::from(cells)
    };
    let mut columns = vec![
        Column::new("SEQ").right().floor(4),
        Column::new("TIME"),
        Column::new("SEVERITY").floor(8),
        Column::new("TYPE").floor(8),
        Column::new("AGENT").floor(20),
        Column::new("MESSAGE"),
    ];
    if with_task {
        columns.insert(4, Column::new("TASK"));
    }
    let table = Table {
        columns,
        rows: findings.iter().map(row).collect(),
        heads: false,
    };
    let mut out = String::new();
    table.write(&mut out, terminal);
    out
}

/// `src/auth.rs:42`
fn place(finding: &Finding) -> Option<String> {
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => Some(format!("{file}:{line}")),
        (Some(file), None) => Some(file.clone()),
        (None, Some(line)) => Some(format!("line {line}")),
        (None, None) => None,
    }
}

/// How many findings of which severity there are in all, and in each task.
pub fn findings_summary(
    all: &SeveritySums,
    tasks: &[(TaskId, SeveritySums)],
    terminal: &Terminal,
) -> String {
    if all.total() == 0 {
        return nothing(terminal);
    }
    let mut out = String::new();
    if let [] | [_] = tasks {
        for line in flow(
            std::iter::once(findings_of(all)).chain(severities(all)),
            terminal,
        ) {
            line.write(&mut out, terminal);
        }
        return out;
    }
    let row = |name: Line, sums: &SeveritySums| {
        let mut cells = vec![name];
        cells.extend(
            by_severity(sums)
                .map(|(number, severity)| items::number(number, style::severity(severity))),
        );
        cells.push(items::number(sums.total(), style::STRONG));
        Row::from(cells)
    };
    let mut rows: Vec<Row> = tasks
        .iter()
        .map(|(id, sums)| row(Line::new().plain(id.as_str()), sums))
        .collect();
    rows.push(row(Line::new().styled(style::STRONG, "total"), all));
    let head = |severity| match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    };
    let mut columns = vec![Column::new("TASK").least(12)];
    columns.extend(by_severity(all).map(|(_, severity)| Column::new(head(severity)).right()));
    columns.push(Column::new("ALL").right());
    let table = Table {
        columns,
        rows,
        heads: true,
    };
    table.write(&mut out, terminal);
    out
}

/// `8 findings`
pub fn findings_of(sums: &SeveritySums) -> Line {
    let number = sums.total();
    let noun = if number == 1 { "finding" } else { "findings" };
    Line::new().plain(format!("{number} {noun}"))
}
