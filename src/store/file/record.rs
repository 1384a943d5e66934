//! What lock files hold: the highest rev that was ever committed under them; the home's also says which home this is.
//!
//! A journal that ends below the rev was emptied, shortened or replaced by an older one. A home whose identity is not the
//! one noted was copied, moved to another file system, restored, or made by 0.1.0: it is recounted before anything is
//! changed in it.
//!
//! A task's `lock` notes the task's own highest rev. Where the journal's last line is of another task the marks of this one
//! are on disk, so a journal of the task that ends below was cut off or replaced.
//!
//! What this cannot see: a record that a power cut set back together with a journal that somebody replaced by an older
//! one, and a backup that was copied over a home in place, over newer logs. `doctor` finds both.
//!
//! One record of fixed width with a checksum, written in place after the commit's sync and before anything is applied,
//! never before: a rev that was not committed must not stand here. It is not synced. After a kill or a power cut it may be
//! lower than the journal's, which is normal, or torn, and then it says nothing.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, StatxFlags};
use rustix::io::retry_on_intr;

use super::dir::{Access, Dir};
use super::home::LOCK;
use crate::model::number;
use crate::store::{Error, Result};

/// Room for a record and for longer ones of later versions.
const WIDTH: usize = 128;

/// A record that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The highest rev that was committed.
    pub(crate) rev: u64,
    /// The identity of the home that wrote it; empty in a task's.
    pub(crate) home: String,
}

/// Which home a lock file belongs to: the file's inode, and its birth time where the file system has one. Devices have
/// other numbers after a reboot, so they say nothing.
pub(crate) fn identity(lock: &File, path: &std::path::Path) -> Result<String> {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let found = retry_on_intr(|| rustix::fs::statx(lock, "", AtFlags::EMPTY_PATH, wanted));
    match found {
        Ok(stat) if StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME) => {
            let birth = stat.stx_btime;
            Ok(format!(
                "{}-{}.{:09}",
                stat.stx_ino, birth.tv_sec, birth.tv_nsec
            ))
        }
        Ok(stat) => Ok(stat.stx_ino.to_string()),
        // An old kernel, or a sandbox that does not know the call.
        Err(_) => retry_on_intr(|| rustix::fs::fstat(lock))
            .map(|stat| stat.st_ino.to_string())
            .map_err(|e| Error::io("look at", path, e)),
    }
}

impl Record {
    /// The record in a lock file; none if there is none or it cannot be read.
    pub(crate) fn read(lock: &File) -> Option<Self> {
        let mut bytes = [0; WIDTH];
        let length = retry_on_intr(|| rustix::io::pread(lock, &mut bytes[..], 0)).ok()?;
        Self::parse(bytes.get(..length)?)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (body, crc) = line.trim_end().rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16) != Ok(crc32fast::hash(body.as_bytes())) {
            return None;
        }
        let mut words = body.split(' ');
        let rev = words.next()?.parse().ok()?;
        let home = words.next()?.to_owned();
        // Revs are counted on from.
        (rev <= number::MOST).then_some(Self { rev, home })
    }

    /// The highest rev that the lock file in `dir` notes; 0 if that says nothing. Read before the journals, which it never is
    /// ahead of.
    pub(crate) fn noted(dir: &Dir) -> Result<u64> {
        let lock = dir.file(LOCK, Access::Read)?;
        Ok(lock
            .and_then(|lock| Self::read(&lock))
            .map_or(0, |record| record.rev))
    }

    /// Writes it in place into a lock file, which must not be open for appending. Without it only damage goes unnoticed,
    /// so a failure is nobody's concern.
    pub(crate) fn write(&self, lock: &File) {
        let _ = lock.write_all_at(self.line().as_bytes(), 0);
    }

    fn line(&self) -> String {
        let body = format!("{:020} {}", self.rev, self.home);
        let line = format!("{body} {:08x}", crc32fast::hash(body.as_bytes()));
        format!("{line:<width$}\n", width = WIDTH - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            rev: 42,
            home: "123-1700000000.000000001".to_owned(),
        }
    }

    #[test]
    fn a_record_reads_back_and_no_changed_byte_goes_unnoticed() {
        let line = record().line();
        assert_eq!(line.len(), WIDTH);
        assert_eq!(Record::parse(line.as_bytes()), Some(record()));
        for at in 0..line.trim_end().len() {
            let mut changed = line.clone().into_bytes();
            changed[at] ^= 1;
            assert_ne!(Record::parse(&changed), Some(record()), "byte {at}");
        }
    }

    #[test]
    fn what_is_torn_or_empty_says_nothing() {
        assert_eq!(Record::parse(b""), None);
        let line = record().line();
        assert_eq!(Record::parse(&line.as_bytes()[..60]), None);
    }

    #[test]
    fn a_record_is_written_in_place() {
        let file = tempfile::tempfile().unwrap();
        record().write(&file);
        let next = Record {
            rev: 43,
            ..record()
        };
        next.write(&file);
        assert_eq!(Record::read(&file), Some(next));
        assert_eq!(file.metadata().unwrap().len(), WIDTH as u64);
    }
}
