//! Calls in their plainest form, read without clap.
//!
//! clap builds a command before it reads a word, and what it builds is spread over much memory: for a report that takes a
//! tenth of all its time. So what agents call all day is read here when it is plainly written: each option a word of its
//! own, its value the next, nothing twice. All else is left to clap: other forms, help, and whatever is wrong, for only
//! clap explains. What is read here means what clap would have read, which a test checks.

use std::ffi::OsString;
use std::time::Duration;

use super::value::{self, BadValue};
use super::words as known;
use super::{Call, FindingArgs, Globals, ProgressArgs, Verb};
use crate::output::ColorChoice;
use agentreg::model::Severity;

/// An option: its name, its letter if it has one, whether a value follows.
type Known = (&'static str, Option<char>, bool);

const EVERYWHERE: &[Known] = &[
    ("home", None, true),
    ("task", None, true),
    ("lock-timeout", None, true),
    ("json", None, false),
    ("quiet", Some('q'), false),
];

const PROGRESS: &[Known] = &[
    ("message", Some('m'), true),
    ("status", Some('s'), true),
    ("percent", Some('p'), true),
    ("agent", None, true),
];

const FINDING: &[Known] = &[
    ("message", Some('m'), true),
    ("type", Some('t'), true),
    ("severity", Some('s'), true),
    ("data", None, true),
    ("file", None, true),
    ("agent", None, true),
];

/// Reads the words after the program's name, if they are written plainly.
pub fn read(words: &[OsString]) -> Option<Call> {
    let (command, words) = words.split_first()?;
    let (verb, words) = match command.to_str()? {
        "progress" => {
            let words = Words::sort(words, PROGRESS)?;
            (Verb::Progress(Box::new(progress(&words)?)), words)
        }
        "finding" => {
            let words = Words::sort(words, FINDING)?;
            (Verb::Finding(Box::new(finding(&words)?)), words)
        }
        _ => return None,
    };
    Some(Call {
        globals: globals(&words)?,
        verb,
    })
}

fn globals(words: &Words) -> Option<Globals> {
    Some(Globals {
        home: words.text("home").map(Into::into),
        task: words.value("task", value::task_name).ok()?,
        json: words.has("json"),
        quiet: words.has("quiet"),
        lock_timeout: words
            .value("lock-timeout", value::duration)
            .ok()?
            .unwrap_or(Duration::from_secs(10)),
        color: ColorChoice::Auto,
    })
}

fn progress(words: &Words) -> Option<ProgressArgs> {
    let message = words.text("message");
    if message.is_some() && words.free.is_some() {
        return None;
    }
    Some(ProgressArgs {
        text: words.free.map(ToOwned::to_owned),
        message,
        status: words
            .value("status", |word| known::STATUS.read(word))
            .ok()?,
        percent: words.value("percent", value::percent).ok()?,
        agent: words.value("agent", value::agent_id).ok()?,
    })
}

fn finding(words: &Words) -> Option<FindingArgs> {
    let message = words.text("message");
    if message.is_some() == words.free.is_some() {
        return None;
    }
    Some(FindingArgs {
        text: words.free.map(ToOwned::to_owned),
        message,
        finding_type: words
            .value("type", value::finding_type)
            .ok()?
            .unwrap_or_else(|| "insight".to_owned()),
        severity: words
            .value("severity", |word| known::SEVERITY.read(word))
            .ok()?
            .unwrap_or(Severity::Low),
        data: words.text("data"),
        file: words.text("file"),
        line: None,
        agent: words.value("agent", value::agent_id).ok()?,
    })
}

/// The words of a call: its options with their values, and the one word that is none.
struct Words<'a> {
    options: Vec<(&'static str, &'a str)>,
    free: Option<&'a str>,
}

impl<'a> Words<'a> {
    /// Sorts them; `None` if one is not written plainly.
    fn sort(words: &'a [OsString], of_command: &[Known]) -> Option<Self> {
        let mut sorted = Self {
            options: Vec::new(),
            free: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let word = word.to_str()?;
            let Some(option) = word.strip_prefix('-') else {
                if word.is_empty() || sorted.free.replace(word).is_some() {
                    return None;
                }
                continue;
            };
            let named = |&&(name, letter, _): &&Known| {
                option.strip_prefix('-') == Some(name)
                    || letter.is_some_and(|letter| option.strip_prefix(letter) == Some(""))
            };
            let &(name, _, has_value) = of_command.iter().chain(EVERYWHERE).find(named)?;
            if sorted.has(name) {
                return None;
            }
            let mut value = "";
            if has_value {
                value = words.next()?.to_str()?;
                if value.is_empty() || value.starts_with('-') {
                    return None;
                }
            }
            sorted.options.push((name, value));
        }
        Some(sorted)
    }

    fn has(&self, name: &str) -> bool {
        self.option(name).is_some()
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.options.iter().find(|(option, _)| *option == name)?;
        Some(value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.option(name).map(ToOwned::to_owned)
    }

    /// An option's value, read.
    fn value<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, BadValue>,
    ) -> Result<Option<T>, BadValue> {
        self.option(name).map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use proptest::prelude::*;

    use super::super::tests::WORDS;
    use super::super::{branch, entry, parse_with};
    use super::read;

    fn words(line: &str) -> Vec<OsString> {
        line.split('|').map(OsString::from).collect()
    }

    #[test]
    fn what_agents_write_is_read_without_clap() {
        for line in [
            "progress|-p|40|lexer reviewed",
            "progress|--percent|40|lexer reviewed|--task|t|--agent|a",
            "progress|-s|done|-q",
            "progress|-m|half way|--json",
            "finding|recursion|--type|issue|--severity|high|--file|src/a.rs",
            "finding|-s|high|-t|solution|a patch|--data|{}",
        ] {
            assert!(read(&words(line)).is_some(), "{line}");
        }
    }

    #[test]
    fn whatever_is_to_be_explained_is_left_to_clap() {
        for line in [
            "progress|--help",
            "progress|-h",
            "progress|--percnt|40",
            "progress|two|texts",
            "progress|-p|101",
            "progress|-p",
            "progress|-s|compelted",
            "progress|-q|-q",
            "progress|--|-x",
            "progress|x|-m|y",
            "finding",
            "finding|x|--line|3",
            "finding|x|-t|two words",
            "finding|x|--task|../x",
            "progress|--agent|",
            "register|--type|coder",
            "",
        ] {
            assert!(read(&words(line)).is_none(), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_read_here_clap_reads_alike(
            command in prop::sample::select(vec!["progress", "finding"]),
            rest in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..7),
        ) {
            let words: Vec<OsString> =
                std::iter::once(command).chain(rest).map(OsString::from).collect();
            if let Some(call) = read(&words) {
                let tree = branch(entry(command).expect("a command"));
                let by_clap = parse_with(tree, &words);
                prop_assert_eq!(format!("{:?}", Ok::<_, ()>(call)), format!("{by_clap:?}"));
            }
        }
    }
}
