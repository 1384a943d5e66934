//! Where the system enters the program.
//!
//! The standard library's own entry prepares for a stack overflow before it calls `main`: it reads `/proc/self/maps` and
//! installs a handler on a stack of its own, all to say in words what the kernel says with SIGSEGV. That took 47 µs of an
//! empty program, where a whole report takes some 700. So where glibc hands the arguments over without it (through
//! `.init_array`), the C entry is the program's own, and what else the library would have prepared is done here.

use std::ffi::{c_char, c_int};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::stdio::{stderr, stdin, stdout};

// SAFETY: the C runtime calls this once, as its `main`; nothing else in the program has the name.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _words: *const *const c_char) -> c_int {
    fill_standard_streams();
    agentreg::process::ignore_signals_of_writes();
    crate::program().into()
}

/// A stream that its caller closed leads nowhere: else the next file to be opened, the registry's, would be it. One that
/// is written to still says so, since an answer that nobody can get is to be told from one that was given.
fn fill_standard_streams() {
    let mut streams = [stdin(), stdout(), stderr()]
        .map(|stream| PollFd::from_borrowed_fd(stream, PollFlags::empty()));
    let looked = poll(&mut streams, Some(&Timespec::default()));
    if looked.is_ok() {
        for (number, stream) in streams.iter().enumerate() {
            if stream.revents().contains(PollFlags::NVAL) {
                let access = if number == 0 {
                    OFlags::RDWR
                } else {
                    OFlags::RDONLY
                };
                // The lowest number that is free, which is the stream's; it stays open to the end.
                let nowhere = open("/dev/null", access, Mode::empty());
                nowhere.map(std::mem::forget).unwrap_or_default();
            }
        }
    }
}
