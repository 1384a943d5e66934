//! What a call is made in: its options, its environment, the store. Each is looked at when it is needed, so that an
//! empty variable which nobody uses does no harm.

use std::cell::OnceCell;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentreg::model::{AgentId, TaskId, Timestamp};
use agentreg::store::Store;
use agentreg::store::file::{FileStore, Options};

use crate::cli::Globals;
use crate::output::{Failure, Terminal, announce_wait};

/// What a call is made in.
pub struct Context {
    globals: Globals,
    store: OnceCell<FileStore>,
}

impl Context {
    /// Looks at nothing yet.
    pub fn new(globals: Globals) -> Self {
        Self {
            globals,
            store: OnceCell::new(),
        }
    }

    /// Whether the answer is to be JSON.
    pub fn json(&self) -> bool {
        self.globals.json
    }

    /// Whether the answer is to be ids, or nothing.
    pub fn quiet(&self) -> bool {
        self.globals.quiet
    }

    /// How long to wait for a lock.
    pub fn lock_timeout(&self) -> Duration {
        self.globals.lock_timeout
    }

    /// What the answer is made for.
    pub fn terminal(&self) -> Terminal {
        Terminal::stdout(self.globals.color)
    }

    /// The registry's directory.
    pub fn home(&self) -> Result<PathBuf, Failure> {
        match &self.globals.home {
            Some(home) => absolute(expanded("--home", home)?),
            None => absolute(&usual_home()?),
        }
    }

    /// The registry.
    pub fn store(&self) -> Result<&dyn Store, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let tells = !self.globals.json && !self.globals.quiet;
        let store = FileStore::new(Options {
            lock_timeout: self.globals.lock_timeout,
            announce: tells.then_some(announce_wait as fn(&Path)),
            ..Options::new(self.home()?)
        });
        Ok(self.store.get_or_init(|| store))
    }

    /// The task that is named: by position, by `--task`, by `$AGENTREG_TASK`.
    pub fn task_name(&self, positional: Option<&str>) -> Result<Option<String>, Failure> {
        match (positional, &self.globals.task) {
            (Some(one), Some(other)) if one != other => Err(Failure::usage(format!(
                "two tasks are named, {one} and with --task {other}"
            ))),
            (Some(name), _) => Ok(Some(name.to_owned())),
            (None, Some(name)) => Ok(Some(name.clone())),
            (None, None) => task_variable(),
        }
    }

    /// The task that is named, whole, for commands that change something.
    pub fn task_to_change(&self, positional: Option<&str>) -> Result<TaskId, Failure> {
        self.named_task(positional)?.ok_or_else(no_task)
    }

    /// The task that is named, whole, if one is.
    pub fn named_task(&self, positional: Option<&str>) -> Result<Option<TaskId>, Failure> {
        self.task_name(positional)?
            .map(|name| task_id(&name))
            .transpose()
    }

    /// The task that is named, if only by the beginning of its id, for commands that read.
    pub fn task_to_read(&self, positional: Option<&str>) -> Result<Option<TaskId>, Failure> {
        match self.task_name(positional)? {
            Some(name) => Ok(Some(self.store()?.find_task(&name)?)),
            None => Ok(None),
        }
    }

    /// Who I am: `--agent`, else `$AGENTREG_AGENT`.
    pub fn me(explicit: Option<&AgentId>) -> Result<AgentId, Failure> {
        match explicit {
            Some(agent) => Ok(agent.clone()),
            None => agent_variable()?.ok_or_else(|| {
                Failure::usage("no agent is named")
                    .hint("name the one that speaks with --agent or AGENTREG_AGENT")
            }),
        }
    }
}

/// The time.
pub fn now() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

/// For an id that is made up.
pub fn random() -> Result<u32, Failure> {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::io("get random bytes", &error.into()))?;
    Ok(u32::from_ne_bytes(bytes))
}

/// The failure of a command that needs a task and was told of none.
pub fn no_task() -> Failure {
    Failure::usage("no task is named").hint("name it, or set AGENTREG_TASK")
}

/// `$AGENTREG_TASK`.
pub fn task_variable() -> Result<Option<String>, Failure> {
    variable(
        "AGENTREG_TASK",
        "the `agentreg task new` it was to come from probably failed",
    )
}

/// `$AGENTREG_AGENT`.
pub fn agent_variable() -> Result<Option<AgentId>, Failure> {
    variable(
        "AGENTREG_AGENT",
        "the `agentreg register` it was to come from probably failed",
    )?
    .map(|id| {
        id.parse()
            .map_err(|error| Failure::usage(format!("AGENTREG_AGENT: {error}")))
    })
    .transpose()
}

fn task_id(name: &str) -> Result<TaskId, Failure> {
    name.parse()
        .map_err(|error| Failure::usage(format!("{error}")))
}

fn variable(name: &str, empty: &str) -> Result<Option<String>, Failure> {
    let Some(value) = env::var_os(name) else {
        return Ok(None);
    };
    if value.is_empty() {
        return Err(Failure::usage(format!("{name} is set but empty: {empty}")));
    }
    value
        .into_string()
        .map(Some)
        .map_err(|_| Failure::usage(format!("{name} is not UTF-8")))
}

fn usual_home() -> Result<PathBuf, Failure> {
    let set = |name: &str| env::var_os(name).filter(|value: &OsString| !value.is_empty());
    if let Some(home) = env::var_os("AGENTREG_HOME") {
        return if home.is_empty() {
            Err(Failure::usage(
                "AGENTREG_HOME is set but empty: the command it was to come from probably failed",
            ))
        } else {
            Ok(expanded("AGENTREG_HOME", Path::new(&home))?.to_owned())
        };
    }
    // The XDG specification has relative paths ignored.
    let state = set("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|state| state.is_absolute());
    match (state, set("HOME")) {
        (Some(state), _) => Ok(state.join("agentreg")),
        (None, Some(home)) => Ok(Path::new(&home).join(".local/state/agentreg")),
        (None, None) => Err(
            Failure::usage("there is no home for the registry: HOME is not set")
                .hint("name a directory with --home or AGENTREG_HOME"),
        ),
    }
}

/// Only a shell knows whose home `~` is, and none has looked at this one: cron, systemd and files of variables leave it.
fn expanded<'a>(name: &str, home: &'a Path) -> Result<&'a Path, Failure> {
    if home.as_os_str().as_encoded_bytes().starts_with(b"~") {
        return Err(Failure::usage(format!(
            "{name} begins with ~, which no shell has replaced: {}",
            home.display()
        ))
        .hint("write the whole path, or $HOME where a shell reads it"));
    }
    Ok(home)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::io(format_args!("make {} absolute", path.display()), &error))
}
