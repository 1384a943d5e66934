//! The moment that a reader shows of a task, found without a lock; why it is one stands in the docs of `read`.

use super::home::Home;
use super::line::{Commit, CommitHead, Mark};
use super::record::Record;
use super::rev::{Standing, judge};
use super::task::{JOURNAL, TaskDir};
use crate::model::{Agent, Change, TaskId};
use crate::store::{Error, Result};

/// After so many looks in a row that found the same and make no sense, it is damage.
const SAME_LOOKS: u32 = 3;

/// So often a look is taken again because what it looked at moved.
const MOVING_LOOKS: u32 = 5;

/// However much moves, somebody who looks so often and still makes no sense of it is told so.
const MOST_LOOKS: u32 = 50;

/// What becomes of a change that is committed and not applied yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unapplied {
    /// It is laid over what was read: nobody waits for it, and it is on disk.
    LaidOver,
    /// It is left out: it is not acknowledged yet, and may be taken back.
    LeftOut,
}

/// The two revs that a look found: the task's, and the machine's.
pub(crate) type Revs = (u64, Option<u64>);

/// A task at one moment.
#[derive(Debug)]
pub(crate) struct Moment {
    /// What the task counts; its rev is the moment's.
    pub(crate) mark: Mark,
    /// What is committed and not applied yet, and whether it belongs to the moment.
    pub(crate) unapplied: Option<(Commit, Unapplied)>,
    /// Marks were lost: the counts hold only if the logs give them.
    pub(crate) is_to_count: bool,
    /// What was looked at.
    pub(crate) revs: Revs,
}

impl Moment {
    /// The task now. An opening that is not applied yet is laid over in any case: there is nothing below it.
    pub(crate) fn of(home: &Home, task: &TaskDir, unapplied: Unapplied) -> Result<Self> {
        let mut looks = Looks::default();
        loop {
            let noted = (Record::noted(&task.dir)?, Record::noted(&home.dir)?);
            let own = task.last_mark()?;
            let own_rev = own.as_ref().map_or(0, |mark| mark.rev);
            let last = home.last_commit_head()?;
            let revs = (own_rev, last.as_ref().map(|last| last.rev));
            if task.applied_rev()? != own_rev && looks.are_few() {
                looks.moved();
                continue;
            }
            let damage = match (judge(&task.id, own_rev, last.as_ref()), own) {
                _ if revs.1 < Some(noted.1) => cut_off(home, revs.1, noted.1),
                (Standing::Applied, Some(mark)) if own_rev >= noted.0 => {
                    return Ok(Self {
                        mark,
                        unapplied: None,
                        is_to_count: false,
                        revs,
                    });
                }
                (standing @ (Standing::ToApply | Standing::Recount), own) => {
                    // What was appended since may be another task's.
                    match home.last_commit()?.filter(|last| Some(last.rev) == revs.1) {
                        Some(commit) => {
                            return Ok(Self::with(own, commit, standing, unapplied, revs));
                        }
                        None => looks.moved(),
                    }
                    continue;
                }
                (Standing::Applied, Some(_)) => Error::damaged(
                    task.dir.at(JOURNAL),
                    format!(
                        "it ends with rev {own_rev}, and rev {} was committed of this task: it was cut off or replaced \
                         by an older one",
                        noted.0
                    ),
                ),
                (_, None) if last.is_none() => home.journal_missing(),
                (_, None) => empty(task),
                (Standing::Damage, Some(_)) => impossible(home, &task.id, own_rev, last.as_ref()),
            };
            if looks.are_enough(revs) {
                return Err(damage);
            }
        }
    }

    /// The moment where `commit` is not applied yet.
    fn with(
        own: Option<Mark>,
        commit: Commit,
        standing: Standing,
        unapplied: Unapplied,
        revs: Revs,
    ) -> Self {
        match own.filter(|_| unapplied == Unapplied::LeftOut) {
            Some(mark) => Self {
                mark,
                unapplied: Some((commit, Unapplied::LeftOut)),
                is_to_count: false,
                revs,
            },
            None => Self {
                mark: commit.mark(),
                unapplied: Some((commit, Unapplied::LaidOver)),
                is_to_count: standing == Standing::Recount,
                revs,
            },
        }
    }

    /// Whether the task is deleted by then.
    pub(crate) fn is_deleted(&self) -> bool {
        self.mark.change == Change::Deleted
    }

    /// The rev that it is of.
    pub(crate) fn rev(&self) -> u64 {
        self.mark.rev
    }

    /// The change that is laid over what was read.
    pub(crate) fn laid_over(&self) -> Option<&Commit> {
        let laid_over = |(_, unapplied): &&(_, _)| *unapplied == Unapplied::LaidOver;
        self.unapplied
            .as_ref()
            .filter(laid_over)
            .map(|(commit, _)| commit)
    }

    /// The agent as the change that is laid over has it.
    pub(crate) fn agent_laid_over(&self) -> Option<&Agent> {
        self.laid_over()?.agent.as_ref()
    }
}

/// Looks that were taken and could not be used.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    taken: u32,
    same: u32,
    last: Option<Revs>,
}

impl Looks {
    /// What was looked at moved meanwhile.
    pub(crate) fn moved(&mut self) {
        self.taken += 1;
        self.last = None;
        self.same = 0;
    }

    /// Whether another look may find what it looks at at rest.
    pub(crate) fn are_few(&self) -> bool {
        self.taken < MOVING_LOOKS
    }

    /// What was looked at makes no sense; whether that is damage, and not a change that was under way.
    pub(crate) fn are_enough(&mut self, found: Revs) -> bool {
        self.taken += 1;
        self.same = if self.last == Some(found) {
            self.same + 1
        } else {
            1
        };
        self.last = Some(found);
        self.same >= SAME_LOOKS || self.taken >= MOST_LOOKS
    }
}

/// The machine's journal ends before what was committed.
pub(crate) fn cut_off(home: &Home, last: Option<u64>, noted: u64) -> Error {
    let Some(last) = last else {
        return home.journal_missing();
    };
    Error::damaged(
        home.journal_path(),
        format!(
            "it ends with rev {last}, and rev {noted} was committed here: it was cut off or replaced by an older one"
        ),
    )
}

/// A task's rev and the end of the machine's journal cannot both be.
pub(crate) fn impossible(home: &Home, id: &TaskId, own: u64, last: Option<&CommitHead>) -> Error {
    let Some(last) = last else {
        return home.journal_missing();
    };
    Error::damaged(
        home.journal_path(),
        format!(
            "it ends with rev {} of task {}, and the journal of task {id} with rev {own}: one of them was cut off, or \
             replaced by another copy",
            last.rev, last.task
        ),
    )
}

/// A task without a mark.
pub(crate) fn empty(task: &TaskDir) -> Error {
    Error::damaged(task.dir.at(JOURNAL), "the task's journal is empty")
}
