//! JSON in which no text steers the terminal it may be printed to.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::escape::obeyed_or_hidden;

/// Writes `value` in one line, as JSON. The same JSON as ever, but what a terminal obeys or hides in a text is written
/// as `\u0000`, not only the controls for which JSON demands it.
pub fn write(out: &mut (impl Write + ?Sized), value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Inert);
    value.serialize(&mut serializer).map_err(Into::into)
}

struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for part in fragment.split_inclusive(obeyed_or_hidden) {
            let plain = part.trim_end_matches(obeyed_or_hidden);
            out.write_all(plain.as_bytes())?;
            // The character that ends the part, if it is such a one.
            for unit in part.encode_utf16().skip(plain.encode_utf16().count()) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    // JSON that is kept as it was written. Outside its strings it has nothing to be escaped, and inside them a character
    // and its escape say the same.
    fn write_raw_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.write_string_fragment(out, fragment)
    }
}

#[cfg(test)]
mod tests {
    use agentreg::model::Json;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_reads_back_and_none_steers_a_terminal(text in any::<String>()) {
            let mut json = Vec::new();
            write(&mut json, &text).unwrap();
            let json = String::from_utf8(json).unwrap();
            prop_assert!(!json.chars().any(obeyed_or_hidden), "{json:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn json_that_is_kept_as_it_was_written_steers_no_terminal_either(text in any::<String>()) {
            let kept = Json::parse(&serde_json::to_string(&[&text]).unwrap()).unwrap();
            let mut json = Vec::new();
            write(&mut json, &kept).unwrap();
            let json = String::from_utf8(json).unwrap();
            prop_assert!(!json.chars().any(obeyed_or_hidden), "{json:?}");
            prop_assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [text]);
        }
    }
}
