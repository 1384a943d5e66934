//! File systems on loop devices, taken down again whatever happens.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a tool of the system; what it said on standard error if it failed.
pub fn try_tool(command: &mut Command) -> Result<String, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .unwrap_or_else(|error| {
            panic!("{command:?} does not start ({error}): install xfsprogs, e2fsprogs, util-linux")
        });
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?}: {}", said.trim()))
    }
}

fn tool(command: &mut Command) -> String {
    try_tool(command).unwrap_or_else(|said| panic!("{said}"))
}

/// A file of zeros that takes no room yet.
pub fn sparse_file(path: &Path, megabytes: u64) {
    let file = std::fs::File::create(path).expect("a file can be made");
    file.set_len(megabytes * 1024 * 1024)
        .expect("a sparse file");
}

/// Makes a file system in a file.
pub fn make(tool_and_options: &[&str], image: &Path) {
    let [name, options @ ..] = tool_and_options else {
        panic!("a tool has a name");
    };
    tool(Command::new(name).args(options).arg(image));
}

/// A loop device on a file.
pub struct Loop {
    pub device: String,
}

impl Loop {
    /// Without the page cache of the file system below where that goes.
    pub fn on(image: &Path) -> Self {
        let attach = |direct: &str| {
            try_tool(
                Command::new("losetup")
                    .args(["--find", "--show", direct])
                    .arg(image),
            )
        };
        let device = attach("--direct-io=on").or_else(|_| attach("--direct-io=off"));
        Self {
            device: device.unwrap_or_else(|said| panic!("{said}")),
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = try_tool(Command::new("losetup").args(["--detach", &self.device]));
    }
}

/// A mounted file system.
pub struct Mount {
    pub point: PathBuf,
}

impl Mount {
    /// Mounts a device, or an image on a loop device of its own.
    pub fn of(device: &Path, point: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(point).expect("a directory can be made");
        let mut mount = Command::new("mount");
        if !device.starts_with("/dev") {
            mount.args(["-o", "loop"]);
        }
        try_tool(mount.arg(device).arg(point))?;
        Ok(Self {
            point: point.to_owned(),
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A file that somebody still holds open after a failure must not keep the mount.
        let gone = try_tool(Command::new("umount").arg(&self.point));
        if gone.is_err() {
            let _ = try_tool(Command::new("umount").arg("--lazy").arg(&self.point));
        }
    }
}

/// A copy of an image as it is at this moment, sharing its blocks.
pub fn clone(image: &Path, to: &Path) {
    tool(Command::new("cp").arg("--reflink=always").args([image, to]));
}
