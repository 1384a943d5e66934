//! Where a fleet stands.

use std::path::Path;

use agentreg::model::{Agent, Liveness, Status, TaskState, TaskStatus, Timestamp, Totals};
use agentreg::store::TaskView;

use super::agents::{self, Life};
use super::findings::findings_of;
use super::items::{self, counts, severities, write_items};
use super::tasks::{head, task_list};
use crate::output::layout::Line;
use crate::output::{Terminal, style};

/// The machine: its totals, and each open task with its counts.
pub fn overview(
    home: &Path,
    totals: &Totals,
    tasks: &[TaskState],
    now: Timestamp,
    terminal: &Terminal,
) -> String {
    let new = "agentreg task new \"what is to be done\"";
    if totals.tasks_open == 0 && totals.tasks_closed == 0 && tasks.is_empty() {
        // A home that is named wrong looks like an empty one.
        let none = format!("no tasks yet in {}; open one", home.display());
        return items::hint(&none, new, terminal);
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
            TaskStatus::Open => {
                items::hint("no agents yet; register the first", &command, terminal)
            }
            TaskStatus::Closed => "it had no agents\n".to_owned(),
        };
        return out;
    }
    let lives: Vec<Life> = view
        .agents
        .iter()
        .map(|agent| Life::of(agent, alive))
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
    if !view.agents.is_empty() {
        out.push('\n');
        agents::table(&view.agents, &lives, tree, now, terminal).write(&mut out, terminal);
    }
    footer(view, &lives, &mut out, terminal);
    out
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
    if let Some(first) = items.first_mut().filter(|_| !asides.is_empty()) {
        let mut line = std::mem::take(first).plain(" (");
        for (at, (number, word, style)) in asides.into_iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            line = line.plain(comma).styled(style, format!("{number} {word}"));
        }
        *first = line.plain(")");
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

/// How many agents are not in view, and what to do about the dead.
fn footer(view: &TaskView, lives: &[Life], out: &mut String, terminal: &Terminal) {
    if !terminal.tty {
        return;
    }
    let all = view.state.counts.spawned;
    let shown = view.agents.len() as u64;
    let active = lives.iter().filter(|life| **life != Life::Ended).count() as u64;
    let mut hints = Vec::new();
    if shown == 0 {
        hints.push(format!("none of {all} agents to show"));
    } else if shown < all {
        let every = if active == view.state.counts.active {
            ", all with --all"
        } else {
            ""
        };
        hints.push(format!("{shown} of {all} agents shown{every}"));
    }
    if lives.contains(&Life::Active(Liveness::No)) {
        hints.push("end the dead: agentreg reap".to_owned());
    }
    if !hints.is_empty() {
        out.push('\n');
    }
    let hints = hints
        .into_iter()
        .map(|hint| Line::new().styled(style::DIM, hint));
    write_items(hints.collect(), out, terminal);
}
