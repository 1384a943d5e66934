//! Where a task stands to the last line of the global journal: the one rule for revs, judged under the task's lock and
//! by readers without it.

use super::line::CommitHead;
use crate::model::TaskId;

/// Whether the journal's last line is applied to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is, or it is another task's.
    Applied,
    /// It is the task's next change.
    ToApply,
    /// It is the task's, and marks before it were lost: it holds if the task's logs give its counts.
    Recount,
    /// The two revs cannot both be.
    Damage,
}

/// Judges a task's rev against the journal's last line.
pub(crate) fn judge(task: &TaskId, own: u64, g: &CommitHead) -> Standing {
    if g.task != *task {
        return if own < g.rev { Standing::Applied } else { Standing::Damage };
    }
    match own.cmp(&g.rev) {
        std::cmp::Ordering::Equal => Standing::Applied,
        std::cmp::Ordering::Less => Standing::ToApply,
        std::cmp::Ordering::Greater => Standing::Damage,
    }
}
