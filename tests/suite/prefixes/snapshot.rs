//! All that can be read of a registry, to be held against what was read before.

use std::path::Path;

use agentreg::model::{Agent, Counts, Event, Finding, Report, SeveritySums, TaskState, Totals};
use agentreg::store::{
    AgentsWanted, EventQuery, FindingQuery, Overview, ReportQuery, Result, Scope, Store,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    totals: Totals,
    tasks: Vec<TaskState>,
    agents: Vec<Agent>,
    reports: Vec<Report>,
    findings: Vec<Finding>,
    events: Vec<Event>,
}

impl Snapshot {
    pub fn take(store: &impl Store) -> Result<Self> {
        let Overview { totals, tasks, .. } = store.overview(Scope::All)?;
        let mut snapshot = Self {
            totals,
            agents: Vec::new(),
            reports: Vec::new(),
            findings: Vec::new(),
            events: store.events(&EventQuery::default())?,
            tasks,
        };
        for state in &snapshot.tasks {
            let task = &state.task.id;
            let view = store.view(task, AgentsWanted::All)?;
            assert_eq!(view.state, *state);
            snapshot.agents.extend(view.agents);
            let reports = store.reports(task, &ReportQuery::default())?;
            snapshot.reports.extend(reports);
            let findings = store.findings(task, &FindingQuery::default())?;
            snapshot.findings.extend(findings);
        }
        Ok(snapshot)
    }

    /// Only what `file` lost, cut to so many whole lines, is missing, and it could not be known.
    pub fn assert_lacks_only_unknowable(
        &self,
        whole: &Self,
        file: &Path,
        lines: usize,
        place: &str,
    ) {
        let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let folder = name(file.parent().unwrap());
        let mut expected = whole.clone();
        if folder == "active" || folder == "ended" {
            let task = name(file.ancestors().nth(3).unwrap());
            expected.forget_reports(self, &task, &name(file), lines as u64, place);
        } else if name(file) == "findings" {
            expected.forget_findings(&folder, lines as u64);
        }
        assert_eq!(self.totals, expected.totals, "{place}");
        assert_eq!(self.tasks, expected.tasks, "{place}");
        assert_eq!(self.agents, expected.agents, "{place}");
        assert_eq!(self.reports, expected.reports, "{place}");
        assert_eq!(self.findings, expected.findings, "{place}");
        assert_eq!(self.events, expected.events, "{place}");
    }

    fn forget_reports(&mut self, read: &Self, task: &str, agent: &str, last: u64, place: &str) {
        let is_it = |known: &&Agent| known.task.as_str() == task && known.id.as_str() == agent;
        let read = read.agents.iter().find(is_it).expect("the agent is there");
        let place_of = self.agents.iter().position(|known| is_it(&known)).unwrap();
        let before = std::mem::replace(&mut self.agents[place_of], read.clone());
        assert_eq!(read.seq, last, "{place}");
        assert!(
            before.status.is_active() && read.status.is_active(),
            "{place}"
        );
        // No two tasks have an agent of one name here.
        self.reports
            .retain(|report| report.agent != before.id || report.seq <= last);
    }

    fn forget_findings(&mut self, task: &str, last: u64) {
        self.findings
            .retain(|finding| finding.task.as_str() != task || finding.seq <= last);
        let left = self.findings.iter().filter(|f| f.task.as_str() == task);
        let sums = left.fold(SeveritySums::default(), |sums, f| sums.with(f.severity));
        let mut tasks = self.tasks.iter_mut();
        let state = tasks.find(|state| state.task.id.as_str() == task);
        state.expect("the task is there").findings = sums;
    }

    /// The counts are a recount of the agents.
    pub fn assert_adds_up(&self, place: &str) {
        let mut total = Counts::default();
        for state in &self.tasks {
            let own = self.agents.iter().filter(|a| a.task == state.task.id);
            let recount = own.fold(Counts::default(), |sum, agent| sum.with(agent.status));
            assert_eq!(state.counts, recount, "{place}");
            total = total.plus(recount);
        }
        assert_eq!(self.totals.agents, total, "{place}");
    }
}
