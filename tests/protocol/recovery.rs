//! What the next writer makes of a disk, and a recount of it.

use crate::apply::{perform, stages};
use crate::disk::Disk;
use crate::model::{Omission, Protocol};
use crate::records::Counts;

/// The disk after the next writer has cut, and redone the last line: what every promise is checked against.
pub fn recover(disk: &Disk, omission: Option<Omission>) -> Disk {
    let mut disk = disk.clone();
    if omission != Some(Omission::CutTornTails) {
        disk.journal.cut();
    }
    let last = *disk
        .journal
        .last()
        .expect("there is no moment without a journal");
    if !disk.applied(&last, omission) && omission != Some(Omission::Redo) {
        for &stage in stages(last.change, omission) {
            perform(&mut disk, &last, stage, true, omission);
        }
    }
    disk
}

/// Counts a task's agents from their logs, as `doctor` does.
pub fn recount(model: &Protocol, disk: &Disk, task: usize) -> Counts {
    let mut counts = Counts::default();
    for (log, _) in disk
        .logs
        .iter()
        .zip(&model.scenario.agents)
        .filter(|(_, of)| usize::from(**of) == task)
    {
        match log.file.last() {
            Some(record) if record.active => counts.active += 1,
            Some(_) => counts.ended += 1,
            None => {}
        }
    }
    counts
}
