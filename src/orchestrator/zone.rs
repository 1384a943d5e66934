//! The orchestrator's times: local, without an offset.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// The time zone that times without an offset are in.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// The system's, `TZ` respected.
    pub fn system() -> Self {
        Self(TimeZone::system())
    }

    /// This one.
    pub fn new(zone: TimeZone) -> Self {
        Self(zone)
    }

    /// Reads a time. One with an offset means that moment; one without is local: of a moment that came twice the first
    /// is meant, one that never came is moved on by the gap.
    pub(super) fn read(&self, text: &str) -> Result<Timestamp, String> {
        let text = text.trim();
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Timestamp::from_jiff(at));
        }
        text.parse::<DateTime>()
            .ok()
            .and_then(|at| self.local(at))
            .ok_or_else(|| format!("{text:?} is not a time"))
    }

    /// The moment in an id such as `TASK-20251017-213512-5169d812`.
    pub(super) fn stamp(&self, id: &str) -> Option<Timestamp> {
        let mut parts = id.split('-').skip(1);
        let text = format!("{}T{}", parts.next()?, parts.next()?);
        self.local(DateTime::strptime("%Y%m%dT%H%M%S", text).ok()?)
    }

    fn local(&self, at: DateTime) -> Option<Timestamp> {
        let at = self.0.to_ambiguous_timestamp(at).compatible().ok()?;
        Some(Timestamp::from_jiff(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::new(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap())
    }

    #[test]
    fn a_time_without_an_offset_is_local_and_one_with_it_is_not() {
        let read = |text| berlin().read(text).unwrap().to_string();
        assert_eq!(
            read("2025-10-17T21:35:38.243152"),
            "2025-10-17T19:35:38.243152Z"
        );
        assert_eq!(read("2025-12-01 12:00:00"), "2025-12-01T11:00:00.000000Z");
        assert_eq!(
            read("2025-10-17T21:35:38.5+00:00"),
            "2025-10-17T21:35:38.500000Z"
        );
        assert_eq!(read("2025-10-17T21:35:38Z"), "2025-10-17T21:35:38.000000Z");
        for bad in ["", "yesterday", "2025-13-01T00:00:00", "12:00"] {
            assert!(berlin().read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_the_first_and_one_that_never_comes_moves_on() {
        let read = |text| berlin().read(text).unwrap().to_string();
        assert_eq!(read("2025-10-26T02:30:00"), "2025-10-26T00:30:00.000000Z");
        assert_eq!(read("2025-03-30T02:30:00"), "2025-03-30T01:30:00.000000Z");
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let stamp = |id| berlin().stamp(id).map(|at| at.to_string());
        assert_eq!(
            stamp("TASK-20251017-213512-5169d812").as_deref(),
            Some("2025-10-17T19:35:12.000000Z")
        );
        assert_eq!(stamp("TASK-one"), None);
    }
}
