//! Texts that steer a terminal, and what may leave the program.

/// What an agent may write to hide, to overwrite, or to forge a line. `FORGED` marks what must never begin a line.
pub const NASTY: [&str; 16] = [
    "\u{1b}[2J\u{1b}[1;1H\u{1b}[31mred",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;http://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{1b}]52;c;ZWNobw==\u{7}",
    "\u{1b}P$q\"p\u{1b}\\",
    "\u{9b}31mC1\u{9d}0;title\u{9c}",
    "over\rFORGED",
    "back\u{8}\u{8}\u{8}\u{8}FORGED",
    "line\nFORGED  completed 100%",
    "line\u{85}FORGED\u{2028}FORGED\u{2029}FORGED\u{b}FORGED\u{c}FORGED",
    "\u{202e}drowssap\u{202c}",
    "\u{2066}isolate\u{2069}\u{200f}\u{61c}",
    "zero\u{200b}width\u{feff}\u{2060}",
    "tags\u{e0041}\u{e0042}\u{e007f}",
    "bell\u{7} tab\t delete\u{7f} shift\u{e}\u{f}",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
];

/// What is wrong with an output, if anything: a character that a terminal obeys or hides, but for the newline and, where
/// `styled`, our own colours; a line that an agent forged. The lines of a message may be shown as lines, indented.
pub fn objection(output: &str, styled: bool) -> Option<String> {
    let plain = if styled {
        without_styles(output)
    } else {
        output.to_owned()
    };
    let bad = plain.chars().find(|c| *c != '\n' && is_steering(*c));
    let forged = plain.lines().any(|line| line.starts_with("FORGED"));
    match (bad, forged) {
        (Some(bad), _) => Some(format!("it has {bad:?}: {output:?}")),
        (None, true) => Some(format!("it has a forged line: {output:?}")),
        (None, false) => None,
    }
}

fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text without `ESC [ digits and semicolons m`.
fn without_styles(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match rest.strip_prefix('m') {
            Some(rest) => plain.push_str(rest),
            // No style of ours: it stays, to be objected to.
            None => plain.extend(["\u{1b}[", piece]),
        }
    }
    plain
}
