//! Points in time: UTC, microseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, to the microsecond; written as RFC 3339 in UTC with six digits of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The same moment, cut to a whole microsecond.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        // By its two parts: of microseconds alone the last second of all time is not made.
        let micros = at.subsec_nanosecond() / 1000;
        Self(jiff::Timestamp::new(at.as_second(), micros * 1000).unwrap_or(at))
    }

    /// The moment as `jiff` knows it.
    pub fn to_jiff(self) -> jiff::Timestamp {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self
            .0
            .as_microsecond()
            .saturating_sub(earlier.0.as_microsecond());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// This moment less `duration`; the beginning of time if that is before it.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.checked_sub(duration).unwrap_or(jiff::Timestamp::MIN))
    }

    /// `YYYYMMDD-HHMMSS`, in UTC.
    pub fn compact_date_time(self) -> String {
        self.0.strftime("%Y%m%d-%H%M%S").to_string()
    }

    /// `HHMMSS`, in UTC.
    pub fn compact_time(self) -> String {
        self.0.strftime("%H%M%S").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        match as_written_here(text) {
            Some(at) => Ok(Self(at)),
            None => text.parse().map(Self::from_jiff),
        }
    }
}

/// A time in the one form that this program writes, `2026-01-02T03:04:05.123456Z`: a list of agents has many of them.
/// Whatever else it may be is left to the parser.
fn as_written_here(text: &str) -> Option<jiff::Timestamp> {
    let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (26, b'Z'),
    ];
    if marks.iter().any(|(at, mark)| text.get(*at) != Some(mark)) {
        return None;
    }
    let number = |begin: usize, end: usize| {
        text.get(begin..end)?
            .iter()
            .try_fold(0_i32, |number, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| number * 10 + i32::from(digit - b'0'))
            })
    };
    let small = |begin, end| i8::try_from(number(begin, end)?).ok();
    let civil = jiff::civil::DateTime::new(
        i16::try_from(number(0, 4)?).ok()?,
        small(5, 7)?,
        small(8, 10)?,
        small(11, 13)?,
        small(14, 16)?,
        small(17, 19)?,
        number(20, 26)? * 1000,
    );
    jiff::tz::Offset::UTC.to_timestamp(civil.ok()?).ok()
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads a time from the text where it stands, without a copy of it.
struct Text;

impl Visitor<'_> for Text {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time, as RFC 3339 writes it")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_written_with_six_digits_and_read_back() {
        let at: Timestamp = "2026-01-02T03:04:05.1234567+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-01-02T02:04:05.123456Z");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        let whole: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-01-02T03:04:05.000000Z");
    }

    proptest! {
        #[test]
        fn the_form_written_here_reads_as_the_parser_reads_it(
            text in "(00|19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{6}Z"
        ) {
            let by_parser = text.parse::<jiff::Timestamp>().ok();
            if let Some(at) = as_written_here(&text) {
                prop_assert_eq!(Some(at), by_parser);
            }
            prop_assert_eq!(text.parse::<Timestamp>().ok().map(Timestamp::to_jiff), by_parser);
        }
    }
}
