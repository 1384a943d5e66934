//! Directories and files of the registry. The only module that names a path to the system, so that three rules hold
//! everywhere: no symbolic link is followed below the home, files are 0600 and directories 0700 whatever the umask, and
//! no error comes without its path. An interrupted call (EINTR) is made again.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::store::{Error, Result};

const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const DIR_MODE: Mode = Mode::from_raw_mode(0o700);

/// An open directory; names are relative to it, so it may be moved meanwhile.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading.
    Read,
    /// Reading and appending, if it is there.
    Append,
    /// Reading and appending; made if it is not there.
    Create,
    /// Reading and writing in place.
    Rewrite,
}

impl Dir {
    /// Opens the directory at a path given by the user, in which symbolic links are the user's business.
    /// `None` if nothing is there.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
            Ok(fd) => Ok(Some(Self {
                fd,
                path: path.to_owned(),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::io("open", path, errno)),
        }
    }

    /// Its number among this process's open files.
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Where it was when it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it, for messages.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its permission bits.
    pub(crate) fn mode(&self) -> Result<u32> {
        let stat = retry_on_intr(|| rustix::fs::fstat(&self.fd))
            .map_err(|e| Error::io("look at", &self.path, e))?;
        Ok(stat.st_mode & 0o7777)
    }

    /// The number of the file system's kind, as statfs(2) has it.
    pub(crate) fn file_system(&self) -> Result<i64> {
        let stat =
            rustix::fs::fstatfs(&self.fd).map_err(|e| Error::io("look at", &self.path, e))?;
        Ok(stat.f_type & 0xffff_ffff)
    }

    /// Takes every permission from everyone but the owner.
    pub(crate) fn make_private(&self) -> Result<()> {
        retry_on_intr(|| rustix::fs::fchmod(&self.fd, DIR_MODE))
            .map_err(|e| Error::io("protect", &self.path, e))
    }

    /// Opens a directory below; `None` if nothing is there.
    pub(crate) fn dir(&self, name: &str) -> Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(self.open_beneath(name, flags)?.map(|fd| Self {
            fd,
            path: self.at(name),
        }))
    }

    /// Opens a directory below that must be there.
    pub(crate) fn need_dir(&self, name: &str) -> Result<Self> {
        self.dir(name)?
            .ok_or_else(|| Error::damaged(self.at(name), "this directory is missing"))
    }

    /// Opens a file below; `None` if nothing is there and it is not to be made.
    pub(crate) fn file(&self, name: &str, access: Access) -> Result<Option<File>> {
        let flags = OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let found = match access {
            Access::Read => self.open_beneath(name, flags | OFlags::RDONLY)?,
            Access::Rewrite => self.open_beneath(name, flags | OFlags::RDWR)?,
            Access::Append | Access::Create => {
                self.open_beneath(name, flags | OFlags::RDWR | OFlags::APPEND)?
            }
        };
        match found {
            None if access == Access::Create => self.create(name).map(Some),
            found => Ok(found.map(File::from)),
        }
    }

    /// Opens a file below that must be there.
    pub(crate) fn need_file(&self, name: &str, access: Access) -> Result<File> {
        self.file(name, access)?
            .ok_or_else(|| Error::damaged(self.at(name), "this file is missing"))
    }

    /// Makes a file right here and opens it for appending; opens it if it is there.
    pub(crate) fn create(&self, name: &str) -> Result<File> {
        let flags =
            OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let fd = retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, FILE_MODE))
            .map_err(|e| self.refused("make", name, e))?;
        retry_on_intr(|| rustix::fs::fchmod(&fd, FILE_MODE))
            .map_err(|e| Error::io("protect", self.at(name), e))?;
        Ok(File::from(fd))
    }

    /// Makes a directory right here; one that is there already will do.
    pub(crate) fn make_dir(&self, name: &str) -> Result<Self> {
        match retry_on_intr(|| rustix::fs::mkdirat(&self.fd, name, DIR_MODE)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::io("make", self.at(name), errno)),
        }
        let dir = self.need_dir(name)?;
        dir.make_private()?;
        Ok(dir)
    }

    /// Moves `from` here to `to` in another directory, over what is there.
    pub(crate) fn rename(&self, from: &str, to_dir: &Self, to: &str) -> Result<()> {
        retry_on_intr(|| rustix::fs::renameat(&self.fd, from, &to_dir.fd, to))
            .map_err(|e| Error::io("move", self.at(from), e))
    }

    /// Gives `name` a second name here; one that exists already stays.
    pub(crate) fn link(&self, name: &str, second: &str) -> Result<()> {
        match retry_on_intr(|| {
            rustix::fs::linkat(&self.fd, name, &self.fd, second, AtFlags::empty())
        }) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(Error::io("link", self.at(second), errno)),
        }
    }

    /// Removes a file right here, if it is there.
    pub(crate) fn remove_file(&self, name: &str) -> Result<()> {
        match retry_on_intr(|| rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::io("remove", self.at(name), errno)),
        }
    }

    /// Removes a directory right here with all that is in it, following no link.
    pub(crate) fn remove_tree(&self, name: &str) -> Result<()> {
        let Some(dir) = self.dir(name)? else {
            return Ok(());
        };
        for child in dir.all_names()? {
            match dir.kind(&child)? {
                Some(Kind::Dir) => dir.remove_tree(&child)?,
                _ => dir.remove_file(&child)?,
            }
        }
        retry_on_intr(|| rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR))
            .map_err(|e| Error::io("remove", self.at(name), e))
    }

    /// What lies right here under this name; no link is followed.
    pub(crate) fn kind(&self, name: &str) -> Result<Option<Kind>> {
        match retry_on_intr(|| rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(stat) => Ok(Some(
                match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
                    rustix::fs::FileType::Directory => Kind::Dir,
                    rustix::fs::FileType::RegularFile => Kind::File,
                    rustix::fs::FileType::Symlink => Kind::Link,
                    _ => Kind::Other,
                },
            )),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::io("look at", self.at(name), errno)),
        }
    }

    /// The same directory once more.
    pub(crate) fn again(&self) -> Result<Self> {
        let fd = self
            .fd
            .try_clone()
            .map_err(|e| Error::io("open", &self.path, e))?;
        Ok(Self {
            fd,
            path: self.path.clone(),
        })
    }

    /// How long ago something here was changed last; none if it is not there, or was changed in the future.
    pub(crate) fn age(&self, name: &str) -> Result<Option<std::time::Duration>> {
        let found = retry_on_intr(|| rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW));
        let stat = match found {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Error::io("look at", self.at(name), errno)),
        };
        let changed = u64::try_from(stat.st_mtime).unwrap_or(0);
        let since = std::time::UNIX_EPOCH + std::time::Duration::from_secs(changed);
        Ok(since.elapsed().ok())
    }

    /// This directory as a file of its own, to be locked: not a copy of this descriptor, which would share its locks.
    pub(crate) fn handle(&self) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| rustix::fs::openat(&self.fd, ".", flags, Mode::empty()))
            .map(File::from)
            .map_err(|e| Error::io("open", &self.path, e))
    }

    /// Whether this is the same directory as another one.
    pub(crate) fn is_same(&self, other: &Self) -> Result<bool> {
        let stat = |dir: &Self| {
            retry_on_intr(|| rustix::fs::fstat(&dir.fd))
                .map(|stat| (stat.st_dev, stat.st_ino))
                .map_err(|e| Error::io("look at", &dir.path, e))
        };
        Ok(stat(self)? == stat(other)?)
    }

    /// Waits until the entries made, moved and removed here are on disk.
    pub(crate) fn sync(&self) -> Result<()> {
        retry_on_intr(|| rustix::fs::fsync(&self.fd)).map_err(|e| Error::io("sync", &self.path, e))
    }

    /// Waits until everything written to this file system is on disk: one call for a tree of many files.
    pub(crate) fn sync_file_system(&self) -> Result<()> {
        retry_on_intr(|| rustix::fs::syncfs(&self.fd)).map_err(|e| Error::io("sync", &self.path, e))
    }

    /// The names here that do not begin with a dot, in no order.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = self.all_names()?;
        names.retain(|name| !name.starts_with('.'));
        Ok(names)
    }

    /// All names here but `.` and `..`, in no order.
    pub(crate) fn all_names(&self) -> Result<Vec<String>> {
        retry_on_intr(|| {
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::read_from(&self.fd)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name != "." && name != ".." {
                    names.push(name);
                }
            }
            Ok(names)
        })
        .map_err(|e| Error::io("list", &self.path, e))
    }

    fn open_beneath(&self, name: &str, flags: OFlags) -> Result<Option<OwnedFd>> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        // One name alone needs no walk: not to follow it is enough.
        let opened = if name.contains('/') {
            match retry_on_intr(|| {
                rustix::fs::openat2(&self.fd, name, flags, Mode::empty(), resolve)
            }) {
                // An old kernel, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => self.walk_beneath(name, flags),
                opened => opened,
            }
        } else {
            self.walk_beneath(name, flags)
        };
        match opened {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.refused("open", name, errno)),
        }
    }

    fn walk_beneath(&self, name: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let mut dir: Option<OwnedFd> = None;
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let flags = if last {
                flags
            } else {
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
            };
            let within = dir.as_ref().unwrap_or(&self.fd);
            let next = retry_on_intr(|| {
                rustix::fs::openat(within, part, flags | OFlags::NOFOLLOW, Mode::empty())
            })?;
            if last {
                return Ok(next);
            }
            dir = Some(next);
        }
        Err(Errno::NOENT)
    }

    fn refused(&self, action: &'static str, name: &str, errno: Errno) -> Error {
        match errno {
            Errno::LOOP => Error::damaged(
                self.at(name),
                "there is a symbolic link where the registry has a directory or file of its own",
            ),
            Errno::NOTDIR => Error::damaged(
                self.at(name),
                "there is something else where the registry has a directory of its own",
            ),
            Errno::ISDIR => Error::damaged(
                self.at(name),
                "there is a directory where the registry has a file",
            ),
            errno => Error::io(action, self.at(name), errno),
        }
    }
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}
