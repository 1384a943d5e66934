//! A home of one's own for each test, and the real program in it: no variable and no file of the machine gets in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Once};

use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tempfile::TempDir;

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_agentreg");

/// A test's own world: a home, a workspace, a clean environment.
pub struct Env {
    root: TempDir,
}

/// What a call left behind.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }
}

/// Under `nohup`, or in the background of a script, signals are ignored, and by whatever is started here: then a handler is set,
/// which no other program inherits.
fn hear_all_signals() {
    static HEARD: Once = Once::new();
    HEARD.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").expect("what is ignored");
        let ignored = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .expect("what is ignored");
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            if ignored & (1 << (signal - 1)) != 0 {
                signal_hook::flag::register(signal, Arc::default()).expect("a handler");
            }
        }
    });
}

impl Env {
    /// A world in which nothing happened yet.
    pub fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// The same in memory where Linux has a place for it: for tests that need many homes and no disk.
    pub fn in_memory() -> Self {
        let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self {
            root: memory.expect("a temporary directory"),
        }
    }

    /// The world at `root` once more, all of it, to be changed on its own, in memory.
    pub fn copy_of(root: &Path) -> Self {
        Self::in_memory().filled_from(root)
    }

    /// The same in a directory inside `parent`.
    pub fn copy_within(parent: &Path, root: &Path) -> Self {
        let empty = tempfile::tempdir_in(parent).expect("a temporary directory");
        Self { root: empty }.filled_from(root)
    }

    fn filled_from(self, root: &Path) -> Self {
        std::fs::remove_dir(self.root()).expect("an empty directory");
        crate::snapshot::copy(root, self.root());
        self
    }

    /// The registry's directory.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// A directory outside the registry.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A task's directory.
    pub fn task_dir(&self, task: &str) -> PathBuf {
        self.home().join("tasks").join(task)
    }

    /// The program with these arguments, ready to run here.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(BINARY);
        self.prepare(&mut command).args(args);
        command
    }

    /// Puts another program, such as a shell or a tracer, into this world; `agentreg` is on its `PATH`.
    pub fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        hear_all_signals();
        let binary_dir = Path::new(BINARY)
            .parent()
            .expect("the binary lies in a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", binary_dir.display()))
            .env("HOME", self.root.path())
            .env("TZ", "UTC")
            .env("AGENTREG_HOME", self.home())
            .current_dir(self.root.path())
            .stdin(std::process::Stdio::null())
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args)
            .output()
            .expect("the program starts")
            .into()
    }

    /// Runs the program, which must succeed, and gives its standard output without the last newline.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?} failed: {}", ran.stderr);
        ran.stdout.trim_end_matches('\n').to_owned()
    }

    /// Runs the program with `--json`, which must succeed, and gives the document.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Runs the program, which must fail with this code, and gives what it said on standard error.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(
            ran.code,
            Some(code),
            "{args:?}: {} {}",
            ran.stdout,
            ran.stderr
        );
        ran.stderr
    }

    /// Opens a task under this id.
    #[track_caller]
    pub fn task(&self, id: &str) {
        self.ok(&[
            "task",
            "new",
            "work",
            "--id",
            id,
            "--max-concurrent",
            "none",
        ]);
    }

    /// Registers an agent under this id.
    #[track_caller]
    pub fn agent(&self, task: &str, id: &str) {
        self.ok(&["register", "--task", task, "--type", "coder", "--id", id]);
    }

    /// The counts of a task, and the machine's totals: `(spawned, active, completed, failed, terminated)` each.
    #[track_caller]
    pub fn counts(&self, task: &str) -> ([u64; 5], [u64; 5]) {
        (
            five(&self.json(&["task", "show", task])["counts"]),
            five(&self.json(&["status"])["totals"]),
        )
    }

    /// `doctor` finds nothing wrong.
    #[track_caller]
    pub fn is_healthy(&self) {
        let ran = self.run(&["doctor"]);
        assert_eq!(ran.code, Some(0), "doctor: {}{}", ran.stdout, ran.stderr);
    }
}

fn five(counts: &Value) -> [u64; 5] {
    ["spawned", "active", "completed", "failed", "terminated"].map(|key| {
        counts[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {counts}"))
    })
}

/// Copies a registry; what is copied is private, as the program makes it.
pub fn copy_tree(from: &Path, to: &Path) {
    make_private_dir(to);
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("a file can be copied");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("it is ours");
        }
    }
}

/// Makes a directory that only its owner can look into.
pub fn make_private_dir(path: &Path) {
    fs::create_dir_all(path).expect("a directory can be made");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("it is ours");
}
