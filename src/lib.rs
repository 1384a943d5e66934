//! agentreg
pub mod model;
pub mod orchestrator;
pub mod store;
