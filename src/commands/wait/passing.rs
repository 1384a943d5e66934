//! A status that an agent may leave again: it counts if the agent has had it since it is waited for. Told from the
//! reports alone, so that a look reads what is new and not every agent.

use std::collections::{HashMap, HashSet};

use agentreg::model::{AgentId, Report, Status, TaskId};
use agentreg::store::{NewReports, ReportQuery, Store};

use super::goal::Tally;
use crate::output::Failure;

/// Who has had the status, and what everybody is now.
pub struct Passing {
    status: Status,
    reports: Box<dyn NewReports>,
    now: HashMap<AgentId, Status>,
    seen: HashSet<AgentId>,
}

impl Passing {
    /// What the agents were before is not waited for; what they are counts.
    pub fn new(
        task: &TaskId,
        named: Option<&[AgentId]>,
        status: Status,
        store: &dyn Store,
    ) -> Result<Self, Failure> {
        let query = ReportQuery {
            agents: named.unwrap_or_default().to_vec(),
            since: None,
        };
        let mut passing = Self {
            status,
            reports: store.follow_reports(task, &query)?,
            now: HashMap::new(),
            seen: HashSet::new(),
        };
        for report in passing.reports.next()? {
            passing.now.insert(report.agent, report.status);
        }
        let have = passing.now.iter().filter(|(_, now)| **now == status);
        passing.seen = have.map(|(agent, _)| agent.clone()).collect();
        Ok(passing)
    }

    /// Takes in what was reported.
    pub fn look(&mut self) -> Result<(), Failure> {
        loop {
            for Report { agent, status, .. } in self.reports.next()? {
                if status == self.status {
                    self.seen.insert(agent.clone());
                }
                self.now.insert(agent, status);
            }
            if !self.reports.has_more() {
                return Ok(());
            }
        }
    }

    /// How they stand; who is `lost` has ended.
    pub fn tally(&self, lost: &HashSet<AgentId>) -> Tally {
        let goes_on = |(agent, status): &(&AgentId, &Status)| {
            status.is_active() && !self.seen.contains(*agent) && !lost.contains(*agent)
        };
        let met = self.seen.len();
        let open = self.now.iter().filter(goes_on).count();
        Tally {
            met: met as u64,
            open: open as u64,
            lost: (self.now.len() - met - open) as u64,
            may_grow: false,
        }
    }
}
