//! The pages and lists, one file a subject. Each function gives whole lines, or nothing.

mod check;
mod events;
mod findings;
mod reports;
mod status;
mod tasks;

pub use check::check;
pub use events::events;
pub use findings::{findings, findings_summary};
pub use reports::reports;
pub use status::{overview, task_status};
pub use tasks::{task_list, task_page};
