//! What agents reported.

use agentreg::model::{Report, Timestamp};

use crate::output::{Terminal, escape};

/// Reports in the order given, one a line.
pub fn reports(reports: &[Report], _now: Timestamp, _terminal: &Terminal) -> String {
    let line = |r: &Report| {
        let message = escape(r.message.as_deref().unwrap_or(""));
        format!(
            "{} {} {} {}% {message}\n",
            r.at, r.agent, r.status, r.percent
        )
    };
    reports.iter().map(line).collect()
}
