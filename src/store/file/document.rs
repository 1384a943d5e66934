//! JSON documents, replaced whole: settings, which seldom change.

use std::io::{Read, Write};

use atomicwrites::{AtomicFile, OverwriteBehavior};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::dir::{Access, Dir};
use super::jsonl::newer;
use super::line::{Bad, decode_document};
use crate::model::SCHEMA;
use crate::store::{Error, Result};

#[derive(Serialize, Deserialize)]
struct Document<T> {
    schema: u32,
    #[serde(flatten)]
    content: T,
}

/// Reads the document `name` in `dir`; `None` if it is not there.
pub(crate) fn read<T: DeserializeOwned>(dir: &Dir, name: &str) -> Result<Option<T>> {
    let Some(mut file) = dir.file(name, Access::Read)? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|e| match e.kind() {
        std::io::ErrorKind::IsADirectory => Error::damaged(
            dir.at(name),
            "there is a directory where the registry has a file",
        ),
        _ => Error::io("read", dir.at(name), e),
    })?;
    match decode_document::<Document<T>>(&text) {
        Ok(document) => Ok(Some(document.content)),
        Err(Bad::Newer(found)) => Err(newer(&dir.at(name), found)),
        Err(Bad::Garbage(what)) => Err(Error::damaged(dir.at(name), what)),
    }
}

/// Replaces the document `name` in `dir`; it is on disk when this returns.
pub(crate) fn write<T: Serialize>(dir: &Dir, name: &str, content: &T) -> Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let path = dir.at(name);
    let document = Document {
        schema: SCHEMA,
        content,
    };
    let mut text =
        serde_json::to_vec_pretty(&document).expect("the registry's own documents serialize");
    text.push(b'\n');
    let replace = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        AtomicFile::new(&path, OverwriteBehavior::AllowOverwrite)
            .write_with_options(
                |file| {
                    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
                    file.write_all(&text)
                },
                options,
            )
            .map_err(std::io::Error::from)
    };
    let mut replaced = replace();
    while let Err(error) = &replaced
        && error.kind() == std::io::ErrorKind::Interrupted
    {
        replaced = replace();
    }
    replaced.map_err(|error| Error::io("replace", &path, error))
}
