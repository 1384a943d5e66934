//! Makes visible what a terminal would obey or hide, so that a text shows what it holds and does nothing.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// So many marks that take no width of their own may follow one character; no script needs more.
const MARKS: usize = 8;

/// `text` on one line, safe to print: control, bidirectional, invisible and line-breaking characters become
/// `⏎`, `\t` or `\u{1b}`; so does an accent or variation selector that follows nothing, or too many of its kind.
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    let mut marks_left = 0;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let mark = c.width() == Some(0);
        if !obeyed_or_hidden(c) && (!mark || marks_left > 0) {
            marks_left = if mark { marks_left - 1 } else { MARKS };
            shown.push(c);
            continue;
        }
        marks_left = 0;
        match c {
            '\n' => shown.push('⏎'),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            _ => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    if shown == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(shown)
    }
}

/// Control characters, and those of Unicode that have no ink: format and bidirectional controls, fillers, most
/// variation selectors, tags, noncharacters. The two variation selectors that choose between text and emoji may stay.
pub(super) fn obeyed_or_hidden(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0d}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_steers_a_terminal_is_shown() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a\nb", "a⏎b"),
            ("a\r\nb", "a⏎b"),
            ("a\rb", "a\\rb"),
            ("a\tb", "a\\tb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{7f}\0", "\\u{7f}\\u{0}"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("pay\u{200b}pal", "pay\\u{200b}pal"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "Grüße",
            "日本語",
            "שלום",
            "⚠️ done ✅",
            "e\u{301}",
            "1️⃣",
            "C:\\temp",
        ] {
            assert!(matches!(escape(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn marks_do_not_pile_up_or_hang_in_the_air() {
        assert_eq!(escape("\u{301}a"), "\\u{301}a");
        let heap = format!("a{}", "\u{301}".repeat(9));
        assert!(escape(&heap).ends_with("\\u{301}"));
    }

    proptest! {
        #[test]
        fn nothing_escaped_steers_a_terminal(text in any::<String>()) {
            let shown = escape(&text);
            prop_assert!(!shown.chars().any(obeyed_or_hidden), "{shown:?}");
            prop_assert_eq!(escape(&shown), shown.as_ref());
        }
    }
}
