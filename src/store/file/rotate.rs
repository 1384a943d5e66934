//! Rotation of the global journal: when it has grown large, its last line begins a new one.
//!
//! At no moment is there no journal: the new one is complete before it takes the name, and the old one has its second
//! name by then. The last line stands in both; readers of the whole history tell by its `rev`.

use std::fs::File;

use super::dir::Access;
use super::home::{Home, JOURNAL};
use super::jsonl::{Strictness, Tail, sync_data};
use super::line::{Commit, decode_checked, encode_checked};
use crate::store::Result;

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

/// Begins a new journal with the last line of the old one. Only under the global lock.
pub(crate) fn rotate(home: &Home, last: &Commit) -> Result<(File, Tail<Commit>)> {
    let path = home.journal_path();
    home.dir.remove_file(NEXT)?;
    let file = home.dir.create(NEXT)?;
    Tail::<Commit>::empty().append(&file, &path, &encode_checked(last))?;
    sync_data(&file, &path)?;
    home.dir.link(JOURNAL, &old_name(last.rev))?;
    home.dir.rename(NEXT, &home.dir, JOURNAL)?;
    home.dir.sync()?;
    let file = home.journal(Access::Append)?;
    let tail = Tail::read(&file, &path, Strictness::Journal, decode_checked)?;
    Ok((file, tail))
}
