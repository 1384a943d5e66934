//! agentreg
pub mod model;
pub mod store;
