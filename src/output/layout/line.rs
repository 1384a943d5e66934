//! One line of text in pieces, each with its style.

use std::fmt::Write;

use anstyle::Style;

use super::width::{front, width};
use crate::output::{Terminal, escape, style};

/// One line. Every text is escaped as it comes in: there is no other way into the output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    text: String,
    /// The pieces of the text: each one's style, and where in the text it ends.
    pieces: Vec<(Style, usize)>,
    width: usize,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// This line with `text` after it.
    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.styled(style::PLAIN, text)
    }

    /// This line with `text` after it, in a style.
    #[must_use]
    pub fn styled(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = escape(text.as_ref());
        self.push(style, &text, width(&text));
        self
    }

    fn push(&mut self, style: Style, text: &str, width: usize) {
        if !text.is_empty() {
            self.text.push_str(text);
            self.width += width;
            match self.pieces.last_mut() {
                Some((last, end)) if *last == style => *end = self.text.len(),
                _ => self.pieces.push((style, self.text.len())),
            }
        }
    }

    /// This line with another after it.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        let before = self.text.len();
        self.text.push_str(&other.text);
        self.width += other.width;
        let pieces = other.pieces.iter();
        self.pieces
            .extend(pieces.map(|(style, end)| (*style, before + end)));
        self
    }

    /// This line with blanks up to the column `to`.
    #[must_use]
    pub fn pad(mut self, to: usize) -> Self {
        const BLANKS: &str = "                                                                ";
        while self.width < to {
            let blanks = BLANKS.len().min(to - self.width);
            self.push(style::PLAIN, &BLANKS[..blanks], blanks);
        }
        self
    }

    /// This line, what has no style of its own in `style`.
    #[must_use]
    pub fn within(mut self, style: Style) -> Self {
        for (own, _) in &mut self.pieces {
            if *own == style::PLAIN {
                *own = style;
            }
        }
        self
    }

    /// How many columns it takes.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Its text without styles.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// This line, if it is wider than `most` cut and ended with `…`.
    #[must_use]
    pub fn cut(self, most: usize) -> Self {
        if self.width <= most {
            return self;
        }
        let Some(room) = most.checked_sub(1) else {
            return Self::new();
        };
        let mut short = Self::new();
        for (style, text) in self.styled_texts() {
            let left = room - short.width;
            if width(text) > left {
                let kept = front(text, left).trim_end();
                return short.styled(style, format!("{kept}…"));
            }
            short.push(style, text, width(text));
        }
        short
    }

    fn styled_texts(&self) -> impl Iterator<Item = (Style, &str)> {
        let mut begin = 0;
        self.pieces.iter().map(move |&(style, end)| {
            let text = &self.text[begin..end];
            begin = end;
            (style, text)
        })
    }

    /// Empties it, for another line in its place.
    pub fn clear(&mut self) {
        self.text.clear();
        self.pieces.clear();
        self.width = 0;
    }

    /// Writes it and ends it; on a terminal cut to its width. No blanks at its end.
    pub fn write(&self, out: &mut String, terminal: &Terminal) {
        let short;
        let line = if terminal.tty && self.width > terminal.width {
            short = self.clone().cut(terminal.width);
            &short
        } else {
            self
        };
        if terminal.color {
            let mut left = line.text.trim_end_matches(' ').len();
            for (style, text) in line.styled_texts() {
                let text = &text[..text.len().min(left)];
                left -= text.len();
                if style == style::PLAIN || text.is_empty() {
                    out.push_str(text);
                } else {
                    let _ = write!(out, "{style}{text}{style:#}");
                }
            }
        } else {
            out.push_str(line.text.trim_end_matches(' '));
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_inside_the_piece_that_does_not_fit() {
        let line = Line::new().plain("abc").styled(style::BAD, " defgh");
        assert_eq!(line.clone().cut(9).text(), "abc defgh");
        assert_eq!(line.clone().cut(8).text(), "abc def…");
        assert_eq!(line.clone().cut(5).text(), "abc…");
        assert_eq!(line.clone().cut(4).text(), "abc…");
        assert_eq!(line.clone().cut(1).text(), "…");
        assert_eq!(line.cut(0).text(), "");
    }
}
