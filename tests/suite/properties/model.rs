//! The rules of the registry told a second time, from the design and as plainly as can be: everything in memory, every
//! count a recount.

use std::collections::BTreeMap;

use agentreg::model::{Counts, Severity, Status, Totals};

use super::operation::{Operation, Registered, Said, Settings};

/// A whole registry.
#[derive(Debug, Default)]
pub struct Model {
    pub tasks: BTreeMap<&'static str, Task>,
    pub machine_limit: Option<u64>,
    pub events: Vec<Event>,
    /// Whether anything was ever written.
    pub exists: bool,
}

#[derive(Debug)]
pub struct Task {
    pub settings: Settings,
    pub is_open: bool,
    pub agents: BTreeMap<&'static str, Agent>,
    pub findings: Vec<(&'static str, Severity)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub kind: &'static str,
    pub parent: Option<&'static str>,
    pub depth: u32,
    pub label: Option<&'static str>,
    pub status: Status,
    pub percent: u8,
    pub message: Option<&'static str>,
    /// The lines of its log.
    pub lines: u64,
    /// Reports and findings it showed when it completed.
    pub evidence: Option<(u64, u64)>,
    /// The event that registered it, and the one that ended it.
    pub registered: usize,
    pub ended: Option<usize>,
}

#[derive(Debug, PartialEq)]
pub struct Event {
    pub task: &'static str,
    pub agent: Option<&'static str>,
    pub change: &'static str,
    pub counts: Counts,
    pub totals: Totals,
}

/// Whether the call changed anything, or the kind of its refusal.
pub type Outcome = Result<bool, &'static str>;

impl Task {
    pub fn counts(&self) -> Counts {
        let with = |status| self.agents.values().filter(|a| a.status == status).count() as u64;
        let active = self
            .agents
            .values()
            .filter(|a| a.status.is_active())
            .count();
        Counts {
            spawned: self.agents.len() as u64,
            active: active as u64,
            completed: with(Status::Completed),
            failed: with(Status::Failed),
            terminated: with(Status::Terminated),
        }
    }

    fn findings_of(&self, agent: &str) -> u64 {
        self.findings.iter().filter(|f| f.0 == agent).count() as u64
    }
}

impl Model {
    pub fn totals(&self) -> Totals {
        let agents = self
            .tasks
            .values()
            .fold(Counts::default(), |sum, task| sum.plus(task.counts()));
        let open = self.tasks.values().filter(|task| task.is_open).count() as u64;
        Totals {
            agents,
            tasks_open: open,
            tasks_closed: self.tasks.len() as u64 - open,
        }
    }

    pub fn apply(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Open { task, settings } => self.open(task, settings),
            Operation::SetMachine { max_concurrent } => {
                self.exists = true;
                self.machine_limit = *max_concurrent;
                Ok(true)
            }
            Operation::Set {
                task,
                description,
                max_agents,
                max_concurrent,
            } => {
                let task = self.task(task)?;
                if !task.is_open {
                    return Err("task_closed");
                }
                let settings = &mut task.settings;
                settings.description = description.unwrap_or(settings.description);
                settings.max_agents = max_agents.unwrap_or(settings.max_agents);
                settings.max_concurrent = max_concurrent.unwrap_or(settings.max_concurrent);
                Ok(true)
            }
            Operation::Close { task, force } => self.close(task, *force),
            Operation::Register(new) => self.register(new),
            Operation::Update(said) => self.update(said),
            Operation::End {
                task,
                agent,
                status,
            } => self.end(task, agent, *status),
            Operation::Share {
                task,
                agent,
                severity,
            } => {
                let task = self.task(task)?;
                if !task.agents.contains_key(agent) {
                    return Err("not_found");
                }
                task.findings.push((agent, *severity));
                Ok(true)
            }
            Operation::Again | Operation::Interrupt(_) | Operation::Tear { .. } => Ok(false),
        }
    }

    fn task(&mut self, task: &str) -> Result<&mut Task, &'static str> {
        self.tasks.get_mut(task).ok_or("not_found")
    }

    fn happened(&mut self, task: &'static str, agent: Option<&'static str>, change: &'static str) {
        let (counts, totals) = (self.tasks[task].counts(), self.totals());
        self.events.push(Event {
            task,
            agent,
            change,
            counts,
            totals,
        });
    }

    fn open(&mut self, task: &'static str, settings: &Settings) -> Outcome {
        self.exists = true;
        if let Some(known) = self.tasks.get(task) {
            let same = known.is_open && known.settings == *settings;
            return if same { Ok(false) } else { Err("duplicate") };
        }
        let new = Task {
            settings: *settings,
            is_open: true,
            agents: BTreeMap::new(),
            findings: Vec::new(),
        };
        self.tasks.insert(task, new);
        self.happened(task, None, "opened");
        Ok(true)
    }

    fn close(&mut self, id: &'static str, force: bool) -> Outcome {
        let task = self.task(id)?;
        if !task.is_open {
            return Ok(false);
        }
        let mut active: Vec<&'static str> = task.agents.keys().copied().collect();
        active.retain(|agent| task.agents[agent].status.is_active());
        if !active.is_empty() && !force {
            return Err("task_active");
        }
        for agent in active {
            self.end(id, agent, Status::Terminated)?;
        }
        self.task(id)?.is_open = false;
        self.happened(id, None, "closed");
        Ok(true)
    }

    fn register(&mut self, new: &Registered) -> Outcome {
        let machine_active = self.totals().agents.active;
        let machine_limit = self.machine_limit;
        let events = self.events.len();
        let task = self.task(new.task)?;
        if let Some(known) = task.agents.get(new.agent) {
            let same = known.kind == new.kind
                && known.parent == new.parent
                && known.label == new.label
                && known.lines == 1;
            return if same { Ok(false) } else { Err("duplicate") };
        }
        if !task.is_open {
            return Err("task_closed");
        }
        let depth = match new.parent {
            None => 1,
            Some(parent) => task.agents.get(parent).ok_or("not_found")?.depth + 1,
        };
        let counts = task.counts();
        let reached = |limit: Option<u64>, count: u64| limit.is_some_and(|limit| count >= limit);
        if depth > task.settings.max_depth
            || reached(task.settings.max_agents, counts.spawned)
            || reached(task.settings.max_concurrent, counts.active)
            || reached(machine_limit, machine_active)
        {
            return Err("limit_reached");
        }
        let same_type = |agent: &Agent| agent.kind == new.kind && agent.status.is_active();
        if new.unique && task.agents.values().any(same_type) {
            return Err("duplicate");
        }
        let agent = Agent {
            kind: new.kind,
            parent: new.parent,
            depth,
            label: new.label,
            status: Status::Running,
            percent: 0,
            message: None,
            lines: 1,
            evidence: None,
            registered: events,
            ended: None,
        };
        task.agents.insert(new.agent, agent);
        self.happened(new.task, Some(new.agent), "registered");
        Ok(true)
    }

    fn update(&mut self, said: &Said) -> Outcome {
        let events = self.events.len();
        let task = self.task(said.task)?;
        let findings = task.findings_of(said.agent);
        let (need_reports, need_findings) = task.settings.evidence;
        let agent = task.agents.get_mut(said.agent).ok_or("not_found")?;
        if !agent.status.is_active() {
            let same = said.status == Some(agent.status);
            return if same {
                Ok(false)
            } else {
                Err("illegal_transition")
            };
        }
        let status = match said.status {
            Some(status) => status,
            None if agent.status == Status::Running => Status::Working,
            None => agent.status,
        };
        // The line of the registration is no report; the one that is about to be written is.
        let reports = agent.lines;
        if status == Status::Completed {
            if reports < need_reports || findings < need_findings {
                return Err("evidence_missing");
            }
            agent.percent = 100;
            agent.evidence = Some((reports, findings));
        }
        agent.status = status;
        agent.percent = said.percent.unwrap_or(agent.percent);
        agent.message = said.message.or(agent.message);
        agent.lines += 1;
        if status.is_active() {
            return Ok(true);
        }
        agent.ended = Some(events);
        self.happened(said.task, Some(said.agent), status.as_str());
        Ok(true)
    }

    fn end(&mut self, task: &'static str, agent: &'static str, status: Status) -> Outcome {
        let events = self.events.len();
        let findings = self.task(task)?.findings_of(agent);
        let known = self.task(task)?.agents.get_mut(agent).ok_or("not_found")?;
        if !known.status.is_active() {
            return Ok(false);
        }
        // What its command did is so, whatever the task requires of a report.
        if status == Status::Completed {
            known.percent = 100;
            known.evidence = Some((known.lines, findings));
        }
        known.status = status;
        known.lines += 1;
        known.ended = Some(events);
        self.happened(task, Some(agent), status.as_str());
        Ok(true)
    }
}
