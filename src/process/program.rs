//! This program's own file, to be started again in another part.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The file this process runs, also where another has taken its name.
const SELF: &str = "/proc/self/exe";

/// By what this program can be started again: the very file it runs, or where `/proc` does not show that, its path.
pub fn this_program() -> PathBuf {
    let this = Path::new(SELF);
    if this.exists() {
        return this.to_owned();
    }
    called_as()
}

/// The path of this program, for others to call it by.
pub fn path_of_this_program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| called_as())
}

/// The path that the kernel was given.
fn called_as() -> PathBuf {
    let name = OsStr::from_bytes(rustix::param::linux_execfn().to_bytes());
    std::path::absolute(name).unwrap_or_else(|_| name.into())
}
