//! Rotation of the global journal: when it has grown large, its last line begins a new one.
//!
//! At no moment is there no journal, and whoever dies at any point leaves the whole history: the new journal is complete
//! before it takes the name, and the old one has its second name by then. Where the file system has no hard links, the
//! second name is first given to the new journal, and the two change names in one step; where it cannot do that either, the
//! old journal is copied. A line may so stand in two journals; readers of the whole history tell by its `rev`.

use std::fs::File;

use super::dir::Access;
use super::home::{Home, JOURNAL};
use super::jsonl::{Backward, Strictness, Tail, sync_data};
use super::line::{Commit, decode_checked, encode_checked};
use crate::store::{Error, Result};

pub(crate) const NEXT: &str = ".journal-next.jsonl";

/// The name of a journal that ends with the line of this rev.
pub(crate) fn old_name(rev: u64) -> String {
    format!("journal-{rev}.jsonl")
}

/// The rev that an old journal's name tells.
pub(crate) fn old_rev(name: &str) -> Option<u64> {
    name.strip_prefix("journal-")?
        .strip_suffix(".jsonl")?
        .parse()
        .ok()
}

/// Begins a new journal with the last line of the old one; none if the journal has no line but that. Only under the
/// global lock.
pub(crate) fn rotate(home: &Home, last: &Commit) -> Result<Option<(File, Tail<Commit>)>> {
    let path = home.journal_path();
    if !has_history(&home.journal(Access::Read)?, &path)? {
        return Ok(None);
    }
    let old = old_name(last.rev);
    begin_next(home, last)?;
    if home.dir.link(JOURNAL, &old)? {
        home.dir.rename(NEXT, &home.dir, JOURNAL)?;
    } else {
        home.dir.rename(NEXT, &home.dir, &old)?;
        if !home.dir.exchange(&old, JOURNAL)? {
            copy_to_next(home)?;
            home.dir.rename(NEXT, &home.dir, &old)?;
            home.dir.sync()?;
            begin_next(home, last)?;
            home.dir.rename(NEXT, &home.dir, JOURNAL)?;
        }
    }
    home.dir.sync()?;
    let file = home.journal(Access::Append)?;
    let tail = Tail::read(&file, &path, Strictness::Journal, decode_checked)?;
    Ok(Some((file, tail)))
}

/// Whether a journal has more than its last line: one that has not was begun by a rotation, and another would give the
/// name of the journal before it away.
fn has_history(journal: &File, path: &std::path::Path) -> Result<bool> {
    let mut lines = Backward::new(journal, path)?;
    lines.next_line()?;
    Ok(lines.next_line()?.is_some())
}

/// A journal of one line, on disk, under a name that nobody reads.
fn begin_next(home: &Home, last: &Commit) -> Result<()> {
    home.dir.remove_file(NEXT)?;
    let file = home.dir.create(NEXT)?;
    let path = home.dir.at(NEXT);
    Tail::<Commit>::empty().append(&file, &path, &encode_checked(last))?;
    sync_data(&file, &path)
}

/// A copy of the journal, on disk, under a name that nobody reads.
fn copy_to_next(home: &Home) -> Result<()> {
    home.dir.remove_file(NEXT)?;
    let mut file = home.dir.create(NEXT)?;
    let path = home.dir.at(NEXT);
    std::io::copy(&mut home.journal(Access::Read)?, &mut file)
        .map_err(|error| Error::io("copy the journal to", &path, error))?;
    sync_data(&file, &path)
}
