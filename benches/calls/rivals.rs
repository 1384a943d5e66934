//! The programs that agentreg is measured against, built and prepared here; one that the machine does not have is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Result;

/// The program as it was linked.
const LINKED: &str = env!("CARGO_BIN_EXE_agentreg");

static MEASURED: OnceLock<PathBuf> = OnceLock::new();

/// Copies the program that is measured, once: the pages of a file that the linker just wrote are up to a tenth slower to
/// start from than those of its copy.
pub fn copy_program(into: &Path) -> Result<()> {
    let copy = into.join("agentreg");
    fs::copy(LINKED, &copy)?;
    MEASURED.get_or_init(|| copy);
    Ok(())
}

/// The program that is measured.
pub fn program() -> &'static Path {
    MEASURED.get().map_or(Path::new(LINKED), PathBuf::as_path)
}

/// A program that can be had, or the reason why not.
pub type Had<T> = std::result::Result<T, String>;

/// Builds a C program of `benches/`, linked as agentreg is.
pub fn c_program(name: &str, into: &Path) -> Result<Had<PathBuf>> {
    let program = into.join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/{name}.c"));
    let mut cc = Command::new("cc");
    cc.arg("-O2").args(is_static()?.then_some("-static"));
    cc.arg(source).arg("-o").arg(&program);
    Ok(built(&mut cc, &program))
}

/// Builds a Rust program that does nothing, with the flags and the linkage of agentreg.
pub fn empty_program(into: &Path) -> Result<Had<PathBuf>> {
    let source = into.join("empty.rs");
    fs::write(&source, "fn main() {}\n")?;
    let program = into.join("empty");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "-Copt-level=3", "-Clto=fat"]);
    rustc.args(["-Ccodegen-units=1", "-Cpanic=abort", "-Cstrip=symbols"]);
    if is_static()? {
        // What the build script gives to the linker, which left its stand-ins in this directory.
        rustc.arg(concat!("-Clink-arg=-L", env!("OUT_DIR")));
        rustc.args(["-Clink-arg=-static", "-Clink-arg=-no-pie"]);
    }
    rustc.arg(source).arg("-o").arg(&program);
    Ok(built(&mut rustc, &program))
}

fn built(compiler: &mut Command, program: &Path) -> Had<PathBuf> {
    let name = compiler.get_program().to_string_lossy().into_owned();
    match compiler.output() {
        Err(error) => Err(format!("{name}: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!(
                "{name}: {}",
                said.lines().next().unwrap_or("failed")
            ))
        }
        Ok(_) => {
            let copy = program.with_extension("copy");
            match fs::copy(program, &copy) {
                Ok(_) => Ok(copy),
                Err(error) => Err(format!("{}: {error}", copy.display())),
            }
        }
    }
}

/// Whether agentreg needs no dynamic loader: whether its ELF file names none.
fn is_static() -> Result<bool> {
    const INTERPRETER: u32 = 3;
    let elf = fs::read(LINKED)?;
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at + size)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| (sum << 8) | u64::from(byte)),
        )
    };
    let headers = || {
        let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        (0..count)
            .map(|nth| number(usize::try_from(start + nth * size).ok()?, 4))
            .collect::<Option<Vec<u64>>>()
    };
    let is_elf64 = elf.starts_with(b"\x7fELF\x02\x01");
    let kinds = headers()
        .filter(|_| is_elf64)
        .ok_or("agentreg is no ELF file")?;
    Ok(!kinds.contains(&u64::from(INTERPRETER)))
}

/// A database such as somebody would keep in agentreg's place.
pub struct Sqlite {
    /// The command with its version.
    pub name: String,
    database: PathBuf,
}

impl Sqlite {
    /// A database with so many agents.
    pub fn prepare(into: &Path, agents: u64) -> Result<Had<Self>> {
        let asked = Command::new("sqlite3").arg("--version").output();
        let version = match asked {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => return Ok(Err(format!("sqlite3: {error}"))),
        };
        let sqlite = Self {
            name: format!("sqlite3 {}", version.split(' ').next().unwrap_or_default()),
            database: into.join("agents.db"),
        };
        let prepared = sqlite
            .call(&format!(
                "PRAGMA journal_mode=WAL;
                 CREATE TABLE tasks(id TEXT PRIMARY KEY, spawned INTEGER, active INTEGER);
                 CREATE TABLE agents(id TEXT PRIMARY KEY, task TEXT, type TEXT, status TEXT, percent INTEGER,
                     message TEXT, registered_at TEXT, updated_at TEXT);
                 CREATE TABLE reports(agent TEXT, at TEXT, status TEXT, percent INTEGER, message TEXT);
                 INSERT INTO tasks VALUES('bench', {agents}, {agents});
                 WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < {agents})
                 INSERT INTO agents SELECT 'worker-' || n, 'bench', 'worker', 'working', 0, '', '', '' FROM n;"
            ))
            .stdout(Stdio::null())
            .status()?;
        Ok(if prepared.success() {
            Ok(sqlite)
        } else {
            Err(format!("sqlite3: {prepared}"))
        })
    }

    /// What `progress` does: the agent's row changes, and the report is kept.
    pub fn progress(&self, agent: usize) -> Command {
        self.transaction(&format!(
            "UPDATE agents SET status = 'working', percent = 40, message = 'lexer reviewed, parser next',
                 updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE id = 'worker-{agent}';
             INSERT INTO reports VALUES('worker-{agent}', strftime('%Y-%m-%dT%H:%M:%fZ'), 'working', 40,
                 'lexer reviewed, parser next');"
        ))
    }

    /// What `register` does: a row more, and it is counted.
    pub fn register(&self, round: usize) -> Command {
        self.transaction(&format!(
            "INSERT INTO agents VALUES('fresh-{round}', 'bench', 'worker', 'running', 0, '',
                 strftime('%Y-%m-%dT%H:%M:%fZ'), strftime('%Y-%m-%dT%H:%M:%fZ'));
             UPDATE tasks SET spawned = spawned + 1, active = active + 1 WHERE id = 'bench';"
        ))
    }

    fn transaction(&self, changes: &str) -> Command {
        self.call(&format!(
            "PRAGMA synchronous=FULL; BEGIN IMMEDIATE; {changes} COMMIT;"
        ))
    }

    /// Without the user's settings, which it would look for first.
    fn call(&self, sql: &str) -> Command {
        let mut command = Command::new("sqlite3");
        command.args(["-batch", "-bail", "-init", "/dev/null"]);
        command.arg(&self.database).arg(sql);
        command
    }
}
