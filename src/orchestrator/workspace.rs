//! The directory with the orchestrator's tasks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::note::Note;
use super::reader::{Recount, TaskReader};
use super::{GlobalRegistry, Zone};
use crate::model::{Counts, TaskId};

/// The name of a task's registry in its directory.
pub(super) const REGISTRY: &str = "AGENT_REGISTRY.json";

/// A directory with tasks of the orchestrator, or of one task.
#[derive(Debug)]
pub struct Workspace {
    tasks: Vec<TaskDir>,
    global: Option<GlobalRegistry>,
    damaged: Option<Note>,
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
    path: PathBuf,
    name: String,
}

impl TaskDir {
    fn new(path: PathBuf) -> Self {
        let whole = path.canonicalize();
        let name = whole.as_deref().unwrap_or(&path).file_name();
        Self {
            name: name.unwrap_or_default().to_string_lossy().into_owned(),
            path,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, which by the orchestrator's custom is the task's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the task's settings and finds its agents.
    ///
    /// # Errors
    /// Why the task has to be left out.
    pub fn open(&self, zone: &Zone) -> Result<TaskReader, Note> {
        TaskReader::open(&self.path, &self.name, zone.clone())
    }
}

impl Workspace {
    /// Looks for the tasks in `base`: its directories that are called `TASK-…`, or `base` itself where it holds a
    /// registry.
    ///
    /// # Errors
    /// That `base` cannot be listed.
    pub fn open(base: &Path) -> io::Result<Self> {
        let mut tasks = Vec::new();
        for entry in fs::read_dir(base)? {
            let path = entry?.path();
            let called_task = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"TASK-"));
            if called_task && path.is_dir() {
                tasks.push(TaskDir::new(path));
            }
        }
        tasks.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if tasks.is_empty() && base.join(REGISTRY).is_file() {
            tasks.push(TaskDir::new(base.to_owned()));
        }
        let (global, damaged) =
            match GlobalRegistry::read(&base.join("registry/GLOBAL_REGISTRY.json")) {
                Ok(global) => (global, None),
                Err(note) => (None, Some(note)),
            };
        Ok(Self {
            tasks,
            global,
            damaged,
            tally: RefCell::default(),
        })
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

    /// What differs on the whole, to be asked when all tasks were dealt with: nothing, unless one came in.
    pub fn differences(&self) -> Vec<Note> {
        let tally = self.tally.borrow();
        let mut notes: Vec<Note> = self.damaged.clone().into_iter().collect();
        if let Some(global) = self.global.as_ref().filter(|_| !tally.came_in.is_empty()) {
            notes.extend(global.differences(&tally.came_in, &tally.left_out, !tally.known));
        }
        notes
    }
}
