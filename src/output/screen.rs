//! A screen of the program's own on the terminal: entered, drawn on, and left so that the terminal is as it was, also by
//! a panic.
//!
//! A frame is one write: every line is written over the old one and its rest cleared, so nothing is ever blank between
//! two frames; terminals that know synchronized updates show each at once.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

use super::layout::{front, width};
use super::stream::Stream;
use super::{Failure, Terminal};

/// The alternate screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
/// The end of an update that may be cut short, the cursor, the usual screen.
const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[?25h\x1b[?1049l";
/// Before a line that changed, and before one that did not.
const NEW: &str = "▎ ";
const KNOWN: &str = "  ";
const MARK_WIDTH: usize = 2;

/// The terminal while it is drawn on.
pub struct Screen {
    /// What it was set to, if keys come from it.
    before: Option<Termios>,
    /// The last frame.
    frame: String,
    is_left: bool,
}

impl Screen {
    /// Whether standard output is a terminal that can be drawn on.
    pub fn is_there() -> bool {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        io::stdout().is_terminal() && !is_dumb
    }

    /// Takes the terminal.
    pub fn enter() -> Result<Self, Failure> {
        let before = if io::stdin().is_terminal() {
            Some(termios::tcgetattr(io::stdin()).map_err(refused)?)
        } else {
            None
        };
        // A panic ends the program before anything is dropped.
        let usual = std::panic::take_hook();
        let at_panic = before.clone();
        std::panic::set_hook(Box::new(move |panic| {
            restore(at_panic.as_ref());
            usual(panic);
        }));
        let mut screen = Self {
            before,
            frame: String::new(),
            is_left: true,
        };
        screen.resume()?;
        Ok(screen)
    }

    /// Takes the terminal again: after it was left, or after another process had it.
    pub fn resume(&mut self) -> Result<(), Failure> {
        self.is_left = false;
        self.forget();
        if let Some(before) = &self.before {
            // Keys come at once and unseen; Ctrl-C stays a signal.
            let mut keys = before.clone();
            keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            termios::tcsetattr(io::stdin(), OptionalActions::Now, &keys).map_err(refused)?;
        }
        put(ENTER)
    }

    /// Gives the terminal back.
    pub fn leave(&mut self) {
        if !std::mem::replace(&mut self.is_left, true) {
            restore(self.before.as_ref());
        }
    }

    /// Draws the next frame whole, whatever is there.
    pub fn forget(&mut self) {
        self.frame.clear();
    }

    /// What a frame is made for.
    pub fn within(terminal: Terminal) -> Terminal {
        Terminal {
            width: terminal.width.saturating_sub(MARK_WIDTH),
            ..terminal
        }
    }

    /// Draws `text`, as much of it as there is room for; lines that are not in `before` are marked.
    pub fn draw(&mut self, text: &str, before: &str) -> Result<(), Failure> {
        let size = terminal_size::terminal_size_of(io::stdout());
        let (columns, rows) = size.map_or((usize::MAX, usize::MAX), |(columns, rows)| {
            (usize::from(columns.0), usize::from(rows.0))
        });
        let frame = frame(text, before, columns, rows);
        if frame != self.frame {
            put(&frame)?;
            self.frame = frame;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

fn frame(text: &str, before: &str, columns: usize, rows: usize) -> String {
    let known: HashSet<String> = before.lines().map(words).collect();
    let lines: Vec<&str> = text.lines().collect();
    let room = if lines.len() > rows {
        rows.saturating_sub(1)
    } else {
        lines.len()
    };
    let mut frame = String::from("\x1b[?2026h\x1b[H");
    for (number, line) in lines.iter().take(room).enumerate() {
        let is_known = known.contains(&words(line));
        let mark = if is_known { KNOWN } else { NEW };
        let newline = if number > 0 { "\r\n" } else { "" };
        let line = front_of_styled(&format!("{mark}{line}"), columns);
        let _ = write!(frame, "{newline}{line}\x1b[0m\x1b[K");
    }
    if room < lines.len() {
        let newline = if room > 0 { "\r\n" } else { "" };
        let more = format!("  … {} lines more", lines.len() - room);
        let _ = write!(frame, "{newline}{}\x1b[K", front(&more, columns));
    }
    frame.push_str("\x1b[J\x1b[?2026l");
    frame
}

/// The beginning of a line that fits in so many columns. What sets its style takes none.
fn front_of_styled(line: &str, columns: usize) -> String {
    let mut fits = String::with_capacity(line.len());
    let mut left = columns;
    for part in line.split_inclusive('\x1b') {
        let (style, text) = match part.find('m') {
            Some(end) if part.starts_with('[') => part.split_at(end + 1),
            _ => ("", part),
        };
        let (text, escape) = text
            .strip_suffix('\x1b')
            .map_or((text, ""), |text| (text, "\x1b"));
        let shown = front(text, left);
        left -= width(shown);
        fits.extend([style, shown, escape]);
    }
    fits
}

/// What a line says, however its columns stand.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn restore(before: Option<&Termios>) {
    let _ = put(LEAVE);
    if let Some(before) = before {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
    }
}

fn put(text: &str) -> Result<(), Failure> {
    Stream::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::io("write to the terminal", &error))
}

fn refused(error: rustix::io::Errno) -> Failure {
    Failure::io("set the terminal", &error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_changed_are_marked_however_their_columns_moved() {
        let frame = frame("a  1\nb  2\n", "a 1\nb 1\n", 80, 10);
        assert!(frame.contains("  a  1\x1b[0m\x1b[K"), "{frame:?}");
        assert!(frame.contains("▎ b  2\x1b[0m\x1b[K"), "{frame:?}");
    }

    #[test]
    fn every_line_is_cut_to_the_width() {
        let shown = frame("\x1b[1mabcdef\x1b[0mghi\nb\nc\n", "", 7, 2);
        assert!(
            shown.contains("▎ \x1b[1mabcde\x1b[0m\x1b[0m\x1b[K"),
            "{shown:?}"
        );
        assert!(shown.contains("\r\n  … 2 l\x1b[K"), "{shown:?}");
    }

    #[test]
    fn a_frame_never_scrolls() {
        let shown = frame("a\nb\nc\n", "", 80, 2);
        assert_eq!(shown.matches("\r\n").count(), 1, "{shown:?}");
        assert!(shown.contains("… 2 lines more"), "{shown:?}");
        assert_eq!(frame("a\nb\n", "", 80, 2).matches("\r\n").count(), 1);
        assert_eq!(frame("a\nb\n", "", 80, 1).matches("\r\n").count(), 0);
    }
}
