//! What stands behind a completion, and what a task may require of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Agent, Timestamp};

/// What an agent had to show when it completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its reports, the completing one among them, the registration not.
    pub reports: u64,
    /// Its findings.
    pub findings: u64,
    /// Seconds from its registration to its completion.
    pub elapsed: f64,
    /// Files of the workspace that changed since it was registered; none where nobody looked.
    pub files_changed: Option<FilesChanged>,
    /// What a reviewer should look at.
    pub warnings: Vec<String>,
}

/// A bounded look at a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesChanged {
    /// Files seen to have changed.
    pub count: u64,
    /// Whether the whole workspace was looked at.
    pub complete: bool,
}

impl Evidence {
    /// The evidence of `agent`, whose state before its completing report is given, completing at `now`.
    pub(super) fn gather(
        before: &Agent,
        completed: &Agent,
        own_message: bool,
        findings: u64,
        files_changed: Option<FilesChanged>,
        now: Timestamp,
    ) -> Self {
        let reports = completed.seq.saturating_sub(1);
        let mut warnings = Vec::new();
        if findings == 0 {
            warnings.push("no finding was shared".to_owned());
        }
        if reports == 1 {
            warnings.push("the completion is its only report".to_owned());
        }
        if completed.percent == 100 && before.percent < 50 {
            warnings.push(format!("jumped from {} % to 100 %", before.percent));
        }
        if !own_message {
            warnings.push("completed without a message".to_owned());
        }
        if files_changed.is_some_and(|f| f.complete && f.count == 0) {
            warnings.push("no file of the workspace changed".to_owned());
        }
        Self {
            reports,
            findings,
            elapsed: now.since(before.registered_at).as_secs_f64(),
            files_changed,
            warnings,
        }
    }
}

/// What a task requires of a completion: `reports=2,findings=1`. Zero requires nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// At least so many reports, the completing one among them.
    #[serde(default)]
    pub reports: u64,
    /// At least so many findings.
    #[serde(default)]
    pub findings: u64,
}

impl Requirement {
    /// Whether anything is required.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What of it `evidence` lacks, in words; empty if nothing.
    pub fn missing(&self, evidence: &Evidence) -> Vec<String> {
        let lack = |what: &str, has: u64, needs: u64| {
            (has < needs).then(|| {
                format!(
                    "{needs} {what}{} (it has {has})",
                    if needs == 1 { "" } else { "s" }
                )
            })
        };
        [
            lack("report", evidence.reports, self.reports),
            lack("finding", evidence.findings, self.findings),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reports={},findings={}", self.reports, self.findings)
    }
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut requirement = Self::default();
        if text == "none" {
            return Ok(requirement);
        }
        for part in text.split(',') {
            let refused = || {
                format!("{part:?} is no requirement; write it like reports=2,findings=1, or none")
            };
            let (key, value) = part.split_once('=').ok_or_else(refused)?;
            let value = value.parse().map_err(|_| refused())?;
            match key {
                "reports" => requirement.reports = value,
                "findings" => requirement.findings = value,
                _ => return Err(refused()),
            }
        }
        Ok(requirement)
    }
}
