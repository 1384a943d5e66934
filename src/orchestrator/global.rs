//! `registry/GLOBAL_REGISTRY.json`: what the orchestrator said of all its tasks in another place.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::folder::Folder;
use super::note::{Note, Notes, Place};
use crate::model::{AgentId, Counts, Status, TaskId};

/// The orchestrator's registry of all tasks, to compare with.
#[derive(Debug)]
pub struct GlobalRegistry {
    place: Place,
    document: Document,
}

const NAME: &str = "GLOBAL_REGISTRY.json";

/// So long a registry is read, in bytes: all of it is held.
const MOST: u64 = 64 * 1024 * 1024;

#[derive(Debug, serde::Deserialize)]
struct Document {
    total_tasks: Option<u64>,
    total_agents_spawned: Option<u64>,
    active_agents: Option<u64>,
    #[serde(default)]
    tasks: Names,
    #[serde(default)]
    agents: Agents,
}

/// The names in a map, whatever stands under them.
#[derive(Debug, Default)]
struct Names(BTreeSet<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = BTreeMap::<String, IgnoredAny>::deserialize(deserializer)?;
        Ok(Self(named.into_keys().collect()))
    }
}

/// Its agents; the names of their tasks, of which there are few, are held once.
#[derive(Debug, Default)]
struct Agents {
    tasks: Vec<String>,
    by_id: HashMap<Box<str>, Known>,
}

#[derive(Debug)]
struct Known {
    task: usize,
    status: Option<Status>,
    seen: Cell<bool>,
}

#[derive(serde::Deserialize)]
struct Record {
    #[serde(default)]
    task_id: String,
    #[serde(default)]
    status: String,
}

impl Agents {
    /// The id of an agent's task.
    fn task_of(&self, known: &Known) -> &str {
        self.tasks.get(known.task).map_or("", String::as_str)
    }
}

impl<'de> Deserialize<'de> for Agents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AgentsVisitor)
    }
}

struct AgentsVisitor;

impl<'de> Visitor<'de> for AgentsVisitor {
    type Value = Agents;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of agents")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Agents, A::Error> {
        let mut agents = Agents::default();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        while let Some((id, record)) = map.next_entry::<Box<str>, Record>()? {
            let next = numbers.len();
            let task = *numbers.entry(record.task_id).or_insert_with_key(|task| {
                agents.tasks.push(task.clone());
                next
            });
            let known = Known {
                task,
                status: record.status.parse().ok(),
                seen: Cell::new(false),
            };
            agents.by_id.insert(id, known);
        }
        Ok(agents)
    }
}

impl GlobalRegistry {
    /// Reads it; none if there is none.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(registry: &Folder) -> Result<Option<Self>, Note> {
        let place = Place::file(&registry.at(NAME));
        let Some(file) = registry.file(NAME).map_err(|what| place.note(what))? else {
            return Ok(None);
        };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length > MOST {
            let what = format!(
                "longer than {} MiB: nothing is compared with it",
                MOST >> 20
            );
            return Err(place.note(what));
        }
        let document =
            serde_json::from_reader(BufReader::with_capacity(1 << 16, file.take(length))).map_err(
                |error| {
                    let what = format!("not a registry: {}", super::lines::reason(&error));
                    place.line(error.line() as u64).note(what)
                },
            )?;
        Ok(Some(Self { place, document }))
    }

    /// The tasks that it names.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &str> {
        self.document.tasks.0.iter().map(String::as_str)
    }

    /// Compares what it says of an agent with how that came in. The newest generation keeps its agents elsewhere.
    pub(super) fn compare(
        &self,
        task: &TaskId,
        agent: &AgentId,
        status: Status,
        notes: &mut Notes,
    ) {
        if self.document.agents.by_id.is_empty() {
            return;
        }
        let known = self.document.agents.by_id.get(agent.as_str());
        let known = known.filter(|known| self.document.agents.task_of(known) == task.as_str());
        let Some(known) = known else {
            notes.differs(
                &self.place,
                format!("it does not have agent {agent} of task {task}"),
            );
            return;
        };
        known.seen.set(true);
        if known.status != Some(status) {
            let here = known.status.map_or("in no known status", Status::as_str);
            let what =
                format!("agent {agent} of task {task} is {here} here, but {status} in its task");
            notes.differs(&self.place, what);
        }
    }

    /// What differs on the whole, once the tasks `came_in`. The totals are compared only where `all` came in, and what
    /// it says of other tasks in the workspace, `left_out`, not at all.
    pub(super) fn differences(
        &self,
        came_in: &BTreeMap<TaskId, Counts>,
        left_out: &HashSet<String>,
        all: bool,
    ) -> Vec<Note> {
        let mut notes = Notes::default();
        let counts = came_in
            .values()
            .fold(Counts::default(), |sum, counts| sum.plus(*counts));
        let document = &self.document;
        let listed = [
            ("total_tasks", document.total_tasks, came_in.len() as u64),
            (
                "total_agents_spawned",
                document.total_agents_spawned,
                counts.spawned,
            ),
            ("active_agents", document.active_agents, counts.active),
        ];
        for (name, said, counted) in listed {
            if let Some(said) = said.filter(|said| all && *said != counted) {
                let what = format!("{name} is {said} here, but {counted} by recount");
                notes.differs(&self.place, what);
            }
        }
        let is_there = |task: &str| came_in.contains_key(task) || left_out.contains(task);
        for task in self.tasks().filter(|task| !is_there(task)) {
            let what = format!("task {task} is only here, its directory is not there: left out");
            notes.differs(&self.place, what);
        }
        let agents = &self.document.agents;
        let mut only_here = BTreeMap::new();
        for (id, known) in agents.by_id.iter().filter(|(_, known)| !known.seen.get()) {
            let task = agents.task_of(known);
            if !left_out.contains(task) {
                only_here.entry(task).or_insert_with(Vec::new).push(id);
            }
        }
        for (task, mut ids) in only_here {
            if came_in.contains_key(task) {
                ids.sort_unstable();
                for id in ids {
                    let what = format!("agent {id} of task {task} is only here: left out");
                    notes.differs(&self.place, what);
                }
            } else {
                let (n, agents) = (ids.len(), if ids.len() == 1 { "agent" } else { "agents" });
                let what = format!("{n} {agents} of task {task:?} only here: left out");
                notes.differs(&self.place, what);
            }
        }
        let Notes {
            mut differences,
            damages,
            ..
        } = notes.finish();
        differences.extend(damages);
        differences
    }
}
