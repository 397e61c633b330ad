//! Parts of the last cache for some threads alone, through Linux's resctrl file system
//! (`Documentation/filesystems/resctrl.rst`): Intel Cache Allocation Technology, AMD's and Arm's likes.
//!
//! A group holds threads and a mask of cache ways; what its threads load evicts nothing outside of the
//! mask. Give a streaming job two ways, and it leaves the rest to the cache's hot data.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

const MOUNT: &str = "sys/fs/resctrl";

/// Why cache ways cannot be had, and what to do.
#[derive(Debug, Error)]
pub enum ResctrlError {
    /// The file system is not there.
    #[error(
        "resctrl is not mounted at {0}: if the processor can partition its cache (rdt_a or cat_l3 among \
         the flags of /proc/cpuinfo), mount it as root: mount -t resctrl resctrl /sys/fs/resctrl"
    )]
    NotMounted(PathBuf),
    /// The processor has something else to control, but not this.
    #[error("the processor does not partition its last cache: there is no {0}")]
    NoCacheWays(PathBuf),
    /// A file says something unexpected.
    #[error("{path} says `{text}`, where {expected} was expected")]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// What it says.
        text: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A mask that the processor would refuse.
    #[error("mask {mask:#x} cannot be used: {reason}")]
    Mask {
        /// What was asked for.
        mask: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel refused.
    #[error("{path}: {source}; {status}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
        /// What the kernel says of it.
        status: String,
    },
}

/// What the processor's last cache can be divided into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheWays {
    /// One bit per way.
    pub mask: u64,
    /// A group needs at least so many.
    pub ways_min: u32,
    /// Ways that also devices use.
    pub shared_mask: u64,
    /// Groups at most, the one of everybody else included.
    pub groups_max: u32,
    /// Whether a mask may have holes.
    pub sparse: bool,
    /// The caches, by the number that Linux gives them.
    pub caches: Vec<u32>,
}

impl CacheWays {
    /// How many ways there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.mask.count_ones()
    }

    /// Whether the processor takes the mask.
    fn check(&self, mask: u64) -> Result<(), ResctrlError> {
        let run = mask >> mask.trailing_zeros().min(63);
        let reason = if mask & !self.mask != 0 {
            format!("there are only {} ways: {:#x}", self.count(), self.mask)
        } else if mask.count_ones() < self.ways_min.max(1) {
            format!("a group needs at least {} ways", self.ways_min.max(1))
        } else if !self.sparse && run & run.wrapping_add(1) != 0 {
            "this processor wants neighbouring ways".into()
        } else {
            return Ok(());
        };
        Err(ResctrlError::Mask { mask, reason })
    }
}

/// The cache partitions of a machine.
#[derive(Debug)]
pub struct Resctrl {
    mount: PathBuf,
    ways: CacheWays,
}

/// Threads with cache ways of their own. When it is dropped, they go back to everybody's.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
    status: PathBuf,
}

impl Resctrl {
    /// Those of this machine.
    ///
    /// # Errors
    ///
    /// If kernel or processor have none, or resctrl is not mounted.
    pub fn of_this_machine() -> Result<Self, ResctrlError> {
        Self::open(Path::new("/"))
    }

    /// Those by the files below `root`.
    ///
    /// # Errors
    ///
    /// As [`of_this_machine`](Self::of_this_machine).
    pub fn open(root: &Path) -> Result<Self, ResctrlError> {
        let mount = root.join(MOUNT);
        let info = mount.join("info");
        if !info.is_dir() {
            return Err(ResctrlError::NotMounted(mount));
        }
        let info = info.join("L3");
        if !info.join("cbm_mask").is_file() {
            return Err(ResctrlError::NoCacheWays(info));
        }
        let ways = CacheWays {
            mask: hex(&info.join("cbm_mask"))?,
            ways_min: decimal(&info.join("min_cbm_bits"))?,
            // Older kernels have neither file.
            shared_mask: hex(&info.join("shareable_bits")).unwrap_or(0),
            sparse: decimal(&info.join("sparse_masks")).unwrap_or(0) == 1,
            groups_max: decimal(&info.join("num_closids"))?,
            caches: caches(&mount.join("schemata"))?,
        };
        Ok(Self { mount, ways })
    }

    /// What there is to divide.
    #[must_use]
    pub fn ways(&self) -> &CacheWays {
        &self.ways
    }

    /// A new group of threads that has these ways of every last cache.
    ///
    /// # Errors
    ///
    /// If the processor cannot have such a mask, the name is taken or no file name, there are no more
    /// groups, or the caller may not do this (root may).
    pub fn group(&self, name: &str, mask: u64) -> Result<Group, ResctrlError> {
        self.ways.check(mask)?;
        let status = self.mount.join("info/last_cmd_status");
        let folder = self.mount.join(name);
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(refused(
                io::ErrorKind::InvalidFilename.into(),
                &folder,
                &status,
            ));
        }
        fs::create_dir(&folder).map_err(|error| refused(error, &folder, &status))?;
        // From here on the folder is ours, and goes with the group.
        let group = Group { folder, status };
        let masks = self
            .ways
            .caches
            .iter()
            .map(|cache| format!("{cache}={mask:x}"));
        let schemata = format!("L3:{}\n", masks.collect::<Vec<_>>().join(";"));
        group.write("schemata", &schemata)?;
        Ok(group)
    }
}

impl Group {
    /// Moves a thread here, by its number in Linux.
    ///
    /// # Errors
    ///
    /// If there is no such thread, or the caller may not move it.
    pub fn add_thread(&self, thread: u32) -> Result<(), ResctrlError> {
        self.write("tasks", &format!("{thread}\n"))
    }

    /// Moves the calling thread here.
    ///
    /// # Errors
    ///
    /// If the caller may not do this.
    pub fn add_current_thread(&self) -> Result<(), ResctrlError> {
        self.add_thread(rustix::thread::gettid().as_raw_nonzero().get() as u32)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), ResctrlError> {
        let path = self.folder.join(file);
        fs::write(&path, text).map_err(|error| refused(error, &path, &self.status))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Nothing can be done if the administrator was faster.
        let _ = fs::remove_dir(&self.folder);
    }
}

fn refused(source: io::Error, path: &Path, status: &Path) -> ResctrlError {
    let status = fs::read_to_string(status).unwrap_or_default();
    let status = match (status.trim(), source.kind()) {
        (_, io::ErrorKind::PermissionDenied) => "only root may partition the cache",
        (_, io::ErrorKind::StorageFull) => "the processor has no more groups",
        (_, io::ErrorKind::AlreadyExists) => "choose another name, or remove the folder",
        (_, io::ErrorKind::InvalidFilename) => "a group's name is a plain file name",
        ("" | "ok", _) => "the kernel says no more",
        (text, _) => text,
    };
    ResctrlError::Io {
        path: path.to_owned(),
        source,
        status: status.to_owned(),
    }
}

fn word(path: &Path) -> Result<String, ResctrlError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(ResctrlError::Io {
            path: path.to_owned(),
            source,
            status: "the kernel says no more".into(),
        }),
    }
}

fn hex(path: &Path) -> Result<u64, ResctrlError> {
    let text = word(path)?;
    u64::from_str_radix(&text, 16).map_err(|_| ResctrlError::Unexpected {
        path: path.to_owned(),
        text,
        expected: "a mask in hexadecimal digits",
    })
}

fn decimal(path: &Path) -> Result<u32, ResctrlError> {
    let text = word(path)?;
    text.parse().map_err(|_| ResctrlError::Unexpected {
        path: path.to_owned(),
        text,
        expected: "a number",
    })
}

/// The caches of `L3:0=fff;1=fff`.
fn caches(schemata: &Path) -> Result<Vec<u32>, ResctrlError> {
    let text = word(schemata)?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("L3:"));
    let numbers = line.and_then(|line| {
        let cache = |part: &str| part.split_once('=')?.0.trim().parse().ok();
        line.split(';').map(cache).collect::<Option<Vec<_>>>()
    });
    numbers.ok_or_else(|| ResctrlError::Unexpected {
        path: schemata.to_owned(),
        text,
        expected: "a line such as L3:0=fff",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as an Intel processor with two sockets and eleven ways shows it.
    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let mount = root.path().join(MOUNT);
        fs::create_dir_all(mount.join("info/L3")).unwrap();
        for (file, text) in [
            ("info/L3/cbm_mask", "7ff\n"),
            ("info/L3/min_cbm_bits", "1\n"),
            ("info/L3/num_closids", "16\n"),
            ("info/L3/shareable_bits", "600\n"),
            ("info/last_cmd_status", "ok\n"),
            ("schemata", "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n"),
        ] {
            fs::write(mount.join(file), text).unwrap();
        }
        root
    }

    #[test]
    fn what_can_be_divided_is_read() {
        let root = machine();
        let resctrl = Resctrl::open(root.path()).unwrap();
        let expected = CacheWays {
            mask: 0x7ff,
            ways_min: 1,
            shared_mask: 0x600,
            groups_max: 16,
            sparse: false,
            caches: vec![0, 1],
        };
        assert_eq!((resctrl.ways(), resctrl.ways().count()), (&expected, 11));
    }

    #[test]
    fn a_group_has_its_ways_of_every_cache_and_its_threads() {
        let root = machine();
        let resctrl = Resctrl::open(root.path()).unwrap();
        let group = resctrl.group("stream", 0b11).unwrap();
        let text = |file: &str| fs::read_to_string(group.folder.join(file)).unwrap();
        assert_eq!(text("schemata"), "L3:0=3;1=3\n");
        group.add_thread(42).unwrap();
        assert_eq!(text("tasks"), "42\n");
        group.add_current_thread().unwrap();
        let thread: u32 = text("tasks").trim().parse().unwrap();
        assert!(Path::new(&format!("/proc/self/task/{thread}")).exists());
    }

    #[test]
    fn a_group_goes_with_its_value_and_never_somebody_elses() {
        let root = machine();
        let resctrl = Resctrl::open(root.path()).unwrap();
        let group = resctrl.group("mine", 1).unwrap();
        let folder = group.folder.clone();
        let taken = resctrl.group("mine", 1).unwrap_err().to_string();
        assert!(taken.contains("another name") && folder.exists(), "{taken}");
        // The kernel's files do not keep a folder from being removed; these do.
        fs::remove_file(folder.join("schemata")).unwrap();
        drop(group);
        assert!(!folder.exists());
    }

    #[test]
    fn masks_that_the_processor_would_refuse_are_explained() {
        let root = machine();
        let mut resctrl = Resctrl::open(root.path()).unwrap();
        let refusal = |resctrl: &Resctrl, mask| resctrl.group("g", mask).unwrap_err().to_string();
        assert!(refusal(&resctrl, 0).contains("at least 1"));
        assert!(refusal(&resctrl, 0x800).contains("only 11 ways"));
        assert!(refusal(&resctrl, 0b101).contains("neighbouring"));
        assert!(refusal(&resctrl, u64::MAX).contains("only 11 ways"));
        resctrl.ways.sparse = true;
        assert!(resctrl.group("g", 0b101).is_ok());
        resctrl.ways.ways_min = 2;
        assert!(refusal(&resctrl, 1).contains("at least 2"));
    }

    #[test]
    fn names_that_are_no_folder_of_ours_are_refused() {
        let root = machine();
        let resctrl = Resctrl::open(root.path()).unwrap();
        for name in ["", "..", "a/b", ".x"] {
            let text = resctrl.group(name, 1).unwrap_err().to_string();
            assert!(text.contains("plain file name"), "{text}");
        }
    }

    #[test]
    fn what_lacks_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = |root: &Path| Resctrl::open(root).unwrap_err().to_string();
        assert!(error(root.path()).contains("mount -t resctrl"));
        fs::create_dir_all(root.path().join(MOUNT).join("info/MB")).unwrap();
        assert!(error(root.path()).contains("does not partition"));
        let root = machine();
        fs::write(root.path().join(MOUNT).join("info/L3/cbm_mask"), "many").unwrap();
        assert!(error(root.path()).contains("`many`"));
        let root = machine();
        fs::write(root.path().join(MOUNT).join("schemata"), "MB:0=10").unwrap();
        assert!(error(root.path()).contains("L3:0=fff"));
    }
}
