//! What a person does to a program that draws: keys, a new size, signals.

use std::io::{self, BufReader, IsTerminal, Read};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use super::{Failure, Stream};

/// Something that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A byte from the keyboard.
    Key(u8),
    /// The terminal has another size.
    Resized,
    /// It goes on after it was stopped.
    Continued,
    /// It is to stop, or to end.
    Signal(i32),
}

/// Tells of everything that is heard from now on, until `tell` says no.
pub fn listen(tell: impl Fn(Heard) -> bool + Clone + Send + 'static) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH])
        .map_err(|error| Failure::io("wait for signals", &error))?;
    let tell_signal = tell.clone();
    aside(move || {
        for signal in signals.forever() {
            let heard = match signal {
                SIGWINCH => Heard::Resized,
                SIGCONT => Heard::Continued,
                other => Heard::Signal(other),
            };
            if !tell_signal(heard) {
                return;
            }
        }
    })?;
    if io::stdin().is_terminal() {
        aside(move || {
            for key in BufReader::new(Stream::stdin()).bytes() {
                match key {
                    Ok(key) if tell(Heard::Key(key)) => {}
                    _ => return,
                }
            }
        })?;
    }
    Ok(())
}

/// Does `work` in a thread of its own. That there is none to be had is a failure like others.
pub fn aside(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    std::thread::Builder::new()
        .spawn(work)
        .map(|_| ())
        .map_err(|error| Failure::io("start a thread", &error))
}
