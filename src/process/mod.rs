//! Processes as the system shows them: which one a pid names, and whether an agent's still lives.

mod identity;

pub use identity::{host_name, identify, liveness};
