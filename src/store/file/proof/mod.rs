//! `doctor --locks`: whether locks hold where the registry lies, shown by processes that rely on them.
//!
//! Some file systems take every lock call and lock nothing, some refuse, some never answer. So this process makes no lock
//! call itself: others do, and those that are not done in time are killed.

mod medium;
mod part;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use self::medium::Medium;
use self::part::{COUNTER, LOCK, Part};
use super::dir::{Access, Dir};
use super::home::Home;
use crate::store::{Check, Error, Problem, Result};

/// What the directory of a proof is called; one that was left behind is swept by a repair.
pub(crate) const SCRATCH: &str = ".lock-proof-";

/// How many count at once.
const COUNTERS: u64 = 4;
/// How long the whole proof may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Proves that locks hold in the home; `program` is this program, ready to be given what [`play`] takes.
pub fn prove_locks(home: &Path, program: &dyn Fn() -> Command) -> Result<Check> {
    let home = Home::need(home)?;
    let medium = Medium::of(home.dir.file_system()?);
    let name = format!("{SCRATCH}{}", std::process::id());
    let scratch = home.dir.make_dir(&name)?;
    let proof = Proof {
        scratch: &scratch,
        program,
        deadline: Instant::now() + LIMIT,
    };
    let outcome = proof.run();
    let swept = home.dir.remove_tree(&name);
    let mut check = Check::default();
    let entry = |what| Problem {
        path: home.dir.path().display().to_string(),
        what,
    };
    match outcome? {
        Ok(counted) => check.notes.push(entry(format!(
            "locks hold here, on {}: {COUNTERS} processes counted to {counted} under one lock and no count was lost, a \
             held lock was not to be had, and it was free once its holder was killed",
            medium.name
        ))),
        Err(what) => check.problems.push(entry(format!(
            "locks do not hold here, on {}: {what}; the registry must lie on a file system that has locks",
            medium.name
        ))),
    }
    check.notes.extend(medium.doubt().map(entry));
    swept.map(|()| check)
}

/// Plays a part of the proof: `PART DIRECTORY`.
pub fn play(words: &[OsString]) -> u8 {
    let mut out = std::io::stdout();
    let mut say = |what: &str| {
        let _ = writeln!(out, "{what}").and_then(|()| out.flush());
    };
    let part = words
        .first()
        .and_then(|word| word.to_str())
        .and_then(Part::named);
    let (Some(part), Some(scratch)) = (part, words.get(1)) else {
        return 2;
    };
    match part.play(Path::new(scratch), &mut say) {
        Ok(what) => {
            say(&what);
            0
        }
        Err(error) => {
            let what = if is_want(&error) { UNABLE } else { FAILED };
            say(&format!("{what}{error}"));
            1
        }
    }
}

/// Said before what a lock call, or what was to show that it works, has failed with.
const FAILED: &str = "failed: ";
/// Said before what kept a process from trying, which tells nothing of locks.
const UNABLE: &str = "unable: ";

/// Whether the machine lacks something that has nothing to do with locks.
fn is_want(error: &Error) -> bool {
    let Error::Io { source, .. } = error else {
        return false;
    };
    let wants = [
        Errno::AGAIN,
        Errno::NOMEM,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::FBIG,
    ];
    wants
        .iter()
        .any(|want| source.raw_os_error() == Some(want.raw_os_error()))
}

struct Proof<'a> {
    scratch: &'a Dir,
    program: &'a dyn Fn() -> Command,
    deadline: Instant,
}

/// How far they counted, or what is wrong with the locks.
type Verdict = std::result::Result<u64, String>;

impl Proof<'_> {
    fn run(&self) -> Result<Verdict> {
        self.scratch.create(LOCK)?;
        self.scratch.create(COUNTER)?;
        let path = self.scratch.at(COUNTER);
        let file = self.scratch.need_file(COUNTER, Access::Rewrite)?;
        file.write_all_at(&0_u64.to_le_bytes(), 0)
            .map_err(|e| Error::io("write to", &path, e))?;
        let counted = match self.count()? {
            Ok(counted) => counted,
            Err(what) => return Ok(Err(what)),
        };
        let mut number = [0; 8];
        file.read_exact_at(&mut number, 0)
            .map_err(|e| Error::io("read", &path, e))?;
        let reached = u64::from_le_bytes(number);
        if reached != counted {
            return Ok(Err(format!(
                "{COUNTERS} processes counted {counted} times under one lock and got to {reached}"
            )));
        }
        Ok(self.hold()?.map(|()| counted))
    }

    fn count(&self) -> Result<Verdict> {
        let mut players = Vec::new();
        for _ in 0..COUNTERS {
            players.push(self.start(Part::Count)?);
        }
        let mut counted = 0;
        for player in &mut players {
            match player.line(self.deadline)? {
                Ok(line) => counted += line.parse::<u64>().unwrap_or(0),
                Err(what) => return Ok(Err(what)),
            }
        }
        Ok(Ok(counted))
    }

    fn hold(&self) -> Result<std::result::Result<(), String>> {
        let mut holder = self.start(Part::Hold)?;
        if let Err(what) = holder.line(self.deadline)? {
            return Ok(Err(what));
        }
        match self.start(Part::Try)?.line(self.deadline)? {
            Ok(said) if said == "taken" => {}
            Ok(_) => {
                return Ok(Err(
                    "a lock was taken while another process held it".to_owned()
                ));
            }
            Err(what) => return Ok(Err(what)),
        }
        drop(holder);
        let freed = self.start(Part::Take)?.line(self.deadline)?;
        Ok(match freed {
            Ok(_) => Ok(()),
            Err(what) => Err(format!(
                "the lock of a process that was killed stayed held: {what}"
            )),
        })
    }

    fn start(&self, part: Part) -> Result<Player> {
        let mut command = (self.program)();
        command
            .arg(part.name())
            .arg(self.scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let program = Path::new(command.get_program()).to_owned();
        let mut child = command
            .spawn()
            .map_err(|error| Error::io("start", program, error))?;
        let out = child.stdout.take();
        Ok(Player {
            child,
            out,
            said: Vec::new(),
        })
    }
}

/// A process that plays a part; killed when it is not needed any more.
struct Player {
    child: Child,
    out: Option<ChildStdout>,
    /// What it said and nobody has asked for yet.
    said: Vec<u8>,
}

impl Player {
    /// What it says next, or what is wrong with locks.
    fn line(&mut self, deadline: Instant) -> Result<std::result::Result<String, String>> {
        loop {
            if let Some(end) = self.said.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.said.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                return match (line.strip_prefix(FAILED), line.strip_prefix(UNABLE)) {
                    (Some(error), _) => Ok(Err(error.to_owned())),
                    (_, Some(error)) => Err(unable(error)),
                    (None, None) => Ok(Ok(line)),
                };
            }
            match self.hear(deadline) {
                Ok(true) => {}
                Ok(false) => {
                    let limit = LIMIT.as_secs();
                    return Ok(Err(format!("a lock call did not return within {limit} s")));
                }
                Err(error) => return Err(unable(&error.to_string())),
            }
        }
    }

    /// Waits for it to say more; false when the time is over.
    fn hear(&mut self, deadline: Instant) -> std::io::Result<bool> {
        let ended = || std::io::Error::other("it ended without a word");
        let out = self.out.as_mut().ok_or_else(ended)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(std::io::Error::other)?;
        let mut fds = [PollFd::new(out, PollFlags::IN)];
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return Ok(false),
            Err(Errno::INTR) => return Ok(true),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut bytes = [0; 512];
        match out.read(&mut bytes) {
            Ok(0) => Err(ended()),
            Ok(read) => {
                self.said.extend(bytes.get(..read).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// The proof could not be made.
fn unable(what: &str) -> Error {
    let cause = std::io::Error::other(what);
    Error::io("prove locks with", "a process of its own", cause)
}

impl Drop for Player {
    /// A process that hangs in the kernel outlives even SIGKILL: it is waited for only so long.
    fn drop(&mut self) {
        let _ = self.child.kill();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
