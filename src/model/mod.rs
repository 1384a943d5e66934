//! The rules of the registry, pure: no file, no clock, no terminal. Times and ids are arguments.
//!
//! A store shows a rule what it read under its locks; the rule answers with what is to be written, or with a
//! [`Rejection`]. Because a rule has no effect it may be run again when the store has to start over.

mod agent;
mod counts;
mod duration;
mod event;
mod evidence;
mod finding;
mod foreign;
mod id;
mod json;
pub(crate) mod number;
#[cfg(any(test, fuzzing))]
pub mod properties;
mod refusal;
pub mod rules;
mod secrets;
mod size;
mod status;
mod task;
mod time;

pub use agent::{
    Agent, End, EndHow, Ending, Liveness, Noted, ProcessIdentity, Report, RunRecord, Running,
};
pub use counts::{Counts, Totals};
pub use duration::{format_duration, parse_duration};
pub use event::{Change, Event};
pub use evidence::{Evidence, FilesChanged, Requirement};
pub use finding::{Finding, NewFinding, Severity, SeveritySums};
pub use foreign::Foreign;
pub(crate) use foreign::{Plain, sift};
pub use id::{AgentId, AgentType, InvalidId, TaskId};
pub use json::Json;
pub(crate) use json::Tidied;
pub use refusal::{Kind, Rejection};
pub use secrets::masked;
pub use size::{format_amount, format_size, parse_size};
pub use status::{Status, UnknownStatus};
pub use task::{
    LEAST_OUTPUT, Limits, NewTask, Priority, Settings, Task, TaskChange, TaskState, TaskStatus,
};
pub use time::Timestamp;

/// The version of every answer and document this program writes, and of each line that a reader of version 1 understands.
pub const SCHEMA: u32 = 1;
/// The newest version of a line or document that this program understands. What says a newer one is refused.
///
/// A line says 2 only where a reader of version 1 would misread it, so that such a reader refuses it and cuts nothing off;
/// all other lines stay readable to it.
pub const NEWEST_SCHEMA: u32 = 2;

/// The longest message of a report or a finding, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// The longest `data` of a finding, in bytes of JSON.
pub const MAX_DATA: usize = 1024 * 1024;
/// The longest prompt kept of an agent, in bytes. Like the bounds on labels it holds when an agent is registered: one with
/// more, of before the bound, is read.
pub const MAX_PROMPT: usize = 16 * 1024;
/// The longest label, in bytes of `KEY=VALUE`.
pub const MAX_LABEL: usize = 128;
/// So many labels an agent has at most: every line of its log holds them.
pub const MAX_LABELS: usize = 64;

/// Fields of a line or document that this version does not know; they survive a rewrite.
pub type Extra = serde_json::Map<String, serde_json::Value>;
