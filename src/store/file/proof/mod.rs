//! `doctor --locks`: whether locks hold where the registry lies, shown by processes that rely on them.
//!
//! Some file systems take every lock call and lock nothing, some refuse, some never answer. So this process makes no lock
//! call itself: others do, and those that are not done in time are killed.

mod medium;
mod part;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

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
            say(&format!("{FAILED}{error}"));
            1
        }
    }
}

const FAILED: &str = "failed: ";

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
            match player.line(self.deadline) {
                Ok(line) => counted += line.parse::<u64>().unwrap_or(0),
                Err(what) => return Ok(Err(what)),
            }
        }
        Ok(Ok(counted))
    }

    fn hold(&self) -> Result<std::result::Result<(), String>> {
        let mut holder = self.start(Part::Hold)?;
        if let Err(what) = holder.line(self.deadline) {
            return Ok(Err(what));
        }
        match self.start(Part::Try)?.line(self.deadline).as_deref() {
            Ok("taken") => {}
            Ok(_) => {
                return Ok(Err(
                    "a lock was taken while another process held it".to_owned()
                ));
            }
            Err(what) => return Ok(Err(what.to_owned())),
        }
        drop(holder);
        let freed = self.start(Part::Take)?.line(self.deadline);
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
        let (sender, lines) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(std::io::Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Player { child, lines })
    }
}

/// A process that plays a part; killed when it is not needed any more.
struct Player {
    child: Child,
    lines: Receiver<String>,
}

impl Player {
    /// What it says next, or what is wrong.
    fn line(&mut self, deadline: Instant) -> std::result::Result<String, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => match line.strip_prefix(FAILED) {
                Some(error) => Err(error.to_owned()),
                None => Ok(line),
            },
            Err(mpsc::RecvTimeoutError::Timeout) => Err(format!(
                "a lock call did not return within {} s",
                LIMIT.as_secs()
            )),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err("a process that was to take a lock ended without a word".to_owned())
            }
        }
    }
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
