//! JSON documents, replaced whole: settings, which seldom change.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use atomicwrites::{AtomicFile, OverwriteBehavior};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::dir::{Access, Dir, Umask};
use super::jsonl::newer;
use super::line::{Bad, decode_document};
use crate::model::{Plain, SCHEMA, sift};
use crate::store::{Error, Result};

/// No document of this program's comes near: what is larger is none of its.
const MAX_DOCUMENT: u64 = 16 * 1024 * 1024;

#[derive(Serialize)]
struct Document<T> {
    schema: u32,
    #[serde(flatten)]
    content: T,
}

/// The content of a document, read where it stands: `flatten` would read each number in it first, and keep not every digit.
struct Content<T>(T);

impl<T: DeserializeOwned> Plain for Content<T> {
    const SET_ASIDE: &'static [&'static str] = &["schema"];

    fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Content<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        sift(deserializer).map(|(content, _)| content)
    }
}

/// Reads the document `name` in `dir`; `None` if it is not there.
pub(crate) fn read<T: DeserializeOwned>(dir: &Dir, name: &str) -> Result<Option<T>> {
    let Some(file) = dir.file(name, Access::Read)? else {
        return Ok(None);
    };
    // Most are some hundred bytes: one read.
    let mut text = Vec::with_capacity(1024);
    file.take(MAX_DOCUMENT + 1)
        .read_to_end(&mut text)
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::IsADirectory => Error::damaged(
                dir.at(name),
                "there is a directory where the registry has a file",
            ),
            _ => Error::io("read", dir.at(name), e),
        })?;
    if text.len() as u64 > MAX_DOCUMENT {
        return Err(Error::damaged(
            dir.at(name),
            format!("it is longer than {MAX_DOCUMENT} bytes"),
        ));
    }
    match decode(&text) {
        Ok(content) => Ok(Some(content)),
        Err(Bad::Newer(found)) => Err(newer(&dir.at(name), found)),
        Err(Bad::Garbage(what)) => Err(Error::damaged(dir.at(name), what)),
    }
}

/// Replaces the document `name` in `dir`; it is on disk when this returns.
pub(crate) fn write<T: Serialize>(dir: &Dir, name: &str, content: &T) -> Result<()> {
    let path = dir.at(name);
    let text =
        encode(content).map_err(|error| Error::io("write", &path, std::io::Error::from(error)))?;
    let mut replaced = replace(dir, name, &text);
    while let Err(error) = &replaced
        && error.kind() == ErrorKind::Interrupted
    {
        replaced = replace(dir, name, &text);
    }
    replaced.map_err(|error| {
        let failed = |action| Error::io(action, &path, cause(error));
        // The new document may have the name already: then only the last wait for the disk failed.
        if is_written(dir, name, &text) {
            failed("sync")
        } else {
            failed("replace")
        }
    })
}

pub(super) fn decode<T: DeserializeOwned>(text: &[u8]) -> std::result::Result<T, Bad> {
    decode_document(text).map(|Content(content)| content)
}

pub(super) fn encode<T: Serialize>(content: &T) -> serde_json::Result<Vec<u8>> {
    let document = Document {
        schema: SCHEMA,
        content,
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}

/// The crate takes a path and no descriptor. This one leads to the directory that is open, and locked, whatever has its own
/// path meanwhile.
fn replace(dir: &Dir, name: &str, text: &[u8]) -> std::io::Result<()> {
    let Some(path) = dir.proc_path() else {
        return replace_without_proc(dir, name, text);
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let _private = Umask::private();
    AtomicFile::new(path.join(name), OverwriteBehavior::AllowOverwrite)
        .write_with_options(|file| file.write_all(text), options)
        .map_err(std::io::Error::from)
}

/// The same steps where a container has no `/proc`: nothing else leads the crate to an open directory.
fn replace_without_proc(dir: &Dir, name: &str, text: &[u8]) -> std::io::Result<()> {
    let next = format!(".atomicwrite-{name}");
    let failed = |error| match error {
        Error::Io { source, .. } => source,
        other => std::io::Error::other(other),
    };
    dir.remove_file(&next).map_err(failed)?;
    let mut file = dir.create(&next).map_err(failed)?;
    file.write_all(text)?;
    file.sync_all()?;
    dir.rename(&next, dir, name).map_err(failed)?;
    dir.sync().map_err(failed)
}

fn is_written(dir: &Dir, name: &str, text: &[u8]) -> bool {
    let mut there = Vec::new();
    let file = dir.file(name, Access::Read).ok().flatten();
    file.is_some_and(|mut file| file.read_to_end(&mut there).is_ok()) && there == text
}

/// What the system said. The crate's error names a path of its own making.
fn cause(error: std::io::Error) -> std::io::Error {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = error
        .get_ref()
        .map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(one) = inner {
        let code = one
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::raw_os_error);
        if let Some(code) = code {
            return std::io::Error::from_raw_os_error(code);
        }
        inner = one.source();
    }
    error
}
