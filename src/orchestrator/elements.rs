//! Cuts a document of the shape `{…, "agents": [{…}, {…}], …}` into its agents and the rest, in one pass and with no
//! more in memory than the rest and one agent: a registry of a million agents is larger than what should be held.

use std::io::{self, BufRead};

use serde::de::IgnoredAny;

use super::fields::Fields;
use super::lines::{MAX_RECORD, parse, reason};
use super::nesting::Nesting;
use super::note::{Note, Notes};

/// One member of the list: where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    /// Bytes before it in the file.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) len: usize,
    /// The line it begins on, from 1.
    pub(super) line: u64,
}

/// The document with an empty list of agents.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) json: Vec<u8>,
    /// The line the list begins on, and how many line ends were taken out with it.
    cut: Option<(u64, u64)>,
}

impl Outline {
    /// The line in the file of line `line` of the outline.
    pub(super) fn line_in_file(&self, line: u64) -> u64 {
        match self.cut {
            Some((at, taken)) if line > at => line + taken,
            _ => line,
        }
    }
}

impl Outline {
    /// Its fields.
    pub(super) fn read(
        &self,
        place: &super::note::Place,
        notes: &mut Notes,
    ) -> Result<Fields, Note> {
        let text = std::str::from_utf8(&self.json)
            .map_err(|error| place.note(format!("not a registry: {error}")))?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
            let line = self.line_in_file(error.line() as u64);
            place
                .line(line)
                .note(format!("not a registry: {}", reason(&error)))
        })?;
        let what = "not a registry: not a JSON object";
        parse(&self.json, place.clone(), notes).ok_or_else(|| place.note(what))
    }
}

/// Why a document could not be cut.
#[derive(Debug)]
pub(super) enum Uncut {
    Io(io::Error),
    /// The line, and what is wrong there.
    Malformed(u64, String),
}

impl From<io::Error> for Uncut {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads all of `reader`, hands each agent to `element` and returns the rest. Neither is checked beyond its brackets. Of an
/// agent longer than [`MAX_RECORD`] the bytes are not handed over.
pub(super) fn cut(
    mut reader: impl BufRead,
    mut element: impl FnMut(Element, &[u8]),
) -> Result<Outline, Uncut> {
    let mut outline = Outline::default();
    let mut top = Top::default();
    let mut list = List::default();
    let mut place = Place { offset: 0, line: 1 };
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        let used = if top.in_list {
            let (used, ended) = list.take(chunk, &mut place, &mut element)?;
            if ended {
                top.in_list = false;
                let at = outline.cut.map_or(0, |(at, _)| at);
                outline.cut = Some((at, place.line - at));
            }
            used
        } else {
            let outside = top.take(chunk);
            if outline.json.len() + outside.len() > MAX_RECORD {
                let what = format!("longer than {} MiB without its agents", MAX_RECORD >> 20);
                return Err(Uncut::Malformed(place.line, what));
            }
            outline.json.extend_from_slice(outside);
            place.pass(outside);
            if top.in_list {
                outline.cut = Some((place.line, 0));
                list = List::default();
            }
            outside.len()
        };
        reader.consume(used);
    }
    if top.in_list {
        return Err(Uncut::Malformed(
            place.line,
            "it ends inside the list of agents".to_owned(),
        ));
    }
    Ok(outline)
}

struct Place {
    offset: u64,
    line: u64,
}

impl Place {
    #[allow(clippy::naive_bytecount, reason = "not worth a dependency")]
    fn pass(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.line += bytes.iter().filter(|b| **b == b'\n').count() as u64;
    }
}

/// The document outside the list: looks for `"agents": [` among the outermost keys.
#[derive(Default)]
struct Top {
    nesting: Nesting,
    in_list: bool,
    /// The last string at the outermost level; grows no longer than the key that is looked for and its quotes.
    string: Vec<u8>,
    /// Whether a colon, and only a colon, came after it.
    colon: bool,
}

impl Top {
    /// What of `chunk` belongs to the rest: up to and with the bracket that opens the list.
    fn take<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        const KEY: &[u8] = b"\"agents\"";
        for (i, byte) in chunk.iter().enumerate() {
            let outermost = self.nesting.depth == 1;
            let was_string = self.nesting.in_string;
            if outermost && !was_string && *byte == b'[' && self.colon && self.string == KEY {
                self.in_list = true;
                self.colon = false;
                self.string.clear();
                return chunk.split_at(i + 1).0;
            }
            self.nesting.closes(*byte);
            if !outermost {
                continue;
            }
            if was_string || self.nesting.in_string {
                if !was_string {
                    self.string.clear();
                }
                if self.string.len() <= KEY.len() {
                    self.string.push(*byte);
                }
                self.colon = false;
            } else if !byte.is_ascii_whitespace() {
                self.colon = *byte == b':';
            }
        }
        chunk
    }
}

/// The list: collects one member after the other.
#[derive(Default)]
struct List {
    bytes: Vec<u8>,
    begun: Option<(u64, u64)>,
    nesting: Nesting,
    /// A member ended and no comma came yet.
    after_member: bool,
    /// A comma came and no member yet.
    after_comma: bool,
}

impl List {
    /// How many bytes of `chunk` were used, and whether the list ended; its closing bracket is left to the rest.
    fn take(
        &mut self,
        chunk: &[u8],
        place: &mut Place,
        element: &mut impl FnMut(Element, &[u8]),
    ) -> Result<(usize, bool), Uncut> {
        let mut rest = chunk;
        while let Some((byte, behind)) = rest.split_first() {
            if self.begun.is_some() {
                let (member, ended) = self.member(rest);
                place.pass(member);
                rest = rest.split_at(member.len()).1;
                if ended && let Some((offset, line)) = self.begun.take() {
                    let len = usize::try_from(place.offset - offset).unwrap_or(usize::MAX);
                    element(Element { offset, len, line }, &self.bytes);
                    self.bytes.clear();
                    self.after_member = true;
                }
                continue;
            }
            match byte {
                b']' if self.after_comma => {
                    return Err(Uncut::Malformed(
                        place.line,
                        "no agent after a comma".to_owned(),
                    ));
                }
                b']' => return Ok((chunk.len() - rest.len(), true)),
                b',' if self.after_member => {
                    self.after_member = false;
                    self.after_comma = true;
                }
                b',' => {
                    return Err(Uncut::Malformed(
                        place.line,
                        "no agent before a comma".to_owned(),
                    ));
                }
                byte if byte.is_ascii_whitespace() => {}
                _ if self.after_member => {
                    return Err(Uncut::Malformed(
                        place.line,
                        "no comma between two agents".to_owned(),
                    ));
                }
                _ => {
                    self.after_comma = false;
                    self.begun = Some((place.offset, place.line));
                    self.nesting = Nesting::default();
                    continue;
                }
            }
            place.pass(&[*byte]);
            rest = behind;
        }
        Ok((chunk.len(), false))
    }

    /// What of `chunk` belongs to the member, and whether it ended.
    fn member<'a>(&mut self, chunk: &'a [u8]) -> (&'a [u8], bool) {
        let end = chunk.iter().enumerate().find_map(|(i, byte)| {
            let bare = self.nesting.depth == 0 && !self.nesting.in_string;
            if bare && (matches!(byte, b',' | b']') || byte.is_ascii_whitespace()) {
                return Some(i);
            }
            self.nesting.closes(*byte).then_some(i + 1)
        });
        let member = end.map_or(chunk, |end| chunk.split_at(end).0);
        self.keep(member);
        (member, end.is_some())
    }

    /// Holds what may still be a member that is taken in.
    fn keep(&mut self, bytes: &[u8]) {
        if self.bytes.len() <= MAX_RECORD {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn cut_all(json: &str, capacity: usize) -> Result<(Outline, Vec<(Element, String)>), Uncut> {
        let mut members = Vec::new();
        let reader = BufReader::with_capacity(capacity, json.as_bytes());
        let outline = cut(reader, |at, bytes| {
            members.push((at, String::from_utf8(bytes.to_vec()).unwrap()));
        })?;
        Ok((outline, members))
    }

    #[test]
    fn a_document_is_cut_into_its_agents_and_the_rest_wherever_the_chunks_end() {
        let json = "{\"a\": \"agents\", \"x\": {\"agents\": [1]},\n \"agents\" : [\n  {\"id\": \"a]},{\\\"\"},\n  {\"b\": [{}]} ,7\n ],\n \"z\": [\"agents\", [2]]}\n";
        for capacity in [1, 2, 3, 7, 1000] {
            let (outline, members) = cut_all(json, capacity).unwrap();
            let texts: Vec<_> = members.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, ["{\"id\": \"a]},{\\\"\"}", "{\"b\": [{}]}", "7"]);
            let lines: Vec<_> = members.iter().map(|(at, _)| at.line).collect();
            assert_eq!(lines, [3, 4, 4]);
            for (at, text) in &members {
                let start = usize::try_from(at.offset).unwrap();
                assert_eq!(&json[start..start + at.len], text);
            }
            assert_eq!(
                String::from_utf8(outline.json.clone()).unwrap(),
                "{\"a\": \"agents\", \"x\": {\"agents\": [1]},\n \"agents\" : [],\n \"z\": [\"agents\", [2]]}\n"
            );
            assert_eq!((outline.line_in_file(2), outline.line_in_file(3)), (2, 6));
        }
    }

    #[test]
    fn a_list_that_is_none_is_refused_with_its_line() {
        for (json, line) in [
            ("{\"agents\": [\n{\"id\": \"a\"},\n{\"id", 3),
            ("{\"agents\": [{}\n{}]}", 2),
            ("{\"agents\": [{},]}", 1),
            ("{\"agents\": [\n\n,{}]}", 3),
        ] {
            match cut_all(json, 4) {
                Err(Uncut::Malformed(at, _)) => assert_eq!(at, line, "{json}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }
}
