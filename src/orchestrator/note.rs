//! What an import has to tell, with the place it was seen at.

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

/// All that was noted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// What the files tell differently from each other or from the recount.
    pub differences: Vec<Note>,
    /// What could not be read or understood, and was left out or replaced.
    pub damages: Vec<Note>,
}

impl Notes {
    pub(super) fn differs(&mut self, at: &Place, what: impl Into<String>) {
        self.differences.push(at.note(what));
    }

    pub(super) fn damaged(&mut self, at: &Place, what: impl Into<String>) {
        self.damages.push(at.note(what));
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
