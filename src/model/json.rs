//! JSON that is kept as it was written: a number with every digit, an object with its members in their order.
//!
//! What agents attach to a finding and what an import brings along is for other programs. A number that went through a
//! `f64` would come back as another one, and nobody would notice.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value as text, in one line and without white space between its parts.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Checks `text` and takes the white space out.
    ///
    /// # Errors
    /// Where it is not JSON, or has half of a surrogate pair in a string, which stands for no text.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(text)?;
        let tidied = Tidied::of(text);
        if tidied.replaced > 0 {
            return Err(serde::de::Error::custom(
                "half of a surrogate pair in a string",
            ));
        }
        RawValue::from_string(tidied.text).map(Self)
    }

    /// A value of this program's, as JSON.
    ///
    /// # Errors
    /// Where it has no form in JSON.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// How many arrays and objects lie in one another.
    pub fn depth(&self) -> usize {
        Tidied::of(self.as_str()).depth
    }

    /// Reads it as a value of this program's.
    ///
    /// # Errors
    /// Where it is of another kind, or a number out of range.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// JSON text without white space between its parts and without halves of surrogate pairs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tidied {
    pub(crate) text: String,
    /// How many halves of surrogate pairs are U+FFFD now.
    pub(crate) replaced: usize,
    /// How many arrays and objects lie in one another.
    pub(crate) depth: usize,
}

impl Tidied {
    /// Tidies what is known to be JSON; of anything else it makes anything.
    pub(crate) fn of(text: &str) -> Self {
        let mut tidied = Self {
            text: String::with_capacity(text.len()),
            ..Self::default()
        };
        let bytes = text.as_bytes();
        let byte = |at: usize| bytes.get(at).copied();
        // Bytes from `kept` to `at` are to be copied.
        let (mut kept, mut at, mut depth, mut in_string) = (0, 0, 0_usize, false);
        while let Some(next) = byte(at) {
            let length = match next {
                b'"' => {
                    in_string = !in_string;
                    1
                }
                b'\\' if in_string => match unit(bytes, at) {
                    Some(0xd800..=0xdbff)
                        if matches!(unit(bytes, at + 6), Some(0xdc00..=0xdfff)) =>
                    {
                        12
                    }
                    Some(0xd800..=0xdfff) => {
                        tidied.copy(text, kept, at);
                        tidied.text.push_str("\\ufffd");
                        tidied.replaced += 1;
                        kept = at + 6;
                        6
                    }
                    _ => 2,
                },
                _ if in_string => 1,
                b'{' | b'[' => {
                    depth += 1;
                    tidied.depth = tidied.depth.max(depth);
                    1
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    1
                }
                b' ' | b'\t' | b'\n' | b'\r' => {
                    tidied.copy(text, kept, at);
                    kept = at + 1;
                    1
                }
                _ => 1,
            };
            at += length;
        }
        tidied.copy(text, kept, bytes.len());
        tidied
    }

    fn copy(&mut self, text: &str, from: usize, to: usize) {
        self.text.push_str(text.get(from..to).unwrap_or_default());
    }
}

/// The UTF-16 unit that is written at `at` as `\uXXXX`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_and_every_member_stays_and_white_space_goes() {
        let text = "{\"n\": [18446744073709551617, 0.1000000000000000055,\n 1E2, -0, 1e400],\t\"n\": \" a\\\" b \"}";
        let json = Json::parse(text).unwrap();
        assert_eq!(
            json.as_str(),
            "{\"n\":[18446744073709551617,0.1000000000000000055,1E2,-0,1e400],\"n\":\" a\\\" b \"}"
        );
        assert_eq!(json.depth(), 2);
        let again: Json = serde_json::from_str(&serde_json::to_string(&json).unwrap()).unwrap();
        assert_eq!(again, json);
    }

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        for text in [r#""\ud800""#, r#""\udc00x""#, r#"["\ud83d\ud83d\ude00"]"#] {
            assert!(Json::parse(text).is_err(), "{text}");
            let tidied = Tidied::of(text);
            assert_eq!(tidied.replaced, 1, "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(&tidied.text).is_ok());
        }
        assert_eq!(
            Json::parse(r#""\ud83d\ude00\\ud800""#).unwrap().as_str(),
            r#""\ud83d\ude00\\ud800""#
        );
    }

    #[test]
    fn two_numbers_do_not_become_one() {
        for text in ["1 2", "[1 2]", "tr ue", "", "{\"a\":1}}", "01"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
