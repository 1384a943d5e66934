//! Texts that take as many lines as they need.

use super::Line;
use super::width::{front, width};
use crate::output::{Terminal, style};

/// Items with a dot between them; on a terminal in as many lines as they need, broken at the dots.
pub fn flow(items: impl IntoIterator<Item = Line>, terminal: &Terminal) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if !terminal.tty || line.width() + 3 + item.width() <= terminal.width => {
                *line = std::mem::take(line).styled(style::DIM, " · ").then(&item);
            }
            _ => lines.push(item),
        }
    }
    lines
}

/// A text of paragraphs broken at blanks into lines of at most `most` columns; only a longer word is broken inside.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let most = most.max(2);
    let mut lines = Vec::new();
    for paragraph in text.trim_end().lines() {
        let paragraph = paragraph.replace('\t', "    ");
        let paragraph = crate::output::escape(&paragraph);
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_inclusive(' ') {
            let mut word = word;
            if used > 0 && used + width(word.trim_end()) > most {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
            }
            while width(word.trim_end()) > most {
                let piece = front(word, most);
                lines.push(piece.to_owned());
                word = &word[piece.len()..];
            }
            line.push_str(word);
            used += width(word);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_only_where_they_are_too_long() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("a abcdefghijkl b", 5), ["a", "abcde", "fghij", "kl b"]);
        assert_eq!(
            wrap("one\n  two\n\nthree\n", 20),
            ["one", "  two", "", "three"]
        );
        assert_eq!(wrap("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn items_break_at_the_dots() {
        let narrow = Terminal {
            width: 10,
            color: false,
            tty: true,
        };
        let items = || ["four", "three", "six"].map(|item| Line::new().plain(item));
        let lines = |terminal: &Terminal| -> Vec<_> {
            flow(items(), terminal).iter().map(Line::text).collect()
        };
        assert_eq!(lines(&narrow), ["four", "three", "six"]);
        let pipe = Terminal {
            tty: false,
            ..narrow
        };
        assert_eq!(lines(&pipe), ["four · three · six"]);
    }
}
