//! What people see. Views of the store go in, text comes out: nothing here opens a file or reads a clock, and only
//! [`answer`] prints.
//!
//! Whatever an agent wrote passes through [`escape()`] on its way into a line, so no text of an agent can steer a
//! terminal. On a terminal there are glyphs, bars and lines cut to its width; in a pipe plain words, one line a
//! record, nothing cut. What a colour says, a word or glyph says too.

mod answer;
mod escape;
mod exit;
pub mod json;
pub mod people;
mod terminal;

pub use answer::{Answer, Failure, announce_wait, finish};
pub use escape::escape;
pub use exit::Exit;
pub use terminal::{ColorChoice, Terminal};
