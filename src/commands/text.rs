//! Texts and data from the command line, from standard input, from files, each within its bound.

use std::fs::File;
use std::io::{self, Read};

use agentreg::model::{Json, MAX_DATA, MAX_MESSAGE, MAX_PROMPT};

use crate::cli::value::too_long;
use crate::output::{Failure, Stream};

/// A line of a log holds the data some levels down, and what is written must be readable again: `serde_json` reads 128.
const MAX_DATA_DEPTH: usize = 100;

/// A message or description: the text itself, or standard input if it is `-`.
pub fn message(text: &str, what: &str) -> Result<String, Failure> {
    bounded(text, what, MAX_MESSAGE)
}

/// The same where it is all there is to say: a blank one comes from a command that failed to make it.
pub fn needed_message(text: &str, what: &str) -> Result<String, Failure> {
    let message = message(text, what)?;
    if message.trim().is_empty() {
        return Err(Failure::usage(format!("{what} is empty")).hint("write at least a word"));
    }
    Ok(message)
}

/// A prompt, likewise.
pub fn prompt(text: &str) -> Result<String, Failure> {
    bounded(text, "a prompt", MAX_PROMPT)
}

fn bounded(text: &str, what: &str, most: usize) -> Result<String, Failure> {
    let bound = Bound { what, most };
    let text = if text == "-" {
        without_newline(read(Stream::stdin(), "standard input", bound)?)
    } else {
        text.to_owned()
    };
    bound.check(text.len())?;
    Ok(text)
}

/// How long something may be.
#[derive(Clone, Copy)]
struct Bound<'a> {
    what: &'a str,
    most: usize,
}

impl Bound<'_> {
    fn check(self, length: usize) -> Result<(), Failure> {
        if length > self.most {
            return Err(Failure::usage(
                too_long(self.what, Some(length), self.most).sentence,
            ));
        }
        Ok(())
    }
}

/// A finding's data: JSON itself, `@FILE`, or `-` for standard input.
pub fn data(argument: &str) -> Result<Json, Failure> {
    let bound = Bound {
        what: "--data",
        most: MAX_DATA,
    };
    let text = match argument.strip_prefix('@') {
        _ if argument == "-" => read(Stream::stdin(), "standard input", bound)?,
        Some(path) => {
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
            read(file, path, bound)?
        }
        None => argument.to_owned(),
    };
    bound.check(text.trim_end().len())?;
    let value = Json::parse(&text).map_err(|error| no_json(argument, &error))?;
    if value.depth() > MAX_DATA_DEPTH {
        return Err(Failure::usage(format!(
            "--data is nested deeper than {MAX_DATA_DEPTH} levels"
        )));
    }
    Ok(value)
}

fn no_json(argument: &str, error: &serde_json::Error) -> Failure {
    let failure = Failure::usage(format!("--data is not JSON: {error}"));
    if argument.starts_with(['@', '{', '[', '"']) || argument == "-" {
        failure
    } else {
        failure.hint("a string needs double quotes inside, '\"like this\"'; a file is named @FILE")
    }
}

/// All there is, as UTF-8. What is too long is refused once that is known: it may have no end. A newline at the end is
/// not yet too long.
fn read(mut from: impl Read, name: &str, bound: Bound<'_>) -> Result<String, Failure> {
    const NEWLINE: usize = 2;
    let mut bytes = Vec::new();
    let most = bound.most.saturating_add(NEWLINE);
    from.by_ref()
        .take(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(name, &error))?;
    if bytes.len() > most {
        return Err(Failure::usage(
            too_long(bound.what, None, bound.most).sentence,
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        Failure::usage(format!("{name} is not UTF-8 at byte {at}"))
    })
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let failure = Failure::io(format_args!("read {name}"), error);
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => Failure::usage(failure.message),
        _ => failure,
    }
}

fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_json_is_told_by_line_and_column() {
        let failure = data("{\"a\": 1,\n oops}").unwrap_err();
        assert!(
            failure.message.contains("line 2 column 2"),
            "{}",
            failure.message
        );
        assert!(data("").is_err());
        assert!(data("nan").is_err());
        assert_eq!(data("-1").unwrap().as_str(), "-1");
    }

    #[test]
    fn data_stays_readable_inside_a_line() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(data(&nested(MAX_DATA_DEPTH)).is_ok());
        assert!(data(&nested(MAX_DATA_DEPTH + 1)).is_err());
        assert!(data(&nested(100_000)).is_err());
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_ends() {
        let bound = Bound {
            what: "a message",
            most: 10,
        };
        let failure = read(io::repeat(b'x'), "standard input", bound).unwrap_err();
        assert!(
            failure.message.contains("this one has more"),
            "{}",
            failure.message
        );
        let failure = read(&[b'a', 0xff][..], "standard input", bound).unwrap_err();
        assert!(
            failure.message.contains("not UTF-8 at byte 2"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn one_trailing_newline_is_cut() {
        assert_eq!(without_newline("a\n\n".to_owned()), "a\n");
        assert_eq!(without_newline("a\r\n".to_owned()), "a");
        assert_eq!(without_newline("a".to_owned()), "a");
    }
}
