//! What no kill and no power cut does: journals cut back or replaced by older copies, and a copy of the home that is made piece by
//! piece while calls run.

use crate::disk::{Disk, File};
use crate::model::{Hand, Pc, Proc, Protocol, State};

/// What is done to the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tampering {
    None,
    /// The global journal loses lines from its end, all of them or some.
    Journal,
    /// A task's journal does.
    Marks,
    /// The home is copied file by file, and the calls go on in the copy.
    Copy,
}

/// A copy in the making, and which of its pieces are made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Copying {
    disk: Disk,
    made: u8,
}

/// Everything that this tampering may make of the state, by number.
pub fn ways(model: &Protocol, state: &State) -> Vec<u8> {
    if state.left.tampers == 0 {
        return Vec::new();
    }
    // Files are replaced between calls.
    let at_rest = state.procs.iter().all(|proc| proc.pc == Pc::TakeTask);
    let lines = |len: usize| u8::try_from(len).expect("scenarios are small");
    match model.scenario.tampering {
        Tampering::Journal if at_rest => (0..lines(state.disk.journal.slots.len())).collect(),
        Tampering::Marks if at_rest => {
            let first = &state.disk.tasks[0].journal;
            (0..lines(first.slots.len())).collect()
        }
        Tampering::Copy => {
            let made = state.copying.as_ref().map_or(0, |copying| copying.made);
            (0..pieces(&state.disk))
                .filter(|piece| made >> piece & 1 == 0)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The journal with the home's lock, each task's journal with its place, and each log.
fn pieces(disk: &Disk) -> u8 {
    u8::try_from(1 + disk.tasks.len() + disk.logs.len()).expect("scenarios are small")
}

pub fn tamper(model: &Protocol, state: &mut State, way: u8) {
    match model.scenario.tampering {
        Tampering::Journal => state.disk.journal.slots.truncate(usize::from(way)),
        Tampering::Marks => state.disk.tasks[0].journal.slots.truncate(usize::from(way)),
        Tampering::Copy => {
            if !copy(state, way) {
                return;
            }
        }
        Tampering::None => {}
    }
    state.left.tampers -= 1;
    state.hand = Hand::Tampered;
}

/// Copies a piece; whether it was the last one.
fn copy(state: &mut State, piece: u8) -> bool {
    let mut copying = state.copying.take().unwrap_or_else(|| Copying {
        disk: Disk {
            journal: File::default(),
            ..state.disk.clone()
        },
        made: 0,
    });
    let (at, tasks) = (usize::from(piece), state.disk.tasks.len());
    if at == 0 {
        copying.disk.journal = state.disk.journal.clone();
        copying.disk.highest = state.disk.highest;
    } else if let Some(task) = state.disk.tasks.get(at - 1) {
        copying.disk.tasks[at - 1] = task.clone();
    } else {
        copying.disk.logs[at - 1 - tasks] = state.disk.logs[at - 1 - tasks].clone();
    }
    copying.made |= 1 << piece;
    if copying.made.count_ones() < u32::from(pieces(&state.disk)) {
        // What is not copied yet says nothing, so that states which differ only in it are one.
        forget(&mut copying);
        state.copying = Some(copying);
        return false;
    }
    state.disk = copying.disk;
    state.disk.known = false;
    state.disk.settle();
    for proc in 0..state.procs.len() {
        state.release(proc);
        state.procs[proc] = Proc::at(state.procs[proc].op);
    }
    true
}

fn forget(copying: &mut Copying) {
    let Copying { disk, made } = copying;
    let (mut at, made) = (1, *made);
    let mut is_made = || {
        let is_made = made >> at & 1 == 1;
        at += 1;
        is_made
    };
    for task in &mut disk.tasks {
        if !is_made() {
            task.journal = File::default();
            task.highest = 0;
            task.place = crate::disk::Entry::at(crate::disk::TaskPlace::Nowhere);
        }
    }
    for log in &mut disk.logs {
        if !is_made() {
            log.file = File::default();
            log.place = crate::disk::Entry::at(crate::disk::LogPlace::Nowhere);
        }
    }
    if made & 1 == 0 {
        disk.highest = 0;
    }
}
