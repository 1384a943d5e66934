//! Input for the properties that must hold whatever is read: anything at all, and what is nearly right. The first seldom
//! gets past a parser's first byte; the second is a valid text with some of its parts changed.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What stands in the place of a part, or between two.
const PARTS: [&str; 23] = [
    "",
    " ",
    "\n",
    "\0",
    "\u{feff}",
    "é",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "{}",
    "[1,\"\"]",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000../x\"",
    "\"9999-12-31T23:59:59.999999999Z\"",
    "\"-009999-01-01T00:00:00Z\"",
];

/// What stands in the place of a number.
const NUMBERS: [&str; 13] = [
    "-0",
    "-1",
    "0.1",
    "0.1234567890123456789",
    "101",
    "255",
    "2147483648",
    "4294967295",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    // Its nearest float is not the one that is found by reckoning with floats.
    "11111111111111100000000000000000000007231141507552043926",
    "1e400",
];

/// Bytes that show as text where a property fails.
#[derive(Clone)]
pub(crate) struct Text(Vec<u8>);

impl std::ops::Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One change to a text.
#[derive(Debug, Clone)]
enum Change {
    /// Another part stands there.
    Replace(Index, &'static str),
    /// Where a number stands, another one does.
    Number(Index, String),
    /// One part more.
    Insert(Index, &'static str),
    /// A part of the text once more, in the place of another.
    Copy(Index, Index),
    /// From this part to that one nothing is left.
    Cut(Index, Index),
    /// One byte is another one.
    Byte(Index, u8),
    /// The part stands within so many brackets.
    Nest(Index, usize),
    /// The part is so long.
    Lengthen(Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let part = || select(&PARTS[..]);
    prop_oneof![
        6 => (at(), part()).prop_map(|(at, part)| Change::Replace(at, part)),
        6 => (at(), number()).prop_map(|(at, number)| Change::Number(at, number)),
        2 => (at(), part()).prop_map(|(at, part)| Change::Insert(at, part)),
        2 => (at(), at()).prop_map(|(from, to)| Change::Copy(from, to)),
        2 => (at(), at()).prop_map(|(from, to)| Change::Cut(from, to)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (at(), select(&[1, 60, 64, 120, 126, 130, 5_000][..])).prop_map(|(at, depth)| Change::Nest(at, depth)),
        1 => (at(), select(&[101, 129, 20_000, 70_000][..])).prop_map(|(at, length)| Change::Lengthen(at, length)),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => (0.0..1e6).prop_map(|number: f64| number.to_string()),
    ]
}

/// The parts of a text: strings with their quotes, words and numbers, and every other byte.
fn parts(text: &[u8]) -> Vec<Vec<u8>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => rest[1..]
                .iter()
                .position(|byte| *byte == b'"')
                .map_or(rest.len(), |at| at + 2),
            byte if is_word(byte) => rest.iter().take_while(|byte| is_word(byte)).count(),
            _ => 1,
        };
        let (part, after) = rest.split_at(length);
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

fn changed(text: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut parts = parts(text);
    for change in changes {
        if parts.is_empty() {
            return Vec::new();
        }
        let count = parts.len();
        match change {
            Change::Replace(at, part) => parts[at.index(count)] = part.as_bytes().to_vec(),
            Change::Number(at, number) => {
                let is_number = |part: &&mut Vec<u8>| part.iter().all(u8::is_ascii_digit);
                let mut numbers: Vec<_> = parts.iter_mut().filter(is_number).collect();
                if !numbers.is_empty() {
                    let at = at.index(numbers.len());
                    *numbers[at] = number.clone().into_bytes();
                }
            }
            Change::Insert(at, part) => parts.insert(at.index(count), part.as_bytes().to_vec()),
            Change::Copy(from, to) => parts[to.index(count)] = parts[from.index(count)].clone(),
            Change::Cut(from, to) => {
                let (from, to) = (from.index(count), to.index(count));
                parts.drain(from.min(to)..from.max(to));
            }
            Change::Byte(at, byte) => {
                let part = &mut parts[at.index(count)];
                if let Some(place) = part.first_mut() {
                    *place = *byte;
                }
            }
            Change::Nest(at, depth) => {
                let part = &mut parts[at.index(count)];
                *part = [
                    "[".repeat(*depth).as_bytes(),
                    part,
                    "]".repeat(*depth).as_bytes(),
                ]
                .concat();
            }
            Change::Lengthen(at, length) => {
                let part = &mut parts[at.index(count)];
                let middle = part.len() / 2;
                part.splice(middle..middle, std::iter::repeat_n(b'a', *length));
            }
        }
    }
    parts.concat()
}

/// One of these texts with some changes, or none.
fn nearly(valid: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec(change(), 0..5);
    (select(valid), changes).prop_map(|(text, changes)| changed(&text, &changes))
}

/// Any bytes, or nearly one of these texts.
pub(crate) fn bytes(valid: &[&str]) -> impl Strategy<Value = Text> + use<> {
    let valid = valid.iter().map(|text| text.as_bytes().to_vec()).collect();
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => any::<String>().prop_map(String::into_bytes),
        14 => nearly(valid),
    ]
    .prop_map(Text)
}

/// So many cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig {
            cases: usual,
            ..config
        },
    }
}
