//! Tasks.

use agentreg::model::{SeveritySums, TaskState, TaskStatus, Timestamp};

use super::items::{self, counts, short_counts, title, write_items};
use crate::output::age::{ago, exact};
use crate::output::layout::{Column, Line, Row, Table, flow, wrap};
use crate::output::{Terminal, bar, style};

/// From this width on a task takes one line of a table; below, two lines of its own.
const WIDE: usize = 150;

/// Tasks in the order given, with their counts.
pub fn task_list(tasks: &[TaskState], now: Timestamp, terminal: &Terminal) -> String {
    if tasks.is_empty() {
        return items::empty_list(
            "no tasks to list; open one",
            "agentreg task new \"what is to be done\"",
            terminal,
        );
    }
    let mut out = String::new();
    if terminal.tty && terminal.width < WIDE {
        blocks(tasks, now, &mut out, terminal);
    } else if terminal.tty {
        wide(tasks, now, terminal).write(&mut out, terminal);
    } else {
        plain(tasks, now).write(&mut out, terminal);
    }
    out
}

/// A task in two lines: what is to be done; its id, a bar and its counts. In words if there is room for all in words.
fn blocks(tasks: &[TaskState], now: Timestamp, out: &mut String, terminal: &Terminal) {
    let ids = tasks.iter().map(|state| state.task.id.as_str().len());
    let beside = 4 + ids.max().unwrap_or(0) + 2;
    let room = terminal.width.saturating_sub(beside + 2);
    let words = |state: &TaskState| items_in_line(counts(&state.counts));
    let widest = tasks
        .iter()
        .map(|state| words(state).width())
        .max()
        .unwrap_or(0);
    let in_words = [10, 6].into_iter().find(|cells| cells + widest <= room);
    for state in tasks {
        block_head(state, now, out, terminal);
        let counts = match in_words {
            Some(_) => words(state),
            None => short_counts(&state.counts),
        };
        let mut line = Line::new()
            .pad(4)
            .styled(style::DIM, state.task.id.as_str())
            .pad(beside)
            .then(&bar::shares(&state.counts, in_words.unwrap_or(10)))
            .plain("  ")
            .then(&counts);
        let worst = worst(&state.findings);
        if !worst.is_empty() && line.width() + 3 + worst.width() <= terminal.width {
            line = line.styled(style::DIM, " · ").then(&worst);
        }
        line.write(out, terminal);
    }
}

fn block_head(state: &TaskState, now: Timestamp, out: &mut String, terminal: &Terminal) {
    let task = &state.task;
    let closed = state.status == TaskStatus::Closed;
    let age = ago(task.created_at, now);
    let age = if closed {
        format!("closed, opened {age}")
    } else {
        age
    };
    let room = terminal.width.saturating_sub(4 + 2 + age.len());
    let name = if closed { style::DIM } else { style::STRONG };
    Line::new()
        .styled(style::priority(task.priority), task.priority.to_string())
        .pad(4)
        .then(&Line::new().styled(name, title(state, terminal)).cut(room))
        .pad(4 + room + 2)
        .styled(style::DIM, age)
        .write(out, terminal);
}

/// The findings that somebody should look at.
fn worst(sums: &SeveritySums) -> Line {
    let worst = SeveritySums {
        low: 0,
        medium: 0,
        ..*sums
    };
    let mut items = items::severities(&worst);
    match items.len() {
        0 => Line::new(),
        _ => items.swap_remove(0),
    }
}

fn items_in_line(items: Vec<Line>) -> Line {
    let unlimited = Terminal {
        width: usize::MAX,
        color: false,
        tty: false,
    };
    flow(items, &unlimited)
        .into_iter()
        .next()
        .unwrap_or_default()
}

/// Columns that would say nothing are left out.
fn wide(tasks: &[TaskState], now: Timestamp, terminal: &Terminal) -> Table {
    let closed = tasks.iter().any(|state| state.status == TaskStatus::Closed);
    let terminated = tasks.iter().any(|state| state.counts.terminated > 0);
    let roomy = terminal.width >= 180;
    let all = [
        (true, Column::new("P")),
        (true, Column::new("TASK").least(20)),
        (closed, Column::new("STATUS")),
        (true, Column::new("AGENTS")),
        (true, Column::new("ACTIVE").right()),
        (true, Column::new("COMPLETED").right()),
        (true, Column::new("FAILED").right()),
        (terminated, Column::new("TERMINATED").right()),
        (roomy, Column::new("FINDINGS").right()),
        (true, Column::new("OPENED")),
        (true, Column::new("DESCRIPTION").least(16)),
    ];
    let row = |state: &TaskState| {
        let task = &state.task;
        let counts = &state.counts;
        let cells = [
            Line::new().styled(style::priority(task.priority), task.priority.to_string()),
            Line::new().plain(task.id.as_str()),
            Line::new().plain(state.status.to_string()),
            bar::shares(counts, if roomy { 20 } else { 10 }),
            items::number(counts.active, style::GOING),
            items::number(counts.completed, style::GOOD),
            items::number(counts.failed, style::BAD),
            items::number(counts.terminated, style::PLAIN),
            items::number(state.findings.total(), style::PLAIN),
            Line::new().styled(style::DIM, ago(task.created_at, now)),
            Line::new().plain(title(state, terminal)),
        ];
        let cells = cells.into_iter().zip(&all).filter(|(_, (told, _))| *told);
        Row {
            cells: cells.map(|(cell, _)| cell).collect(),
            dim: state.status == TaskStatus::Closed,
            apart: false,
        }
    };
    Table {
        rows: tasks.iter().map(row).collect(),
        columns: all
            .iter()
            .filter(|(told, _)| *told)
            .map(|(_, column)| *column)
            .collect(),
        heads: true,
    }
}

/// The same columns whatever is in them.
fn plain(tasks: &[TaskState], now: Timestamp) -> Table {
    let row = |state: &TaskState| {
        let task = &state.task;
        let counts = &state.counts;
        Row::from(vec![
            Line::new().plain(task.id.as_str()),
            Line::new().plain(task.priority.to_string()),
            Line::new().plain(state.status.to_string()),
            items::number(counts.active, style::GOING),
            items::number(counts.completed, style::GOOD),
            items::number(counts.failed, style::BAD),
            items::number(counts.terminated, style::PLAIN),
            items::number(state.findings.total(), style::PLAIN),
            Line::new().plain(ago(task.created_at, now)),
            Line::new().plain(task.description.trim()),
        ])
    };
    Table {
        columns: vec![
            Column::new("TASK"),
            Column::new("PRIORITY"),
            Column::new("STATUS"),
            Column::new("ACTIVE").right(),
            Column::new("COMPLETED").right(),
            Column::new("FAILED").right(),
            Column::new("TERMINATED").right(),
            Column::new("FINDINGS").right(),
            Column::new("OPENED"),
            Column::new("DESCRIPTION"),
        ],
        rows: tasks.iter().map(row).collect(),
        heads: true,
    }
}

/// All there is to say of one task.
pub fn task_page(state: &TaskState, now: Timestamp, terminal: &Terminal) -> String {
    let mut out = String::new();
    let task = &state.task;
    if terminal.tty {
        for line in wrap(&task.description, terminal.width) {
            Line::new()
                .styled(style::STRONG, line)
                .write(&mut out, terminal);
        }
        out.push('\n');
    } else {
        Line::new()
            .plain(task.description.trim())
            .write(&mut out, terminal);
    }
    let uncut = Terminal {
        width: usize::MAX,
        ..*terminal
    };
    let mut field = |name: &str, value: Line| {
        let line = Line::new().styled(style::DIM, name).pad(11).then(&value);
        line.write(&mut out, &uncut);
    };
    field("task", Line::new().plain(task.id.as_str()));
    field("status", Line::new().plain(state.status.to_string()));
    let priority = task.priority;
    field(
        "priority",
        Line::new().styled(style::priority(priority), priority.to_string()),
    );
    let opened = format!("{} ({})", ago(task.created_at, now), exact(task.created_at));
    field("opened", Line::new().plain(opened));
    if let Some(workspace) = &task.workspace {
        field("workspace", Line::new().plain(workspace.to_string_lossy()));
    }
    field("limits", items_in_line(limits(state)));
    if !task.require_evidence.is_none() {
        field(
            "evidence",
            Line::new().plain(task.require_evidence.to_string()),
        );
    }
    field("agents", items_in_line(counts(&state.counts)));
    if state.findings.total() > 0 {
        field(
            "findings",
            items_in_line(items::severities(&state.findings)),
        );
    }
    out
}

fn limits(state: &TaskState) -> Vec<Line> {
    let limits = &state.task.limits;
    let most = |limit: Option<u64>, what: &str| match limit {
        Some(most) => format!("{most} {what}"),
        None => format!("any number {what}"),
    };
    [
        most(limits.max_concurrent, "at once"),
        most(limits.max_agents, "in all"),
        format!("depth {}", limits.max_depth),
    ]
    .map(|item| Line::new().plain(item))
    .to_vec()
}

/// The head of a task's status page: what is to be done, and a line of what is good to know of it.
pub fn head(state: &TaskState, now: Timestamp, out: &mut String, terminal: &Terminal) {
    let task = &state.task;
    Line::new()
        .styled(style::STRONG, title(state, terminal))
        .write(out, terminal);
    let dim = |text: &str| Line::new().styled(style::DIM, text);
    let mut items = vec![
        Line::new().plain(task.id.as_str()),
        Line::new().styled(style::priority(task.priority), task.priority.to_string()),
    ];
    if state.status == TaskStatus::Closed {
        items.push(Line::new().styled(style::STRONG, "closed"));
    }
    items.push(dim(&format!("opened {}", ago(task.created_at, now))));
    if let Some(workspace) = &task.workspace {
        let path = crate::output::escape(&workspace.to_string_lossy()).into_owned();
        items.push(dim(&if terminal.tty {
            crate::output::layout::cut_front(&path, terminal.width)
        } else {
            path
        }));
    }
    write_items(items, out, terminal);
}
