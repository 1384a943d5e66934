//! A call under strace: which system calls it makes, and what becomes of it if one of them kills it, fails or stops it.
//!
//! strace counts calls for each name and thread, so a [`Site`] is a name and a number.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use crate::env::{BINARY, Env, Ran};

/// Memory, signals, clocks, descriptors' flags and the umask, which cannot fail: a death there is a death before the next call that matters.
const NOISE: [&str; 14] = [
    "brk",
    "clock_getres",
    "clock_gettime",
    "fcntl",
    "getcwd",
    "getrandom",
    "ioctl",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "sigaltstack",
    "umask",
];

/// One system call of a call to the program.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Which of that name it is, from 1.
    pub nth: usize,
    /// What it was when it was counted, as strace writes it.
    pub text: String,
}

/// What a system call is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection {
    /// The call dies before it.
    Kill,
    /// It does nothing and fails so.
    Error(&'static str),
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self
            .text
            .char_indices()
            .nth(200)
            .map_or(self.text.len(), |(at, _)| at);
        write!(f, "{} #{}: {}", self.name, self.nth, &self.text[..end])
    }
}

impl Site {
    /// Whether it writes into a file, not to the caller.
    pub fn writes_file(&self) -> bool {
        self.name.starts_with("write") && !self.answers()
    }

    /// Whether it writes to standard output or standard error.
    pub fn answers(&self) -> bool {
        self.text.starts_with("write(1<") || self.text.starts_with("write(2<")
    }

    /// Whether it takes a lock.
    pub fn locks(&self) -> bool {
        self.name == "flock"
    }

    /// Whether it changes files or directories, or is the end.
    pub fn changes(&self) -> bool {
        const CHANGES: [&str; 9] = [
            "exit_group",
            "fchmod",
            "ftruncate",
            "link",
            "mkdir",
            "pwrite",
            "rename",
            "symlink",
            "unlink",
        ];
        let makes = self.text.contains("O_CREAT") || self.text.contains("O_TRUNC");
        makes || self.writes_file() || CHANGES.iter().any(|name| self.name.starts_with(name))
    }

    /// Whether it waits for the disk.
    pub fn syncs(&self) -> bool {
        self.name.contains("sync")
    }

    /// What it writes into which file, if it does.
    pub fn written(&self) -> Option<(&str, Vec<u8>)> {
        if !self.writes_file() {
            return None;
        }
        let (_, rest) = self.text.split_once('<')?;
        let (path, rest) = rest.split_once(">, \"")?;
        Some((path, unescape(rest)))
    }
}

/// The system calls that the program makes in `env` from the first one that names the home on, in their order.
pub fn sites(env: &Env, args: &[&str]) -> Vec<Site> {
    sites_where(env, args, &[])
}

/// The same where the system refuses other calls always, each `(name, error)`.
pub fn sites_where(env: &Env, args: &[&str], refused: &[(&str, &str)]) -> Vec<Site> {
    let log = env.root().join("strace");
    let refused = refusals(refused);
    let mut options = vec!["-y", "-s", "100000", "-o", log.to_str().unwrap()];
    options.extend(refused.iter().flat_map(|refused| ["-e", refused]));
    let output = strace(env, &options, args);
    let ran = Ran::from(output);
    assert_eq!(ran.code, Some(0), "{args:?} under strace: {}", ran.stderr);
    let text = std::fs::read_to_string(&log).expect("strace's log");
    std::fs::remove_file(&log).expect("strace's log can be removed");
    let mut counted: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    let home = env.home();
    let mut has_begun = false;
    for line in text.lines() {
        // `1234  close(3</the/home>)     = 0`
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let nth = counted.entry(name).or_default();
        *nth += 1;
        has_begun |= line.contains(home.to_str().unwrap());
        if has_begun && !NOISE.contains(&name) {
            found.push(Site {
                name: name.to_owned(),
                nth: *nth,
                text: line.to_owned(),
            });
        }
    }
    assert!(!found.is_empty(), "strace saw no call that names the home");
    found
}

fn refusals(refused: &[(&str, &str)]) -> Vec<String> {
    refused
        .iter()
        .map(|(name, errno)| format!("inject={name}:error={errno}"))
        .collect()
}

/// Runs the program and counts the writes that the disk took only in part, and the cuts that take off what it took.
pub fn count_short_writes(env: &Env, args: &[&str]) -> (Ran, usize, usize) {
    let log = Env::in_memory();
    let log = log.root().join("strace");
    let options = ["-o", log.to_str().unwrap(), "-e", "trace=write,ftruncate"];
    let ran = strace(env, &options, args).into();
    let text = std::fs::read_to_string(&log).expect("strace's log");
    // `1234  write(6, "…"..., 360) = 120`
    let is_short = |line: &&str| {
        let numbers = line.rsplit_once(") = ").and_then(|(call, written)| {
            let (_, asked) = call.rsplit_once(", ")?;
            Some((asked.parse::<usize>().ok()?, written.parse::<usize>().ok()?))
        });
        line.contains("write(") && numbers.is_some_and(|(asked, written)| written < asked)
    };
    let short = text.lines().filter(is_short).count();
    (ran, short, text.matches("ftruncate(").count())
}

/// Runs the program with the system call at `site` made to do something else. It must have come to that.
pub fn inject(env: &Env, args: &[&str], site: &Site, injection: Injection) -> Ran {
    inject_where(env, args, site, injection, &[])
}

/// The same where the system refuses other calls always.
pub fn inject_where(
    env: &Env,
    args: &[&str],
    site: &Site,
    injection: Injection,
    refused: &[(&str, &str)],
) -> Ran {
    let what = match injection {
        Injection::Kill => "signal=KILL".to_owned(),
        Injection::Error(errno) => format!("error={errno}"),
    };
    let log = env.root().join("strace");
    // Only what is traced can be refused.
    let names = refused.iter().map(|(name, _)| format!(",{name}"));
    let trace = format!("trace=?{}{}", site.name, names.collect::<String>());
    let inject = format!("inject=?{}:{what}:when={}", site.name, site.nth);
    let refusals = refusals(refused);
    let mut options = vec!["-o", log.to_str().unwrap(), "-e", &trace, "-e", &inject];
    options.extend(refusals.iter().flat_map(|refusal| ["-e", refusal]));
    let output = strace(env, &options, args);
    let text = std::fs::read_to_string(&log).expect("strace's log");
    std::fs::remove_file(&log).expect("strace's log can be removed");
    match injection {
        Injection::Kill => assert_eq!(
            output.status.signal(),
            Some(9),
            "{args:?} was not killed at {site}: {text}"
        ),
        Injection::Error(_) => {
            let is_refused = |line: &str| {
                refused
                    .iter()
                    .any(|(name, _)| line.contains(&format!(" {name}(")))
            };
            assert!(
                text.lines()
                    .any(|line| line.contains("(INJECTED)") && !is_refused(line)),
                "{args:?} made no {site}: {text}"
            );
        }
    }
    output.into()
}

fn strace(env: &Env, options: &[&str], args: &[&str]) -> Output {
    let mut command = Command::new("strace");
    env.prepare(&mut command)
        .args(["-f", "-qq"])
        .args(options)
        .arg("--")
        .arg(BINARY)
        .args(args);
    command.output().unwrap_or_else(|error| {
        panic!("strace does not start, and the crash tests need it; install strace: {error}")
    })
}

/// The bytes of a string that strace wrote, up to the quote that ends it.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'"' => break,
            b'\\' => match rest.next() {
                Some(b'n') => b'\n',
                Some(escaped @ (b'"' | b'\\')) => escaped,
                other => panic!("strace wrote an escape that is not read here: {other:?}"),
            },
            plain => plain,
        });
    }
    bytes
}
