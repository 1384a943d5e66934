//! A registry for fleets of headless agents: what they are, how far they are, what they found. One call an update, no
//! daemon; whatever is killed, nothing acknowledged is lost and the counts are right.
//!
//! This crate is the registry as a library; the `agentreg` command stands on it.
//!
//! # The parts, and which way they depend
//!
//! ```text
//! main → cli → commands → { store, process, output } → model
//! ```
//!
//! * [`model`] is pure: ids, statuses, transitions, limits, counts. Nothing in it reads a clock, a file or a terminal;
//!   times and ids are arguments. Its [`rules`](model::rules) decide; they have no effect and may be run again.
//! * [`store`] is one trait of whole operations, [`store::Store`]: what somebody wants goes in, a rule decides on what was
//!   read under the locks, what was applied comes out. [`store::file::FileStore`] is the registry in a directory. It owns
//!   every lock, path and sync, and prints nothing.
//! * [`process`] knows what tells one process from another, and starts, watches over and ends commands. It knows nothing
//!   of the registry; a lease is a descriptor to it.
//! * [`orchestrator`] reads the workspaces of the registry that this one replaces.
//! * `cli` (the command line as types), `commands` (one file a verb) and `output` (the only place that writes to a
//!   terminal, and escapes what agents wrote) belong to the command, not to the library.
//!
//! # The invariants
//!
//! 1. An agent is counted once in its task and once in the machine's totals, and
//!    `spawned = active + completed + failed + terminated` in both, always. One line of the global journal holds both
//!    counts, so they cannot disagree.
//! 2. An operation that returned is on disk. One that failed changed nothing, or says that it cannot know.
//! 3. The task's lock is taken before the global one, by type. Nobody waits for any lock while holding the global one.
//! 4. Every prefix of what a call writes is a state that the next call understands and finishes.
//! 5. Whoever only reads takes no lock, and shows one moment (why: `store/file/read.rs`). Whoever watches looks at most some
//!    twenty times a second: see [`store::Watcher`].
//! 6. What a call costs does not depend on how many agents there are: files are read from their end.
//! 7. One rule says how a task's rev stands to the journal's (`store/file/rev.rs`). What no crash leaves behind is damage,
//!    and no call counts on it.
//! 8. Repair decides on what it reads under the locks that it writes under, a task at a time.
//!
//! # How a change is made durable
//!
//! The protocol is in `store/file/commit.rs`, with its states in a table; `tests/protocol` checks it as a model, with
//! processes that die at every step and power cuts that lose every subset of what was not synced. The model asked for
//! more than the first design had, and it is built so:
//!
//! * Every line of an agent's log carries the `rev` of the agent's last lifecycle change, reports too. Otherwise a power
//!   cut that loses only the mark in the task's journal makes a redo write the registration over later reports.
//! * A task's opening counts as applied only when its directory has its own name: a power cut can keep the mark and lose
//!   the rename.
//! * A redo, and the sync of another task's mark, write the same bytes once more before they sync. After a sync that
//!   failed Linux takes the pages for clean, and a second sync waits for nothing.
//! * When the sync of a commit fails its line is cut off and the cut is synced, or a power cut brings it back.
//! * Only the global journal is read strictly. A task's marks may wait unsynced side by side, so a lost page, which reads
//!   as zeros, can lie between them; the global journal has what it held.
//! * A gap in an agent's `seq` just before a line that the journal restored is a report that was never acknowledged.
//! * Nothing that can fail for want of a right, an inode or a mount is left for after the commit: files are open before
//!   it. Moving a log to `ended/` and a task to `closed/` keeps an index, and is tried again by whoever finds it wrong.
//! * The `lock` files hold the highest rev that their registry has seen, and the home's its identity: a journal that was
//!   emptied or replaced by an older one shows, and a copy of a home is told from the home.
//! * An empty log is a registration that did not happen. A folder that a deletion or a close left in its old place is
//!   what the journal says of it, not what its place says.
//!
//! # How a death is known
//!
//! `run` holds a lease, a locked file, from before anybody can see its agent. A guardian, the command's parent, holds it
//! too. Both are child subreapers, so whichever of them survives finds everything that the command started, whatever
//! session or group it is in, ends it, and only then lets go, noting in the lease that all is gone. So a free lease with
//! that note is a dead agent of which nothing lives, at once and for certain. One without it was let go by a kill of both:
//! then whoever acts on it first searches for processes that carry the agent's environment. `terminate` and `task close
//! --force` record the end and leave the ending to the supervisor, whose lease they wait for.
//!
//! # What a call costs
//!
//! Most of a report is what any process costs: its start, its exit, one sync. The rest is kept small where it was measured
//! to be large: the command enters the process itself and not through the standard library's preparations, reads the
//! plainest calls without building clap's commands, and has the functions of a report side by side, because the kernel
//! maps a program in pieces of sixteen pages (`build.rs`, `benches/layout.py`). [`store::file`] lists the system calls. A
//! lock that is taken is tried again after naps, because who is woken with a lock has yet to get a processor.
//!
//! # Where it ends
//!
//! A process that is stopped, not killed, while it holds the global lock holds up the lifecycle changes of the machine
//! (never reports or findings of other tasks) until it goes on or is killed; the error names it. A report or finding whose
//! call was killed before it returned may be there or not, so a retry may record it twice.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod model;
#[cfg(test)]
mod nearly_valid;
pub mod orchestrator;
pub mod process;
pub mod store;
