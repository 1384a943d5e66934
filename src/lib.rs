//! agentreg
