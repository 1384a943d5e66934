//! How many columns a text takes, and texts cut to fit. All texts here are escaped already.

use unicode_width::UnicodeWidthChar;

/// Each character of `text` with the column behind it. A character asked to be an emoji is two wide.
fn columns(text: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let mut end = 0;
    let mut narrow = false;
    text.char_indices().map(move |(at, c)| {
        let own = c.width().unwrap_or(0);
        let widens = c == '\u{fe0f}' && narrow;
        end += if widens { 1 } else { own };
        narrow = own == 1;
        (at, c, end)
    })
}

/// How many columns `text` takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    columns(text).last().map_or(0, |(_, _, end)| end)
}

/// The longest beginning of `text` that takes at most `most` columns.
pub fn front(text: &str, most: usize) -> &str {
    let mut whole = 0;
    for (at, c, end) in columns(text) {
        if end > most {
            // An emoji selector that no longer fits takes its character with it.
            return &text[..if c == '\u{fe0f}' { whole } else { at }];
        }
        whole = at;
    }
    text
}

/// `text`, or `…` and as much of its end as fits.
pub fn cut_front(text: &str, most: usize) -> String {
    let all = width(text);
    if all <= most {
        return text.to_owned();
    }
    let surplus = all - most.saturating_sub(1);
    let from = columns(text)
        .find(|(_, _, end)| *end >= surplus)
        .map_or(text.len(), |(at, c, _)| at + c.len_utf8());
    let rest = text[from..].trim_start_matches(|c: char| c.width() == Some(0));
    format!("…{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths_are_columns_not_characters() {
        assert_eq!(width("abc"), 3);
        assert_eq!(width("日本"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(width("⚠\u{fe0f}"), 2);
        assert_eq!(front("日本語", 5), "日本");
        assert_eq!(front("a⚠\u{fe0f}", 2), "a");
        assert_eq!(front("e\u{301}x", 1), "e\u{301}");
    }

    #[test]
    fn a_path_is_cut_at_its_front() {
        assert_eq!(cut_front("/srv/shop/payments", 12), "…op/payments");
        assert_eq!(cut_front("/srv", 12), "/srv");
        assert_eq!(cut_front("日本語", 4), "…語");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in any::<String>(), most in 1_usize..40) {
            let text = crate::output::escape(&text);
            prop_assert!(width(front(&text, most)) <= most);
            prop_assert!(width(&cut_front(&text, most)) <= most);
        }
    }
}
