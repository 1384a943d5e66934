//! The table of a task's agents.

use agentreg::model::{Agent, EndHow, Liveness, Status, Timestamp};

use crate::output::age::ago;
use crate::output::layout::{Column, Line, Row, Table, width};
use crate::output::tree::tree;
use crate::output::{Terminal, bar, style};

/// Whether an agent's life goes on, and whether really.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Active(Liveness),
    Ended,
}

impl Life {
    /// Only an active agent is asked whether it is alive.
    pub fn of(agent: &Agent, alive: &dyn Fn(&Agent) -> Liveness) -> Self {
        if agent.status.is_active() {
            Self::Active(alive(agent))
        } else {
            Self::Ended
        }
    }
}

/// A row an agent, in the order given or under their parents; the ended ones stand back.
pub fn table(
    agents: &[Agent],
    lives: &[Life],
    as_tree: bool,
    now: Timestamp,
    terminal: &Terminal,
) -> Table {
    let order = if as_tree {
        guides(agents, terminal)
    } else {
        (0..agents.len())
            .map(|index| (index, String::new()))
            .collect()
    };
    let bars = if terminal.tty {
        bar_cells(agents, &order, terminal.width)
    } else {
        0
    };
    let percent = if bars > 0 {
        Column::new("PROGRESS")
    } else {
        Column::new("%").right()
    };
    let mut columns = vec![
        Column::new("STATUS"),
        Column::new("AGENT").least(12),
        percent,
        Column::new("UPDATED"),
        Column::new("LIFE"),
        Column::new("MESSAGE").least(10),
    ];
    let mut rows: Vec<Row> = Vec::with_capacity(agents.len());
    for (index, guide) in order {
        let (Some(agent), Some(life)) = (agents.get(index), lives.get(index).copied()) else {
            continue;
        };
        let ended = life == Life::Ended;
        let cells = vec![
            status_cell(agent.status, terminal),
            Line::new()
                .styled(style::DIM, guide)
                .plain(agent.id.as_str()),
            progress(agent, bars),
            Line::new().plain(ago(agent.ended_at.unwrap_or(agent.updated_at), now)),
            life_cell(agent, life, terminal),
            message(agent, life, terminal),
        ];
        let first_ended = ended && rows.last().is_some_and(|above| !above.dim);
        rows.push(Row {
            cells,
            dim: ended,
            apart: first_ended && !as_tree,
        });
    }
    if as_tree {
        columns.swap(0, 1);
        for row in &mut rows {
            row.cells.swap(0, 1);
        }
    }
    Table {
        columns,
        rows,
        heads: true,
    }
}

/// The agents' places in tree order, with what leads to each: lines on a terminal, blanks in a pipe.
fn guides(agents: &[Agent], terminal: &Terminal) -> Vec<(usize, String)> {
    let nodes = tree(agents).into_iter();
    let places = nodes.map(|node| {
        let blanks = || "  ".repeat(node.depth);
        (node.index, if terminal.tty { node.guide } else { blanks() })
    });
    places.collect()
}

/// How long a bar there is room for beside messages that can still be read.
fn bar_cells(agents: &[Agent], order: &[(usize, String)], columns: usize) -> usize {
    const OTHERS: usize = 12 + 8 + 6 + 5 * 2;
    let names = order
        .iter()
        .filter_map(|(index, guide)| Some(width(guide) + agents.get(*index)?.id.as_str().len()));
    let room = columns.saturating_sub(OTHERS + names.max().unwrap_or(0));
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

/// Below this width what ended an agent stands before its message rather than beside it.
const WIDE: usize = 100;

fn folds(terminal: &Terminal) -> bool {
    terminal.tty && terminal.width < WIDE
}

/// Alive, dead or nobody knows; of an ended agent what ended it, unless it was itself.
fn life_cell(agent: &Agent, life: Life, terminal: &Terminal) -> Line {
    let Life::Active(liveness) = life else {
        let ended_by = if folds(terminal) {
            String::new()
        } else {
            ended_by(agent, terminal)
        };
        return Line::new().plain(ended_by);
    };
    let word = match liveness {
        Liveness::Yes => "alive",
        Liveness::No => "dead",
        Liveness::Unknown if terminal.tty => "?",
        Liveness::Unknown => "unknown",
    };
    Line::new().styled(style::liveness(liveness), word)
}

fn ended_by(agent: &Agent, terminal: &Terminal) -> String {
    let Some(end) = &agent.end else {
        return String::new();
    };
    let word = match (end.how, end.code, end.signal) {
        (EndHow::Exit, Some(code), _) if terminal.tty => return format!("exit {code}"),
        (EndHow::Exit, Some(code), _) => return format!("exit:{code}"),
        (EndHow::Exit, None, _) => "exit",
        (EndHow::Signal, _, Some(signal)) => return signal_name(signal),
        (EndHow::Signal, _, None) => "signal",
        (EndHow::Timeout, _, _) => "timeout",
        (EndHow::Idle, _, _) => "idle",
        (EndHow::Evidence, _, _) => "evidence",
        (EndHow::Hook, _, _) => "hook",
        (EndHow::Reaped, _, _) => "reaped",
        (EndHow::Reported | EndHow::Terminated, _, _) if terminal.tty => "",
        (EndHow::Reported, _, _) => "reported",
        (EndHow::Terminated, _, _) => "terminated",
    };
    word.to_owned()
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

/// What the agent last said, and before it why it was ended.
fn message(agent: &Agent, life: Life, terminal: &Terminal) -> Line {
    let said = agent.message.as_deref().unwrap_or("").trim();
    let reason = agent.end.as_ref().and_then(|end| end.reason.as_deref());
    let reason = reason.unwrap_or("").trim();
    let folded = if life == Life::Ended && folds(terminal) {
        ended_by(agent, terminal)
    } else {
        String::new()
    };
    let loud = if agent.status == Status::Blocked {
        style::WARN
    } else {
        style::PLAIN
    };
    let why = if reason == said { "" } else { reason };
    let parts = [
        (style::PLAIN, folded.as_str()),
        (style::PLAIN, why),
        (loud, said),
    ];
    let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
    parts.fold(Line::new(), |line, (style, text)| {
        let dot = if line.is_empty() { "" } else { " · " };
        line.plain(dot).styled(style, text)
    })
}
