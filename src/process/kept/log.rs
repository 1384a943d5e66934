//! A log that is kept within its bound.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::{HEAD, Mark};

/// Holes begin and end at multiples of this, which every file system's blocks divide: what is less than a block would be
/// filled with zeros instead.
const GRAIN: u64 = 64 << 10;

/// Puts a file that this fills in the place of the log, and gives it opened as the log was.
pub type Replace<'a> =
    Box<dyn FnMut(&mut dyn FnMut(&mut File) -> io::Result<()>) -> io::Result<File> + 'a>;

/// The log of an agent's output.
pub struct Log<'a> {
    file: File,
    /// None: all is kept.
    limit: Option<u64>,
    has_holes: bool,
    /// Where the hole ends.
    resumes: u64,
    replace: Replace<'a>,
    /// It could not be written anew when it had this size: the next try is one step later.
    too_full_at: u64,
}

impl<'a> Log<'a> {
    /// This file, opened for reading and appending, kept within `limit` bytes, 2 MiB at least.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn new(file: File, limit: Option<u64>, replace: Replace<'a>) -> io::Result<Self> {
        let limit = limit.map(|limit| limit.max(2 * HEAD));
        let mut log = Self {
            file,
            limit,
            has_holes: true,
            resumes: HEAD,
            replace,
            too_full_at: 0,
        };
        if limit.is_some() {
            // Asked for beyond the end, where there is nothing to lose.
            let end = log.size()?.max(HEAD).next_multiple_of(GRAIN);
            log.has_holes = log.punch(end, end + GRAIN).is_ok();
        }
        Ok(log)
    }

    /// Whether the command may write into the file itself and it can be kept within its bound.
    pub fn bounds_in_place(&self) -> bool {
        self.has_holes || self.limit.is_none()
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether there is a bound.
    pub fn is_bounded(&self) -> bool {
        self.limit.is_some()
    }

    /// Appends this, and keeps the bound.
    ///
    /// # Errors
    /// What the system says. That it could not be kept within the bound is no error: it grows, and that is tried again.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        let _ = self.keep_within();
        Ok(())
    }

    /// Gives back what is beyond the bound. Only for the log's only writer, where that is not possible in place.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep_within(&mut self) -> io::Result<()> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        let size = self.size()?;
        if size < self.resumes {
            // Somebody has emptied it.
            self.resumes = HEAD;
            self.too_full_at = 0;
        }
        let room = limit.saturating_sub(HEAD);
        if !self.has_holes {
            // Written anew it has room for as much as it keeps of its newest part, so that this is seldom.
            return if size > limit.max(self.too_full_at) {
                self.rewrite(size, room / 2)
            } else {
                Ok(())
            };
        }
        if size.saturating_sub(self.resumes) > room {
            // A quarter of the room is left, so that not every write makes a hole.
            let resumes = (size - room / 4 * 3) / GRAIN * GRAIN;
            self.punch(self.resumes, resumes)?;
            self.resumes = resumes;
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn punch(&self, from: u64, to: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        loop {
            match fallocate(&self.file, flags, from, to - from) {
                Err(Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }

    /// Writes the log anew, with its beginning and `newest` bytes of its end.
    fn rewrite(&mut self, size: u64, newest: u64) -> io::Result<()> {
        let before = Mark::of(&self.file)?;
        let (dropped, mark_length) = before.map_or((0, 0), |mark| (mark.dropped, mark.length));
        let resumes = size - newest;
        let dropped = dropped + resumes - HEAD - mark_length;
        let old = &self.file;
        let mut fill = |new: &mut File| {
            copy(old, 0, HEAD, new)?;
            new.write_all(Mark::text(dropped).as_bytes())?;
            copy(old, resumes, size - resumes, new)?;
            // Renamed first and written later it would be empty after a power cut.
            new.sync_data()
        };
        match (self.replace)(&mut fill) {
            Ok(replaced) => self.file = replaced,
            Err(error) => {
                self.too_full_at = size + HEAD;
                return Err(error);
            }
        }
        Ok(())
    }
}

fn copy(from: &File, start: u64, length: u64, to: &mut File) -> io::Result<()> {
    struct At<'a>(&'a File, u64);
    impl Read for At<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read_at(into, self.1)?;
            self.1 += read as u64;
            Ok(read)
        }
    }
    io::copy(&mut At(from, start).take(length), to)?;
    Ok(())
}
