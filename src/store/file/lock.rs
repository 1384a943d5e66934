//! Advisory locks: `flock(2)` on files that are never deleted.
//!
//! Trying comes first, and trying again after naps: a lock is held for a tenth of a millisecond. Whoever tries is running
//! and goes on at once with the lock; whoever is woken with it has yet to get a processor, and where many wait for that,
//! all of them stand still meanwhile (64 processes at once took half as long again). Only a call that finds the lock taken
//! after all naps starts a thread that waits for it in the kernel, so that waiters wake in no polling rhythm, while the
//! call itself keeps its deadline. A lock lives as long as the open file: death of the process lets go of it, whatever
//! killed it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fd_lock::RwLock;

use crate::store::{Error, Holder, Result};

/// Between one try and the next; together they are no longer than a few turns of other processes.
const NAPS: [Duration; 9] = [
    Duration::from_micros(200),
    Duration::from_micros(400),
    Duration::from_micros(800),
    Duration::from_micros(1_600),
    Duration::from_micros(3_200),
    Duration::from_micros(3_200),
    Duration::from_micros(3_200),
    Duration::from_micros(3_200),
    Duration::from_micros(3_200),
];

/// A wait shorter than this is not worth a word.
const QUIET: Duration = Duration::from_millis(500);

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
        Self {
            timeout,
            deadline: Instant::now() + timeout,
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
        match Self::try_take(file, path, mode)? {
            Ok(lock) => Ok(lock),
            Err(file) => match Self::try_again(file, path, mode, patience)? {
                Ok(lock) => Ok(lock),
                Err(file) => Self::wait(file, path, mode, patience),
            },
        }
    }

    fn try_again(
        mut file: File,
        path: &Path,
        mode: Mode,
        patience: &Patience,
    ) -> Result<std::result::Result<Self, File>> {
        for nap in NAPS {
            if patience.is_over() {
                break;
            }
            std::thread::sleep(nap);
            match Self::try_take(file, path, mode)? {
                Ok(lock) => return Ok(Ok(lock)),
                Err(taken) => file = taken,
            }
        }
        Ok(Err(file))
    }

    /// The locked file. Every descriptor of it keeps the lock, also one that another process inherits.
    pub(crate) fn into_file(self) -> File {
        self.file.into_inner()
    }

    fn wait(file: File, path: &Path, mode: Mode, patience: &Patience) -> Result<Self> {
        let inode = rustix::fs::fstat(&file).map(|stat| stat.st_ino).ok();
        let (sender, receiver) = mpsc::channel();
        // If nobody receives any more the lock that comes at last is dropped at once.
        std::thread::spawn(move || {
            let mut lock = RwLock::new(file);
            let taken = wait_in_kernel(&mut lock, mode).map(|()| lock);
            let _ = sender.send(taken);
        });
        let left = patience.deadline.saturating_duration_since(Instant::now());
        let first = left.min(QUIET);
        let mut answer = receiver.recv_timeout(first);
        if answer.is_err() {
            if let Some(announce) = patience.announce {
                announce(path);
            }
            answer = receiver.recv_timeout(left.saturating_sub(first));
        }
        match answer {
            Ok(Ok(lock)) => Ok(Self { file: lock }),
            Ok(Err(error)) => Err(Error::io("lock", path, error)),
            Err(_) => Err(Error::LockTimeout {
                path: path.to_owned(),
                waited: patience.timeout,
                holder: inode.and_then(holder),
            }),
        }
    }
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

fn wait_in_kernel(lock: &mut RwLock<File>, mode: Mode) -> io::Result<()> {
    loop {
        let taken = match mode {
            Mode::Exclusive => lock.write().map(std::mem::forget),
            Mode::Shared => lock.read().map(std::mem::forget),
        };
        match taken {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            taken => return taken,
        }
    }
}

/// Who holds the flock on this file.
pub(crate) fn holder_of(file: &File) -> Option<Holder> {
    holder(rustix::fs::fstat(file).ok()?.st_ino)
}

/// Who holds the flock on this inode, as Linux lists it in `/proc/locks`.
fn holder(inode: u64) -> Option<Holder> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; a waiter has `->` after the number.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let place = fields.get(5)?.rsplit(':').next()?;
        (fields[1] == "FLOCK" && place.parse() == Ok(inode)).then(|| fields[4].parse().ok())?
    })?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline"))
        .ok()
        .map(|line| {
            let words = String::from_utf8_lossy(&line).replace('\0', " ");
            words.trim_end().chars().take(120).collect()
        });
    Some(Holder {
        pid,
        command: command.filter(|c: &String| !c.is_empty()),
    })
}
