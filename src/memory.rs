//! Memory that has run out ends a call as any other lack does: with a sentence and exit code 1. What the language does of
//! its own is to abort, which looks like a crash and may leave a core behind.
//!
//! Nothing else can be done at that point: nobody who asks for memory expects to be refused. On disk it is as if the call
//! had been killed there.

use std::alloc::{GlobalAlloc, Layout, System};

use rustix::io::write;
use rustix::stdio::stderr;

#[global_allocator]
static MEMORY: Memory = Memory;

struct Memory;

// SAFETY: each call is handed on as it is to the system's allocator, whose promises these are.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        there(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        there(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        there(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

fn there(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        end();
    }
    memory
}

#[cold]
fn end() -> ! {
    let said = b"agentreg: there is no more memory; look whether the call was carried out before you repeat it\n";
    let _ = write(stderr(), said);
    // SAFETY: it runs nothing of the program's any more, which might ask for memory.
    #[allow(unsafe_code)]
    unsafe {
        nix::libc::_exit(1)
    }
}
