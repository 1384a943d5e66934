//! How a call ends: its answer on standard output, its warnings or its failure on standard error.
//!
//! The only place that writes to either. An answer is one write, so that a reader sees all of it or nothing; what is
//! too large to be held twice goes out through [`stream()`], and what comes bit by bit through [`say()`].

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::stream::Stream;
use super::{Exit, escape, json};
use agentreg::model::{Kind, Rejection};
use agentreg::store;

/// What a call that succeeded has to say.
#[derive(Debug)]
pub struct Answer {
    text: String,
    warnings: Vec<String>,
    exit: Exit,
    tells: Tells,
}

/// What an answer tells of, and so what is lost where it cannot be printed.
#[derive(Debug)]
enum Tells {
    /// What the registry holds: it can be asked for again.
    State,
    /// A change, which stays made.
    Change,
    /// Something new, by the only name it has.
    New(String),
}

impl Answer {
    /// Nothing to say.
    pub fn nothing() -> Self {
        Self::text(String::new())
    }

    /// This text, newlines and all.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            warnings: Vec::new(),
            exit: Exit::Done,
            tells: Tells::State,
        }
    }

    /// The same of a change: where it cannot be printed the call has succeeded all the same.
    #[must_use]
    pub fn of_change(mut self) -> Self {
        self.tells = Tells::Change;
        self
    }

    /// The same of what was made, such as `agent w-1`: where that cannot be printed the failure names it.
    #[must_use]
    pub fn of_new(mut self, what: &str, id: impl Display) -> Self {
        self.tells = Tells::New(format!("{what} {id}"));
        self
    }

    /// These, one a line.
    pub fn lines<T: Display>(items: impl IntoIterator<Item = T>) -> Self {
        let mut text = String::new();
        for item in items {
            text.push_str(&item.to_string());
            text.push('\n');
        }
        Self::text(text)
    }

    /// The same with what went wrong after the commit.
    #[must_use]
    pub fn warn(mut self, warning: Option<&store::Error>) -> Self {
        self.warnings.extend(warning.map(ToString::to_string));
        self
    }

    /// The same with this text, newlines and all.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same with what a person should know of it.
    #[must_use]
    pub fn warn_of(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For scripts.
    pub kind: Kind,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl Failure {
    /// A failure that trying again does not mend.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable: false,
        }
    }

    /// The call itself is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The system refused `action`.
    pub fn io(action: impl Display, error: &io::Error) -> Self {
        Self::new(Kind::Io, format!("cannot {action}: {error}"))
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            hint: error.hint(),
            retryable: error.retryable(),
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        store::Error::from(rejection).into()
    }
}

/// Says how the call ended, and gives what it exits with.
pub fn finish(outcome: Result<Answer, Failure>, as_json: bool) -> Exit {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => {
            tell(&failure, as_json);
            return failure.kind.into();
        }
    };
    let exit = match Stream::stdout().write_all(answer.text.as_bytes()) {
        Ok(()) => answer.exit,
        Err(error) => unprinted(answer.tells, answer.exit, &error, as_json),
    };
    if !as_json {
        for warning in &answer.warnings {
            warn(warning);
        }
    }
    exit
}

/// What a call exits with whose answer could not be printed; it says so.
fn unprinted(tells: Tells, exit: Exit, error: &io::Error, as_json: bool) -> Exit {
    let is_unread = error.kind() == io::ErrorKind::BrokenPipe;
    match tells {
        // A reader that has seen enough, as in `status | head`, is no failure.
        Tells::State | Tells::Change if is_unread => exit,
        Tells::State => finish(Err(unwritable(error)), as_json),
        Tells::Change => {
            let message = format!("it is done, but the answer could not be printed: {error}");
            if as_json {
                tell(&Failure::new(Kind::Io, message), true);
            } else {
                warn(&message);
            }
            exit
        }
        Tells::New(made) => {
            let message = format!("{made} was made, but its id could not be printed: {error}");
            finish(Err(Failure::new(Kind::Io, message)), as_json)
        }
    }
}

fn tell(failure: &Failure, as_json: bool) {
    complain(&if as_json {
        json::failure(failure)
    } else {
        in_words(failure)
    });
}

/// Tells of something that went wrong and does not stop the call.
pub fn warn(warning: &str) {
    complain(&format!("agentreg: warning: {}\n", escape(warning)));
}

fn in_words(failure: &Failure) -> String {
    let sentence = format!("agentreg: {}\n", escape(&failure.message));
    match &failure.hint {
        Some(hint) => format!("{sentence}hint: {}\n", escape(hint)),
        None => sentence,
    }
}

/// Tells a person that the call waits for a lock.
pub fn announce_wait(lock: &Path) {
    if io::stderr().is_terminal() {
        let lock = lock.display().to_string();
        complain(&format!(
            "agentreg: waiting for the lock {}\n",
            escape(&lock)
        ));
    }
}

/// Says a part of the answer while the call goes on; false if nobody reads it any more.
pub fn say(text: &[u8]) -> Result<bool, Failure> {
    match Stream::stdout().write_all(text) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(unwritable(&error)),
    }
}

/// Whether the reader of standard output, a pipe, has gone; a call that has nothing to say for long would not notice.
pub fn nobody_reads() -> bool {
    Stream::stdout().has_no_reader()
}

/// Gives standard output to `write`, for an answer that is too large to be held. Where `write` fails a part of it may
/// be out already.
pub fn stream(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::with_capacity(1 << 16, Stream::stdout());
    let written = write(&mut out).and_then(|()| out.flush());
    // What is left after a failure is not tried again when it is dropped.
    let _ = out.into_parts();
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::io("write to standard output", error)
}

/// Where standard error cannot be written there is nobody left to tell.
fn complain(text: &str) {
    let _ = Stream::stderr().write_all(text.as_bytes());
}
