//! What a supervisor does beside waiting for its command, in the same loop: no thread is needed, where none may be had.

use std::os::fd::BorrowedFd;

/// Something to be done whenever there is something to do.
pub trait Chore {
    /// Readable when there is.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Does it, without waiting for anybody.
    fn go_on(&mut self);
}
