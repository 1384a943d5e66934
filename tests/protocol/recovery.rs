//! What the next writer makes of a disk.

use crate::apply::{perform, stages};
use crate::disk::{Disk, Swept, TaskPlace};
use crate::model::Omission;
use crate::rule::{Verdict, judge};

/// The disk after the next writer has cut, and redone the last line: what every promise is checked against. None where it, or
/// the next writer of any task, finds damage.
pub fn recover(disk: &Disk, omission: Option<Omission>) -> Option<Disk> {
    let mut disk = disk.clone();
    if omission != Some(Omission::CutTornTails) {
        disk.journal.cut();
    }
    let last = *disk.journal.last()?;
    if last.rev < disk.highest {
        return None;
    }
    let of = disk.folder(&last);
    match (disk.verdict(&last, of, omission), of) {
        (Verdict::Damage, _) => return None,
        (Verdict::ToApply | Verdict::Recount, Some(dir)) if omission != Some(Omission::Redo) => {
            for &stage in stages(last.change, omission) {
                perform(&mut disk, &last, dir, stage, true, omission);
            }
        }
        _ => {}
    }
    let judges = |dir| {
        let is_own = Some(dir) == disk.folder(&last);
        !is_own && judge(disk.own(dir, omission), &last, false) == Verdict::Damage
    };
    let has_no_journal = |dir| {
        let found = disk.dir(dir);
        let is_named = matches!(found.place.now, TaskPlace::Tasks | TaskPlace::Closed);
        is_named && found.swept.now == Swept::Journal
    };
    let damaged = disk
        .dirs()
        .any(|dir| disk.is_task(dir) && judges(dir) || has_no_journal(dir));
    (!damaged).then_some(disk)
}
