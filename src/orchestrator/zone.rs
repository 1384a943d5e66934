//! The orchestrator's times: local, without an offset.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// The time zone that times without an offset are in.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// The system's, or the one that `wanted` names, as `TZ` does.
    ///
    /// # Errors
    /// What `wanted` names is not known here. To take it for UTC, as the C library does, would move every time unseen.
    pub fn system(wanted: Option<&str>) -> Result<Self, String> {
        let Some(wanted) = wanted.map(|zone| zone.strip_prefix(':').unwrap_or(zone)) else {
            return Ok(Self::new(TimeZone::try_system().unwrap_or(TimeZone::UTC)));
        };
        // A file of that name is the system's to find. Its own reading does not fail where a zone's name is wrong.
        let zone = if wanted.is_empty() {
            Some(TimeZone::UTC)
        } else if wanted.starts_with('/') {
            TimeZone::try_system().ok()
        } else {
            TimeZone::posix(wanted)
                .or_else(|_| TimeZone::get(wanted))
                .ok()
        };
        let zone = zone.ok_or_else(|| format!("{wanted:?} is no time zone that is known here"))?;
        let name = if wanted.is_empty() { "UTC" } else { wanted };
        Ok(Self {
            zone,
            name: name.to_owned(),
        })
    }

    /// This one.
    pub fn new(zone: TimeZone) -> Self {
        let name = match zone.iana_name() {
            Some(name) => name.to_owned(),
            None if zone.is_unknown() => "UTC".to_owned(),
            None => "the zone of this machine".to_owned(),
        };
        Self { zone, name }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The moment so many seconds after the beginning of 1970.
    pub(super) fn seconds(seconds: f64) -> Option<Timestamp> {
        // Nobody's agents worked after the year 5138: what is larger counts milliseconds.
        let seconds = if seconds.abs() < 1e11 {
            seconds
        } else {
            seconds / 1000.0
        };
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        jiff::Timestamp::from_duration(since)
            .ok()
            .map(Timestamp::from_jiff)
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
        let at = self.zone.to_ambiguous_timestamp(at).compatible().ok()?;
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
    fn a_zone_that_is_not_known_is_refused_and_a_known_one_is_named() {
        for wrong in ["Mars/Phobos", "Europe/Berlni", "CET-1CETS,nonsense"] {
            let refused = Zone::system(Some(wrong)).unwrap_err();
            assert!(refused.contains(wrong), "{refused}");
        }
        for (wanted, name) in [
            ("UTC", "UTC"),
            ("", "UTC"),
            (":UTC", "UTC"),
            ("CET-1", "CET-1"),
        ] {
            assert_eq!(Zone::system(Some(wanted)).unwrap().name(), name);
        }
        assert!(!Zone::system(None).unwrap().name().is_empty());
    }

    #[test]
    fn seconds_and_milliseconds_since_1970_are_times() {
        let at = |seconds| Zone::seconds(seconds).map(|at| at.to_string());
        let moment = Some("2026-02-10T14:15:20.500000Z".to_owned());
        assert_eq!(at(1_770_732_920.5), moment);
        assert_eq!(at(1_770_732_920_500.0), moment);
        assert_eq!(at(f64::INFINITY), None);
        assert_eq!(at(1e300), None);
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
