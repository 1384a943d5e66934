//! What people see. Views of the store go in, text comes out: nothing here opens a file or reads a clock, and only
//! [`answer`] prints, and [`Working`] and [`Screen`] draw while a call goes on.
//!
//! Whatever an agent wrote passes through [`escape()`] on its way into a [`layout::Line`], so no text of an agent can
//! steer a terminal. On a terminal there are glyphs, bars and lines cut to its width; in a pipe plain words, one line a
//! record, nothing cut. What a colour says, a word or glyph says too.

mod age;
mod answer;
mod bar;
mod escape;
mod exit;
pub mod inert;
mod input;
pub mod json;
mod layout;
pub mod people;
mod printed;
mod screen;
mod stream;
mod style;
mod terminal;
mod tree;
mod working;

pub use answer::{Answer, Failure, announce_wait, finish, nobody_reads, say, stream, warn};
pub use escape::escape;
pub use exit::Exit;
pub use input::{Heard, aside, listen};
pub use printed::Printed;
pub use screen::Screen;
pub use stream::Stream;
pub use terminal::{ColorChoice, Terminal};
pub use working::Working;
