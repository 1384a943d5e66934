//! The journal as it is listed: read from its end, through the rotated ones before it.

use super::FileStore;
use super::dir::Access;
use super::home::{Home, JOURNAL};
use super::jsonl::{Backward, newer};
use super::line::{Bad, Commit, decode_checked};
use super::rotate::{old_name, old_rev};
use crate::model::Event;
use crate::store::{Error, EventQuery, Result};

pub(crate) fn events(store: &FileStore, query: &EventQuery) -> Result<Vec<Event>> {
    let Some(home) = store.home_if_any()? else {
        return Ok(Vec::new());
    };
    let mut found: Vec<Event> = Vec::new();
    let mut oldest = u64::MAX;
    // Opened before the others are listed: if it is rotated meanwhile, either it is the old one or that is in the list.
    let mut current = Some(home.journal(Access::Read)?);
    for name in journals(&home)? {
        let path = home.dir.at(&name);
        let file = match current.take() {
            Some(journal) => journal,
            None => home.dir.need_file(&name, Access::Read)?,
        };
        let mut lines = Backward::new(&file, &path)?;
        let mut may_be_torn = name == JOURNAL;
        while let Some(line) = lines.next_line()? {
            let commit = match decode_checked::<Commit>(line) {
                Ok(commit) => commit,
                Err(Bad::Newer(schema)) => return Err(newer(&path, schema)),
                Err(Bad::Garbage(_)) if may_be_torn => {
                    may_be_torn = false;
                    continue;
                }
                Err(Bad::Garbage(what)) => return Err(Error::damaged(path, what)),
            };
            // Rotation writes the last line of one journal to the next as well.
            if commit.rev >= oldest {
                continue;
            }
            oldest = commit.rev;
            let event = commit.event();
            if query.stops_at(&event) || query.limit.is_some_and(|limit| found.len() >= limit) {
                found.reverse();
                return Ok(found);
            }
            if query.admits(&event) {
                found.push(event);
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// The journal and the rotated ones before it, the newest first.
pub(crate) fn journals(home: &Home) -> Result<Vec<String>> {
    let mut revs: Vec<u64> = home
        .dir
        .names()?
        .iter()
        .filter_map(|name| old_rev(name))
        .collect();
    revs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(std::iter::once(JOURNAL.to_owned())
        .chain(revs.into_iter().map(old_name))
        .collect())
}
