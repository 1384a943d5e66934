//! Values that are one of a few words.

use std::ffi::OsStr;

use agentreg::model::{Priority, Severity, Status};
use clap::builder::{PossibleValue, TypedValueParser};

use super::machine::{Setting, Shell};
use super::value::BadValue;
use crate::output::ColorChoice;

/// The word of `known` that is most like `word`, if one is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        // Two letters swapped in a short word are one slip, which Jaro and Winkler rate low.
        let slip = strsim::osa_distance(&word, &candidate) == 1;
        strsim::jaro_winkler(&word, &candidate).max(if slip { 0.75 } else { 0.0 })
    };
    known
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Reads one of a few words: lists them in help and completions, and names the nearest of them for a word that is none.
#[derive(Clone)]
pub struct Words<T> {
    words: &'static [&'static str],
    read: fn(&str) -> Result<T, BadValue>,
}

impl<T> Words<T> {
    /// What the word means.
    pub fn read(&self, word: &str) -> Result<T, BadValue> {
        (self.read)(word)
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        TypedValueParser::parse_ref(&self.read, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}

const STATUSES: &[&str] = &[
    "running",
    "working",
    "blocked",
    "completed",
    "failed",
    "terminated",
];
const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
const PRIORITIES: &[&str] = &["P0", "P1", "P2", "P3", "P4"];

/// An agent's status.
pub const STATUS: Words<Status> = Words {
    words: STATUSES,
    read: |word| {
        word.parse()
            .map_err(|error| BadValue::new(error).nearest(word, STATUSES))
    },
};

/// What `wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Any end.
    Ended,
    /// This status.
    Is(Status),
}

const UNTIL_WORDS: &[&str] = &[
    "ended",
    "completed",
    "failed",
    "terminated",
    "running",
    "working",
    "blocked",
];

/// What to wait for.
pub const UNTIL: Words<Until> = Words {
    words: UNTIL_WORDS,
    read: |word| {
        if word.eq_ignore_ascii_case("ended") {
            return Ok(Until::Ended);
        }
        word.parse().map(Until::Is).map_err(|_| {
            BadValue::new(format!(
                "{word:?} is neither ended nor a status; the statuses are {}",
                STATUSES.join(", ")
            ))
            .nearest(word, UNTIL_WORDS)
        })
    },
};

/// A finding's severity.
pub const SEVERITY: Words<Severity> = Words {
    words: SEVERITIES,
    read: |word| {
        word.parse()
            .map_err(|error| BadValue::new(error).nearest(word, SEVERITIES))
    },
};

/// A task's priority.
pub const PRIORITY: Words<Priority> = Words {
    words: PRIORITIES,
    read: |word| {
        word.parse()
            .map_err(|error| BadValue::new(error).nearest(word, PRIORITIES))
    },
};

const SETTINGS: &[&str] = &["max-concurrent", "output-limit"];

/// A setting of the machine.
pub const SETTING: Words<Setting> = Words {
    words: SETTINGS,
    read: |word| match word {
        "max-concurrent" | "max_concurrent" => Ok(Setting::MaxConcurrent),
        "output-limit" | "output_limit" => Ok(Setting::OutputLimit),
        _ => Err(BadValue::new(format!(
            "{word:?} is not a setting; the settings are max-concurrent and output-limit"
        ))
        .nearest(word, SETTINGS)),
    },
};

const SHELLS: &[&str] = &["bash", "zsh", "fish", "elvish", "powershell"];

/// A shell that completions are made for.
pub const SHELL: Words<Shell> = Words {
    words: SHELLS,
    read: |word| match word {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        "elvish" => Ok(Shell::Elvish),
        "powershell" | "pwsh" => Ok(Shell::Powershell),
        _ => Err(BadValue::new(format!(
            "{word:?} is not a shell; the shells are bash, zsh, fish, elvish and powershell"
        ))
        .nearest(word, SHELLS)),
    },
};

const COLORS: &[&str] = &["auto", "always", "never"];

/// When to use colour.
pub const COLOR: Words<ColorChoice> = Words {
    words: COLORS,
    read: |word| match word {
        "auto" => Ok(ColorChoice::Auto),
        "always" => Ok(ColorChoice::Always),
        "never" => Ok(ColorChoice::Never),
        _ => Err(
            BadValue::new(format!("{word:?} is not auto, always or never")).nearest(word, COLORS),
        ),
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_shown_are_the_words_of_the_model() {
        assert_eq!(STATUSES, Status::ALL.map(Status::as_str));
        assert_eq!(SEVERITIES, Severity::ALL.map(Severity::as_str));
        for word in PRIORITIES {
            assert_eq!(
                word.parse::<Priority>().map(|p| p.to_string()),
                Ok((*word).to_owned())
            );
        }
    }

    #[test]
    fn a_misspelt_word_gets_the_nearest_named() {
        let hint = |result: Result<Status, BadValue>| result.unwrap_err().hint;
        assert_eq!(
            hint((STATUS.read)("compelted")).as_deref(),
            Some("did you mean completed?")
        );
        assert_eq!(hint((STATUS.read)("xyz")), None);
        assert_eq!((STATUS.read)("done"), Ok(Status::Completed));
    }
}
