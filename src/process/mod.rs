//! Processes: which one a pid names and whether it still lives, and a command started, watched over and ended.
//!
//! | file | subject |
//! |---|---|
//! | `identity` | telling a process from a later one of its number |
//! | `group` | process groups |
//! | `signals`, `dispositions` | what a supervisor hears, and what of its caller's the command gets back |
//! | `terminal`, `stops` | the terminal that it shares with its command, which stops for want of it, or is stopped |
//! | `guardian`, `link` | the command's parent, who ends it when its supervisor is killed, and what the two tell each other |
//! | `start` | a command that runs only when all is written down |
//! | `chore`, `kept` | what is done meanwhile; the output that is kept of a command, within a bound |
//! | `descendants`, `children` | everything that a command started |
//! | `ending` | its end |
//! | `supervise` | from a command's start to its end, and how long that may take |
//! | `program` | this program's own file |
//! | `terminate` | ending what somebody else started |
//! | `search` | an agent's processes when nobody is left who knows them |
//! | `wake` | continuing a stopped supervisor |
//! | `shell` | shells that are gone after one command |

mod children;
mod chore;
mod descendants;
mod dispositions;
mod ending;
mod group;
mod guardian;
mod identity;
mod kept;
mod link;
mod program;
mod search;
mod shell;
mod signals;
mod start;
mod stops;
mod supervise;
mod terminal;
mod terminate;
mod wake;

use std::ffi::OsStr;
use std::os::fd::OwnedFd;

pub use chore::Chore;
pub use dispositions::{changed_signals, ignore_signals_of_writes, take_over_signals};
pub use guardian::Guardian;
pub use identity::{Place, host_name, identify, is_this_boot, liveness, place};
pub use kept::{Found, Keeper, Kept, Log, Replace};
pub use program::{path_of_this_program, this_program};
pub use search::{Carried, Carrier, Census, Swept, sweep};
pub use shell::{OneCommand, one_command};
pub use signals::{Signals, die_of};
pub use supervise::{Ended, Supervisor, Waiting, Wanted};
pub use terminate::Target;
pub use wake::{wake, wake_noted};

/// The program that starts a supervisor of its own session, by this name.
pub const SUPERVISOR: &str = "agentreg-supervisor";

/// Runs the part that this program plays under another name; none if it was called to be itself. `clear` notes in a lease
/// that all is gone. Gives what it exits with.
pub fn part(name: &OsStr, clear: &dyn Fn(OwnedFd)) -> Option<u8> {
    (name == guardian::NAME).then(|| guardian::main(clear))
}
