//! The directory with the orchestrator's tasks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::folder::{Folder, Kind};
use super::note::{Note, Notes, Place};
use super::reader::{Recount, TaskReader};
use super::{GlobalRegistry, Zone};
use crate::model::{Counts, TaskId};

/// The name of a task's registry in its directory.
pub(super) const REGISTRY: &str = "AGENT_REGISTRY.json";

/// Where the orchestrator keeps what is of all tasks.
const FOLDER: &str = "registry";
const DATABASE: &str = "state.sqlite3";

/// A directory with tasks of the orchestrator, or of one task.
#[derive(Debug)]
pub struct Workspace {
    tasks: Vec<TaskDir>,
    global: Option<GlobalRegistry>,
    notes: Notes,
    /// Whether the orchestrator's database is there.
    database: Option<PathBuf>,
    tally: RefCell<Tally>,
}

/// What became of the tasks.
#[derive(Debug, Default)]
struct Tally {
    came_in: BTreeMap<TaskId, Counts>,
    left_out: HashSet<String>,
    known: bool,
}

/// The directory of one task.
#[derive(Debug, Clone)]
pub struct TaskDir {
    base: Rc<Folder>,
    /// None where it is the base itself.
    entry: Option<OsString>,
    name: String,
}

impl TaskDir {
    /// Its name, which by the orchestrator's custom is the task's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the task's settings and finds its agents.
    ///
    /// # Errors
    /// Why the task has to be left out.
    pub fn open(&self, zone: &Zone) -> Result<TaskReader, Note> {
        let path = self.entry.as_ref().map(|entry| self.base.at(entry));
        let path = path.as_deref().unwrap_or_else(|| self.base.path());
        let place = Place::file(path);
        let folder = match &self.entry {
            None => Folder::open(path).map(Some).map_err(|e| e.to_string()),
            Some(entry) => self.base.folder(entry),
        };
        let folder = folder.map_err(|what| place.note(what))?;
        let folder = folder.ok_or_else(|| place.note("it is gone"))?;
        TaskReader::open(folder, &self.name, zone.clone())
    }
}

impl Workspace {
    /// Looks for the tasks in `base`: its directories that are called `TASK-…`, or `base` itself where it holds a
    /// registry.
    ///
    /// # Errors
    /// That `base` cannot be listed.
    pub fn open(base: &Path) -> io::Result<Self> {
        let folder = Rc::new(Folder::open(base)?);
        let mut notes = Notes::default();
        let mut tasks = Vec::new();
        let called_task = |name: OsString| {
            name.as_encoded_bytes()
                .starts_with(b"TASK-")
                .then_some(name)
        };
        for name in folder.names(called_task)? {
            match folder.kind(&name) {
                Ok(Some(Kind::Folder)) => tasks.push(TaskDir {
                    base: Rc::clone(&folder),
                    name: name.to_string_lossy().into_owned(),
                    entry: Some(name),
                }),
                Ok(None) => {}
                Ok(Some(other)) => notes.damaged(&Place::file(&folder.at(&name)), other.refusal()),
                Err(error) => {
                    notes.damaged(
                        &Place::file(&folder.at(&name)),
                        format!("cannot be read: {error}"),
                    );
                }
            }
        }
        if tasks.is_empty() && folder.kind(REGISTRY)?.is_some() {
            let whole = base.canonicalize();
            let name = whole.as_deref().unwrap_or(base).file_name();
            tasks.push(TaskDir {
                name: name.unwrap_or_default().to_string_lossy().into_owned(),
                base: Rc::clone(&folder),
                entry: None,
            });
        }
        let (global, database) = Self::whole(&folder, &mut notes);
        Ok(Self {
            tasks,
            global,
            notes: notes.finish(),
            database,
            tally: RefCell::default(),
        })
    }

    /// What the orchestrator keeps of all tasks, and where its database is.
    fn whole(base: &Folder, notes: &mut Notes) -> (Option<GlobalRegistry>, Option<PathBuf>) {
        let registry = match base.folder(FOLDER) {
            Ok(Some(registry)) => registry,
            Ok(None) => return (None, None),
            Err(what) => {
                notes.damaged(&Place::file(&base.at(FOLDER)), what);
                return (None, None);
            }
        };
        let database = matches!(registry.kind(DATABASE), Ok(Some(_)));
        let global = GlobalRegistry::read(&registry).unwrap_or_else(|note| {
            notes.damages.push(note);
            None
        });
        (global, database.then(|| registry.at(DATABASE)))
    }

    /// What of it was not looked at, and why.
    pub fn refused(&self) -> &[Note] {
        &self.notes.damages
    }

    /// Tasks that the orchestrator names and whose directories are not there.
    pub fn missing(&self) -> Vec<&str> {
        let there: HashSet<&str> = self.tasks.iter().map(TaskDir::name).collect();
        let named = self.global.as_ref().map(GlobalRegistry::tasks);
        named
            .into_iter()
            .flatten()
            .filter(|task| !there.contains(task))
            .collect()
    }

    /// Its tasks, by name.
    pub fn tasks(&self) -> &[TaskDir] {
        &self.tasks
    }

    /// What the orchestrator said of all tasks, if it did.
    pub fn global(&self) -> Option<&GlobalRegistry> {
        self.global.as_ref()
    }

    /// Records that a task came in.
    pub fn came_in(&self, task: &TaskId, recount: &Recount) {
        let mut tally = self.tally.borrow_mut();
        tally.came_in.insert(task.clone(), recount.counts);
    }

    /// Records that a task was left out: because its id was known already, or because it is damaged.
    pub fn left_out(&self, task: &str, known: bool) {
        let mut tally = self.tally.borrow_mut();
        tally.left_out.insert(task.to_owned());
        tally.known |= known;
    }

    /// Whether a task was left out because its id was known already.
    pub fn knew_any(&self) -> bool {
        self.tally.borrow().known
    }

    /// What differs on the whole, to be asked when all tasks were dealt with: nothing but what was refused, unless one came in.
    pub fn differences(&self) -> Vec<Note> {
        let tally = self.tally.borrow();
        let mut notes = self.notes.damages.clone();
        if let Some(database) = self.database.as_ref().filter(|_| !tally.came_in.is_empty()) {
            let what = "the orchestrator's database is not read: tasks and agents come in from their files";
            notes.push(Place::file(database).note(what));
        }
        if let Some(global) = self.global.as_ref().filter(|_| !tally.came_in.is_empty()) {
            notes.extend(global.differences(&tally.came_in, &tally.left_out, !tally.known));
        }
        notes
    }
}
