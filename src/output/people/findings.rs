//! What agents discovered.

use agentreg::model::{Finding, SeveritySums, TaskId, Timestamp};

use crate::output::{Terminal, escape};

/// Findings in the order given; `with_task` names each one's task.
pub fn findings(
    findings: &[Finding],
    _with_task: bool,
    _now: Timestamp,
    _terminal: &Terminal,
) -> String {
    let line = |f: &Finding| {
        format!(
            "{} {} {} {} {} {}\n",
            f.seq,
            f.at,
            f.severity,
            escape(&f.finding_type),
            f.agent,
            escape(&f.message)
        )
    };
    findings.iter().map(line).collect()
}

/// How many findings of which severity there are in all, and in each task.
pub fn findings_summary(
    all: &SeveritySums,
    tasks: &[(TaskId, SeveritySums)],
    _terminal: &Terminal,
) -> String {
    let mut text = format!("{} findings\n", all.total());
    for (id, sums) in tasks {
        text += &format!("{id} {}\n", sums.total());
    }
    text
}
