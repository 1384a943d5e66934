//! Revs: the one rule that says how a task stands to the journal. Everybody who reads a rev asks it.
//!
//! Revs number the machine's journal, so a task's own journal has only some of them. Let `last` be the journal's last line
//! and `own` the rev of the task's last mark. A line carries `prev`, its task's rev before it, so a gap shows:
//!
//! | `last` is of | `own` | standing |
//! |---|---|---|
//! | this task | `last.rev` | applied |
//! | this task | `last.prev` | to be applied |
//! | this task | below `prev`, or below `rev` where there is no `prev` | marks were lost in a power cut: apply and recount |
//! | this task | anything else | damage |
//! | another task | below `last.rev` | applied |
//! | another task | none | damage: the task's journal was emptied |
//! | another task | `last.rev` or more | damage: the journal was emptied, shortened, or replaced by an older one |
//!
//! A task's directory that still has the name it was built under is not applied even where the mark is there: a power cut
//! can keep the mark and lose the rename. That is the caller's to know. A task's journal that was itself cut back shows in
//! no rev where the last line is of another task; the record in the task's `lock` tells, see [`super::record`].
//!
//! Under the task's lock the rule holds as it stands, `own` read before `last`: only the holder of that lock appends lines
//! of the task to either journal. Without it both may move between the two reads, so a reader reads `own`, `last`, `own`
//! and looks again while they differ; see [`super::read`].

use super::line::CommitHead;
use crate::model::TaskId;

/// How a task stands to the journal's last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Everything that is committed of the task is applied to it.
    Applied,
    /// The last line is the task's and is not applied yet.
    ToApply,
    /// The same, and marks before it are missing: the counts of the line hold only if the task's logs add up to them.
    Recount,
    /// No crash leaves this behind.
    Damage,
}

/// How the task stands whose last mark is `own` (0 before the first) if the journal ends with `last`.
pub(crate) fn judge(task: &TaskId, own: u64, last: Option<&CommitHead>) -> Standing {
    let Some(last) = last else {
        return if own == 0 {
            Standing::Applied
        } else {
            Standing::Damage
        };
    };
    if last.task != *task {
        return if (1..last.rev).contains(&own) {
            Standing::Applied
        } else {
            Standing::Damage
        };
    }
    match last.prev {
        _ if own == last.rev => Standing::Applied,
        _ if own > last.rev => Standing::Damage,
        Some(prev) if own == prev => Standing::ToApply,
        Some(prev) if own > prev => Standing::Damage,
        // Written by 0.1.0, or over marks that a power cut took.
        Some(_) | None => Standing::Recount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(own: u64, rev: u64, prev: Option<u64>, task: &str) -> Standing {
        let last = CommitHead {
            rev,
            prev,
            task: task.parse().unwrap(),
            change: crate::model::Change::Registered,
            built: None,
        };
        judge(&"T".parse().unwrap(), own, Some(&last))
    }

    #[test]
    fn the_table_holds() {
        assert_eq!(standing(9, 9, Some(4), "T"), Standing::Applied);
        assert_eq!(standing(4, 9, Some(4), "T"), Standing::ToApply);
        assert_eq!(standing(3, 9, Some(4), "T"), Standing::Recount);
        assert_eq!(standing(4, 9, None, "T"), Standing::Recount);
        assert_eq!(standing(5, 9, Some(4), "T"), Standing::Damage);
        assert_eq!(standing(10, 9, Some(4), "T"), Standing::Damage);
        assert_eq!(standing(10, 9, None, "T"), Standing::Damage);
        assert_eq!(standing(8, 9, Some(4), "U"), Standing::Applied);
        assert_eq!(standing(0, 9, Some(0), "U"), Standing::Damage);
        assert_eq!(standing(9, 9, Some(4), "U"), Standing::Damage);
        assert_eq!(standing(10, 9, None, "U"), Standing::Damage);
    }

    #[test]
    fn an_empty_journal_knows_no_task() {
        let task = "T".parse().unwrap();
        assert_eq!(judge(&task, 0, None), Standing::Applied);
        assert_eq!(judge(&task, 1, None), Standing::Damage);
    }
}
