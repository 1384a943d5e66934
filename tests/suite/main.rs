//! The integration tests, one binary: every test runs the real program in a home of its own.

mod crash;
mod env;
