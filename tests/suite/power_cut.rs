//! Power cuts: whatever was acknowledged before one is there after it.
//!
//! The home lies on an ext4 file system in an image, on a loop device, and the image on an XFS file system that can
//! clone a file in a moment. While agents report, the image is cloned again and again. A clone has what the kernel had
//! written to the device at that moment and not what it still held in memory: it is the disk after a power cut. Each is
//! mounted (ext4 replays its journal), looked through and written to.
//!
//! What this proves: everything that is acknowledged was synced, data and names, in an order from which ext4 and the
//! registry recover. What it does not: the clone has every write that the device completed, like a disk without a
//! volatile cache or one with a battery; writes that were not flushed are not dropped or reordered, and no sector is
//! torn. The model of the protocol (`tests/protocol`) loses any set of unsynced writes.

mod disk;
mod survivors;
mod writers;

use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use self::disk::{Loop, Mount};
use self::survivors::{assert_has, assert_healthy, assert_recounted};
use self::writers::{Ack, Stop, Writer, call};
use crate::env::Env;

const CUTS: usize = 16;
const WRITERS: usize = 3;

#[test]
fn whatever_was_acknowledged_before_a_power_cut_is_there_after_it() {
    let env = Env::new();
    let Some(disks) = Disks::make(env.root()) else {
        return;
    };
    let home = disks.inner.point.join("home");
    let ran = call(
        &env,
        &home,
        &[
            "task",
            "new",
            "common",
            "--id",
            "common",
            "--max-concurrent",
            "none",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (acks, cuts) = cut_while_writing(&env, &home, &disks);
    for (known, image) in &cuts {
        let point = env.root().join("clone");
        let mount = Mount::of(image, &point).unwrap_or_else(|said| panic!("{said}"));
        let home = mount.point.join("home");
        assert_healthy(&env, &home);
        assert_has(&env, &home, &acks[..*known]);
        write_on(&env, &home);
        assert_has(&env, &home, &acks[..*known]);
        assert_recounted(&env, &home);
        assert_healthy(&env, &home);
        drop(mount);
        std::fs::remove_file(image).expect("the clone can go");
    }
}

/// The XFS file system, and in it the ext4 file system with the home. Taken down in this order.
struct Disks {
    inner: Mount,
    _device: Loop,
    image: PathBuf,
    outer: Mount,
}

impl Disks {
    /// None, with a word, where there can be no such thing.
    fn make(root: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can mount file systems");
            return None;
        }
        let outer_image = root.join("xfs.img");
        disk::sparse_file(&outer_image, 512);
        disk::make(&["mkfs.xfs", "-q", "-m", "reflink=1"], &outer_image);
        let outer = match Mount::of(&outer_image, &root.join("xfs")) {
            Ok(outer) => outer,
            Err(said) => {
                eprintln!("skipped: no XFS on a loop device here: {said}");
                return None;
            }
        };
        let image = outer.point.join("ext4.img");
        disk::sparse_file(&image, 64);
        disk::make(&["mkfs.ext4", "-q"], &image);
        let device = Loop::on(&image);
        let inner = Mount::of(Path::new(&device.device), &root.join("ext4"));
        Some(Self {
            inner: inner.unwrap_or_else(|said| panic!("{said}")),
            _device: device,
            image,
            outer,
        })
    }
}

/// All that was acknowledged, in order, and each clone with how much of that came before it.
fn cut_while_writing(env: &Env, home: &Path, disks: &Disks) -> (Vec<Ack>, Vec<(usize, PathBuf)>) {
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let stopping = Stop(&stop);
        for name in 0..=WRITERS {
            let acks = sender.clone();
            let stop = &stop;
            scope.spawn(move || {
                let writer = Writer {
                    env,
                    home,
                    name,
                    acks,
                    stop,
                };
                if name < WRITERS {
                    writer.run();
                } else {
                    writer.interfere(WRITERS);
                }
            });
        }
        let mut acks = Vec::new();
        let mut cuts = Vec::new();
        for cut in 0..CUTS {
            receive(&receiver, &mut acks, random(5..60));
            let clone = disks.outer.point.join(format!("clone-{cut}.img"));
            let known = acks.len();
            disk::clone(&disks.image, &clone);
            cuts.push((known, clone));
        }
        drop(stopping);
        (acks, cuts)
    })
}

/// Waits until so many more calls were acknowledged; takes those too that were meanwhile.
fn receive(receiver: &Receiver<Ack>, acks: &mut Vec<Ack>, more: usize) {
    for _ in 0..more {
        let ack = receiver.recv_timeout(Duration::from_secs(30));
        acks.push(ack.expect("the writers go on"));
    }
    acks.extend(receiver.try_iter());
}

fn random(range: std::ops::Range<usize>) -> usize {
    let random = std::hash::RandomState::new().build_hasher().finish();
    range.start + usize::try_from(random % (range.len() as u64)).expect("a small number")
}

/// The next calls work, and finish what the cut left unfinished.
fn write_on(env: &Env, home: &Path) {
    let calls: [&[&str]; 5] = [
        &["task", "new", "after the cut", "--id", "after"],
        &[
            "register", "--task", "after", "--type", "coder", "--id", "new",
        ],
        &[
            "progress", "--task", "after", "--agent", "new", "-p", "5", "goes on",
        ],
        &["finding", "--task", "after", "--agent", "new", "goes on"],
        &[
            "register", "--task", "common", "--type", "coder", "--id", "new",
        ],
    ];
    for args in calls {
        let ran = call(env, home, args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}
