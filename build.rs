//! Links the program statically where glibc's static libraries are installed, and puts together what runs together.
//!
//! A call is one short process, and without the dynamic loader it starts about a quarter of a millisecond sooner. The
//! usual way, `-C target-feature=+crt-static`, needs `--target` beside it, because procedural macros cannot be built so;
//! then neither a plain `cargo build` nor `cargo install` gets it. The linker's own `-static` reaches both. Nothing is
//! written but into `OUT_DIR`. `AGENTREG_DYNAMIC=1` leaves all of it out, `AGENTREG_LAYOUT=no` the order of functions.

#![allow(clippy::disallowed_methods)]

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// Which functions everyday calls run, for the linker; `benches/layout.py` writes it and says why.
const LAYOUT: &str = "benches/layout.ld";

/// These need one another, and some linkers look through each only once, but through a group until all is found.
const C: &[&str] = &["libc.a", "libgcc_eh.a", "libgcc.a"];

/// The libraries that the standard library names to the linker, and the static ones to be found under that name.
const LIBRARIES: [(&str, &[&str]); 7] = [
    ("libc.a", C),
    ("libm.a", &["libm.a"]),
    ("libpthread.a", &["libpthread.a"]),
    ("librt.a", &["librt.a"]),
    ("libdl.a", &["libdl.a"]),
    ("libutil.a", &["libutil.a"]),
    ("libgcc_s.a", C),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={LAYOUT}");
    println!("cargo::rerun-if-env-changed=AGENTREG_DYNAMIC");
    println!("cargo::rerun-if-env-changed=AGENTREG_LAYOUT");
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
    let Some(without_loader) = without_loader(&out) else {
        return;
    };
    let mut laid_out = without_loader.clone();
    laid_out.extend(layout());
    // Linkers differ in what they know, so a small program is linked first.
    let arguments = [laid_out, without_loader]
        .into_iter()
        .find(|arguments| links(&out, arguments));
    for argument in arguments.into_iter().flatten() {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}

/// What has the linker link statically, if there is what it needs.
fn without_loader(out: &Path) -> Option<Vec<String>> {
    for (name, libraries) in LIBRARIES {
        let found = libraries.iter().map(|library| find(library));
        stand_in(&out.join(name), &found.collect::<Option<Vec<_>>>()?).ok()?;
    }
    let directory = format!("-L{}", out.display());
    Some(vec![directory, "-static".to_owned(), "-no-pie".to_owned()])
}

/// What has the linker put the functions that everyday calls run side by side, of a program that is to be fast.
fn layout() -> Option<String> {
    if is("AGENTREG_LAYOUT", "no") || !is("PROFILE", "release") {
        return None;
    }
    let root = env::var_os("CARGO_MANIFEST_DIR")?;
    let script = Path::new(&root).join(LAYOUT);
    Some(format!("-Wl,-T,{}", script.display()))
}

/// Whether a program links with these arguments, as this one will be.
fn links(out: &Path, arguments: &[String]) -> bool {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--crate-name=probe", "-", "-o"]);
    rustc.arg(out.join("probe"));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg({
            let mut chosen = OsString::from("linker=");
            chosen.push(linker);
            chosen
        });
    }
    if let Ok(flags) = env::var("CARGO_ENCODED_RUSTFLAGS") {
        rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    }
    for argument in arguments {
        rustc.arg("-C").arg(format!("link-arg={argument}"));
    }
    let quiet = rustc
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let linked = quiet.spawn().and_then(|mut child| {
        if let Some(mut source) = child.stdin.take() {
            source.write_all(b"fn main() {}")?;
        }
        child.wait()
    });
    linked.is_ok_and(|status| status.success())
}

fn is(variable: &str, value: &str) -> bool {
    env::var(variable).as_deref() == Ok(value)
}

/// A linker script that is found before the shared library of its name and leads to static ones.
fn stand_in(name: &Path, libraries: &[PathBuf]) -> io::Result<()> {
    let libraries: Vec<_> = libraries
        .iter()
        .map(|library| library.to_string_lossy())
        .collect();
    fs::write(name, format!("GROUP({})\n", libraries.join(" ")))
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
