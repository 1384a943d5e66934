//! How single values are read from the command line.

use std::fmt;
use std::time::Duration;

use super::words::nearest;
use agentreg::model::{
    AgentId, LEAST_OUTPUT, MAX_LABEL, Requirement, TaskId, Timestamp, format_size, parse_duration,
    parse_size,
};

/// A value that cannot be read, as a sentence, and what may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    pub sentence: String,
    pub hint: Option<String>,
}

impl BadValue {
    pub(super) fn new(sentence: impl fmt::Display) -> Self {
        Self {
            sentence: sentence.to_string(),
            hint: None,
        }
    }

    pub(super) fn nearest(mut self, word: &str, known: &[&str]) -> Self {
        self.hint =
            nearest(word, known.iter().copied()).map(|near| format!("did you mean {near}?"));
        self
    }
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for BadValue {}

/// 0 to 100.
pub fn percent(text: &str) -> Result<u8, BadValue> {
    text.parse()
        .ok()
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| BadValue::new(format!("{text:?} is not a whole number from 0 to 100")))
}

/// A limit: a number from 1, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<u64>);

/// A number from 1, or `none`.
pub fn limit(text: &str) -> Result<Limit, BadValue> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Limit(None));
    }
    match text.parse() {
        Ok(number) if number >= 1 => Ok(Limit(Some(number))),
        _ => Err(BadValue::new(format!(
            "{text:?} is neither a number from 1 nor none"
        ))),
    }
}

/// How much output is kept: a size that leaves room for its beginning and its end, or `none`.
pub fn output_limit(text: &str) -> Result<Option<u64>, BadValue> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let size = parse_size(text).map_err(|what| BadValue::new(format!("{what}, or none")))?;
    if size < LEAST_OUTPUT {
        let least = format_size(LEAST_OUTPUT);
        return Err(BadValue::new(format!("{text:?} is less than {least}")));
    }
    Ok(Some(size))
}

/// A duration such as `10m`.
pub fn duration(text: &str) -> Result<Duration, BadValue> {
    parse_duration(text).map_err(BadValue::new)
}

/// A duration long enough to be waited between two looks.
pub fn pause(text: &str) -> Result<Duration, BadValue> {
    let length = duration(text)?;
    if length < Duration::from_millis(100) {
        return Err(BadValue::new(format!("{text:?} is less than 100ms")));
    }
    Ok(length)
}

/// How long a slot is waited for; none: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Option<Duration>);

/// A duration, or `forever`.
pub fn wait(text: &str) -> Result<Wait, BadValue> {
    if text == "forever" {
        return Ok(Wait(None));
    }
    duration(text).map(|length| Wait(Some(length)))
}

/// A duration of at least a second: what it is measured in is whole seconds.
pub fn ttl(text: &str) -> Result<Duration, BadValue> {
    let length = duration(text)?;
    if length.as_secs() == 0 {
        return Err(BadValue::new(format!("{text:?} is less than a second")));
    }
    Ok(length)
}

/// What a task requires of completions.
pub fn requirement(text: &str) -> Result<Requirement, BadValue> {
    text.parse().map_err(BadValue::new)
}

/// A label, `KEY=VALUE`.
pub fn label(text: &str) -> Result<(String, String), BadValue> {
    if text.len() > MAX_LABEL {
        return Err(too_long("a label", Some(text.len()), MAX_LABEL));
    }
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(BadValue::new(format!(
            "{text:?} is no label; write it KEY=VALUE"
        ))),
    }
}

/// The agent that speaks.
pub fn agent_id(text: &str) -> Result<AgentId, BadValue> {
    if text.is_empty() {
        return Err(empty("agentreg register"));
    }
    text.parse().map_err(BadValue::new)
}

/// A name that agents are looked up by, if it may be that at all.
pub fn agent_name(text: &str) -> Result<String, BadValue> {
    let text = not_empty(text)?;
    text.parse::<AgentId>().map_err(BadValue::new)?;
    Ok(text)
}

/// Any word but the one that is left where the command failed that was to say it.
pub fn not_empty(text: &str) -> Result<String, BadValue> {
    if text.is_empty() {
        return Err(BadValue::new(
            "it is empty: the command it was to come from probably failed",
        ));
    }
    Ok(text.to_owned())
}

/// How many.
pub fn count(text: &str) -> Result<u64, BadValue> {
    match text.parse() {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err(BadValue::new(format!(
            "{text:?} is not a whole number from 1"
        ))),
    }
}

/// The agent that registers another, or nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent(pub Option<AgentId>);

/// An agent's id, or `none`.
pub fn parent(text: &str) -> Result<Parent, BadValue> {
    if text == "none" {
        return Ok(Parent(None));
    }
    agent_id(text).map(|id| Parent(Some(id)))
}

/// A finding's type: any one word.
pub fn finding_type(text: &str) -> Result<String, BadValue> {
    let one_word =
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if one_word && text.len() <= 100 {
        Ok(text.to_owned())
    } else {
        Err(BadValue::new(format!(
            "{:?} is not one word of at most 100 bytes",
            text.chars().take(100).collect::<String>()
        )))
    }
}

/// A name that a task is looked up by; the store knows whether there is one.
pub fn task_name(text: &str) -> Result<String, BadValue> {
    if text.is_empty() {
        return Err(empty("agentreg task new"));
    }
    text.parse::<TaskId>().map_err(BadValue::new)?;
    Ok(text.to_owned())
}

fn empty(origin: &str) -> BadValue {
    BadValue::new(format!(
        "it is empty: the `{origin}` it was to come from probably failed"
    ))
}

/// The sentence for what exceeds its bound.
pub fn too_long(what: &str, is: Option<usize>, most: usize) -> BadValue {
    let is = is.map_or("more".to_owned(), |is| is.to_string());
    let known = [(1024 * 1024, "MiB"), (1024, "KiB")];
    let most_named = known
        .iter()
        .find(|(unit, _)| most >= *unit && most.is_multiple_of(*unit))
        .map_or(String::new(), |(unit, name)| {
            format!(" ({} {name})", most / unit)
        });
    BadValue::new(format!(
        "{what} may have at most {most} bytes{most_named}, this one has {is}"
    ))
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl Since {
    /// The moment, seen from `now`.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(length) => now.minus(length),
        }
    }
}

/// A time, RFC 3339 or in the local time zone, or how long ago.
pub fn since(text: &str) -> Result<Since, BadValue> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Ok(Since::At(at));
    }
    if let Ok(length) = parse_duration(text) {
        return Ok(Since::Ago(length));
    }
    text.parse::<jiff::civil::DateTime>()
        .and_then(|local| local.to_zoned(jiff::tz::TimeZone::system()))
        .map(|at| Since::At(Timestamp::from_jiff(at.timestamp())))
        .map_err(|_| {
            BadValue::new(format!(
                "{text:?} is neither a time, like 2026-11-23 08:00 or 2026-11-23T08:00:00Z, nor a duration, like 10m"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_is_a_whole_number_up_to_100() {
        assert_eq!(percent("0"), Ok(0));
        assert_eq!(percent("100"), Ok(100));
        for bad in ["101", "-1", "4.5", "40%", "", "256"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_limit_is_a_number_from_1_or_none() {
        assert_eq!(limit("none"), Ok(Limit(None)));
        assert_eq!(limit("7"), Ok(Limit(Some(7))));
        for bad in ["0", "-1", "", "many"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn since_takes_times_and_durations() {
        assert_eq!(since("10m"), Ok(Since::Ago(Duration::from_secs(600))));
        let at = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(since("2026-11-23T09:00:00+01:00"), Ok(Since::At(at)));
        assert!(matches!(since("2026-11-23"), Ok(Since::At(_))));
        assert!(matches!(since("2026-11-23 08:00"), Ok(Since::At(_))));
        assert!(since("yesterday").is_err());
        assert!(since("").is_err());
    }

    #[test]
    fn a_bound_is_named_with_what_exceeds_it() {
        assert_eq!(
            too_long("a prompt", Some(2000), 1024).sentence,
            "a prompt may have at most 1024 bytes (1 KiB), this one has 2000"
        );
        assert!(label(&format!("k={}", "v".repeat(126))).is_ok());
        assert!(label(&format!("k={}", "v".repeat(127))).is_err());
        assert!(label("=v").is_err());
    }
}
