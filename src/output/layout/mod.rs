//! Lines of styled text and how they share a terminal's width.

mod flow;
mod line;
mod table;
mod width;

pub use flow::{flow, wrap};
pub use line::Line;
pub use table::{Column, Row, Table};
pub use width::{cut_front, front, width};
