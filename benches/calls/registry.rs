//! Registries of any size, made through agentreg's own `import` of a workspace that is written here.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Result;
use super::rivals::program;

/// The task of every registry.
const TASK: &str = "TASK-bench";

/// What is in a registry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    /// Agents that are active.
    pub active: u64,
    /// Agents that have ended.
    pub ended: u64,
    /// Findings, all of long ago.
    pub findings: u64,
}

/// A registry with one task.
pub struct Registry {
    home: PathBuf,
    work: PathBuf,
    size: Size,
    /// How long the import took.
    pub import: Duration,
}

impl Registry {
    /// Makes one of this size in a directory of its own.
    pub fn make(scratch: &Path, size: Size) -> Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("registry-")
            .tempdir_in(scratch)?
            .keep();
        let workspace = root.join("workspace");
        let mut registry = Self {
            home: root.join("home"),
            work: root.join("work"),
            size,
            import: Duration::ZERO,
        };
        // An empty one: what a completion counts in it is no part of the registry.
        fs::create_dir(&registry.work)?;
        write_workspace(&workspace, size, &registry.work)?;
        let start = Instant::now();
        run(&mut registry.command(&["import", &workspace.to_string_lossy()]))?;
        registry.import = start.elapsed();
        fs::remove_dir_all(workspace)?;
        // What is still to be written is no business of who is measured next.
        rustix::fs::sync();
        Ok(registry)
    }

    /// The id of one of ten agents, each as far from the others as they can be. In registries of every size as many are
    /// written to, or the large one's logs would be shorter.
    pub fn one_of_ten(&self, round: usize) -> String {
        let tenth = (self.size.active / 10).max(1);
        worker(round as u64 % 10 * tenth)
    }

    /// A call in this registry.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("TZ", "UTC")
            .env("AGENTREG_HOME", &self.home)
            .env("AGENTREG_TASK", TASK)
            .args(args);
        command
    }

    /// An agent's call.
    pub fn call(&self, agent: &str, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.env("AGENTREG_AGENT", agent);
        command
    }

    /// A report as agents make it.
    pub fn progress(&self, agent: &str) -> Command {
        self.call(
            agent,
            &["progress", "-p", "40", "lexer reviewed, parser next"],
        )
    }

    /// Registers an agent.
    pub fn register(&self, id: &str) -> Command {
        self.command(&["register", "--type", "worker", "--id", id])
    }

    /// Ends an agent.
    pub fn complete(&self, agent: &str) -> Command {
        self.call(agent, &["progress", "-s", "completed", "reviewed 12 files"])
    }

    /// Removes it, before the next large one is made.
    pub fn remove(self) -> Result<()> {
        let root = self.home.parent().ok_or("a home lies in a directory")?;
        Ok(fs::remove_dir_all(root)?)
    }
}

/// Runs a call that is not measured; gives what it prints.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{command:?}: {said}").into())
    }
}

/// The id of an agent that was imported.
pub fn worker(number: u64) -> String {
    format!("worker-{number:07}")
}

fn write_workspace(workspace: &Path, size: Size, work: &Path) -> Result<()> {
    let task = workspace.join(TASK);
    fs::create_dir_all(task.join("findings"))?;
    let agents = size.active + size.ended;
    let mut registry = BufWriter::new(File::create(task.join("AGENT_REGISTRY.json"))?);
    let (active, ended) = (size.active, size.ended);
    write!(
        registry,
        r#"{{"task_id":"{TASK}","task_description":"Review the parser","created_at":"2026-01-02T03:04:05.000001",
"workspace":{},"status":"INITIALIZED","priority":"P1","max_agents":4000000000,"max_depth":5,
"max_concurrent":4000000000,"total_spawned":{agents},"active_count":{active},"completed_count":{ended},"agents":["#,
        serde_json::to_string(work)?
    )?;
    for number in 0..agents {
        let comma = if number == 0 { "" } else { "," };
        let state = if number < active {
            r#""status":"working","progress":20"#
        } else {
            r#""status":"completed","progress":100,"completed_at":"2026-01-02T03:30:00.75""#
        };
        write!(
            registry,
            r#"{comma}
{{"id":"{}","type":"worker","parent":"orchestrator","depth":1,"started_at":"2026-01-02T03:05:00.000001",
"last_update":"2026-01-02T03:20:00.5","prompt":"Review the lexer",{state}}}"#,
            worker(number)
        )?;
    }
    registry.write_all(b"]}\n")?;
    registry.flush()?;
    if size.findings > 0 {
        let file = format!("findings/{}_findings.jsonl", worker(0));
        write_findings(&task.join(file), size.findings)?;
    }
    Ok(())
}

/// Ten findings a second, from one day on.
fn write_findings(file: &Path, findings: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    for number in 0..findings {
        let second = number / 10;
        writeln!(
            file,
            r#"{{"timestamp":"2026-01-{:02}T{:02}:{:02}:{:02}.{}","agent_id":"{}","finding_type":"issue","severity":"low","message":"finding {number}","data":null}}"#,
            3 + second / 86_400,
            second / 3_600 % 24,
            second / 60 % 60,
            second % 60,
            number % 10,
            worker(0),
        )?;
    }
    Ok(file.flush()?)
}
