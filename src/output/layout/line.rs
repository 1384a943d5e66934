//! One line of text in pieces, each with its style.

use std::fmt::Write;

use anstyle::Style;

use super::width::{front, width};
use crate::output::{Terminal, escape, style};

/// One line. Every text is escaped as it comes in: there is no other way into the output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    pieces: Vec<(Style, String)>,
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
        if !text.is_empty() {
            self.width += width(&text);
            self.pieces.push((style, text.into_owned()));
        }
        self
    }

    /// This line with another after it.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.width += other.width;
        self.pieces.extend(other.pieces);
        self
    }

    /// This line with blanks up to the column `to`.
    #[must_use]
    pub fn pad(self, to: usize) -> Self {
        let blanks = to.saturating_sub(self.width);
        self.plain(" ".repeat(blanks))
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
        self.pieces.is_empty()
    }

    /// Its text without styles.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
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
        for (style, text) in self.pieces {
            let left = room - short.width;
            if width(&text) > left {
                let kept = front(&text, left).trim_end();
                return short.styled(style, format!("{kept}…"));
            }
            short = short.styled(style, text);
        }
        short
    }

    /// Writes it and ends it; on a terminal cut to its width. No blanks at its end.
    pub fn write(self, out: &mut String, terminal: &Terminal) {
        let mut line = if terminal.tty {
            self.cut(terminal.width)
        } else {
            self
        };
        while let Some((_, last)) = line.pieces.last_mut() {
            last.truncate(last.trim_end_matches(' ').len());
            if !last.is_empty() {
                break;
            }
            line.pieces.pop();
        }
        for (style, text) in &line.pieces {
            if terminal.color && *style != style::PLAIN {
                let _ = write!(out, "{style}{text}{style:#}");
            } else {
                out.push_str(text);
            }
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
