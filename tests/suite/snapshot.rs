//! Whole directories, copied and compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Copies a directory with all that is in it, modes too.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap_or_else(|error| panic!("make {}: {error}", to.display()));
    for entry in fs::read_dir(from).expect("a directory to copy") {
        let entry = entry.expect("an entry to copy");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file is copied");
        }
    }
    let mode = fs::metadata(from).expect("its mode").permissions().mode();
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).expect("the mode is copied");
}

/// What two homes share that differ in nothing but times, checksums and made-up names.
pub fn likeness(home: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    if home.is_dir() {
        look(home, "", &mut text);
    }
    text
}

fn look(dir: &Path, within: &str, text: &mut Vec<u8>) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .expect("a directory to look at")
        .map(|entry| entry.expect("an entry to look at"))
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let made_up = [".new-", ".atomicwrite"];
        let name = made_up
            .into_iter()
            .find(|it| name.starts_with(it))
            .unwrap_or(&name);
        // What a repair keeps has its time behind that.
        let name = name.split(".damaged-").next().unwrap_or(name);
        let path = format!("{within}/{name}");
        let mode = entry.metadata().expect("its mode").permissions().mode();
        text.extend_from_slice(format!("{path} {mode:o}\n").as_bytes());
        if entry.file_type().expect("its type").is_dir() {
            look(&entry.path(), &path, text);
        } else {
            let content = fs::read(entry.path()).expect("a file to look at");
            // Behind its rev a lock says which home it is of, and each copy is another.
            let end = if name == "lock" { 20 } else { content.len() };
            text.extend(masked(&content[..end.min(content.len())]));
        }
    }
}

/// Hides times, `2026-01-02T03:04:05.678901Z`, and what depends on them or on chance.
fn masked(text: &[u8]) -> Vec<u8> {
    let mut masked = text.to_vec();
    for at in 0..masked.len() {
        if masked[at..].starts_with(b"\"crc\":\"") {
            hide(&mut masked, at + 7, 8);
        } else if masked[at..].starts_with(b".new-") {
            hide(&mut masked, at + 5, 16);
        } else if masked[at..].starts_with(b"\"20") {
            hide(&mut masked, at + 1, 27);
        } else if masked[at..].starts_with(b"\"elapsed") {
            hide(&mut masked, at, 30);
        }
    }
    masked
}

fn hide(text: &mut [u8], from: usize, length: usize) {
    let end = text.len().min(from + length);
    text[from..end].fill(b'x');
}
