//! agentreg
pub mod model;
pub mod output;
pub mod process;
pub mod store;
