//! agentreg
pub mod model;
pub mod orchestrator;
pub mod process;
pub mod store;
