//! Every call that changes something is killed, and fails, at each of its system calls in turn.
//!
//! A first run under strace counts the system calls ([`strace`]); then, for each of them, a copy of the same registry
//! ([`calls`]) sees the call end there. What is left must be readable and count right, others must be able to go on, and
//! the repeated call must leave what one call leaves ([`check`], which reads the files itself).

pub mod calls;
pub mod check;
mod errors;
mod kills;
mod old;
mod output;
mod rotation;
pub mod strace;
mod torn;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Goes through `items` with two threads; the system calls leave most of the time to the other.
pub fn two_at_a_time<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

/// What was seen already. Deaths between the same two changes leave the same files, and are checked once.
#[derive(Default)]
pub struct Seen(Mutex<HashSet<Vec<u8>>>);

impl Seen {
    pub fn is_new(&self, what: Vec<u8>) -> bool {
        self.0.lock().expect("no thread has panicked").insert(what)
    }

    pub fn number(&self) -> usize {
        self.0.lock().expect("no thread has panicked").len()
    }
}
