//! What `--follow` of `findings`, `reports` and `events` reads its lines from.

use agentreg::model::{AgentId, Event, Finding, Report, TaskId};
use agentreg::store::{EventQuery, FindingQuery, NewReports, ReportQuery, Store, Watched};

use super::context::{Context, now};
use super::follow::Feed;
use super::selection::{self, Selected};
use super::skipped::Skipped;
use crate::output::json::{self, FindingObject};
use crate::output::{Failure, people};

/// Items as they are printed: each as one document, or as people read them.
fn print<T>(
    items: &[T],
    context: &Context,
    document: impl Fn(&T) -> String,
    for_people: impl FnOnce(&[T]) -> String,
) -> String {
    if items.is_empty() || (context.quiet() && !context.json()) {
        String::new()
    } else if context.json() {
        items.iter().map(document).collect()
    } else {
        for_people(items)
    }
}

/// Findings by their numbers in each task.
pub struct Findings<'a> {
    context: &'a Context,
    store: &'a dyn Store,
    query: FindingQuery,
    /// Each task, whose of its findings are asked for, and the number of the last one read.
    read: Vec<(TaskId, Vec<AgentId>, u64)>,
    first: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// Findings of `selected` as `query` asks for them, its agents aside.
    pub fn new(
        context: &'a Context,
        selected: &[Selected],
        query: FindingQuery,
        skipped: &mut Skipped,
    ) -> Result<Self, Failure> {
        let store = context.store()?;
        let mut read = Vec::new();
        let mut first = Vec::new();
        for (task, agents) in selected {
            let newest = FindingQuery {
                limit: Some(1),
                ..FindingQuery::default()
            };
            let Some(mut last) = skipped.unless_odd(store.findings(task, &newest))? else {
                continue;
            };
            let asked = FindingQuery {
                agents: agents.clone(),
                ..query.clone()
            };
            let found = store.findings(task, &asked)?;
            let last = last.pop();
            // What is asked for of those numbered lower was found, whatever came in between.
            let seq = last.iter().chain(&found).map(|f| f.seq).max().unwrap_or(0);
            read.push((task.clone(), agents.clone(), seq));
            first.extend(found);
        }
        sort(&mut first);
        let first = selection::newest(first, query.limit);
        // Numbers are counted on from here.
        let query = FindingQuery {
            limit: None,
            after: None,
            ..query
        };
        Ok(Self {
            context,
            store,
            query,
            read,
            first,
        })
    }
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (a.at, &a.task, a.seq).cmp(&(b.at, &b.task, b.seq)));
}

impl Feed for Findings<'_> {
    fn add(&mut self, task: &TaskId) -> Result<(), Failure> {
        self.read.push((task.clone(), Vec::new(), 0));
        Ok(())
    }

    fn watched<'t>(&self, task: &'t TaskId) -> Watched<'t> {
        Watched::Task(task)
    }

    fn next(&mut self) -> Result<String, Failure> {
        let mut found = std::mem::take(&mut self.first);
        let before = found.len();
        for (task, agents, read) in &mut self.read {
            let unread = FindingQuery {
                after: Some(*read),
                ..FindingQuery::default()
            };
            let new = self.store.findings(task, &unread)?;
            *read = new.last().map_or(*read, |last| last.seq);
            self.query.agents.clone_from(agents);
            found.extend(new.into_iter().filter(|finding| self.query.admits(finding)));
        }
        sort(found.get_mut(before..).unwrap_or_default());
        let with_task = self.read.len() > 1;
        let terminal = self.context.terminal();
        Ok(print(
            &found,
            self.context,
            |finding| json::document(&FindingObject::from(finding)),
            |found| people::findings(found, with_task, now(), &terminal),
        ))
    }
}

/// Reports, each task's by the reader that the store has for it.
pub struct Reports<'a> {
    context: &'a Context,
    store: &'a dyn Store,
    query: ReportQuery,
    new: Vec<Box<dyn NewReports>>,
    /// How many of those that are there already are wanted.
    limit: Option<usize>,
}

impl<'a> Reports<'a> {
    /// Reports of `selected` as `query` asks for them, its agents aside; of those there are the newest `limit`.
    pub fn new(
        context: &'a Context,
        selected: &[Selected],
        query: ReportQuery,
        limit: Option<usize>,
        skipped: &mut Skipped,
    ) -> Result<Self, Failure> {
        let store = context.store()?;
        let mut new = Vec::new();
        for (task, agents) in selected {
            let asked = ReportQuery {
                agents: agents.clone(),
                ..query
            };
            new.extend(skipped.unless_odd(store.follow_reports(task, &asked))?);
        }
        Ok(Self {
            context,
            store,
            query,
            new,
            limit,
        })
    }
}

impl Feed for Reports<'_> {
    fn add(&mut self, task: &TaskId) -> Result<(), Failure> {
        self.new.push(self.store.follow_reports(task, &self.query)?);
        Ok(())
    }

    fn watched<'t>(&self, task: &'t TaskId) -> Watched<'t> {
        Watched::Reports(task)
    }

    fn next(&mut self) -> Result<String, Failure> {
        let mut found: Vec<Report> = Vec::new();
        for new in &mut self.new {
            found.extend(new.next()?);
        }
        if self.new.len() > 1 {
            found.sort_by_key(|report| report.at);
        }
        let found = selection::newest(found, self.limit.take());
        let terminal = self.context.terminal();
        Ok(print(&found, self.context, json::document, |found| {
            people::reports(found, now(), &terminal)
        }))
    }

    fn has_more(&self) -> bool {
        self.new.iter().any(|new| new.has_more())
    }
}

/// The journal by its numbers.
pub struct Events<'a> {
    context: &'a Context,
    store: &'a dyn Store,
    query: EventQuery,
    read: u64,
    first: Vec<Event>,
}

impl<'a> Events<'a> {
    /// The events that `query` asks for.
    pub fn new(context: &'a Context, query: EventQuery) -> Result<Self, Failure> {
        let store = context.store()?;
        let newest = EventQuery {
            limit: Some(1),
            ..EventQuery::default()
        };
        let last = store.events(&newest)?.pop();
        let first = store.events(&query)?;
        let read = last.iter().chain(&first).map(|e| e.rev).max().unwrap_or(0);
        Ok(Self {
            context,
            store,
            query: EventQuery {
                limit: None,
                ..query
            },
            read,
            first,
        })
    }
}

impl Feed for Events<'_> {
    fn add(&mut self, _task: &TaskId) -> Result<(), Failure> {
        Ok(())
    }

    fn watched<'t>(&self, _task: &'t TaskId) -> Watched<'t> {
        Watched::Machine
    }

    fn next(&mut self) -> Result<String, Failure> {
        let mut found = std::mem::take(&mut self.first);
        let unread = EventQuery {
            after: Some(self.read),
            ..EventQuery::default()
        };
        let new = self.store.events(&unread)?;
        self.read = new.last().map_or(self.read, |last| last.rev);
        found.extend(new.into_iter().filter(|event| self.query.admits(event)));
        let terminal = self.context.terminal();
        Ok(print(&found, self.context, json::document, |found| {
            people::events(found, now(), &terminal)
        }))
    }
}
