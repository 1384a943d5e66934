//! The machine that the figures were taken on.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use serde::Serialize;

use super::Result;

/// The machine that the figures were taken on.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub date: String,
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    pub file_system: String,
}

impl Machine {
    /// This machine, and the file system of `directory`.
    pub fn look(directory: &Path) -> Result<Self> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            cpu: cpu()?,
            cores: available_parallelism()?.get(),
            kernel: release.trim().to_owned(),
            file_system: file_system(directory)?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} · {} cores · Linux {} · {} · {}",
            self.cpu, self.cores, self.kernel, self.file_system, self.date
        )
    }
}

fn cpu() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let named = |key: &str| {
        info.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().to_owned())
    };
    Ok(named("model name")
        .or_else(|| named("CPU part"))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned()))
}

/// The type of the file system that `directory` lies on: of all mounts above it, the nearest; of those mounted on one
/// point, the last.
fn file_system(directory: &Path) -> Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mut nearest = (0, "unknown");
    for mount in mounts.lines() {
        // `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext4 /dev/root rw`
        let (Some(point), Some((_, source))) = (mount.split(' ').nth(4), mount.split_once(" - "))
        else {
            continue;
        };
        let kind = source.split(' ').next().unwrap_or_default();
        if directory.starts_with(point) && point.len() >= nearest.0 {
            nearest = (point.len(), kind);
        }
    }
    Ok(nearest.1.to_owned())
}
