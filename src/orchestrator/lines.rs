//! Files of one JSON object a line. A damaged line is named and the others are read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::fields::Fields;
use super::note::{Notes, Place};

/// The records of the file in their order; none if there is no file.
pub(super) fn read(path: &Path, notes: &mut Notes) -> Vec<Fields> {
    match fs::read(path) {
        Ok(bytes) => parse(&bytes, &Place::file(path), notes),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Vec::new()
        }
        Err(error) => {
            notes.damaged(&Place::file(path), format!("cannot be read: {error}"));
            Vec::new()
        }
    }
}

fn parse(bytes: &[u8], file: &Place, notes: &mut Notes) -> Vec<Fields> {
    let mut records = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let place = file.line(number);
        match serde_json::from_slice(line) {
            Ok(map) => records.push(Fields::new(place, map)),
            Err(error) => notes.damaged(&place, format!("not a JSON object: {}", reason(&error))),
        }
    }
    records
}

/// What the parser says, without the line: that is told with the path.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(cut) => format!("{} (column {})", &text[..cut], error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_is_named_and_the_others_are_read() {
        let mut notes = Notes::default();
        let file = Place::file(Path::new("a_progress.jsonl"));
        let records = parse(
            b"{\"a\":1}\n{\"b\n\n[1]\n{\"c\":2}\r\n{\"d\":\"\xff\"}\n{\"torn\":",
            &file,
            &mut notes,
        );
        assert_eq!(records.len(), 2);
        let lines: Vec<_> = notes.damages.iter().map(|note| note.line).collect();
        assert_eq!(lines, [Some(2), Some(4), Some(6), Some(7)]);
        assert!(
            notes.damages[0]
                .to_string()
                .starts_with("a_progress.jsonl:2: not a JSON object: EOF")
        );
    }
}
