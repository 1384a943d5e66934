//! Processes: which one a pid names and whether it still lives, and a command started, watched over and ended.
//!
//! | file | subject |
//! |---|---|
//! | `identity` | telling a process from a later one of its number |
//! | `group` | process groups |
//! | `signals` | what a supervisor hears |
//! | `terminal`, `stops` | the terminal that it shares with its command, which stops for want of it, or is stopped |
//! | `start` | a command that runs only when all is written down |
//! | `guardian` | who kills the command when its supervisor is killed |
//! | `supervise`, `clock` | from a command's start to its end, and how long that may take |
//! | `terminate` | ending what somebody else started |
//! | `search` | an agent's processes when nobody is left who knows them |
//! | `wake` | continuing a stopped supervisor |
//! | `shell` | shells that are gone after one command |

mod clock;
mod group;
mod guardian;
mod identity;
mod search;
mod shell;
mod signals;
mod start;
mod stops;
mod supervise;
mod terminal;
mod terminate;
mod wake;

use std::ffi::{OsStr, OsString};

pub use guardian::Guardian;
pub use identity::{Place, host_name, identify, is_this_boot, liveness, place};
pub use search::{Carried, Carrier, Census, Swept, sweep};
pub use shell::{OneCommand, one_command};
pub use signals::{Signals, die_of};
pub use start::Waiting;
pub use supervise::{Ended, Supervisor};
pub use terminate::Target;
pub use wake::{wake, wake_noted};

/// The file this process runs, also where another has taken its name.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// The program that starts a supervisor of its own session, by this name.
pub const SUPERVISOR: &str = "agentreg-supervisor";

/// Runs one of the parts that this program plays under another name; none if it was called to be itself. Gives what it
/// exits with.
pub fn part(name: &OsStr, words: &[OsString]) -> Option<u8> {
    match name.to_str()? {
        guardian::NAME => Some(guardian::main()),
        start::NAME => Some(start::main(words)),
        _ => None,
    }
}
