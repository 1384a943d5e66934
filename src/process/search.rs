//! Processes that carry an agent's name in their environment: what is left of it when its supervisor and its guardian
//! were both killed. Nobody knows then whose children they are.
//!
//! It costs a look at every process, so only who finds an agent in that state pays for it. What it cannot see: processes
//! of other users, and those that were given another environment.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::identity::{self, Stat};

/// How often those who were told to end are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often all processes are, meanwhile: they may have started others.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// No grace is longer, so that clocks can tell its end.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
/// How long the system may take to end what was killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// An agent, as its processes carry it in their environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The registry's directory.
    pub home: PathBuf,
    /// The task's id.
    pub task: String,
    /// The agent's id.
    pub agent: String,
    /// When its supervisor was started, in clock ticks since boot.
    pub since: u64,
}

/// A process that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier {
    pid: Pid,
    started: u64,
}

impl Carrier {
    /// Its number.
    pub fn pid(self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether it lives.
    pub fn lives(self) -> bool {
        matches!(identity::stat(self.pid), Ok(Some(stat)) if self.is(&stat))
    }

    fn is(self, stat: &Stat) -> bool {
        stat.started == self.started && !stat.exited
    }

    fn signal(self, signal: Signal) {
        // Who may not be signalled is found again, and told.
        let _ = identity::signal(self.pid, self.started, signal);
    }
}

/// The processes that carry any agent's name, as they were at one look.
#[derive(Debug)]
pub struct Census {
    found: Vec<(Carrier, Variables)>,
}

/// What a process carries.
#[derive(Debug, PartialEq, Eq)]
struct Variables {
    home: PathBuf,
    task: Vec<u8>,
    agent: Vec<u8>,
}

impl Census {
    /// Looks at all processes but this one.
    ///
    /// # Errors
    /// That they cannot be listed.
    pub fn take() -> io::Result<Self> {
        let own = rustix::process::getpid();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Some(pid) = Pid::from_raw(pid).filter(|pid| *pid != own) else {
                continue;
            };
            // The start comes first: an environment that is read after it is that process's or a later one's, which then
            // began later and is not signalled.
            let Ok(Some(stat)) = identity::stat(pid) else {
                continue;
            };
            let environ = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero()));
            if let Some(carries) = environ.ok().and_then(|environ| variables(&environ))
                && !stat.exited
            {
                let started = stat.started;
                found.push((Carrier { pid, started }, carries));
            }
        }
        Ok(Self { found })
    }

    /// Those that carry this agent, without supervisors of other agents and what those started.
    pub fn of(&self, agent: &Carried) -> Vec<Carrier> {
        let carry = |(_, carries): &&(Carrier, Variables)| {
            carries.task == agent.task.as_bytes() && carries.agent == agent.agent.as_bytes()
        };
        let of_home = |(carrier, carries): &&(Carrier, Variables)| {
            is_same_directory(carrier.pid, &carries.home, &agent.home)
        };
        let found = self.found.iter().filter(carry).filter(of_home);
        let carriers: Vec<Carrier> = found.map(|(carrier, _)| *carrier).collect();
        let is_free = |carrier: &Carrier| !is_anothers(*carrier, agent, &carriers);
        carriers.iter().copied().filter(is_free).collect()
    }
}

/// What became of an agent's processes.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many have ended.
    pub ended: usize,
    /// Those that have not.
    pub left: Vec<Carrier>,
    /// Those that this process descends from, which are left alone.
    pub above: Vec<Carrier>,
}

/// Ends the agent's processes, but for those that this one descends from: asks them to end, kills those that are there
/// after the grace, and looks again until none is found.
///
/// # Errors
/// That processes cannot be listed.
pub fn sweep(agent: &Carried, grace: Duration) -> io::Result<Swept> {
    let above = ancestors(rustix::process::getpid());
    let kill_at = Instant::now() + grace.min(LONGEST);
    let over = kill_at + PATIENCE;
    let mut told: Vec<Carrier> = Vec::new();
    loop {
        let found = Census::take()?.of(agent);
        let (above, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|one| above.contains(&one.pid));
        let now = Instant::now();
        if found.is_empty() || now >= over {
            told.retain(|one| !found.contains(one));
            return Ok(Swept {
                ended: told.len(),
                left: found,
                above,
            });
        }
        for one in found {
            if now >= kill_at {
                one.signal(Signal::KILL);
            } else if !told.contains(&one) {
                one.signal(Signal::TERM);
                // One that is stopped hears it too.
                one.signal(Signal::CONT);
            }
            if !told.contains(&one) {
                told.push(one);
            }
        }
        let look_again = if now < kill_at {
            kill_at.min(now + LOOK_AGAIN)
        } else {
            now + LOOK_AGAIN
        };
        while Instant::now() < look_again && told.iter().any(|one| one.lives()) {
            std::thread::sleep(LOOK);
        }
    }
}

/// Whether the process is a supervisor of another agent, or descends from one. It is not where that supervisor was there
/// before this agent's own: then it is one of those that this agent runs under, to whom the kernel gave its orphans.
fn is_anothers(carrier: Carrier, agent: &Carried, carriers: &[Carrier]) -> bool {
    lineage(carrier.pid).into_iter().any(|pid| {
        let Ok(Some(stat)) = identity::stat(pid) else {
            return false;
        };
        let is_one = carriers.iter().any(|one| one.pid == pid);
        (stat.started > agent.since || is_one) && holds_anothers_lease(pid, agent)
    })
}

/// The process and those it descends from.
fn lineage(pid: Pid) -> Vec<Pid> {
    let mut found = vec![pid];
    found.extend(ancestors(pid));
    found
}

/// Those that a process descends from, its parent first.
pub(super) fn ancestors(of: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut next = identity::parent(of);
    while let Some(pid) = next.filter(|pid| !found.contains(pid)) {
        found.push(pid);
        next = identity::parent(pid);
    }
    found
}

/// Whether it has the lease of an agent but this one open and locked alone, as supervisors and guardians have.
fn holds_anothers_lease(pid: Pid, agent: &Carried) -> bool {
    let pid = pid.as_raw_nonzero();
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten().any(|entry| {
        let Some((task, of)) = fs::read_link(entry.path()).ok().as_deref().and_then(lease) else {
            return false;
        };
        if task == agent.task.as_str() && of == agent.agent.as_str() {
            return false;
        }
        let number = entry.file_name();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.display()));
        info.is_ok_and(|info| info.lines().any(is_lock))
    })
}

/// The task and the agent whose lease would lie here.
fn lease(path: &Path) -> Option<(std::ffi::OsString, std::ffi::OsString)> {
    let folder = path.parent().filter(|folder| folder.ends_with("leases"))?;
    let task = folder.parent()?;
    let is_task = task
        .parent()
        .is_some_and(|tasks| tasks.ends_with("tasks") || tasks.ends_with("closed"));
    is_task
        .then(|| Some((task.file_name()?.to_owned(), path.file_name()?.to_owned())))
        .flatten()
}

/// A line of `/proc/PID/fdinfo/N` about a flock(2) held alone: `lock: 1: FLOCK ADVISORY WRITE 1234 fe:00:5678 0 EOF`.
fn is_lock(line: &str) -> bool {
    let Some(lock) = line.strip_prefix("lock:") else {
        return false;
    };
    lock.contains(" FLOCK ") && lock.contains(" WRITE ")
}

/// The three variables of an environment; the first of a name counts, as for getenv(3).
fn variables(environ: &[u8]) -> Option<Variables> {
    let value = |name: &str| {
        let mut words = environ.split(|byte| *byte == 0);
        words.find_map(|word| word.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    };
    Some(Variables {
        task: value("AGENTREG_TASK")?.to_owned(),
        agent: value("AGENTREG_AGENT")?.to_owned(),
        home: OsStr::from_bytes(value("AGENTREG_HOME")?).into(),
    })
}

/// Whether what the process calls `its` is what this one calls `own`: the same path, or the same directory.
fn is_same_directory(pid: Pid, its: &Path, own: &Path) -> bool {
    if its == own {
        return true;
    }
    let root = PathBuf::from(format!("/proc/{}/root", pid.as_raw_nonzero()));
    let Ok(below) = its.strip_prefix("/") else {
        return false;
    };
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    match (place(&root.join(below)), place(own)) {
        (Ok(its), Ok(own)) => its == own,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_names_an_agent_by_three_variables_and_the_first_of_a_name_counts() {
        let environ =
            b"AGENTREG_AGENT=a\0X=1\0AGENTREG_TASK=T\0AGENTREG_HOME=/h\0AGENTREG_AGENT=b\0";
        let expected = Variables {
            home: "/h".into(),
            task: b"T".to_vec(),
            agent: b"a".to_vec(),
        };
        assert_eq!(variables(environ), Some(expected));
        assert_eq!(
            variables(b"XAGENTREG_AGENT=a\0AGENTREG_TASK=T\0AGENTREG_HOME=/h\0"),
            None
        );
    }

    #[test]
    fn a_lease_is_known_by_where_it_lies_and_that_it_is_locked_alone() {
        let lease = |path: &str| lease(Path::new(path));
        let expected = ("T".into(), "a".into());
        assert_eq!(lease("/h/tasks/T/leases/a"), Some(expected));
        assert!(lease("/h/closed/T/leases/a").is_some());
        assert_eq!(lease("/h/tasks/T/output/a"), None);
        assert_eq!(lease("/h/T/leases/a"), None);
        assert!(is_lock(
            "lock:\t1: FLOCK  ADVISORY  WRITE 12 fe:00:5678 0 EOF"
        ));
        assert!(!is_lock(
            "lock:\t1: FLOCK  ADVISORY  READ 12 fe:00:5678 0 EOF"
        ));
        assert!(!is_lock("flags:\t02100000"));
    }
}
