//! The directories of a workspace, which is untrusted: everything below its base is opened by descriptor, no symbolic link
//! is followed there, and nothing but a regular file is opened for reading, so that no pipe is waited on and no device
//! does what opening it makes it do.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// An open directory of the workspace.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
    Other(&'static str),
}

impl Kind {
    /// Why it is not read where a file or a directory is looked for.
    pub(super) fn refusal(self) -> String {
        match self {
            Self::Link => "a symbolic link, which is not followed: left out".to_owned(),
            Self::Folder => "a directory where a file is looked for: left out".to_owned(),
            Self::File => "a file where a directory is looked for: left out".to_owned(),
            Self::Other(kind) => format!("{kind}, which is not opened: left out"),
        }
    }
}

impl Folder {
    /// Opens the base of a workspace, as somebody named it: links on the way there are theirs.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Where it was when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it, for messages.
    pub(super) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// What lies here under this name; none if nothing does.
    pub(super) fn kind(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Kind>> {
        let name = name.as_ref();
        match retry_on_intr(|| rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(stat) => Ok(Some(kind(FileType::from_raw_mode(stat.st_mode)))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The directory of this name; none if nothing is there, or why it is left out.
    pub(super) fn folder(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>, String> {
        let name = name.as_ref();
        let fd = self.beneath(name, Kind::Folder, OFlags::DIRECTORY)?;
        Ok(fd.map(|fd| Self {
            fd,
            path: self.at(name),
        }))
    }

    /// The regular file of this name; none if nothing is there, or why it is left out.
    pub(super) fn file(&self, name: impl AsRef<OsStr>) -> Result<Option<File>, String> {
        let opened = self.beneath(name.as_ref(), Kind::File, OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let Some(fd) = opened else {
            return Ok(None);
        };
        // It may have become something else since it was looked at.
        let stat = retry_on_intr(|| rustix::fs::fstat(&fd)).map_err(unreadable)?;
        match kind(FileType::from_raw_mode(stat.st_mode)) {
            Kind::File => Ok(Some(File::from(fd))),
            other => Err(other.refusal()),
        }
    }

    fn beneath(
        &self,
        name: &OsStr,
        wanted: Kind,
        flags: OFlags,
    ) -> Result<Option<OwnedFd>, String> {
        match self.kind(name) {
            Ok(None) => return Ok(None),
            Ok(Some(kind)) if kind == wanted => {}
            Ok(Some(other)) => return Err(other.refusal()),
            Err(error) => return Err(unreadable(error)),
        }
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, Mode::empty())) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(unreadable(errno)),
        }
    }

    /// The names here of which `wanted` makes something, by name.
    pub(super) fn names<T: Ord>(
        &self,
        mut wanted: impl FnMut(OsString) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            names.extend(wanted(
                OsStr::from_bytes(entry.file_name().to_bytes()).to_owned(),
            ));
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Other("a named pipe"),
        FileType::Socket => Kind::Other("a socket"),
        _ => Kind::Other("a device"),
    }
}

fn unreadable(error: impl Into<io::Error>) -> String {
    format!("cannot be read: {}", error.into())
}
