//! Advisory locks: `flock(2)` on files that are never deleted.
//!
//! Trying comes first, and trying again after naps: a lock is held for a tenth of a millisecond. Whoever tries is running
//! and goes on at once with the lock; whoever is woken with it has yet to get a processor, and where many wait for that,
//! all of them stand still meanwhile (64 processes at once took half as long again when they waited in the kernel).
//!
//! The naps grow, so that many waiters leave the processors to whoever holds the lock, and no two waiters nap in step.
//! `flock` prefers nobody, so a waiter that has used up half of its time tries more often than those that came after it.
//! No thread waits: a limit on processes may leave no room for one. Nor does a timer end a wait in the kernel: its signal
//! would belong to the whole process, which is somebody else's where this is used as a library.
//!
//! A lock lives as long as the open file: death of the process lets go of it, whatever killed it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use fd_lock::RwLock;

use crate::model::masked;
use crate::store::{Error, Holder, Result};

/// The first nap between two tries, about what one turn of another process takes; each is twice as long as the one before.
const FIRST_NAP: Duration = Duration::from_micros(200);

/// No longer than this at first: a few turns of other processes.
const SHORT: Duration = Duration::from_micros(3_200);

/// So long are naps kept short.
const SOON: Duration = Duration::from_millis(25);

/// The longest nap of one that has waited longer than that: 500 waiters then take a tenth of two processors.
const LONG: Duration = Duration::from_millis(25);

/// The longest nap of one that has used up half of its time.
const PRESSED: Duration = Duration::from_millis(8);

/// A wait shorter than this is not worth a word.
const QUIET: Duration = Duration::from_millis(500);

/// What a timeout is that no clock reaches.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub(crate) struct Lock {
    // fd-lock's guards borrow their lock. The guard is forgotten once it is taken: closing the file unlocks.
    file: RwLock<File>,
}

/// Shared by readers, or one writer's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With other readers.
    Shared,
    /// Alone.
    Exclusive,
}

/// How long, and with which word, a lock is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a call may wait in all.
    pub(crate) timeout: Duration,
    /// The end of that.
    pub(crate) deadline: Instant,
    /// Told once, when a wait gets long.
    pub(crate) announce: Option<fn(&Path)>,
}

impl Patience {
    /// Patience from now on.
    pub(crate) fn new(timeout: Duration, announce: Option<fn(&Path)>) -> Self {
        let now = Instant::now();
        Self {
            timeout,
            deadline: now.checked_add(timeout).unwrap_or(now + FOREVER),
            announce,
        }
    }

    /// Whether it has run out.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl Lock {
    /// Takes the lock if it is free.
    pub(crate) fn try_take(
        file: File,
        path: &Path,
        mode: Mode,
    ) -> Result<std::result::Result<Self, File>> {
        let mut lock = RwLock::new(file);
        match try_once(&mut lock, mode) {
            Ok(true) => Ok(Ok(Self { file: lock })),
            Ok(false) => Ok(Err(lock.into_inner())),
            Err(error) => Err(Error::io("lock", path, error)),
        }
    }

    /// Takes the lock, waiting for it if need be.
    pub(crate) fn take(file: File, path: &Path, mode: Mode, patience: &Patience) -> Result<Self> {
        let mut file = match Self::try_take(file, path, mode)? {
            Ok(lock) => return Ok(lock),
            Err(taken) => taken,
        };
        let mut naps = Naps::begin(patience);
        let mut announce = patience.announce;
        loop {
            // The last nap ends with the time, and one more try comes after it.
            let Some(nap) = naps.next() else {
                return Err(Error::LockTimeout {
                    path: path.to_owned(),
                    waited: patience.timeout,
                    holder: holder_of(&file),
                });
            };
            std::thread::sleep(nap);
            file = match Self::try_take(file, path, mode)? {
                Ok(lock) => return Ok(lock),
                Err(taken) => taken,
            };
            if naps.begun.elapsed() >= QUIET
                && let Some(announce) = announce.take()
            {
                announce(path);
            }
        }
    }

    /// The locked file. Every descriptor of it keeps the lock, also one that another process inherits.
    pub(crate) fn into_file(self) -> File {
        self.file.into_inner()
    }
}

/// How long a waiter naps between one try and the next, until its time is over.
#[derive(Debug)]
struct Naps {
    begun: Instant,
    half_over: Instant,
    deadline: Instant,
    nap: Duration,
    /// Where in its range the next nap lies: 0 to 255 for half of its length to one and a half.
    phase: u8,
}

impl Naps {
    fn begin(patience: &Patience) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            half_over: begun + patience.deadline.saturating_duration_since(begun) / 2,
            deadline: patience.deadline,
            nap: FIRST_NAP,
            phase: phase(std::process::id()),
        }
    }
}

impl Iterator for Naps {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at(Instant::now())
    }
}

impl Naps {
    /// The nap that begins now.
    fn at(&mut self, now: Instant) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(now);
        if left.is_zero() {
            return None;
        }
        let most = if now.saturating_duration_since(self.begun) < SOON {
            SHORT
        } else if now < self.half_over {
            LONG
        } else {
            PRESSED
        };
        let nap = self.nap.min(most);
        self.nap = nap * 2;
        self.phase = self.phase.wrapping_add(phase(1));
        Some((nap / 2 + nap * u32::from(self.phase) / 256).min(left))
    }
}

/// Multiples of the golden ratio lie evenly in the range, whether they are of numbers that follow each other, as those of
/// processes that were started together, or of the naps of one process.
fn phase(number: u32) -> u8 {
    let [.., high] = number.wrapping_mul(0x9e37_79b9).to_le_bytes();
    high
}

fn try_once(lock: &mut RwLock<File>, mode: Mode) -> io::Result<bool> {
    loop {
        let tried = match mode {
            Mode::Exclusive => lock.try_write().map(std::mem::forget),
            Mode::Shared => lock.try_read().map(std::mem::forget),
        };
        match tried {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Who holds the lock on this file.
pub(crate) fn holder_of(file: &File) -> Option<Holder> {
    rustix::fs::fstat(file)
        .ok()
        .and_then(|stat| holder(stat.st_ino))
}

/// Who holds the flock on this inode, as Linux lists it in `/proc/locks`.
fn holder(inode: u64) -> Option<Holder> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; a waiter has `->` after the number.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let place = fields.get(5)?.rsplit(':').next()?;
        let (kind, pid) = (*fields.get(1)?, fields.get(4)?);
        (kind == "FLOCK" && place.parse() == Ok(inode)).then(|| pid.parse().ok())?
    })?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline"))
        .ok()
        .map(|line| {
            let words = line
                .strip_suffix(b"\0")
                .unwrap_or(&line)
                .split(|byte| *byte == 0);
            let words: Vec<String> = words
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            // The error is pasted into issues as a stored command is.
            masked(&words)
                .join(" ")
                .trim_end()
                .chars()
                .take(120)
                .collect()
        });
    Some(Holder {
        pid,
        command: command.filter(|c: &String| !c.is_empty()),
        is_stopped: is_stopped(pid),
    })
}

/// Whether a process is stopped, by a signal or a debugger.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // `1234 (a name) T 1 …`; the name may hold anything.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| state.starts_with(['T', 't']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naps_end_with_the_time_and_differ_from_process_to_process() {
        let patience = Patience::new(Duration::from_millis(20), None);
        let mut naps = Naps::begin(&patience);
        let at = |after: Duration| naps.begun + after;
        let (begun, soon, over) = (at(Duration::ZERO), at(SOON), at(Duration::from_millis(20)));
        let first = naps.at(begun).unwrap();
        assert!(
            first >= FIRST_NAP / 2 && first < FIRST_NAP * 3 / 2,
            "{first:?}"
        );
        let longest = (0..20).filter_map(|_| naps.at(begun)).max().unwrap();
        assert!(
            longest > SHORT / 2 && longest <= SHORT * 3 / 2,
            "{longest:?}"
        );
        assert_eq!(naps.at(over.max(soon)), None);
        let phases: std::collections::HashSet<u8> = (100..110).map(|pid| phase(pid) / 16).collect();
        assert!(phases.len() > 7, "{phases:?}");
    }

    #[test]
    fn a_timeout_that_no_clock_reaches_is_a_long_one() {
        let patience = Patience::new(Duration::MAX, None);
        assert!(!patience.is_over());
    }
}
