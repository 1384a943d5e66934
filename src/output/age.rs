//! Times as people read them: how long ago on a page, the hour in a log. All in UTC, as ids and `--json` are.

use agentreg::model::Timestamp;

/// How long before `now` this was, by its largest unit: `just now`, `42s ago`, `3m ago`, `2y ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let seconds = now.since(at).as_secs();
    let (unit, name) = match seconds {
        0..5 => return "just now".to_owned(),
        5..MINUTE => (1, "s"),
        MINUTE..HOUR => (MINUTE, "m"),
        HOUR..DAY => (HOUR, "h"),
        DAY..YEAR => (DAY, "d"),
        YEAR.. => (YEAR, "y"),
    };
    format!("{}{name} ago", seconds / unit)
}

/// The whole moment, to the second.
pub fn exact(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How the times of one list are shown to somebody who reads it at `now`.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// All are of today: the hour will do.
    Today,
    /// With the day.
    Dated,
    /// For programs.
    Exact,
}

impl Clock {
    /// The shortest that leaves no doubt about any of `times`.
    pub fn shortest(times: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Self {
        let day = |at: Timestamp| at.to_jiff().strftime("%Y%m%d").to_string();
        let today = day(now);
        if times.into_iter().all(|at| day(at) == today) {
            Self::Today
        } else {
            Self::Dated
        }
    }

    /// `21:35:12Z`, `2025-10-17 21:35:12Z` or `2025-10-17T21:35:12Z`.
    pub fn show(self, at: Timestamp) -> String {
        let format = match self {
            Self::Today => "%H:%M:%SZ",
            Self::Dated => "%Y-%m-%d %H:%M:%SZ",
            Self::Exact => return exact(at),
        };
        at.to_jiff().strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_age_is_told_by_its_largest_unit() {
        let now: Timestamp = "2025-10-17T21:35:12Z".parse().unwrap();
        let age = |seconds| ago(now.minus(Duration::from_secs(seconds)), now);
        assert_eq!(age(0), "just now");
        assert_eq!(age(5), "5s ago");
        assert_eq!(age(59), "59s ago");
        assert_eq!(age(60), "1m ago");
        assert_eq!(age(3_599), "59m ago");
        assert_eq!(age(7_200), "2h ago");
        assert_eq!(age(86_400), "1d ago");
        assert_eq!(age(400 * 86_400), "1y ago");
        assert_eq!(ago(now, now.minus(Duration::from_secs(60))), "just now");
    }

    #[test]
    fn a_log_of_today_needs_no_dates() {
        let now: Timestamp = "2025-10-17T21:35:12Z".parse().unwrap();
        let yesterday = now.minus(Duration::from_secs(86_400));
        assert_eq!(Clock::shortest([now], now).show(now), "21:35:12Z");
        assert_eq!(
            Clock::shortest([yesterday, now], now).show(yesterday),
            "2025-10-16 21:35:12Z"
        );
    }
}
