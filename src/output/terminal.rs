//! What standard output is: a terminal or not, how wide, whether it shows colours.

use std::io::IsTerminal;

/// Whether to use colours, as `--color` says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Whatever the output is.
    Always,
    /// Never.
    Never,
}

/// What output is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// In columns. Only a terminal's lines are cut to it.
    pub width: usize,
    /// Whether colours are used.
    pub color: bool,
    /// Whether somebody looks at it; a pipe gets plain text, one line a record, nothing cut.
    pub tty: bool,
}

/// Where neither the terminal nor `$COLUMNS` tells.
const USUAL_WIDTH: usize = 80;

impl Terminal {
    /// What standard output is now.
    pub fn stdout(choice: ColorChoice) -> Self {
        let tty = std::io::stdout().is_terminal();
        let measured = terminal_size::terminal_size_of(std::io::stdout())
            .map(|(width, _)| usize::from(width.0));
        Self::from_environment(choice, tty, measured, |name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// The same as a function of what it depends on. `NO_COLOR` outweighs `CLICOLOR_FORCE`, `--color` both.
    fn from_environment(
        choice: ColorChoice,
        tty: bool,
        measured: Option<usize>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let automatic = || {
            if set("NO_COLOR").is_some() {
                false
            } else if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
                true
            } else {
                tty && set("TERM").is_some_and(|term| term != "dumb")
                    && set("CLICOLOR").is_none_or(|value| value != "0")
            }
        };
        let columns = || set("COLUMNS").and_then(|text| text.parse().ok());
        Self {
            width: measured
                .filter(|width| *width > 0)
                .or_else(columns)
                .filter(|width| *width > 0)
                .unwrap_or(USUAL_WIDTH),
            color: match choice {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => automatic(),
            },
            tty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(choice: ColorChoice, tty: bool, variables: &[(&str, &str)]) -> Terminal {
        Terminal::from_environment(choice, tty, tty.then_some(120), |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colours_are_for_terminals_that_show_them() {
        let auto = |tty, variables: &[_]| terminal(ColorChoice::Auto, tty, variables).color;
        let xterm = ("TERM", "xterm-256color");
        assert!(auto(true, &[xterm]));
        assert!(!auto(false, &[xterm]));
        assert!(!auto(true, &[]));
        assert!(!auto(true, &[("TERM", "dumb")]));
        assert!(!auto(true, &[xterm, ("NO_COLOR", "1")]));
        assert!(auto(true, &[xterm, ("NO_COLOR", "")]));
        assert!(!auto(true, &[xterm, ("CLICOLOR", "0")]));
        assert!(auto(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "0")]));
    }

    #[test]
    fn the_option_outweighs_the_environment() {
        assert!(terminal(ColorChoice::Always, false, &[("NO_COLOR", "1")]).color);
        assert!(!terminal(ColorChoice::Never, true, &[("CLICOLOR_FORCE", "1")]).color);
    }

    #[test]
    fn the_width_is_the_terminals_else_columns_else_eighty() {
        let width = |measured, columns: &str| {
            Terminal::from_environment(ColorChoice::Auto, true, measured, |name| {
                (name == "COLUMNS").then(|| columns.to_owned())
            })
            .width
        };
        assert_eq!(width(Some(120), "100"), 120);
        assert_eq!(width(Some(0), "100"), 100);
        assert_eq!(width(None, "100"), 100);
        assert_eq!(width(None, "wide"), 80);
        assert_eq!(width(None, "0"), 80);
    }
}
