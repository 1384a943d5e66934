//! One task of the orchestrator, read agent by agent.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::elements::{self, Element, Uncut};
use super::entry::{Context, Entry, Head, Known};
use super::folder::Folder;
use super::lines::{MAX_RECORD, parse, too_long};
use super::note::{Note, Notes, Place};
use super::said::{Log, LogFile};
use super::shared::{Shared, Shares};
use super::task::{self, Settings};
use super::workspace::REGISTRY;
use super::{GlobalRegistry, Zone, life};
use crate::model::{AgentId, Counts, TaskId, Timestamp};
use crate::store::{Import, ImportedAgent};

const PROGRESS: &str = "_progress.jsonl";
const FINDINGS: &str = "_findings.jsonl";
const ARCHIVE: &str = "archive";

/// So many agents of a task are taken in, since something of each is held until all are known.
const MAX_AGENTS: usize = 2_000_000;

/// So large a registry is read, in bytes.
const MAX_REGISTRY: u64 = 2 * 1024 * 1024 * 1024;

/// What was handed over of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recount {
    /// The agents, by where they stand.
    pub counts: Counts,
    /// The lines of progress logs.
    pub reports: u64,
    /// The findings.
    pub findings: u64,
    /// What differed and what was damaged.
    pub notes: Notes,
}

/// Where an agent is known from.
enum Source<'a> {
    Listed(Element),
    Unlisted(&'a AgentId),
}

/// A task whose registry was looked through, so that its agents can be handed over one by one.
#[derive(Debug)]
pub struct TaskReader {
    folder: Folder,
    place: Place,
    zone: Zone,
    settings: Settings,
    known: Known,
    elements: Vec<Element>,
    /// Agents that the registry does not list, and that have logs.
    unlisted: Vec<AgentId>,
    /// The registry, and how far it was read.
    file: RefCell<(BufReader<File>, u64)>,
    /// Where progress logs lie, in the order they were written.
    logs: Vec<Folder>,
    counts: Cell<Counts>,
    reports: Cell<u64>,
    findings: Cell<u64>,
    /// How many came in that the registry does not list.
    strays: Cell<u64>,
    notes: RefCell<Notes>,
}

impl TaskReader {
    pub(super) fn open(folder: Folder, name: &str, zone: Zone) -> Result<Self, Note> {
        let place = Place::file(&folder.at(REGISTRY));
        let refused = |error: io::Error| place.note(format!("cannot be read: {error}"));
        let file = folder
            .file(REGISTRY)
            .map_err(|what| place.note(what))?
            .ok_or_else(|| place.note("it is not there"))?;
        let metadata = file.metadata().map_err(refused)?;
        if metadata.len() > MAX_REGISTRY {
            return Err(place.note(format!("larger than {} GiB", MAX_REGISTRY >> 30)));
        }
        let touched = metadata.modified().map_err(refused)?;
        let touched = jiff::Timestamp::try_from(touched).unwrap_or(jiff::Timestamp::UNIX_EPOCH);

        let mut notes = Notes::default();
        let mut list = Listed::default();
        let bounded = (&file).take(MAX_REGISTRY);
        let outline = elements::cut(
            BufReader::with_capacity(1 << 18, bounded),
            |element, json| {
                list.add(element, json, &place, &mut notes);
            },
        );
        let outline = outline.map_err(|error| match error {
            Uncut::Io(error) => refused(error),
            Uncut::Malformed(line, what) => place.line(line).note(what),
        })?;
        let fields = outline.read(&place, &mut notes)?;
        let settings = task::read(
            fields,
            name,
            Timestamp::from_jiff(touched),
            &zone,
            &mut notes,
        )?;
        let mut reader = Self {
            folder,
            place,
            zone,
            settings,
            known: list.known,
            elements: list.elements,
            unlisted: Vec::new(),
            file: RefCell::new((BufReader::with_capacity(1 << 16, file), u64::MAX)),
            logs: Vec::new(),
            counts: Cell::default(),
            reports: Cell::default(),
            findings: Cell::default(),
            strays: Cell::default(),
            notes: RefCell::new(notes),
        };
        reader.find_logs();
        Ok(reader)
    }

    /// The task's id.
    pub fn id(&self) -> &TaskId {
        &self.settings.task.id
    }

    /// How many agents it may hand over.
    pub fn agents(&self) -> u64 {
        self.elements.len() as u64 + self.unlisted.len() as u64
    }

    /// The task, to be taken in. Where its findings lie is looked up now, each of them and each agent is read when its turn
    /// comes; what is amiss then is told by [`Self::finish`].
    pub fn import<'a>(&'a self, global: Option<&'a GlobalRegistry>) -> Import<'a> {
        let mut shared = self.shared();
        self.findings.set(shared.len() as u64);
        let by_agent = shared.take_shares();
        let listed = self.elements.iter().map(|element| Source::Listed(*element));
        let unlisted = self.unlisted.iter().map(Source::Unlisted);
        let agents = listed.chain(unlisted).filter_map(move |of| {
            let agent = self.agent(&of, &by_agent)?;
            self.count(&agent, global);
            Some(agent)
        });
        Import {
            task: self.settings.task.clone(),
            agents: Box::new(agents),
            findings: Box::new(shared.findings(self.context(), &self.notes)),
        }
    }

    /// What was handed over, and what the orchestrator said otherwise.
    pub fn finish(self) -> Recount {
        let counts = self.counts.get();
        let mut notes = self.notes.into_inner();
        for what in self.settings.claims.wrong(counts) {
            notes.differs(&self.place, what);
        }
        let strays = self.strays.get();
        if strays > 0 {
            let agents = if strays == 1 {
                "agent is"
            } else {
                "agents are"
            };
            let what = format!(
                "{strays} {agents} not listed here and taken in from their logs; the orchestrator's database, where it may keep more of them, is not read"
            );
            notes.differs(&self.place, what);
        }
        Recount {
            counts,
            reports: self.reports.get(),
            findings: self.findings.get(),
            notes: notes.finish(),
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            task: self.id(),
            created_at: self.settings.task.created_at,
            known: &self.known,
            zone: &self.zone,
        }
    }

    fn agent<'a>(
        &'a self,
        source: &Source<'_>,
        shares: &HashMap<AgentId, Shares>,
    ) -> Option<ImportedAgent<'a>> {
        let cx = self.context();
        let (entry, log) = {
            let notes = &mut *self.notes.borrow_mut();
            match source {
                Source::Listed(element) => {
                    let entry = self.entry(*element, &cx, notes)?;
                    let log = self.log(&entry, notes);
                    (entry, log)
                }
                Source::Unlisted(id) => {
                    let entry = Entry::unlisted((*id).clone(), self.place.clone(), None);
                    let log = self.log(&entry, notes);
                    let first = shares.get(*id).map(|shares| shares.first);
                    if log.heard.is_empty() && first.is_none() {
                        let what = format!(
                            "agent {id} is not listed here, and no line of its logs can be read: left out"
                        );
                        notes.damaged(&self.place, what);
                        return None;
                    }
                    self.strays.set(self.strays.get() + 1);
                    let started_at = first.filter(|_| log.heard.is_empty());
                    (
                        Entry {
                            started_at,
                            ..entry
                        },
                        log,
                    )
                }
            }
        };
        self.reports
            .set(self.reports.get() + log.heard.len() as u64);
        let findings = shares.get(&entry.id).map_or(0, |shares| shares.count);
        Some(life::write(entry, log, findings, cx, &self.notes))
    }

    fn entry(&self, element: Element, cx: &Context<'_>, notes: &mut Notes) -> Option<Entry> {
        let place = self.place.line(element.line);
        let text = self
            .element(element)
            .map_err(|error| notes.damaged(&place, format!("agent left out: {error}")))
            .ok()?;
        let fields = parse(&text, place, notes)?;
        Entry::read(fields, cx, notes)
    }

    /// What the agent said, wherever that lies.
    fn log(&self, entry: &Entry, notes: &mut Notes) -> Log {
        let name = format!("{}{PROGRESS}", entry.id);
        let mut files = Vec::new();
        for folder in &self.logs {
            let place = Place::file(&folder.at(&name));
            match folder.file(&name) {
                Ok(Some(file)) => files.push(LogFile { file, place }),
                Ok(None) => {}
                Err(what) => notes.damaged(&place, what),
            }
        }
        let default = entry.last_update.unwrap_or(self.settings.task.created_at);
        Log::look_through(files, entry.started_at, default, &self.zone, notes)
    }

    /// The text of an agent in the registry.
    fn element(&self, element: Element) -> io::Result<Vec<u8>> {
        let (file, here) = &mut *self.file.borrow_mut();
        // What is buffered stays so: the next agent lies just behind.
        match element.offset.checked_sub(*here).map(i64::try_from) {
            Some(Ok(gap)) => file.seek_relative(gap)?,
            _ => file.seek(SeekFrom::Start(element.offset)).map(drop)?,
        }
        *here = u64::MAX;
        let mut json = vec![0; element.len];
        file.read_exact(&mut json)?;
        *here = element.offset + element.len as u64;
        Ok(json)
    }

    fn count(&self, agent: &ImportedAgent<'_>, global: Option<&GlobalRegistry>) {
        self.counts.set(self.counts.get().with(agent.status));
        if let Some(global) = global {
            let notes = &mut *self.notes.borrow_mut();
            global.compare(self.id(), &agent.id, agent.status, notes);
        }
    }

    /// The findings of the task.
    fn shared(&self) -> Shared {
        let notes = &mut *self.notes.borrow_mut();
        let mut shared = Shared::default();
        for name in [ARCHIVE, "findings"] {
            // What is amiss with the folder was told when logs were looked for.
            if let Ok(Some(folder)) = self.folder.folder(name) {
                let names = owners(&folder, FINDINGS, &mut Notes::default());
                shared.look_through(folder, names, FINDINGS, &self.context(), notes);
            }
        }
        shared.sort();
        shared
    }

    /// Opens the folders of logs, and looks for agents that only these know.
    fn find_logs(&mut self) {
        let notes = &mut *self.notes.borrow_mut();
        let mut unlisted = BTreeSet::new();
        for (name, endings) in [
            (ARCHIVE, &[PROGRESS, FINDINGS][..]),
            ("progress", &[PROGRESS]),
            ("findings", &[FINDINGS]),
        ] {
            let folder = match self.folder.folder(name) {
                Ok(Some(folder)) => folder,
                Ok(None) => continue,
                Err(what) => {
                    notes.damaged(&Place::file(&self.folder.at(name)), what);
                    continue;
                }
            };
            for ending in endings {
                for owner in owners(&folder, ending, notes) {
                    if self.known.contains_key(owner.as_str()) {
                        continue;
                    }
                    match owner.parse::<AgentId>() {
                        Ok(id) => {
                            unlisted.insert(id);
                        }
                        Err(what) => {
                            let file = folder.at(format!("{owner}{ending}"));
                            notes.damaged(&Place::file(&file), format!("{what}: left out"));
                        }
                    }
                }
            }
            if endings.contains(&PROGRESS) {
                self.logs.push(folder);
            }
        }
        for id in unlisted {
            if self.known.len() == MAX_AGENTS {
                notes.damaged(
                    &self.place,
                    format!("agent {id} is one of more than {MAX_AGENTS}: left out"),
                );
                continue;
            }
            self.known.insert(id.clone(), 1);
            self.unlisted.push(id);
        }
    }
}

/// Whom the files in `folder` are named after whose names end so, by name.
fn owners(folder: &Folder, ending: &str, notes: &mut Notes) -> Vec<String> {
    let names = folder.names(|name| match name.into_string() {
        Ok(mut name) => {
            let owner = name.strip_suffix(ending)?.len();
            name.truncate(owner);
            Some(name)
        }
        Err(name) => {
            if name.as_encoded_bytes().ends_with(ending.as_bytes()) {
                notes.damaged(
                    &Place::file(&folder.at(&name)),
                    "its name is not UTF-8: left out",
                );
            }
            None
        }
    });
    names.unwrap_or_else(|error| {
        notes.damaged(
            &Place::file(folder.path()),
            format!("cannot be listed: {error}"),
        );
        Vec::new()
    })
}

/// The agents found in the list, each with its place.
#[derive(Default)]
struct Listed {
    known: Known,
    elements: Vec<Element>,
}

impl Listed {
    fn add(&mut self, element: Element, json: &[u8], file: &Place, notes: &mut Notes) {
        let place = file.line(element.line);
        if element.len > MAX_RECORD {
            notes.damaged(&place, format!("agent {}", too_long()));
            return;
        }
        if self.known.len() == MAX_AGENTS {
            notes.damaged(
                &place,
                format!("the task has more than {MAX_AGENTS} agents: left out"),
            );
            return;
        }
        match Head::read(json) {
            Ok((id, _)) if self.known.contains_key(&id) => {
                let what = format!("agent {id} is listed again: only the first is kept");
                notes.differs(&file.line(element.line), what);
            }
            Ok((id, depth)) => {
                self.known.insert(id, depth);
                self.elements.push(element);
            }
            Err((line, what)) => notes.damaged(&file.line(element.line + line), what),
        }
    }
}
