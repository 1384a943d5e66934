//! Where a fleet stands.

use agentreg::model::{Agent, EndHow, Liveness, Status, TaskState, Timestamp, Totals};
use agentreg::store::TaskView;

use super::findings::findings_of;
use super::items::{self, counts, severities, write_items};
use super::tasks::{head, task_list};
use crate::output::age::ago;
use crate::output::layout::{Column, Line, Row, Table};
use crate::output::tree::tree;
use crate::output::{Terminal, bar, style};

/// The machine: its totals, and each open task with its counts.
pub fn overview(
    totals: &Totals,
    tasks: &[TaskState],
    now: Timestamp,
    terminal: &Terminal,
) -> String {
    let new = "agentreg task new \"what is to be done\"";
    if totals.tasks_open == 0 && totals.tasks_closed == 0 && tasks.is_empty() {
        return items::hint("no tasks yet; open one", new, terminal);
    }
    let mut out = String::new();
    let noun = if totals.tasks_open == 1 {
        "task"
    } else {
        "tasks"
    };
    let mut items =
        vec![Line::new().styled(style::STRONG, format!("{} open {noun}", totals.tasks_open))];
    if totals.tasks_closed > 0 {
        items.push(Line::new().styled(style::DIM, format!("{} closed", totals.tasks_closed)));
    }
    write_items(items, &mut out, terminal);
    write_items(counts(&totals.agents), &mut out, terminal);
    out.push('\n');
    if tasks.is_empty() {
        out += &items::hint("no open task; open one", new, terminal);
    } else {
        out += &task_list(tasks, now, terminal);
    }
    out
}

/// A task and its agents, as a list or as a `tree` of parents and children.
pub fn task_status(
    view: &TaskView,
    alive: &dyn Fn(&Agent) -> Liveness,
    tree: bool,
    now: Timestamp,
    terminal: &Terminal,
) -> String {
    let mut out = String::new();
    let state = &view.state;
    head(state, now, &mut out, terminal);
    out.push('\n');
    if state.counts.spawned == 0 && view.agents.is_empty() {
        let command = format!("agentreg register --task {} --type coder", state.task.id);
        out += &match state.status {
            agentreg::model::TaskStatus::Open => {
                items::hint("no agents yet; register the first", &command, terminal)
            }
            agentreg::model::TaskStatus::Closed => "it had no agents\n".to_owned(),
        };
        return out;
    }
    let lives: Vec<Life> = view
        .agents
        .iter()
        .map(|agent| {
            if agent.status.is_active() {
                Life::Active(alive(agent))
            } else {
                Life::Ended
            }
        })
        .collect();
    write_items(counts_of(view, &lives), &mut out, terminal);
    if state.findings.total() > 0 {
        let findings = std::iter::once(findings_of(&state.findings));
        write_items(
            findings.chain(severities(&state.findings)).collect(),
            &mut out,
            terminal,
        );
    }
    out.push('\n');
    if !view.agents.is_empty() {
        agents(&view.agents, &lives, tree, now, terminal).write(&mut out, terminal);
    }
    footer(view, &mut out, terminal);
    out
}

/// Whether an agent's life goes on, and whether really.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Active(Liveness),
    Ended,
}

/// The task's counts; of the active ones those that need somebody, as far as all are in view.
fn counts_of(view: &TaskView, lives: &[Life]) -> Vec<Line> {
    let all = &view.state.counts;
    let mut items = counts(all);
    let active = lives.iter().filter(|life| **life != Life::Ended).count() as u64;
    let mut asides = Vec::new();
    if active == all.active {
        let blocked = view
            .agents
            .iter()
            .filter(|agent| agent.status == Status::Blocked)
            .count();
        let dead = lives
            .iter()
            .filter(|life| **life == Life::Active(Liveness::No))
            .count();
        asides.push((blocked, "blocked", style::WARN));
        asides.push((dead, "dead", style::BAD));
        asides.retain(|(number, _, _)| *number > 0);
    }
    if !asides.is_empty() {
        let mut line = std::mem::take(&mut items[0]).plain(" (");
        for (at, (number, word, style)) in asides.into_iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            line = line.plain(comma).styled(style, format!("{number} {word}"));
        }
        items[0] = line.plain(")");
    }
    let limit = view.state.task.limits.max_concurrent;
    if let Some(most) = limit.filter(|most| all.active > 0 && all.active >= *most) {
        items.insert(
            1,
            Line::new().styled(style::WARN, format!("no more than {most} at once")),
        );
    }
    items
}

fn agents(
    agents: &[Agent],
    lives: &[Life],
    as_tree: bool,
    now: Timestamp,
    terminal: &Terminal,
) -> Table {
    let order: Vec<(usize, String)> = if as_tree {
        let nodes = tree(agents).into_iter();
        nodes
            .map(|node| {
                let blanks = || "  ".repeat(node.depth);
                (node.index, if terminal.tty { node.guide } else { blanks() })
            })
            .collect()
    } else {
        (0..agents.len())
            .map(|index| (index, String::new()))
            .collect()
    };
    let mut rows: Vec<Row> = Vec::with_capacity(agents.len());
    let bars = if terminal.tty {
        bar_cells(agents, &order, terminal.width)
    } else {
        0
    };
    let mut was_active = false;
    for (index, guide) in order {
        let agent = &agents[index];
        let ended = lives[index] == Life::Ended;
        let name = Line::new()
            .styled(style::DIM, guide)
            .plain(agent.id.as_str());
        let mut cells = vec![
            status_cell(agent.status, terminal),
            name,
            progress(agent, bars),
            Line::new().plain(ago(agent.ended_at.unwrap_or(agent.updated_at), now)),
            life(agent, lives[index], terminal),
            message(agent, terminal),
        ];
        if as_tree {
            cells.swap(0, 1);
        }
        rows.push(Row {
            cells,
            dim: ended,
            apart: ended && was_active && !as_tree,
        });
        was_active = !ended;
    }
    let mut columns = vec![
        Column::new("STATUS"),
        Column::new("AGENT").least(12),
        if bars > 0 {
            Column::new("PROGRESS")
        } else {
            Column::new("%").right()
        },
        Column::new("UPDATED"),
        Column::new("LIFE"),
        Column::new("MESSAGE").least(10),
    ];
    if as_tree {
        columns.swap(0, 1);
    }
    Table {
        columns,
        rows,
        heads: true,
    }
}

/// How long a bar there is room for beside messages that can still be read.
fn bar_cells(agents: &[Agent], order: &[(usize, String)], width: usize) -> usize {
    const OTHERS: usize = 12 + 8 + 6 + 5 * 2;
    let names = order.iter().map(|(index, guide)| {
        crate::output::layout::width(guide) + agents[*index].id.as_str().len()
    });
    let room = width.saturating_sub(OTHERS + names.max().unwrap_or(0));
    let fits = |(cells, message): &(usize, usize)| room >= cells + " 100%".len() + message;
    let tries = [(20, 60), (10, 24), (6, 16), (4, 10)];
    tries.into_iter().find(fits).map_or(0, |(cells, _)| cells)
}

/// Glyph and word of a status; in a pipe the word.
pub fn status_cell(status: Status, terminal: &Terminal) -> Line {
    let text = if terminal.tty {
        format!("{} {status}", style::status_glyph(status))
    } else {
        status.to_string()
    };
    Line::new().styled(style::status(status), text)
}

fn progress(agent: &Agent, cells: usize) -> Line {
    if cells == 0 {
        return Line::new().plain(format!("{}%", agent.percent));
    }
    let filled = if agent.status.is_active() {
        style::status(agent.status)
    } else {
        style::DIM
    };
    bar::percent(agent.percent, cells, filled).plain(format!(" {:>3}%", agent.percent))
}

/// Alive, dead or nobody knows; of an ended agent what ended it, unless it was itself.
fn life(agent: &Agent, life: Life, terminal: &Terminal) -> Line {
    if let Life::Active(liveness) = life {
        let word = match liveness {
            Liveness::Yes => "alive",
            Liveness::No => "dead",
            Liveness::Unknown if terminal.tty => "?",
            Liveness::Unknown => "unknown",
        };
        return Line::new().styled(style::liveness(liveness), word);
    }
    let Some(end) = &agent.end else {
        return Line::new();
    };
    let text = match (end.how, end.code, end.signal) {
        (EndHow::Exit, Some(code), _) if terminal.tty => format!("exit {code}"),
        (EndHow::Exit, Some(code), _) => format!("exit:{code}"),
        (EndHow::Exit, None, _) => "exit".to_owned(),
        (EndHow::Signal, _, Some(signal)) => signal_name(signal),
        (EndHow::Signal, _, None) => "signal".to_owned(),
        (EndHow::Timeout, _, _) => "timeout".to_owned(),
        (EndHow::Reaped, _, _) => "reaped".to_owned(),
        (EndHow::Reported | EndHow::Terminated, _, _) if terminal.tty => String::new(),
        (EndHow::Reported, _, _) => "reported".to_owned(),
        (EndHow::Terminated, _, _) => "terminated".to_owned(),
    };
    Line::new().plain(text)
}

/// The signals that have the same number everywhere, by name.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        other => return format!("SIG{other}"),
    };
    name.to_owned()
}

/// What the agent last said, and why it was ended.
fn message(agent: &Agent, terminal: &Terminal) -> Line {
    let said = agent
        .message
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let reason = agent.end.as_ref().and_then(|end| end.reason.as_deref());
    let reason = reason
        .map(str::trim)
        .filter(|reason| !reason.is_empty() && Some(*reason) != said);
    let loud = if agent.status == Status::Blocked && terminal.tty {
        style::WARN
    } else {
        style::PLAIN
    };
    match (reason, said) {
        (Some(reason), Some(said)) => Line::new().plain(reason).plain(" · ").plain(said),
        (reason, said) => Line::new().styled(loud, reason.or(said).unwrap_or("")),
    }
}

/// How many agents are not in view.
fn footer(view: &TaskView, out: &mut String, terminal: &Terminal) {
    let all = view.state.counts.spawned;
    let hidden = all.saturating_sub(view.agents.len() as u64);
    if hidden == 0 || !terminal.tty {
        return;
    }
    let (gap, text) = if view.agents.is_empty() {
        ("", format!("none of {all} agents to show"))
    } else {
        (
            "\n",
            format!(
                "{} of {all} agents shown; every one: --all",
                view.agents.len()
            ),
        )
    };
    out.push_str(gap);
    Line::new().styled(style::DIM, text).write(out, terminal);
}
