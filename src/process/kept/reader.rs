//! Reading a log of which the middle may be missing.
//!
//! Nobody is asked, and nobody waits: a hole may appear while somebody reads, so what was read is held against the holes
//! once more.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::{HEAD, Mark};

/// How much is read at a time when lines are looked for.
const BLOCK: u64 = 64 * 1024;

/// The log of an agent's output. Places in it are counted in all that was printed, whatever is missing.
#[derive(Debug)]
pub struct Kept {
    file: File,
    mark: Option<Mark>,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// So many bytes.
    Text(usize),
    /// So many that were dropped.
    Dropped(u64),
    /// It is the end so far, or lies beyond it.
    End,
}

impl Kept {
    /// This file.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(file: File) -> io::Result<Self> {
        let mark = Mark::of(&file)?;
        Ok(Self { file, mark })
    }

    /// Reads what stands at `place`.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, place: u64, block: &mut [u8]) -> io::Result<Found> {
        loop {
            let Some(text) = self.text_from(place)? else {
                return Ok(Found::End);
            };
            if text.start > place {
                return Ok(Found::Dropped(text.start - place));
            }
            let most = usize::try_from(text.end - place).unwrap_or(usize::MAX);
            let length = most.min(block.len());
            let Some(block) = block.get_mut(..length) else {
                return Ok(Found::End);
            };
            let read = match self.file.read_at(block, self.offset(place)) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // Cut off or dropped meanwhile: what was read may be zeros.
            let is_still_there =
                |now: Range<u64>| now.start == place && now.end >= place + read as u64;
            if read > 0 && self.text_from(place)?.is_some_and(is_still_there) {
                return Ok(Found::Text(read));
            }
        }
    }

    /// Where it ends so far.
    ///
    /// # Errors
    /// What the system says.
    pub fn end(&self) -> io::Result<u64> {
        let size = self.file.metadata()?.len();
        Ok(match self.mark {
            Some(mark) if size >= HEAD + mark.length => size - mark.length + mark.dropped,
            _ => size,
        })
    }

    /// Where the last `lines` lines begin.
    ///
    /// # Errors
    /// What the system says.
    pub fn start_of_last(&self, lines: usize) -> io::Result<u64> {
        let end = self.end()?;
        if lines == 0 {
            return Ok(end);
        }
        let mut texts = Vec::new();
        let mut place = 0;
        while let Some(text) = self.text_from(place)?.filter(|text| !text.is_empty()) {
            place = text.end;
            texts.push(text);
        }
        let mut left = lines;
        let mut block = Vec::new();
        for text in texts.iter().rev() {
            let mut from = text.end;
            while from > text.start {
                let to = from;
                from = text.start.max(to.saturating_sub(BLOCK));
                block.resize(usize::try_from(to - from).unwrap_or_default(), 0);
                match self.file.read_exact_at(&mut block, self.offset(from)) {
                    Ok(()) => {}
                    // Somebody has just emptied it.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                    Err(error) => return Err(error),
                }
                for (at, _) in block
                    .iter()
                    .enumerate()
                    .rev()
                    .filter(|(_, byte)| **byte == b'\n')
                {
                    let after = from + at as u64 + 1;
                    // The newline at the very end ends the last line.
                    if after == end {
                        continue;
                    }
                    left -= 1;
                    if left == 0 {
                        return Ok(after);
                    }
                }
            }
        }
        Ok(0)
    }

    /// The first text at `place` or behind; none at the end.
    fn text_from(&self, place: u64) -> io::Result<Option<Range<u64>>> {
        let end = self.end()?;
        if place >= end {
            return Ok(None);
        }
        if let Some(mark) = self.mark {
            let resumes = HEAD + mark.dropped;
            return Ok(Some(if place < HEAD {
                place..end.min(HEAD)
            } else {
                place.max(resumes).min(end)..end
            }));
        }
        // A hole before that was never made here.
        let start = if place < HEAD {
            place
        } else {
            match seek(&self.file, SeekFrom::Data(place)) {
                Ok(start) => start,
                Err(Errno::NXIO) => end,
                // A file system that cannot tell of holes has none.
                Err(_) => place,
            }
        };
        let hole = match seek(&self.file, SeekFrom::Hole(start.max(HEAD))) {
            Ok(hole) if hole > start => hole.min(end),
            _ => end,
        };
        Ok(Some(start.min(end)..hole))
    }

    /// Where in the file a place is.
    fn offset(&self, place: u64) -> u64 {
        match self.mark {
            Some(mark) if place >= HEAD => place - mark.dropped + mark.length,
            _ => place,
        }
    }
}
