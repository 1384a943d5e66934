//! What a directory lies on, as statfs(2) tells by its magic number.

/// A file system by its name, and whether other machines may write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Medium {
    pub(super) name: &'static str,
    pub(super) reach: Reach,
}

/// Who may write to a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// This machine.
    Local,
    /// Other machines too.
    Shared,
    /// That is not to be told.
    Unknown,
}

/// The numbers of statfs(2) and linux/magic.h.
const KNOWN: &[(i64, &str, Reach)] = &[
    (0x0102_1994, "tmpfs", Reach::Local),
    (0x8584_58f6, "ramfs", Reach::Local),
    (0xef53, "ext4", Reach::Local),
    (0x5846_5342, "xfs", Reach::Local),
    (0x9123_683e, "btrfs", Reach::Local),
    (0xca45_1a4e, "bcachefs", Reach::Local),
    (0x2fc1_2fc1, "zfs", Reach::Local),
    (0xf2f5_2010, "f2fs", Reach::Local),
    (0x794c_7630, "overlay", Reach::Local),
    (0x4d44, "vfat", Reach::Local),
    (0x2011_bab0, "exfat", Reach::Local),
    (0x5346_544e, "ntfs", Reach::Local),
    (0x6969, "nfs", Reach::Shared),
    (0xff53_4d42, "cifs", Reach::Shared),
    (0xfe53_4d42, "smb3", Reach::Shared),
    (0x517b, "smb", Reach::Shared),
    (0x0102_1997, "9p", Reach::Shared),
    (0x00c3_6400, "ceph", Reach::Shared),
    (0x5346_414f, "afs", Reach::Shared),
    (0x0bd0_0bd0, "lustre", Reach::Shared),
    (0x4750_4653, "gpfs", Reach::Shared),
    (0x0116_1970, "gfs2", Reach::Shared),
    (0x7461_636f, "ocfs2", Reach::Shared),
    (0x786f_4256, "vboxsf", Reach::Shared),
    (0xbacb_acbc, "vmhgfs", Reach::Shared),
    (0x6573_5546, "fuse", Reach::Unknown),
];

impl Medium {
    /// The file system with this number.
    pub(super) fn of(magic: i64) -> Self {
        let known = KNOWN.iter().find(|(number, _, _)| *number == magic);
        known.map_or(
            Self {
                name: "a file system this program does not know",
                reach: Reach::Unknown,
            },
            |(_, name, reach)| Self {
                name,
                reach: *reach,
            },
        )
    }

    /// What no test on this machine can show; none where there is nothing of the kind.
    pub(super) fn doubt(self) -> Option<String> {
        match self.reach {
            Reach::Local => None,
            Reach::Shared => Some(format!(
                "{} is a file system that other machines may share; whether locks hold between machines cannot be \
                 known from here: keep the registry on a disk of this machine",
                self.name
            )),
            Reach::Unknown => Some(format!(
                "the registry lies on {}, which other machines may share; whether locks hold between machines cannot \
                 be known from here",
                self.name
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_other_machines_cannot_reach_is_beyond_doubt() {
        assert_eq!(Medium::of(0xef53).doubt(), None);
        for (magic, named) in [(0x6969, "nfs"), (0x0102_1997, "9p"), (0x6573_5546, "fuse")] {
            let doubt = Medium::of(magic).doubt().unwrap();
            assert!(doubt.contains(named), "{doubt}");
        }
        assert!(Medium::of(0).doubt().is_some());
    }
}
