//! Numbers of bytes as people write them: `65536`, `512K`, `64MiB`, `2 G`.

const UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Reads a number of bytes, or of `K`, `M` and `G` or `KiB`, `MiB` and `GiB`: multiples of 1024, in any case.
///
/// # Errors
/// A sentence that names the text and shows what is understood.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let refused = || format!("{text:?} is not a size; write it like 67108864, 64M or 64MiB");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.strip_prefix(digits).unwrap_or_default().trim();
    let factor = if unit.is_empty() {
        1
    } else {
        let is_named = |(name, _): &&(&str, u64)| {
            let short = name.get(..1).unwrap_or(name);
            unit.eq_ignore_ascii_case(name) || unit.eq_ignore_ascii_case(short)
        };
        UNITS.iter().find(is_named).ok_or_else(refused)?.1
    };
    let number: u64 = digits.parse().map_err(|_| refused())?;
    number.checked_mul(factor).ok_or_else(refused)
}

/// As [`parse_size`] reads it, exactly, in the largest unit that is whole: `64 MiB`, `2000000 B`.
pub fn format_size(bytes: u64) -> String {
    let whole = UNITS
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    let (unit, factor) = whole.copied().unwrap_or(("B", 1));
    format!("{} {unit}", bytes / factor)
}

/// About so many bytes, as people say it: `219 MB`, in multiples of 1000.
pub fn format_amount(bytes: u64) -> String {
    let (unit, factor) = match bytes {
        0..1_000 => ("B", 1),
        1_000..1_000_000 => ("kB", 1_000),
        1_000_000..1_000_000_000 => ("MB", 1_000_000),
        _ => ("GB", 1_000_000_000),
    };
    format!("{} {unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("67108864", 64 << 20),
            ("2097152B", 2 << 20),
            ("3000K", 3_072_000),
            ("16MiB", 16 << 20),
            ("16mib", 16 << 20),
            ("2 g", 2 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "M",
            "-1",
            "1.5G",
            "16MB",
            "1 2",
            "99999999999999G",
            "1e6",
        ] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_told_without_their_small_change() {
        let shown = [999, 1_999, 219_123_456, 7_000_000_000].map(format_amount);
        assert_eq!(shown, ["999 B", "1 kB", "219 MB", "7 GB"]);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in any::<u64>(), shift in 0_u32..40) {
            let bytes = bytes >> shift << shift;
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
    }
}
