//! What an agent said of itself: the lines of its progress log, by time.
//!
//! A log is read twice. The first time only where each line lies, its time and its status are held, since both decide how
//! all of it is understood; the second time a line is read when its turn comes. So a log may be larger than memory.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::Zone;
use super::fields::{self, Fields};
use super::finding;
use super::lines::{self, Span};
use super::note::{Notes, Place};
use crate::model::{AgentId, Foreign, Status, Timestamp};

/// What an agent said once.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) place: Place,
    pub(super) at: Timestamp,
    pub(super) status: Status,
    pub(super) percent: Option<u8>,
    pub(super) message: Option<String>,
    /// Fields that are not ours, and values that were not understood or do not stand.
    pub(super) foreign: Foreign,
}

/// A file of an agent's log.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: File,
    pub(super) place: Place,
}

impl LogFile {
    /// The record that lies there, as it was when the file was looked through.
    pub(super) fn record(&self, span: Span, notes: &mut Notes) -> Option<Fields> {
        let place = self.place.line(span.line.into());
        let mut text = vec![0; usize::try_from(span.len).ok()?];
        if let Err(error) = self.file.read_exact_at(&mut text, span.offset) {
            notes.damaged(&place, format!("cannot be read: {error}"));
            return None;
        }
        // What is amiss was told when the file was looked through.
        lines::parse(&text, place, &mut Notes::default())
    }
}

/// A line of an agent's log that is held until its turn comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) at: Timestamp,
    pub(super) status: Status,
    file: u8,
    span: Span,
}

/// An agent's log by time.
#[derive(Debug, Default)]
pub(super) struct Log {
    files: Vec<LogFile>,
    pub(super) heard: Vec<Heard>,
}

impl Log {
    /// Looks through the files of a log, in their order. A line without a time was said when the one before it was, the first
    /// at `start`, else at `default`; one without a status leaves the agent's as it was.
    pub(super) fn look_through(
        files: Vec<LogFile>,
        start: Option<Timestamp>,
        default: Timestamp,
        zone: &Zone,
        notes: &mut Notes,
    ) -> Self {
        let mut before = start;
        let mut heard: Vec<(Heard, Option<Status>)> = Vec::new();
        for (number, log) in (0..).zip(&files) {
            lines::each(&log.file, &log.place, notes, |span, from, notes| {
                before = from.peek("timestamp", notes, fields::time(zone)).or(before);
                let line = Heard {
                    at: before.unwrap_or(default),
                    status: Status::Working,
                    file: number,
                    span,
                };
                heard.push((line, from.peek("status", notes, fields::status)));
            });
        }
        heard.sort_by_key(|(line, _)| line.at);
        let mut status = Status::Working;
        let heard = heard
            .into_iter()
            .map(|(line, own)| {
                status = own.unwrap_or(status);
                Heard { status, ..line }
            })
            .collect();
        Self { files, heard }
    }

    /// Where a line stands.
    pub(super) fn place(&self, heard: &Heard) -> Option<Place> {
        let log = self.files.get(usize::from(heard.file))?;
        Some(log.place.line(heard.span.line.into()))
    }

    /// Reads what `agent` said in a line.
    pub(super) fn read(
        &self,
        heard: &Heard,
        agent: &AgentId,
        zone: &Zone,
        notes: &mut Notes,
    ) -> Option<Said> {
        let log = self.files.get(usize::from(heard.file))?;
        let mut from = log.record(heard.span, notes)?;
        // Both are told where the log was looked through.
        let mut told = Notes::default();
        from.take("timestamp", &mut told, fields::time(zone));
        from.take("status", &mut told, fields::status);
        let by = from.take("agent_id", notes, fields::text);
        if let Some(by) = by.filter(|by| by != agent.as_str()) {
            notes.differs(
                &from.place,
                format!("a report of {by:?} in the log of agent {agent}: kept as its own"),
            );
            from.put_back("agent_id", &by);
        }
        let percent = from.take("progress", notes, fields::percent);
        let message = from.take("message", notes, fields::any_text);
        Some(Said {
            at: heard.at,
            status: heard.status,
            percent,
            message: finding::within_bound(message, &mut from),
            place: from.place.clone(),
            foreign: from.into_foreign(),
        })
    }
}
