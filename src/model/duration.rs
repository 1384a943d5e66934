//! Durations as people write them: `90s`, `10m`, `1h30m`, `2d`.

use std::fmt::Write;
use std::time::Duration;

/// No time is further from another. What is shown of a longer one could not be read again.
const LONGEST: Duration = Duration::from_secs(7_304_484 * 86_400);

/// Reads `90s`, `10m`, `1h30m`, `2d`; a day has 24 hours.
///
/// # Errors
/// A sentence that names the text and shows what is understood.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a duration; write it like 90s, 10m, 1h30m or 2d");
    let span: jiff::Span = text.parse().map_err(|_| refused())?;
    let length = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| refused())?;
    let length = Duration::try_from(length).ok();
    length
        .filter(|length| *length <= LONGEST)
        .ok_or_else(refused)
}

/// The two largest units that are not zero: `2d 3h`, `1h 30m`, `45s`, `500ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let mut from_first = parts.iter().skip_while(|(n, _)| *n == 0);
    let Some((n, unit)) = from_first.next() else {
        return "0s".to_owned();
    };
    let mut text = format!("{n}{unit}");
    if let Some((n, unit)) = from_first.next().filter(|(n, _)| *n > 0) {
        let _ = write!(text, " {n}{unit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let seconds = |text| parse_duration(text).map(|d| d.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("10m"), Ok(600));
        assert_eq!(seconds("1h30m"), Ok(5_400));
        assert_eq!(seconds("2d"), Ok(172_800));
        for bad in ["", "10", "-5m", "soon", "1x"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_by_their_two_largest_units() {
        let shown = |seconds| format_duration(Duration::from_secs(seconds));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(59), "59s");
        assert_eq!(shown(180), "3m");
        assert_eq!(shown(5_400), "1h 30m");
        assert_eq!(shown(90_061), "1d 1h");
        let shown = |millis| format_duration(Duration::from_millis(millis));
        assert_eq!(shown(500), "500ms");
        assert_eq!(shown(1_500), "1s 500ms");
        assert_eq!(shown(60_500), "1m");
    }
}
