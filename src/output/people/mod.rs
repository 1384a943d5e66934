//! The pages and lists, one file a subject. Each function gives whole lines, or nothing.

mod agents;
mod check;
mod events;
mod findings;
#[cfg(test)]
mod fixtures;
mod import;
mod items;
mod reports;
mod status;
mod tasks;
#[cfg(test)]
mod tests;
mod waited;

pub use check::check;
pub use events::events;
pub use findings::{findings, findings_summary};
pub use import::{Intake, TakenIn, intake};
pub use reports::reports;
pub use status::{overview, task_status};
pub use tasks::{task_list, task_page};
pub use waited::waited;
