//! Ids. They become file names, so what is allowed is narrow and nothing is ever slugged.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MAX_ID: usize = 128;
const MAX_TYPE: usize = 100;

/// A text that cannot be an id; displays as a sentence that says what an id may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot be {noun}: it may hold letters, digits, '.', '_' and '-', must begin with a letter or digit, \
     and be at most {max} characters long"
)]
pub struct InvalidId {
    text: String,
    noun: &'static str,
    max: usize,
}

fn check(text: &str, noun: &'static str, max: usize) -> Result<(), InvalidId> {
    let first = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if first && rest && text.len() <= max {
        Ok(())
    } else {
        Err(InvalidId {
            text: text.chars().take(200).collect(),
            noun,
            max,
        })
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text, $noun, $max)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(&text, $noun, $max)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// A task's id, never used twice on one machine.
    TaskId,
    "a task's id",
    MAX_ID
);
id!(
    /// An agent's id, unique in its task.
    AgentId,
    "an agent's id",
    MAX_ID
);
id!(
    /// What kind of worker an agent is.
    AgentType,
    "an agent's type",
    MAX_TYPE
);

impl TaskId {
    /// `TASK-YYYYMMDD-HHMMSS-<8 hex>`.
    pub fn generate(now: super::Timestamp, random: u32) -> Self {
        Self(format!("TASK-{}-{random:08x}", now.compact_date_time()).into())
    }
}

impl AgentId {
    /// `<type>-HHMMSS-<6 hex>`.
    pub fn generate(agent_type: &AgentType, now: super::Timestamp, random: u32) -> Self {
        Self(
            format!(
                "{agent_type}-{}-{:06x}",
                now.compact_time(),
                random & 0xff_ffff
            )
            .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_be_a_path_an_option_or_a_hidden_file() {
        for bad in [
            "", ".", "..", "../x", "a/b", "/etc", "-x", ".hidden", "a b", "é", "a\0", "a\n",
        ] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(129).parse::<AgentId>().is_err());
        assert!("a".repeat(101).parse::<AgentType>().is_err());
        assert!("TASK-20251017-213512-5169d812".parse::<TaskId>().is_ok());
        assert!("0".parse::<AgentId>().is_ok());
    }
}
