//! The integration tests, one binary: every test runs the real program in a home of its own.

// The tests play the user, and the vandal.
#![allow(clippy::disallowed_methods)]
// A test that panics has failed, which is what it is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agents;
mod bad_input;
mod crash;
mod env;
mod full_disk;
mod home;
mod hot_path;
mod import;
mod json;
mod lacks;
mod live;
mod odd_files;
mod power_cut;
mod prefixes;
mod properties;
mod races;
mod readers;
mod refused_moves;
mod repair;
mod schema_1;
mod snapshot;
mod spelling;
mod state;
mod stdio;
mod stopped;
mod terminal;
mod watching;
