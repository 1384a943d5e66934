//! The findings of a task, by time. Like progress logs their files are read twice, and a finding is held when its turn
//! comes, not before.

use std::collections::HashMap;
use std::fs::File;

use super::entry::Context;
use super::fields;
use super::finding;
use super::folder::Folder;
use super::lines::{self, MAX_RECORDS, Span};
use super::note::{Notes, Place};
use super::said::LogFile;
use crate::model::{AgentId, Finding, Timestamp};

/// So many files of findings are open at a time.
const MOST_OPEN: usize = 64;

/// The files of findings of a task, and where each finding lies in them.
#[derive(Debug, Default)]
pub(super) struct Shared {
    folders: Vec<Folder>,
    files: Vec<FindingsFile>,
    found: Vec<Found>,
    /// What every known agent shared.
    by: HashMap<AgentId, Shares>,
}

/// What an agent shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    pub(super) count: u64,
    /// When it shared the first.
    pub(super) first: Timestamp,
}

#[derive(Debug)]
struct FindingsFile {
    /// The number of its folder.
    folder: u8,
    /// Whom it is named after.
    owner: String,
    /// How its name goes on.
    ending: &'static str,
}

impl FindingsFile {
    fn name(&self) -> String {
        format!("{}{}", self.owner, self.ending)
    }
}

#[derive(Debug, Clone, Copy)]
struct Found {
    at: Timestamp,
    file: u32,
    span: Span,
}

impl Shared {
    /// Looks through the findings of these files in this folder.
    pub(super) fn look_through(
        &mut self,
        folder: Folder,
        owners: Vec<String>,
        ending: &'static str,
        cx: &Context<'_>,
        notes: &mut Notes,
    ) {
        let number = u8::try_from(self.folders.len()).unwrap_or(u8::MAX);
        self.folders.push(folder);
        for owner in owners {
            let file = FindingsFile {
                folder: number,
                owner,
                ending,
            };
            let place = self.place(&file);
            match self.open(&file) {
                Some(Ok(log)) => {
                    self.look_through_one(&file, &log, &place, cx, notes);
                    self.files.push(file);
                }
                Some(Err(what)) => notes.damaged(&place, what),
                None => {}
            }
        }
    }

    fn look_through_one(
        &mut self,
        file: &FindingsFile,
        log: &File,
        place: &Place,
        cx: &Context<'_>,
        notes: &mut Notes,
    ) {
        let owner = file.owner.parse().ok();
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let mut before = cx.created_at;
        lines::each(log, place, notes, |span, from, notes| {
            if self.found.len() == MAX_RECORDS {
                notes.damaged(
                    &from.place,
                    format!("the task has more than {MAX_RECORDS} findings: left out"),
                );
                return;
            }
            let Some(agent) = finding::agent(owner.as_ref(), &from, notes) else {
                return;
            };
            let at = from.peek("timestamp", notes, fields::time(cx.zone));
            before = at.unwrap_or(before);
            self.found.push(Found {
                at: before,
                file: number,
                span,
            });
            if cx.known.contains_key(&agent) {
                let first = Shares {
                    count: 0,
                    first: before,
                };
                let shares = self.by.entry(agent).or_insert(first);
                shares.count += 1;
                shares.first = shares.first.min(before);
            }
        });
    }

    /// Puts them in order.
    pub(super) fn sort(&mut self) {
        self.found.sort_by_key(|found| found.at);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// What every known agent shared.
    pub(super) fn take_shares(&mut self) -> HashMap<AgentId, Shares> {
        std::mem::take(&mut self.by)
    }

    /// Reads them one by one.
    pub(super) fn findings<'a>(
        mut self,
        cx: Context<'a>,
        notes: &'a std::cell::RefCell<Notes>,
    ) -> impl Iterator<Item = Finding> + 'a {
        let mut open: HashMap<u32, LogFile> = HashMap::new();
        let found = std::mem::take(&mut self.found);
        let mut seq = 0;
        found.into_iter().filter_map(move |found| {
            let notes = &mut *notes.borrow_mut();
            let file = self.files.get(usize::try_from(found.file).ok()?)?;
            if !open.contains_key(&found.file) {
                if open.len() == MOST_OPEN {
                    open.clear();
                }
                let place = self.place(file);
                let log = self.open(file)?.map_err(|what| notes.damaged(&place, what));
                open.insert(
                    found.file,
                    LogFile {
                        file: log.ok()?,
                        place,
                    },
                );
            }
            let from = open.get(&found.file)?.record(found.span, notes)?;
            let owner = file.owner.parse().ok();
            // Whose it is was found when the file was looked through.
            let agent = finding::agent(owner.as_ref(), &from, &mut Notes::default())?;
            seq += 1;
            let finding = finding::read(agent, found.at, from, &cx, notes);
            Some(Finding { seq, ..finding })
        })
    }

    fn open(&self, file: &FindingsFile) -> Option<Result<File, String>> {
        let folder = self.folders.get(usize::from(file.folder))?;
        folder.file(file.name()).transpose()
    }

    fn place(&self, file: &FindingsFile) -> Place {
        let folder = self.folders.get(usize::from(file.folder));
        Place::file(&folder.map_or_else(|| file.name().into(), |folder| folder.at(file.name())))
    }
}
