//! What holds of ids, times, durations, sizes and JSON whatever the text is: the targets of `fuzz/` and the tests below call
//! these functions and differ only in who makes the text. Each panics where its sentence does not hold.
// A property that does not hold panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::{Component, Path};
use std::str::FromStr;
use std::time::Duration;

use super::{
    AgentId, AgentType, Json, TaskId, Timestamp, format_duration, format_size, parse_duration,
    parse_size,
};

/// A text is refused as an id by a sentence that shows it, or it is the name of one visible file, short, and shown as it was
/// given.
pub fn id(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    one_id::<TaskId>(text, "a task's id", 128);
    one_id::<AgentId>(text, "an agent's id", 128);
    one_id::<AgentType>(text, "an agent's type", 100);
    if let Ok(agent_type) = text.parse::<AgentType>() {
        let now = Timestamp::from_jiff(jiff::Timestamp::UNIX_EPOCH);
        let made = AgentId::generate(&agent_type, now, u32::MAX).to_string();
        assert_eq!(made.parse::<AgentId>().map(|id| id.to_string()), Ok(made));
    }
}

fn one_id<T>(text: &str, noun: &str, most: usize)
where
    T: FromStr<Err = super::InvalidId> + TryFrom<String> + ToString,
{
    assert_eq!(
        T::try_from(text.to_owned()).is_ok(),
        text.parse::<T>().is_ok()
    );
    match text.parse::<T>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text);
            assert!((1..=most).contains(&text.len()));
            let parts: Vec<_> = Path::new(text).components().collect();
            assert_eq!(parts, [Component::Normal(text.as_ref())]);
            assert!(!text.starts_with(['.', '-']) && text.is_ascii());
        }
        Err(refused) => {
            let told = refused.to_string();
            let begin: String = text.chars().take(200).collect();
            assert!(
                told.starts_with(&format!("{begin:?} cannot be {noun}: ")),
                "{told}"
            );
        }
    }
}

/// A text is refused as a time with a reason, or it is a moment that reads back as it is written, in one form, and that can
/// be reckoned with.
pub fn time(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(refused) => return assert!(!refused.to_string().is_empty()),
    };
    let by_parser = text.parse::<jiff::Timestamp>().ok();
    assert_eq!(Some(at), by_parser.map(Timestamp::from_jiff));
    let written = at.to_string();
    assert_eq!(written.parse::<Timestamp>().ok(), Some(at), "{written}");
    assert!(written.ends_with('Z') && written.len() - written.rfind('.').unwrap_or(0) == 8);
    let json = serde_json::to_string(&at).expect("a time has a form in JSON");
    assert_eq!(serde_json::from_str::<Timestamp>(&json).ok(), Some(at));
    for length in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
        let before = at.minus(length);
        assert!(before <= at);
        assert!(at.since(before) <= length);
        assert_eq!(before.since(at), Duration::ZERO);
    }
    assert!(TaskId::from_str(TaskId::generate(at, u32::MAX).as_str()).is_ok());
}

/// A text is refused as a duration or a size by a sentence that shows it, or it is shown in a form that reads back: a size
/// exactly, a duration by its two largest units.
pub fn duration(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    match parse_duration(text) {
        Ok(length) => {
            let shown = format_duration(length);
            let again = parse_duration(&shown).unwrap_or_else(|refused| panic!("{refused}"));
            assert!(again <= length, "{shown} for {length:?}");
            assert_eq!(format_duration(again), shown);
        }
        Err(refused) => assert!(
            refused.starts_with(&format!("{text:?} is not a duration")),
            "{refused}"
        ),
    }
    match parse_size(text) {
        Ok(bytes) => assert_eq!(parse_size(&format_size(bytes)), Ok(bytes)),
        Err(refused) => assert!(
            refused.starts_with(&format!("{text:?} is not a size")),
            "{refused}"
        ),
    }
}

/// A text is refused as JSON, or it is kept in one line, with the same meaning, and tidied only once.
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = Json::parse(text);
    // What reads numbers and whole strings refuses some that are kept.
    let value = serde_json::from_str::<serde_json::Value>(text).ok();
    match read {
        Ok(json) => {
            assert!(!json.as_str().contains(['\n', '\r', '\t']));
            assert_eq!(Json::parse(json.as_str()).ok().as_ref(), Some(&json));
            if let Some(value) = value {
                assert_eq!(json.read().ok(), Some(value));
            }
            assert!(json.depth() <= text.len());
        }
        Err(refused) => assert_eq!(value, None, "{refused}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::nearly_valid::{bytes, cases};

    const IDS: [&str; 5] = [
        "TASK-20251017-213512-5169d812",
        "reviewer-085720-d28bfe",
        "a",
        "0.._-",
        "fixer-1.2",
    ];

    const TIMES: [&str; 9] = [
        "2026-01-02T03:04:05.123456Z",
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05.1234567+01:00",
        "2024-02-29T23:59:60-23:59",
        "-009999-01-02T01:59:59Z",
        "9999-12-30T22:00:00.999999999Z",
        "1969-12-31T23:59:59.9999999Z",
        "2026-01-02T03:04:05+01:00[Europe/Berlin]",
        "0000-01-01T00:00:00.000000Z",
    ];

    const DURATIONS: [&str; 15] = [
        "90s",
        "10m",
        "1h30m",
        "2d",
        "500ms",
        "1.5h",
        "P1DT2H",
        "3 weeks",
        "1d 23:59:59.999",
        "1us ago",
        "7304484d",
        "671157117h9s",
        "67108864",
        "64MiB",
        "2 g",
    ];

    const JSON: [&str; 4] = [
        "{\"n\": [18446744073709551617, 0.1000000000000000055,\n 1E2, -0, 1e400],\t\"n\": \" a\\\" b \"}",
        "[\"\\ud83d\\ude00\\\\ud800\", {\"a\": {\"b\": []}}]",
        "\"\\ud800\\udc00\\udc00\"",
        "[null, true, \"x\", 0.5e-7]",
    ];

    proptest! {
        #![proptest_config(cases(4_000))]

        #[test]
        fn an_id_is_refused_with_a_reason_or_names_one_file(text in bytes(&IDS)) {
            super::id(&text);
        }

        #[test]
        fn a_time_is_refused_with_a_reason_or_reads_back(text in bytes(&TIMES)) {
            super::time(&text);
        }

        #[test]
        fn a_duration_is_refused_with_a_reason_or_its_short_form_reads_back(text in bytes(&DURATIONS)) {
            super::duration(&text);
        }

        #[test]
        fn json_is_refused_or_kept_with_its_meaning(text in bytes(&JSON)) {
            super::json(&text);
        }
    }
}
