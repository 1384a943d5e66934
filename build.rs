//! Links the program statically where glibc's static libraries are installed.
//!
//! A call is one short process, and without the dynamic loader it starts about a quarter of a millisecond sooner. The
//! usual way, `-C target-feature=+crt-static`, needs `--target` beside it, because procedural macros cannot be built so;
//! then neither a plain `cargo build` nor `cargo install` gets it. The linker's own `-static` reaches both. Nothing is
//! written but into `OUT_DIR`. `AGENTREG_DYNAMIC=1` leaves it out.

#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The libraries that the standard library names to the linker, and the static one to be found under that name.
const LIBRARIES: [(&str, &str); 7] = [
    ("libc.a", "libc.a"),
    ("libm.a", "libm.a"),
    ("libpthread.a", "libpthread.a"),
    ("librt.a", "librt.a"),
    ("libdl.a", "libdl.a"),
    ("libutil.a", "libutil.a"),
    ("libgcc_s.a", "libgcc_eh.a"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AGENTREG_DYNAMIC");
    let is_native = env::var("HOST") == env::var("TARGET");
    let is_glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let is_static_already =
        env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.contains("crt-static"));
    let is_unwanted = env::var_os("AGENTREG_DYNAMIC").is_some();
    if !is_native || !is_glibc || is_static_already || is_unwanted {
        return;
    }
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return;
    };
    let Some(found) = LIBRARIES
        .iter()
        .map(|(_, library)| find(library))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let mut names = LIBRARIES.iter().map(|(name, _)| out.join(name));
    if names
        .by_ref()
        .zip(&found)
        .all(|(name, library)| stand_in(&name, library).is_ok())
    {
        println!("cargo::rustc-link-arg-bins=-L{}", out.display());
        println!("cargo::rustc-link-arg-bins=-static");
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

fn is(variable: &str, value: &str) -> bool {
    env::var(variable).as_deref() == Ok(value)
}

/// A linker script that is found before the shared library of its name and leads to the static one.
fn stand_in(name: &Path, library: &Path) -> io::Result<()> {
    fs::write(name, format!("INPUT({})\n", library.display()))
}

/// Where the C compiler, which links, finds a library; none if it does not.
fn find(library: &str) -> Option<PathBuf> {
    let asked = Command::new("cc")
        .arg(format!("-print-file-name={library}"))
        .output()
        .ok()?;
    let path = String::from_utf8(asked.stdout).ok()?;
    let path = Path::new(path.trim());
    path.is_absolute()
        .then(|| path.to_owned())
        .filter(|path| path.exists())
}
