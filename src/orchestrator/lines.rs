//! Files of one JSON object a line, read a line at a time: what is held is one line, and that is bounded. A damaged line
//! is named and the others are read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use serde::de::IgnoredAny;

use super::fields::Fields;
use super::note::{Notes, Place};
use crate::model::{Foreign, Tidied};

/// The longest record that is taken in, in bytes: far more than an agent says at once.
pub(super) const MAX_RECORD: usize = 4 * 1024 * 1024;

/// So many records are taken in of one log, since something of each is held until all are known.
pub(super) const MAX_RECORDS: usize = 1_000_000;

/// A field nested deeper is left out. A line of the registry holds it some levels down, and its reader gives up at 128.
const MAX_DEPTH: usize = 64;

/// Where a record lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: u32,
    /// From 1.
    pub(super) line: u32,
}

/// Hands every record of the file to `record`, with its place, in their order.
pub(super) fn each(
    file: &File,
    place: &Place,
    notes: &mut Notes,
    mut record: impl FnMut(Span, Fields, &mut Notes),
) {
    let mut taken = 0;
    let read = each_line(file, |offset, line, text| {
        let here = place.line(line);
        let Some(text) = text else {
            notes.damaged(&here, too_long());
            return;
        };
        if text.trim_ascii().is_empty() {
            return;
        }
        let (Ok(len), Ok(line)) = (u32::try_from(text.len()), u32::try_from(line)) else {
            notes.damaged(&here, "beyond what is taken in of one file: left out");
            return;
        };
        if taken == MAX_RECORDS {
            notes.damaged(
                &here,
                format!("the file has more than {MAX_RECORDS} records: left out"),
            );
        } else if let Some(fields) = parse(text, here, notes) {
            taken += 1;
            record(Span { offset, len, line }, fields, notes);
        }
    });
    if let Err(error) = read {
        notes.damaged(place, format!("cannot be read: {error}"));
    }
}

pub(super) fn too_long() -> String {
    format!("longer than {} MiB: left out", MAX_RECORD >> 20)
}

/// Hands over each line with its offset and number, without its end; none for one that is too long. What is appended
/// meanwhile is not read.
fn each_line(file: &File, mut line: impl FnMut(u64, u64, Option<&[u8]>)) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 16, file.take(length));
    let mut held = Vec::new();
    let mut number = 0;
    let mut offset = 0;
    loop {
        number += 1;
        held.clear();
        let most = MAX_RECORD as u64 + 1;
        let read = reader.by_ref().take(most).read_until(b'\n', &mut held)? as u64;
        if read == 0 {
            return Ok(());
        }
        let whole = held.strip_suffix(b"\n").unwrap_or(&held);
        if whole.len() > MAX_RECORD {
            line(offset, number, None);
            offset += read + skip_line(&mut reader)?;
        } else {
            line(offset, number, Some(whole));
            offset += read;
        }
    }
}

/// Passes over the rest of a line; tells how long that was.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(skipped);
        }
        let newline = chunk.iter().position(|byte| *byte == b'\n');
        let used = newline.map_or(chunk.len(), |at| at + 1);
        reader.consume(used);
        skipped += used as u64;
        if newline.is_some() {
            return Ok(skipped);
        }
    }
}

/// A record; what cannot be taken in of it, or not as it is, is noted.
pub(super) fn parse(text: &[u8], place: Place, notes: &mut Notes) -> Option<Fields> {
    match record(text, &place, notes) {
        Ok(fields) => Some(Fields::new(place, fields)),
        Err(what) => {
            notes.damaged(&place, format!("not a JSON object: {what}"));
            None
        }
    }
}

fn record(text: &[u8], place: &Place, notes: &mut Notes) -> Result<Foreign, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| reason(&error))?;
    let Tidied {
        text,
        replaced,
        depth,
    } = Tidied::of(text);
    let mut fields: Foreign = serde_json::from_str(&text).map_err(|error| reason(&error))?;
    if replaced > 0 {
        notes.replaced(place);
    }
    // The record itself is one level.
    if depth > MAX_DEPTH + 1 {
        fields.retain(|name, value| {
            let kept = value.depth() <= MAX_DEPTH;
            if !kept {
                notes.damaged(
                    place,
                    format!("{name}: nested deeper than {MAX_DEPTH} levels: left out"),
                );
            }
            kept
        });
    }
    Ok(fields)
}

/// What the parser says, without the line: that is told with the path.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ").and_then(|cut| text.get(..cut)) {
        Some(what) => format!("{what} (column {})", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn records(text: &[u8]) -> (Vec<Span>, Notes) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut notes = Notes::default();
        let mut spans = Vec::new();
        let place = Place::file(Path::new("a_progress.jsonl"));
        each(&file, &place, &mut notes, |span, _, _| spans.push(span));
        (spans, notes)
    }

    #[test]
    fn a_damaged_line_is_named_and_the_others_are_read() {
        let (spans, notes) =
            records(b"{\"a\":1}\n{\"b\n\n[1]\n{\"c\":2}\r\n{\"d\":\"\xff\"}\n{\"torn\":");
        let places: Vec<_> = spans.iter().map(|span| (span.offset, span.line)).collect();
        assert_eq!(places, [(0, 1), (17, 5)]);
        let lines: Vec<_> = notes.damages.iter().map(|note| note.line).collect();
        assert_eq!(lines, [Some(2), Some(4), Some(6), Some(7)]);
        assert!(
            notes.damages[0]
                .to_string()
                .starts_with("a_progress.jsonl:2: not a JSON object: EOF")
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_the_next_is_found() {
        let mut text = b"{\"m\":\"".to_vec();
        text.resize(MAX_RECORD + 70_000, b'm');
        text.extend_from_slice(b"\"}\n{\"c\":2}\n");
        let (spans, notes) = records(&text);
        assert_eq!(spans.len(), 1);
        assert_eq!((spans[0].offset, spans[0].line), (text.len() as u64 - 8, 2));
        assert_eq!(
            notes.damages[0].to_string(),
            "a_progress.jsonl:1: longer than 4 MiB: left out"
        );
    }
}
