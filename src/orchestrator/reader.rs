//! One task of the orchestrator, read agent by agent.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::elements::{self, Element, Uncut};
use super::entry::{Context, Entry, Head, Known};
use super::fields::Fields;
use super::note::{Note, Notes, Place};
use super::task::{self, Settings};
use super::workspace::REGISTRY;
use super::{GlobalRegistry, Zone, finding, life, lines};
use crate::model::{AgentId, Counts, Finding, TaskId, Timestamp};
use crate::store::{Import, ImportedAgent};

const PROGRESS: &str = "_progress.jsonl";
const FINDINGS: &str = "_findings.jsonl";
const ARCHIVE: &str = "archive";

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

/// A task whose registry was looked through, so that its agents can be handed over one by one.
#[derive(Debug)]
pub struct TaskReader {
    directory: PathBuf,
    place: Place,
    zone: Zone,
    settings: Settings,
    known: Known,
    elements: Vec<Element>,
    /// The registry, and how far it was read.
    file: RefCell<(BufReader<File>, u64)>,
    counts: Cell<Counts>,
    reports: Cell<u64>,
    findings: Cell<u64>,
    notes: RefCell<Notes>,
}

impl TaskReader {
    pub(super) fn open(directory: &Path, name: &str, zone: Zone) -> Result<Self, Note> {
        let path = directory.join(REGISTRY);
        let place = Place::file(&path);
        let refused = |error: io::Error| place.note(format!("cannot be read: {error}"));
        let file = File::open(&path).map_err(refused)?;
        let touched = file
            .metadata()
            .and_then(|m| m.modified())
            .map_err(refused)?;
        let touched = jiff::Timestamp::try_from(touched).unwrap_or(jiff::Timestamp::UNIX_EPOCH);

        let mut notes = Notes::default();
        let mut list = Listed::default();
        let outline = elements::cut(BufReader::with_capacity(1 << 18, &file), |element, json| {
            list.add(element, json, &place, &mut notes);
        });
        let outline = outline.map_err(|error| match error {
            Uncut::Io(error) => refused(error),
            Uncut::Malformed(line, what) => place.line(line).note(what),
        })?;
        let document: Map<String, Value> =
            serde_json::from_slice(&outline.json).map_err(|error| {
                let line = outline.line_in_file(error.line() as u64);
                place
                    .line(line)
                    .note(format!("not a registry: {}", lines::reason(&error)))
            })?;
        let fields = Fields::new(place.clone(), document);
        let settings = task::read(
            fields,
            name,
            Timestamp::from_jiff(touched),
            &zone,
            &mut notes,
        )?;
        Ok(Self {
            directory: directory.to_owned(),
            place,
            zone,
            settings,
            known: list.known,
            elements: list.elements,
            file: RefCell::new((BufReader::with_capacity(1 << 16, file), u64::MAX)),
            counts: Cell::default(),
            reports: Cell::default(),
            findings: Cell::default(),
            notes: RefCell::new(notes),
        })
    }

    /// The task's id.
    pub fn id(&self) -> &TaskId {
        &self.settings.task.id
    }

    /// How many agents it will hand over.
    pub fn agents(&self) -> u64 {
        self.elements.len() as u64
    }

    /// The task, to be taken in. Its findings are read now, each agent when its turn comes; what is amiss then is told by
    /// [`Self::finish`].
    pub fn import<'a>(&'a self, global: Option<&'a GlobalRegistry>) -> Import<'a> {
        let findings = self.findings();
        self.findings.set(findings.len() as u64);
        let mut shared: HashMap<AgentId, u64> = HashMap::new();
        for finding in &findings {
            *shared.entry(finding.agent.clone()).or_default() += 1;
        }
        let archive = self.directory.join(ARCHIVE).is_dir();
        let agents = self.elements.iter().filter_map(move |element| {
            let agent = self.agent(*element, archive, &shared)?;
            self.count(&agent, global);
            Some(agent)
        });
        Import {
            task: self.settings.task.clone(),
            agents: Box::new(agents),
            findings,
        }
    }

    /// What was handed over, and what the orchestrator said otherwise.
    pub fn finish(self) -> Recount {
        self.strays();
        let counts = self.counts.get();
        let mut notes = self.notes.into_inner();
        for what in self.settings.claims.wrong(counts) {
            notes.differs(&self.place, what);
        }
        Recount {
            counts,
            reports: self.reports.get(),
            findings: self.findings.get(),
            notes,
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

    fn agent(
        &self,
        element: Element,
        archive: bool,
        shared: &HashMap<AgentId, u64>,
    ) -> Option<ImportedAgent> {
        let notes = &mut *self.notes.borrow_mut();
        let place = self.place.line(element.line);
        let map = self
            .element(element)
            .map_err(|error| notes.damaged(&place, format!("agent left out: {error}")))
            .ok()?;
        let cx = self.context();
        let entry = Entry::read(Fields::new(place, map), &cx, notes)?;
        let name = format!("{}{PROGRESS}", entry.id);
        let mut said = Vec::new();
        if archive {
            said = lines::read(&self.directory.join(ARCHIVE).join(&name), notes);
        }
        said.extend(lines::read(
            &self.directory.join("progress").join(&name),
            notes,
        ));
        self.reports.set(self.reports.get() + said.len() as u64);
        let findings = shared.get(&entry.id).copied().unwrap_or(0);
        Some(life::write(entry, said, findings, &cx, notes))
    }

    fn element(&self, element: Element) -> io::Result<Map<String, Value>> {
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
        Ok(serde_json::from_slice(&json)?)
    }

    fn count(&self, agent: &ImportedAgent, global: Option<&GlobalRegistry>) {
        let Some(last) = agent.last() else { return };
        self.counts.set(self.counts.get().with(last.status));
        if let Some(global) = global {
            global.compare(
                self.id(),
                &last.id,
                last.status,
                &mut self.notes.borrow_mut(),
            );
        }
    }

    /// All findings of the task, by time.
    fn findings(&self) -> Vec<Finding> {
        let notes = &mut *self.notes.borrow_mut();
        let mut all = Vec::new();
        for folder in [ARCHIVE, "findings"] {
            for (owner, path) in self.files(folder, FINDINGS, notes) {
                let owner = owner.parse().ok();
                let lines = lines::read(&path, notes);
                all.extend(finding::read(owner.as_ref(), lines, &self.context(), notes));
            }
        }
        all.sort_by_key(|finding| finding.at);
        for (seq, finding) in (1..).zip(&mut all) {
            finding.seq = seq;
        }
        all
    }

    /// Names the progress logs of agents that the registry does not have.
    fn strays(&self) {
        let notes = &mut *self.notes.borrow_mut();
        for folder in [ARCHIVE, "progress"] {
            for (owner, path) in self.files(folder, PROGRESS, notes) {
                if !self.known.contains_key(owner.as_str()) {
                    let what =
                        format!("the log of {owner:?}, which the registry does not have: left out");
                    notes.differs(&Place::file(&path), what);
                }
            }
        }
    }

    /// The files in `folder` whose names end so, with what comes before that, by name.
    fn files(&self, folder: &str, ending: &str, notes: &mut Notes) -> Vec<(String, PathBuf)> {
        let folder = self.directory.join(folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                notes.damaged(&Place::file(&folder), format!("cannot be listed: {error}"));
                return Vec::new();
            }
        };
        let mut files: Vec<(String, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let owner = name.to_str()?.strip_suffix(ending)?.to_owned();
                Some((owner, entry.path()))
            })
            .collect();
        files.sort_unstable();
        files
    }
}

/// The agents found in the list, each with its place.
#[derive(Default)]
struct Listed {
    known: Known,
    elements: Vec<Element>,
}

impl Listed {
    fn add(&mut self, element: Element, json: &[u8], file: &Place, notes: &mut Notes) {
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
