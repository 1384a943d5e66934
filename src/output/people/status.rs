//! Where a fleet stands.

use agentreg::model::{Agent, Liveness, TaskState, Timestamp, Totals};
use agentreg::store::TaskView;

use super::tasks::{task_list, task_page};
use crate::output::{Terminal, escape};

/// The machine: its totals, and each open task with its counts.
pub fn overview(
    totals: &Totals,
    tasks: &[TaskState],
    now: Timestamp,
    terminal: &Terminal,
) -> String {
    format!(
        "{} active agents\n{}",
        totals.agents.active,
        task_list(tasks, now, terminal)
    )
}

/// A task and its agents, as a list or as a `tree` of parents and children.
pub fn task_status(
    view: &TaskView,
    alive: &dyn Fn(&Agent) -> Liveness,
    _tree: bool,
    now: Timestamp,
    terminal: &Terminal,
) -> String {
    let mut text = task_page(&view.state, now, terminal);
    for agent in &view.agents {
        text += &format!(
            "{} {} {}% {:?} {}\n",
            agent.status,
            agent.id,
            agent.percent,
            alive(agent),
            escape(agent.message.as_deref().unwrap_or(""))
        );
    }
    text
}
