//! Points in time: UTC, microseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, to the microsecond; written as RFC 3339 in UTC with six digits of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The same moment, cut to a whole microsecond.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self(jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
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
        text.parse().map(Self::from_jiff)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_six_digits_and_read_back() {
        let at: Timestamp = "2026-01-02T03:04:05.1234567+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-01-02T02:04:05.123456Z");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        let whole: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-01-02T03:04:05.000000Z");
    }
}
