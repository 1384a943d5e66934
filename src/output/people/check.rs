//! What `doctor` found.

use agentreg::store::{Check, Problem};
use anstyle::Style;

use crate::output::layout::{Line, wrap};
use crate::output::{Terminal, style};

/// What a check found; after a `repair` what it mended, and what is still wrong.
pub fn check(check: &Check, repair: bool, terminal: &Terminal) -> String {
    let mut out = String::new();
    let (style, glyph, verdict) = match (check.problems.len(), check.repaired.len(), repair) {
        (0, 0, _) => (style::GOOD, "✓", "the registry is sound".to_owned()),
        (0, mended, _) => (style::GOOD, "✓", format!("mended {}", problems(mended))),
        (wrong, _, false) => (style::BAD, "✗", problems(wrong)),
        (wrong, _, true) => (
            style::BAD,
            "✗",
            format!("{} could not be mended", problems(wrong)),
        ),
    };
    let verdict = if terminal.tty {
        format!("{glyph} {verdict}")
    } else {
        verdict
    };
    Line::new().styled(style, verdict).write(&mut out, terminal);
    for problem in &check.problems {
        entry("wrong", style::BAD, problem, &mut out, terminal);
    }
    for problem in &check.repaired {
        entry("mended", style::GOOD, problem, &mut out, terminal);
    }
    for problem in &check.notes {
        entry("note", style::DIM, problem, &mut out, terminal);
    }
    if !repair && !check.problems.is_empty() {
        let command = Line::new()
            .plain("mend it: ")
            .styled(style::STRONG, "agentreg doctor --repair");
        command.write(&mut out, terminal);
    }
    out
}

fn problems(number: usize) -> String {
    format!("{number} problem{}", if number == 1 { "" } else { "s" })
}

/// In a pipe one line; on a terminal the path and under it what is wrong, whole: a path is there to be copied.
pub(super) fn entry(
    word: &str,
    style: Style,
    problem: &Problem,
    out: &mut String,
    terminal: &Terminal,
) {
    let head = Line::new().styled(style, word).pad(8).plain(&problem.path);
    if !terminal.tty {
        head.plain(format!(": {}", problem.what))
            .write(out, terminal);
        return;
    }
    let uncut = Terminal {
        width: usize::MAX,
        ..*terminal
    };
    head.write(out, &uncut);
    for line in wrap(&problem.what, terminal.width.saturating_sub(8)) {
        Line::new()
            .plain("        ")
            .styled(style::DIM, line)
            .write(out, terminal);
    }
}
