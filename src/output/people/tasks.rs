//! Tasks.

use agentreg::model::{TaskState, Timestamp};

use crate::output::{Terminal, escape};

/// Tasks in the order given, with their counts.
pub fn task_list(tasks: &[TaskState], now: Timestamp, terminal: &Terminal) -> String {
    tasks
        .iter()
        .map(|task| task_page(task, now, terminal))
        .collect()
}

/// All there is to say of one task.
pub fn task_page(state: &TaskState, _now: Timestamp, _terminal: &Terminal) -> String {
    let task = &state.task;
    format!(
        "{} {} {}\n",
        task.id,
        task.priority,
        escape(&task.description)
    )
}
