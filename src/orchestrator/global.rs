//! `registry/GLOBAL_REGISTRY.json`: what the orchestrator said of all its tasks in another place.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io::{BufReader, Read};
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
    #[serde(default)]
    total_tasks: Lenient<Count>,
    #[serde(default)]
    total_agents_spawned: Lenient<Count>,
    #[serde(default)]
    active_agents: Lenient<Count>,
    #[serde(default)]
    tasks: Lenient<Names>,
    #[serde(default)]
    agents: Lenient<Agents>,
}

/// A value of which one of another kind says nothing, so that it hides nothing of the rest.
#[derive(Debug, Default)]
struct Lenient<T>(T);

/// What a value of each kind comes to.
trait Kinds: Default {
    fn number(_number: u64) -> Self {
        Self::default()
    }

    fn text(_text: &str) -> Self {
        Self::default()
    }

    fn list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl<'de, T: Kinds> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData)).map(Self)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Kinds> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::number(number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}

#[derive(Debug, Default)]
struct Count(Option<u64>);

impl Kinds for Count {
    fn number(number: u64) -> Self {
        Self(Some(number))
    }
}

#[derive(Debug, Default)]
struct Text(String);

impl Kinds for Text {
    fn text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The names of tasks: those in a map, whatever stands under them, or of a list.
#[derive(Debug, Default)]
struct Names(BTreeSet<String>);

impl Kinds for Names {
    fn list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(Lenient(Name(name))) = list.next_element()? {
            names.extend(name);
        }
        Ok(Self(names))
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            names.insert(name);
        }
        Ok(Self(names))
    }
}

/// A task in a list: its name, or a record with it.
#[derive(Debug, Default)]
struct Name(Option<String>);

impl Kinds for Name {
    fn text(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut name = None;
        while let Some(key) = map.next_key::<String>()? {
            let Lenient(Text(text)) = map.next_value()?;
            if matches!(key.as_str(), "task_id" | "id") && !text.is_empty() {
                name = Some(text);
            }
        }
        Ok(Self(name))
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

#[derive(Debug, Default)]
struct Record {
    task: String,
    status: String,
}

impl Agents {
    /// The id of an agent's task.
    fn task_of(&self, known: &Known) -> &str {
        self.tasks.get(known.task).map_or("", String::as_str)
    }
}

impl Kinds for Record {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut record = Self::default();
        while let Some(key) = map.next_key::<String>()? {
            let field = match key.as_str() {
                "task_id" => &mut record.task,
                "status" => &mut record.status,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let Lenient(Text(text)) = map.next_value()?;
            *field = text;
        }
        Ok(record)
    }
}

impl Kinds for Agents {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut agents = Self::default();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        while let Some((id, Lenient(record))) = map.next_entry::<Box<str>, Lenient<Record>>()? {
            let next = numbers.len();
            let task = *numbers.entry(record.task).or_insert_with_key(|task| {
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
        self.document.tasks.0.0.iter().map(String::as_str)
    }

    /// Compares what it says of an agent with how that came in. The newest generation keeps its agents elsewhere.
    pub(super) fn compare(
        &self,
        task: &TaskId,
        agent: &AgentId,
        status: Status,
        notes: &mut Notes,
    ) {
        if self.document.agents.0.by_id.is_empty() {
            return;
        }
        let known = self.document.agents.0.by_id.get(agent.as_str());
        let known = known.filter(|known| self.document.agents.0.task_of(known) == task.as_str());
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
            (
                "total_tasks",
                document.total_tasks.0.0,
                came_in.len() as u64,
            ),
            (
                "total_agents_spawned",
                document.total_agents_spawned.0.0,
                counts.spawned,
            ),
            ("active_agents", document.active_agents.0.0, counts.active),
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
        let agents = &self.document.agents.0;
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
