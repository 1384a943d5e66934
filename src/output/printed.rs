//! What a command printed, on its way to somebody else's terminal.

use super::{Terminal, escape};

/// Makes what a command printed harmless where a terminal shows it; anywhere else it stays as it is, byte for byte.
pub struct Printed {
    is_shown: bool,
    /// The beginning of a character whose end has not come yet.
    held_back: Vec<u8>,
}

impl Printed {
    /// For this output.
    pub fn new(terminal: &Terminal) -> Self {
        Self {
            is_shown: terminal.tty,
            held_back: Vec::new(),
        }
    }

    /// The next part; `as_text` if it has to be whole characters.
    pub fn show(&mut self, part: &[u8], as_text: bool) -> Vec<u8> {
        if !self.is_shown && !as_text {
            return part.to_vec();
        }
        let mut bytes = std::mem::take(&mut self.held_back);
        bytes.extend_from_slice(part);
        let whole = whole_characters(&bytes);
        self.held_back = bytes.split_off(whole);
        self.visible(&bytes)
    }

    /// What was held back, at the end or in front of a gap.
    pub fn rest(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.held_back);
        self.visible(&bytes)
    }

    fn visible(&self, bytes: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(bytes);
        if !self.is_shown {
            return text.into_owned().into_bytes();
        }
        let mut shown = String::with_capacity(text.len());
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                shown.push('\n');
            }
            let line = line.strip_suffix('\r').unwrap_or(line);
            for (number, cell) in line.split('\t').enumerate() {
                if number > 0 {
                    shown.push('\t');
                }
                shown.push_str(&escape(cell));
            }
        }
        shown.into_bytes()
    }
}

/// How many bytes at the beginning are whole characters, or none at all.
fn whole_characters(bytes: &[u8]) -> usize {
    let begins = |byte: &u8| *byte >= 0xc0;
    let last = bytes.rchunks(3).next().unwrap_or_default();
    let begun = last.iter().rposition(begins).and_then(|at| last.get(at..));
    match begun {
        Some(begun) if std::str::from_utf8(begun).is_err_and(|e| e.error_len().is_none()) => {
            bytes.len() - begun.len()
        }
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tty: bool, parts: &[&[u8]]) -> Vec<u8> {
        let mut printed = Printed::new(&Terminal {
            width: 80,
            color: false,
            tty,
        });
        let mut shown: Vec<u8> = parts
            .iter()
            .flat_map(|part| printed.show(part, false))
            .collect();
        shown.extend(printed.rest());
        shown
    }

    #[test]
    fn a_pipe_gets_every_byte() {
        let bytes: &[u8] = b"\x1b[31m\xff\r\n\0";
        assert_eq!(shown(false, &[bytes]), bytes);
    }

    #[test]
    fn a_terminal_gets_nothing_it_would_obey() {
        let text = String::from_utf8(shown(true, &[b"a\tb\r\n\x1b[2Jc\r\n"])).unwrap();
        assert_eq!(text, "a\tb\n\\u{1b}[2Jc\n");
    }

    #[test]
    fn a_character_in_two_parts_is_one() {
        let text =
            String::from_utf8(shown(true, &[b"gr\xc3", b"\xbcn \xf0\x9f", b"\x9a\x80"])).unwrap();
        assert_eq!(text, "grün 🚀");
    }
}
