//! Reads a workspace of the orchestrator, whose registry this one replaces, and gives each of its tasks as a
//! [`crate::store::Import`]. It only reads.
//!
//! The format: `TASK-…/AGENT_REGISTRY.json` lists a task's agents, `TASK-…/progress/<agent>_progress.jsonl` and
//! `TASK-…/findings/<agent>_findings.jsonl` hold what they said, `registry/GLOBAL_REGISTRY.json` says some of it again.
//! When an agent ended the orchestrator moved its files to `TASK-…/archive/`; a later report began a new file, so the
//! archived lines come first. Times are local without an offset.
//!
//! # What stands where the files disagree
//!
//! The orchestrator first appended to the agent's own file and then rewrote the registry, without a lock for most of
//! its life: the registry lost updates, the files did not. So an agent's own log is believed:
//!
//! - Its log has an end: it ended so, whatever the registry says. An end is for ever here, so a later word of the
//!   registry (the orchestrator terminated finished agents to clean up) changes nothing, and later reports are kept but
//!   the agent stays ended.
//! - Its log names several ends, or goes on after one: the end that the registry also names is the one; else the last
//!   report, if it is an end; else, unless the registry says that it is active, the last end; else it went on.
//!   A report of an end before the one that stands is kept as `working`.
//! - Its log has no end but the registry has: it was ended by somebody else; one more line says so.
//! - Both say it is active: the log says how.
//!
//! Every disagreement is told as a difference, with path and line.
//!
//! # What is kept
//!
//! Fields that are not ours stay, as they were written, and so do values that could not be understood, such as an unknown
//! status: an agent's with the first line of its log, a report's with that line alone, a task's and a finding's with them
//! (see [`crate::model::Foreign`]). A field that is nested so deep that its line could not be read again is named and left
//! out.
//!
//! An agent that is not listed and has logs is taken in from these: the orchestrator's newest generation keeps its agents in a
//! database, which is not read, and older ones lost some. Its type is the id before the last two parts, its first line is its
//! registration, and it stands where its last line says; one that only shared findings was registered with the first.
//!
//! # What is not trusted
//!
//! A workspace may come from anywhere. Below its base everything is opened by descriptor, no link is followed, and only
//! regular files are opened (`folder`). Logs are read line by line, twice, and what is held of a line is where it lies
//! (`said`, `shared`); lines, files, agents and notes are bounded, and what is beyond is named (`lines`, `note`).
//!
//! # Parts
//!
//! `elements` cuts a document into its agents, `fields` reads values, `task`, `entry`, `said`, `finding` map one
//! record each, `outcome` decides what stands, `life` makes a log of it. [`Workspace`] and [`TaskReader`] walk the
//! directories. A million agents fit: what is held of each is its id, depth and place in the file.

mod elements;
mod entry;
mod fields;
mod finding;
mod folder;
mod global;
mod life;
mod lines;
mod nesting;
mod note;
mod outcome;
#[cfg(any(test, fuzzing))]
pub mod properties;
mod reader;
mod said;
mod shared;
mod task;
#[cfg(test)]
mod tests;
mod workspace;
mod zone;

pub use global::GlobalRegistry;
pub use note::{Note, Notes};
pub use reader::{Recount, TaskReader};
pub use workspace::{TaskDir, Workspace};
pub use zone::Zone;
