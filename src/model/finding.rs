//! What an agent discovered, shared with its peers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::foreign::{self, FOREIGN, Plain};
use super::{AgentId, Extra, Foreign, Json, TaskId, Timestamp, number};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Low,
    /// Worth a look.
    Medium,
    /// Needs somebody.
    High,
    /// Stop and read.
    Critical,
}

impl Severity {
    /// From low to critical.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str().eq_ignore_ascii_case(word))
            .ok_or_else(|| {
                format!(
                    "{word:?} is not a severity; the severities are low, medium, high and critical"
                )
            })
    }
}

/// How many findings a task has, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeveritySums {
    /// Good to know.
    #[serde(default, deserialize_with = "number::counted")]
    pub low: u64,
    /// Worth a look.
    #[serde(default, deserialize_with = "number::counted")]
    pub medium: u64,
    /// Needs somebody.
    #[serde(default, deserialize_with = "number::counted")]
    pub high: u64,
    /// Stop and read.
    #[serde(default, deserialize_with = "number::counted")]
    pub critical: u64,
}

impl SeveritySums {
    /// These sums with one finding more.
    #[must_use]
    pub fn with(mut self, severity: Severity) -> Self {
        match severity {
            Severity::Low => self.low += 1,
            Severity::Medium => self.medium += 1,
            Severity::High => self.high += 1,
            Severity::Critical => self.critical += 1,
        }
        self
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            medium: self.medium + other.medium,
            high: self.high + other.high,
            critical: self.critical + other.critical,
        }
    }

    /// All findings.
    pub fn total(self) -> u64 {
        self.low + self.medium + self.high + self.critical
    }
}

/// A finding as an agent hands it in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFinding {
    /// Issue, solution, insight, recommendation, blocker, or any word.
    pub finding_type: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// Anything more, for programs.
    pub data: Option<Json>,
    /// The file it is about.
    pub file: Option<String>,
    /// The line of that file.
    pub line: Option<u64>,
}

/// A finding in the task's registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Finding {
    /// Numbers the task's findings from 1 without gaps.
    #[serde(deserialize_with = "number::counted")]
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// In which task.
    pub task: TaskId,
    /// Whose.
    pub agent: AgentId,
    /// Issue, solution, insight, recommendation, blocker, or any word.
    #[serde(rename = "type")]
    pub finding_type: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// Anything more, for programs.
    #[serde(default)]
    pub data: Option<Json>,
    /// The file it is about.
    #[serde(default)]
    pub file: Option<String>,
    /// The line of that file.
    #[serde(default)]
    pub line: Option<u64>,
    /// Fields that an import brought along.
    #[serde(skip)]
    pub foreign: Foreign,
    /// Fields that a later version has.
    #[serde(flatten, skip_serializing)]
    pub extra: Extra,
}

/// The member `foreign` of a finding's line.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForeignMember<F> {
    finding: F,
}

impl Plain for Finding {
    const SET_ASIDE: &'static [&'static str] = &[FOREIGN];

    fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut finding, mut aside) = foreign::sift::<Self, D>(deserializer)?;
        finding.foreign = match foreign::member::<ForeignMember<Foreign>>(&mut aside) {
            Some(member) => member.finding,
            None => foreign::of_version_1(&mut finding.extra, &["schema", "sums"], aside),
        };
        Ok(finding)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            finding: PlainFinding<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            foreign: Option<ForeignMember<&'a Foreign>>,
            #[serde(flatten)]
            extra: &'a Extra,
        }
        struct PlainFinding<'a>(&'a Finding);
        impl Serialize for PlainFinding<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Finding::serialize(self.0, serializer)
            }
        }
        let needed = !(self.foreign.is_empty() && self.extra.is_empty());
        Line {
            finding: PlainFinding(self),
            foreign: needed.then_some(ForeignMember {
                finding: &self.foreign,
            }),
            extra: &self.extra,
        }
        .serialize(serializer)
    }
}
