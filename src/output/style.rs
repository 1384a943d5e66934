//! The palette and the glyphs, all of them. Few colours: what goes on, what ended well, what needs somebody, what failed.

use agentreg::model::{Change, Liveness, Priority, Severity, Status};
use anstyle::{AnsiColor, Style};

/// Without any.
pub const PLAIN: Style = Style::new();
/// Titles.
pub const STRONG: Style = Style::new().bold();
/// What is there but need not be read.
pub const DIM: Style = Style::new().dimmed();
/// Ended well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Goes on.
pub const GOING: Style = AnsiColor::Cyan.on_default();
/// Needs somebody.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Ended badly, is dead or wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// The style of a status.
pub fn status(status: Status) -> Style {
    match status {
        Status::Running | Status::Working => GOING,
        Status::Blocked => WARN,
        Status::Completed => GOOD,
        Status::Failed => BAD,
        Status::Terminated => DIM,
    }
}

/// The glyph of a status.
pub fn status_glyph(status: Status) -> &'static str {
    match status {
        Status::Running => "○",
        Status::Working => "●",
        Status::Blocked => "!",
        Status::Completed => "✓",
        Status::Failed => "✗",
        Status::Terminated => "■",
    }
}

/// The style and glyph of a lifecycle change.
pub fn change(change: Change) -> (Style, &'static str) {
    match change {
        Change::Opened | Change::Imported => (PLAIN, "◇"),
        Change::Closed => (PLAIN, "◆"),
        Change::Deleted => (DIM, "◆"),
        Change::Repaired => (WARN, "!"),
        Change::Registered => (GOING, "○"),
        Change::Completed => (GOOD, "✓"),
        Change::Failed => (BAD, "✗"),
        Change::Terminated => (DIM, "■"),
    }
}

/// The style of a severity.
pub fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Low => DIM,
        Severity::Medium => PLAIN,
        Severity::High => WARN,
        Severity::Critical => BAD,
    }
}

/// The style of being alive or dead.
pub fn liveness(liveness: Liveness) -> Style {
    match liveness {
        Liveness::Yes => PLAIN,
        Liveness::No => BAD,
        Liveness::Unknown => DIM,
    }
}

/// The style of a priority.
pub fn priority(priority: Priority) -> Style {
    match priority {
        Priority::P0 => BAD,
        Priority::P1 => WARN,
        Priority::P2 => PLAIN,
        Priority::P3 | Priority::P4 => DIM,
    }
}
