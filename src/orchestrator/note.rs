//! What an import has to tell, with the place it was seen at.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;

use serde::Serialize;

/// One thing that is damaged, or that two files tell differently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The file or directory.
    pub path: String,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// What is wrong, or what differs.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

/// So many notes are kept of one file, and so many in all. Of the others it is told how many there are: a workspace is
/// untrusted, and could be nothing but mistakes.
const MOST_OF_A_FILE: u64 = 1000;
const MOST: usize = 50_000;

/// All that was noted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// What the files tell differently from each other or from the recount.
    pub differences: Vec<Note>,
    /// What could not be read or understood, and was left out or replaced.
    pub damages: Vec<Note>,
    /// Of each file, how often it was noted.
    told: HashMap<Rc<str>, u64>,
    /// Of each file, how many notes are not kept.
    more: BTreeMap<Rc<str>, u64>,
    /// Of each file, how many records have halves of surrogate pairs.
    replaced: BTreeMap<Rc<str>, u64>,
}

impl Notes {
    pub(super) fn differs(&mut self, at: &Place, what: impl Into<String>) {
        if self.is_kept(at) {
            self.differences.push(at.note(what));
        }
    }

    pub(super) fn damaged(&mut self, at: &Place, what: impl Into<String>) {
        if self.is_kept(at) {
            self.damages.push(at.note(what));
        }
    }

    /// Half of a surrogate pair is no text, and U+FFFD stands for it now.
    pub(super) fn replaced(&mut self, at: &Place) {
        *self.replaced.entry(Rc::clone(&at.path)).or_default() += 1;
    }

    fn is_kept(&mut self, at: &Place) -> bool {
        let told = self.told.entry(Rc::clone(&at.path)).or_default();
        *told += 1;
        let kept = *told <= MOST_OF_A_FILE && self.differences.len() + self.damages.len() < MOST;
        if !kept {
            *self.more.entry(Rc::clone(&at.path)).or_default() += 1;
        }
        kept
    }

    /// Adds what can only be said of a file at the end.
    pub(super) fn finish(mut self) -> Self {
        let note = |path: &Rc<str>, what| Note {
            path: path.to_string(),
            line: None,
            what,
        };
        for (path, n) in std::mem::take(&mut self.replaced) {
            let records = if n == 1 { "record has" } else { "records have" };
            let what = format!("{n} {records} half of a surrogate pair: it is U+FFFD now");
            self.differences.push(note(&path, what));
        }
        let more = std::mem::take(&mut self.more);
        for (path, n) in more.iter().take(MOST) {
            let what = format!("{n} more notes on this file are not kept");
            self.damages.push(note(path, what));
        }
        if let Some(files) = more.len().checked_sub(MOST).filter(|files| *files > 0) {
            let what = format!("{files} more files have notes that are not kept");
            self.damages.push(note(&Rc::from(""), what));
        }
        self.told.clear();
        self
    }
}

/// A place in a file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: Rc<str>,
    line: Option<u64>,
}

impl Place {
    pub(super) fn file(path: &std::path::Path) -> Self {
        Self {
            path: path.to_string_lossy().into(),
            line: None,
        }
    }

    /// The same file at `line`.
    pub(super) fn line(&self, line: u64) -> Self {
        Self {
            path: Rc::clone(&self.path),
            line: Some(line),
        }
    }

    pub(super) fn note(&self, what: impl Into<String>) -> Note {
        Note {
            path: self.path.to_string(),
            line: self.line,
            what: what.into(),
        }
    }
}
