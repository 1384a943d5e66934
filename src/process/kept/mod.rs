//! The output of an agent, kept within a bound: its beginning, [`HEAD`] bytes, and its newest part.
//!
//! | file | subject |
//! |---|---|
//! | `log` | who writes it, or watches it being written, gives back what is too much |
//! | `keeper` | when to look, where the command writes into the file itself |
//! | `reader` | who reads it is told what was dropped, and where |
//!
//! What lies between the two is given back to the file system as a hole. All offsets stay as they were, so that neither
//! whoever appends nor whoever follows needs to know. It is one system call, after which the file is what it is to be;
//! readers ask the file system where the hole is, so nothing about it can be written down wrong.
//!
//! On a file system without holes (vfat, some FUSE) the log is written anew, by the supervisor, through which all of the
//! command's output goes there: the beginning, a [`Mark`] that says how much was dropped, the newest part; and takes the
//! old one's place. Places in the output are counted as if nothing were missing, so that a follower goes on at the same
//! place in the new file. A command that prints such a mark just there makes its own output look shorter, and nobody
//! else's.

mod keeper;
mod log;
mod reader;

pub use keeper::Keeper;
pub use log::{Log, Replace};
pub use reader::{Found, Kept};

/// So much of the beginning is always kept.
const HEAD: u64 = 1 << 20;

/// What stands in a log that was written anew for what was dropped from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// How many bytes that was, of the whole output.
    dropped: u64,
    /// How long the mark is.
    length: u64,
}

const BEFORE: &str = "\n[… ";
const BEHIND: &str = " bytes dropped …]\n";
/// No command prints more, and places in an output of this many bytes more than a file can have are still numbers.
const MOST: u64 = 1 << 62;
/// No mark is longer.
const MARK: usize = 64;

impl Mark {
    fn text(dropped: u64) -> String {
        format!("{BEFORE}{dropped}{BEHIND}")
    }

    /// The mark with which this begins.
    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(BEFORE.as_bytes())?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at_checked(digits)?;
        let dropped = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let is_mark = dropped <= MOST && rest.starts_with(BEHIND.as_bytes());
        is_mark.then(|| Self {
            dropped,
            length: Self::text(dropped).len() as u64,
        })
    }

    /// The mark that stands in this log.
    fn of(file: &std::fs::File) -> std::io::Result<Option<Self>> {
        use std::os::unix::fs::FileExt;
        let mut bytes = [0; MARK];
        let mut length = 0;
        while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
            match file.read_at(room, HEAD + length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::read(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_mark_reads_back_with_its_length(dropped in 0..=MOST, rest in any::<Vec<u8>>()) {
            let text = Mark::text(dropped);
            let mut bytes = text.clone().into_bytes();
            prop_assert!(bytes.len() <= MARK);
            bytes.extend(rest);
            let length = text.len() as u64;
            prop_assert_eq!(Mark::read(&bytes), Some(Mark { dropped, length }));
        }

        #[test]
        fn anything_may_stand_where_a_mark_would(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(Mark::read(&bytes), None);
        }
    }
}
