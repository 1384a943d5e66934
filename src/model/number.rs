//! Numbers in a line that are counted on from. A line with a larger one is none of this program's and is not read: so no
//! sum of them overflows, however the line came to be.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// Readers of JSON that know only floating-point numbers keep every number up to here as it is.
pub(crate) const MOST: u64 = 1 << 53;

pub(crate) fn counted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).and_then(within::<D::Error>)
}

pub(crate) fn counted_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let number = Option::<u64>::deserialize(deserializer)?;
    number.map(within::<D::Error>).transpose()
}

/// The number, if it is within the bound.
pub(crate) fn within<E: Error>(number: u64) -> Result<u64, E> {
    if number <= MOST {
        Ok(number)
    } else {
        let found = Unexpected::Unsigned(number);
        Err(E::invalid_value(found, &"a number up to 2^53"))
    }
}

/// 0 to 100.
pub(crate) fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let number = u8::deserialize(deserializer)?;
    if number <= 100 {
        Ok(number)
    } else {
        let found = Unexpected::Unsigned(number.into());
        Err(D::Error::invalid_value(found, &"a number from 0 to 100"))
    }
}
