//! The standard streams, read from and written to whatever mode they are in.
//!
//! A stream that is inherited may have been put into non-blocking mode by whoever shares it: Node.js, an event loop, some
//! terminals and CI runners do. Then a pipe that is full, or empty, says EAGAIN where it would have waited, so here it is
//! waited for.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};

/// One of the three. It keeps nothing back: what was written has left the process.
#[derive(Debug)]
pub struct Stream(BorrowedFd<'static>);

impl Stream {
    /// Standard input.
    pub fn stdin() -> Self {
        Self(rustix::stdio::stdin())
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self(rustix::stdio::stdout())
    }

    /// Standard error.
    pub fn stderr() -> Self {
        Self(rustix::stdio::stderr())
    }

    /// Whether its reader, of a pipe, has gone.
    pub fn has_no_reader(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.0, PollFlags::empty())];
        poll(&mut fds, Some(&Timespec::default())).is_ok()
            && fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR))
    }

    /// Waits until it takes or has more, or says why it does not.
    fn wait(&self, until: PollFlags) -> rustix::io::Result<usize> {
        retry_on_intr(|| poll(&mut [PollFd::from_borrowed_fd(self.0, until)], None))
    }
}

impl io::Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(self.0, &mut *into) {
                Err(Errno::AGAIN) => self.wait(PollFlags::IN)?,
                Err(Errno::INTR) => continue,
                read => return Ok(read?),
            };
        }
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                Err(Errno::INTR) => continue,
                written => return Ok(written?),
            };
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
