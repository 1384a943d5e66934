//! Files that are only appended to, a line at a time, and read from their end.
//!
//! The price of a read is what is read, not the size of the file: [`Backward`] walks the lines from the last one in
//! blocks that grow. What a killed or failed writer left after the last good line was never acknowledged: readers pass
//! over it, and [`Tail::cut`] takes it off before the next line goes on.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::io::retry_on_intr;

use super::line::Bad;
use crate::store::{Error, Result};

const FIRST_BLOCK: usize = 4 * 1024;
const LARGEST_BLOCK: usize = 1024 * 1024;

/// The end of a file: its last good line, and where that ends.
#[derive(Debug)]
pub(crate) struct Tail<T> {
    /// The last good line.
    pub(crate) last: Option<T>,
    /// The length of the file up to and with that line.
    good: u64,
    /// The length of the file.
    len: u64,
}

/// How much of a file may be garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Nothing but a last line that was never acknowledged: the global journal, each line of which is synced before the
    /// next is written.
    Journal,
    /// Anything: the other files, after a power cut.
    Log,
}

impl<T> Tail<T> {
    /// Reads the end of `file`.
    pub(crate) fn read(
        file: &File,
        path: &Path,
        strictness: Strictness,
        decode: impl Fn(&[u8]) -> std::result::Result<T, Bad>,
    ) -> Result<Self> {
        let mut lines = Backward::new(file, path)?;
        let len = lines.unread();
        let mut bad_lines = 0;
        while let Some(line) = lines.next_line()? {
            if !line.ends_with(b"\n") {
                continue;
            }
            match decode(line) {
                Ok(last) => {
                    let good = lines.unread() + line_len(&lines);
                    return Ok(Self {
                        last: Some(last),
                        good,
                        len,
                    });
                }
                Err(Bad::Newer(found)) => return Err(newer(path, found)),
                Err(Bad::Garbage(what)) => {
                    bad_lines += 1;
                    if strictness == Strictness::Journal && bad_lines > 1 {
                        return Err(Error::damaged(
                            path,
                            format!("more than its last line is unreadable: {what}"),
                        ));
                    }
                }
            }
        }
        Ok(Self {
            last: None,
            good: 0,
            len,
        })
    }

    /// The end of a file that was just made.
    pub(crate) fn empty() -> Self {
        Self {
            last: None,
            good: 0,
            len: 0,
        }
    }

    /// Takes off what was never acknowledged. Only under the file's lock.
    pub(crate) fn cut(&mut self, file: &File, path: &Path) -> Result<()> {
        if self.good < self.len {
            truncate(file, path, self.good)?;
            self.len = self.good;
        }
        Ok(())
    }

    /// Appends a line after the last good one, in one write; if that fails takes off what was written of it. Only
    /// under the file's lock.
    pub(crate) fn append(&mut self, file: &File, path: &Path, line: &[u8]) -> Result<()> {
        self.cut(file, path)?;
        let mut rest = line;
        while !rest.is_empty() {
            match retry_on_intr(|| rustix::io::write(file, rest)) {
                Ok(written) => rest = &rest[written..],
                Err(errno) => {
                    self.len += (line.len() - rest.len()) as u64;
                    let _ = self.cut(file, path);
                    return Err(Error::io("write to", path, errno));
                }
            }
        }
        self.len += line.len() as u64;
        self.good = self.len;
        Ok(())
    }

    /// Takes the line off again that was appended last and is `length` bytes long, and waits until that is on disk, so
    /// that no power cut brings it back.
    pub(crate) fn take_back(&mut self, file: &File, path: &Path, length: usize) -> Result<()> {
        self.good -= length as u64;
        self.cut(file, path)?;
        sync_data(file, path)
    }

    /// Whether there is nothing in the file at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length of the good part, in bytes.
    pub(crate) fn good_len(&self) -> u64 {
        self.good
    }
}

fn line_len(lines: &Backward<'_>) -> u64 {
    lines.last_line as u64
}

/// The error for a line or document of a newer version.
pub(crate) fn newer(path: &Path, found: u64) -> Error {
    Error::NewerSchema {
        path: path.to_owned(),
        found,
    }
}

fn truncate(file: &File, path: &Path, len: u64) -> Result<()> {
    retry_on_intr(|| rustix::fs::ftruncate(file, len)).map_err(|e| Error::io("cut", path, e))
}

/// Writes the last good line of `file` once more where it stands and waits until it is on disk. After a sync that failed,
/// Linux takes the pages for clean, and another sync alone would wait for nothing. `file` is not open for appending.
pub(crate) fn rewrite_last(
    file: &File,
    path: &Path,
    is_good: impl Fn(&[u8]) -> bool,
) -> Result<()> {
    let mut lines = Backward::new(file, path)?;
    while let Some(line) = lines.next_line()? {
        if is_good(line) {
            let line = line.to_vec();
            let at = lines.unread();
            file.write_all_at(&line, at)
                .map_err(|e| Error::io("write to", path, e))?;
            return sync_data(file, path);
        }
    }
    Ok(())
}

/// Waits until what was written to `file` is on disk.
pub(crate) fn sync_data(file: &File, path: &Path) -> Result<()> {
    retry_on_intr(|| rustix::fs::fdatasync(file)).map_err(|e| Error::io("sync", path, e))
}

/// Where the last newline is. `contains` looks at many bytes at once, which a search from the end does not.
fn last_newline(block: &[u8]) -> Option<usize> {
    const STRIDE: usize = 64;
    let mut chunks = block.rchunks(STRIDE).enumerate();
    let (at, chunk) = chunks.find(|(_, chunk)| chunk.contains(&b'\n'))?;
    let begin = block.len() - at * STRIDE - chunk.len();
    Some(begin + chunk.iter().rposition(|&byte| byte == b'\n')?)
}

/// The length of `file`, which has lines.
fn size(file: &File, path: &Path) -> Result<u64> {
    let stat =
        retry_on_intr(|| rustix::fs::fstat(file)).map_err(|e| Error::io("look at", path, e))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(Error::damaged(path, "it is not a regular file"));
    }
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

/// The lines of a file, the last one first.
#[derive(Debug)]
pub(crate) struct Backward<'a> {
    file: &'a File,
    path: &'a Path,
    /// What was read and not handed out, up to `end`.
    block: Vec<u8>,
    end: usize,
    /// Where in the file the block begins.
    start: u64,
    next_read: usize,
    last_line: usize,
}

impl<'a> Backward<'a> {
    /// Lines before the file's present end.
    pub(crate) fn new(file: &'a File, path: &'a Path) -> Result<Self> {
        let stat =
            retry_on_intr(|| rustix::fs::fstat(file)).map_err(|e| Error::io("look at", path, e))?;
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(Error::damaged(path, "it is not a regular file"));
        }
        Ok(Self {
            file,
            path,
            block: Vec::new(),
            end: 0,
            start: u64::try_from(stat.st_size).unwrap_or(0),
            next_read: FIRST_BLOCK,
            last_line: 0,
        })
    }

    /// How many bytes of the file were not handed out yet.
    pub(crate) fn unread(&self) -> u64 {
        self.start + self.end as u64
    }

    /// The line before, with its newline; the first one handed out lacks it if the file's end does.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>> {
        let mut searched = 0;
        loop {
            // The newline that ends the line itself is not the one looked for.
            let before = self.end.saturating_sub(1).saturating_sub(searched);
            if let Some(newline) = last_newline(&self.block[..before]) {
                return Ok(Some(self.hand_out(newline + 1)));
            }
            if self.start == 0 {
                return Ok((self.end > 0).then(|| self.hand_out(0)));
            }
            searched = self.end.saturating_sub(1);
            self.read_before()?;
        }
    }

    fn hand_out(&mut self, begin: usize) -> &[u8] {
        let line = begin..self.end;
        self.end = begin;
        self.last_line = line.len();
        &self.block[line]
    }

    fn read_before(&mut self) -> Result<()> {
        let length = self.start.min(self.next_read as u64);
        let mut block = vec![0; usize::try_from(length).unwrap_or(LARGEST_BLOCK)];
        match self.file.read_exact_at(&mut block, self.start - length) {
            // Who reads without the lock may see a torn tail cut off meanwhile. It was nobody's: on from the new end.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.last_line == 0 => {
                self.start = size(self.file, self.path)?;
                self.end = 0;
                return Ok(());
            }
            read => read.map_err(|e| Error::io("read", self.path, e))?,
        }
        self.start -= length;
        block.extend_from_slice(&self.block[..self.end]);
        self.end = block.len();
        self.block = block;
        self.next_read = (self.next_read * 4).min(LARGEST_BLOCK);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> std::result::Result<u64, Bad> {
        let text = std::str::from_utf8(line).map_err(|_| Bad::Garbage("utf-8".into()))?;
        text.trim_end()
            .parse()
            .map_err(|_| Bad::Garbage("number".into()))
    }

    fn file_with(content: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        rustix::io::write(&file, content).unwrap();
        file
    }

    #[test]
    fn lines_come_from_the_end_whatever_their_length_and_the_blocks() {
        let lines: Vec<String> = (0..300)
            .map(|n| format!("{n}-{}\n", "x".repeat(n * 7 % 6_000)))
            .collect();
        let file = file_with(lines.concat().as_bytes());
        let mut backward = Backward::new(&file, Path::new("x")).unwrap();
        for line in lines.iter().rev() {
            assert_eq!(backward.next_line().unwrap(), Some(line.as_bytes()));
        }
        assert_eq!(backward.next_line().unwrap(), None);
    }

    #[test]
    fn a_torn_tail_is_passed_over_and_cut_before_the_next_line() {
        for torn in ["", "4", "garbage\n", "\0\0\0"] {
            let file = file_with(format!("1\n2\n3\n{torn}").as_bytes());
            let mut tail = Tail::read(&file, Path::new("x"), Strictness::Journal, parse).unwrap();
            assert_eq!(
                (tail.last, tail.good_len(), tail.len),
                (Some(3), 6, 6 + torn.len() as u64)
            );
            let end = rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(6)).unwrap();
            assert_eq!(end, 6);
            tail.append(&file, Path::new("x"), b"5\n").unwrap();
            let again = Tail::read(&file, Path::new("x"), Strictness::Journal, parse).unwrap();
            assert_eq!((again.last, again.good_len()), (Some(5), 8));
        }
    }

    #[test]
    fn garbage_before_good_lines_is_damage_in_a_journal_and_nothing_in_a_log() {
        let file = file_with(b"1\nx\ny\n");
        assert!(Tail::read(&file, Path::new("x"), Strictness::Journal, parse).is_err());
        let tail = Tail::read(&file, Path::new("x"), Strictness::Log, parse).unwrap();
        assert_eq!((tail.last, tail.good_len()), (Some(1), 2));
    }

    #[test]
    fn an_empty_file_has_no_last_line() {
        let file = file_with(b"");
        let tail = Tail::read(&file, Path::new("x"), Strictness::Journal, parse).unwrap();
        assert_eq!((tail.last, tail.good_len(), tail.len), (None, 0, 0));
    }
}
