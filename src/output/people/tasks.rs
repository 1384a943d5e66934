//! Tasks.

use agentreg::model::{SeveritySums, TaskState, TaskStatus, Timestamp};

use super::items::{self, counts, short_counts, title, write_items};
use crate::output::age::{ago, exact};
use crate::output::layout::{Column, Line, Row, Table, flow, wrap};
use crate::output::{Terminal, bar, style};

/// From this width on a task takes one line of a table; below, two lines of its own.
const WIDE: usize = 120;

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
        for task in tasks {
            block(task, now, &mut out, terminal);
        }
    } else if terminal.tty {
        wide(tasks, now, terminal).write(&mut out, terminal);
    } else {
        plain(tasks, now).write(&mut out, terminal);
    }
    out
}

/// Two lines: what is to be done, and its id with a bar and the counts, as much of these as fits.
fn block(state: &TaskState, now: Timestamp, out: &mut String, terminal: &Terminal) {
    let task = &state.task;
    let closed = state.status == TaskStatus::Closed;
    let priority = task.priority.to_string();
    let age = if closed {
        format!("closed, opened {}", ago(task.created_at, now))
    } else {
        ago(task.created_at, now)
    };
    let room = terminal.width.saturating_sub(4 + 2 + age.len());
    let name = if closed { style::DIM } else { style::STRONG };
    Line::new()
        .styled(style::priority(task.priority), priority)
        .pad(4)
        .then(Line::new().styled(name, title(state, terminal)).cut(room))
        .pad(4 + room + 2)
        .styled(style::DIM, age)
        .write(out, terminal);
    let id = Line::new()
        .pad(4)
        .styled(style::DIM, task.id.as_str())
        .plain("  ");
    let bar = |cells| bar::shares(&state.counts, cells).plain("  ");
    let words = items_in_line(counts(&state.counts));
    let tries = [
        bar(10).then(words.clone()),
        bar(6).then(words),
        bar(10).then(short_counts(&state.counts)),
    ];
    let fits = |line: &Line| id.width() + line.width() <= terminal.width;
    let shown = tries.into_iter().find(fits);
    let shown = shown.unwrap_or_else(|| short_counts(&state.counts));
    let mut line = id.then(shown);
    let worst = worst(&state.findings).plain(" ");
    if line.width() + 3 + worst.width() <= terminal.width && worst.width() > 1 {
        line = line.styled(style::DIM, " · ").then(worst);
    }
    line.write(out, terminal);
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

fn wide(tasks: &[TaskState], now: Timestamp, terminal: &Terminal) -> Table {
    let any_closed = tasks.iter().any(|task| task.status == TaskStatus::Closed);
    let cells = if terminal.width >= 160 { 20 } else { 10 };
    let row = |state: &TaskState| {
        let task = &state.task;
        let counts = &state.counts;
        let mut cells = vec![
            Line::new().styled(style::priority(task.priority), task.priority.to_string()),
            Line::new().plain(task.id.as_str()),
            bar::shares(counts, cells),
            items::number(counts.active, style::GOING),
            items::number(counts.completed, style::GOOD),
            items::number(counts.failed, style::BAD),
            items::number(counts.terminated, style::PLAIN),
            items::number(state.findings.total(), style::PLAIN),
            Line::new().styled(style::DIM, ago(task.created_at, now)),
            Line::new().plain(title(state, terminal)),
        ];
        if any_closed {
            cells.insert(2, Line::new().plain(state.status.to_string()));
        }
        Row {
            cells,
            dim: state.status == TaskStatus::Closed,
            apart: false,
        }
    };
    let mut columns = vec![
        Column::new("P"),
        Column::new("TASK").least(20),
        Column::new("AGENTS"),
        Column::new("ACTIVE").right(),
        Column::new("DONE").right(),
        Column::new("FAILED").right(),
        Column::new("ENDED").right(),
        Column::new("FINDINGS").right(),
        Column::new("OPENED"),
        Column::new("DESCRIPTION").least(20),
    ];
    if any_closed {
        columns.insert(2, Column::new("STATUS"));
    }
    Table {
        columns,
        rows: tasks.iter().map(row).collect(),
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
        let line = Line::new().styled(style::DIM, name).pad(11).then(value);
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
