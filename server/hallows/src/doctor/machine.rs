//! Facts about this machine, read from the processor, `/proc` and `/sys`. A fact
//! that cannot be read is `None`: containers hide some of them.

use std::path::Path;

use ant_colony_memory::{CacheWays, HugePages, Nodes, Resctrl, ResctrlError, streaming_kind};
use rustix::process::{Resource, getrlimit};

/// Why something cannot be used, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// What failed.
    pub(super) reason: String,
    /// What the user can do.
    pub(super) remedy: String,
}

impl From<beehive::Unavailable> for Refusal {
    fn from(why: beehive::Unavailable) -> Self {
        Self {
            reason: why.reason,
            remedy: why.remedy.to_owned(),
        }
    }
}

/// What was found; judged by [`super::checks`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Marketing name of the processor.
    pub(super) processor: Option<String>,
    /// Whether the processor has AVX2.
    pub(super) avx2: bool,
    /// Whether the processor has the AVX-512 subsets that compilers use.
    pub(super) avx512: bool,
    /// Whether this program was compiled to use AVX2.
    pub(super) built_for_avx2: bool,
    /// Cores this process may run on.
    pub(super) cores: usize,
    /// Why io_uring cannot be used; `None` when it can.
    pub(super) io_uring_refusal: Option<Refusal>,
    /// Version of the kernel: major and minor.
    pub(super) kernel: Option<(u32, u32)>,
    /// Policy of transparent huge pages: always, madvise or never.
    pub(super) huge_pages: Option<String>,
    /// Pages reserved for explicit huge page users.
    pub(super) huge_pages_reserved: Option<u64>,
    /// `vm.overcommit_memory`.
    pub(super) overcommit: Option<u64>,
    /// Open files allowed now, and at most; `None` = unlimited.
    pub(super) nofile: (Option<u64>, Option<u64>),
    /// `net.core.somaxconn`.
    pub(super) somaxconn: Option<u64>,
    /// How the processor's counters are read, or why they cannot be; `None` if that is not known.
    pub(super) hardware_counters: Option<Result<String, Refusal>>,
    /// Why the kernel's software events cannot be used; `None` when they can.
    pub(super) software_events_refusal: Option<Refusal>,
    /// Memory of the machine, or of the container where that is less, in bytes.
    pub(super) memory: Option<u64>,
    /// The NUMA nodes; `None` where the kernel tells none.
    pub(super) nodes: Option<usize>,
    /// How the last cache can be divided, or why it cannot be; `None` if that is not known.
    pub(super) cache_ways: Option<Result<CacheWays, Refusal>>,
    /// How bulk copies are written past the caches.
    pub(super) streaming: &'static str,
}

impl From<ResctrlError> for Refusal {
    fn from(error: ResctrlError) -> Self {
        let (reason, remedy) = match error {
            ResctrlError::NotMounted(_) => (
                "resctrl is not mounted".to_owned(),
                "If /proc/cpuinfo lists cat_l3: mount -t resctrl resctrl /sys/fs/resctrl. \
                 Otherwise the processor has no partitions.",
            ),
            error @ ResctrlError::NoCacheWays(_) => (error.to_string(), "Nothing to do."),
            error => (
                error.to_string(),
                "Look at the files below /sys/fs/resctrl/info.",
            ),
        };
        Self {
            reason,
            remedy: remedy.to_owned(),
        }
    }
}

impl Facts {
    /// Reads everything below `root`, which is `/` except in tests.
    pub(super) fn read(root: &Path) -> Self {
        let number = |path: &str| line(root, path)?.parse().ok();
        let limit = getrlimit(Resource::Nofile);
        let counters = beehive::counters::probe();
        Self {
            processor: processor(root),
            avx2: std::arch::is_x86_feature_detected!("avx2"),
            avx512: std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512vl"),
            built_for_avx2: cfg!(target_feature = "avx2"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            io_uring_refusal: beehive::probe().io_uring.err().map(Refusal::from),
            kernel: line(root, "proc/sys/kernel/osrelease")
                .as_deref()
                .and_then(version),
            huge_pages: HugePages::read(root).transparent,
            huge_pages_reserved: number("proc/sys/vm/nr_hugepages"),
            overcommit: number("proc/sys/vm/overcommit_memory"),
            nofile: (limit.current, limit.maximum),
            somaxconn: number("proc/sys/net/core/somaxconn"),
            hardware_counters: Some(match counters.hardware {
                Ok(access) => Ok(access.to_string()),
                Err(why) => Err(why.into()),
            }),
            software_events_refusal: counters.software.err().map(Refusal::from),
            memory: memory(root),
            nodes: Nodes::read(root).ok().map(|nodes| nodes.as_slice().len()),
            cache_ways: Some(match Resctrl::open(root) {
                Ok(resctrl) => Ok(resctrl.ways().clone()),
                Err(error) => Err(error.into()),
            }),
            streaming: streaming_kind(),
        }
    }
}

fn line(root: &Path, path: &str) -> Option<String> {
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

/// The first two numbers of `6.1.0-13-amd64`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn processor(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("proc/cpuinfo")).ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

fn memory(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = total.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let container = line(root, "sys/fs/cgroup/memory.max").and_then(|text| text.parse().ok());
    Some((kib << 10).min(container.unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::Facts;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        root
    }

    #[test]
    fn settings_are_read_as_the_kernel_prints_them() {
        let root = root(&[
            (
                "sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never\n",
            ),
            ("proc/sys/kernel/osrelease", "6.12.3-rc1+\n"),
            ("proc/sys/vm/overcommit_memory", "2\n"),
            ("proc/sys/net/core/somaxconn", "4096\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Test CPU\n"),
            ("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n"),
            ("sys/fs/cgroup/memory.max", "1048576\n"),
            ("sys/devices/system/node/online", "0-1\n"),
            ("sys/devices/system/node/node0/cpulist", "0-3\n"),
            ("sys/devices/system/node/node1/cpulist", "4-7\n"),
            ("sys/fs/resctrl/info/L3/cbm_mask", "fff\n"),
            ("sys/fs/resctrl/info/L3/min_cbm_bits", "1\n"),
            ("sys/fs/resctrl/info/L3/num_closids", "15\n"),
            ("sys/fs/resctrl/schemata", "L3:0=fff\n"),
        ]);
        let facts = Facts::read(root.path());
        assert_eq!(facts.huge_pages.as_deref(), Some("madvise"));
        assert_eq!(facts.kernel, Some((6, 12)));
        assert_eq!(facts.overcommit, Some(2));
        assert_eq!(facts.somaxconn, Some(4096));
        assert_eq!(facts.processor.as_deref(), Some("Test CPU"));
        assert_eq!(facts.memory, Some(1 << 20));
        assert_eq!(facts.nodes, Some(2));
        let ways = facts.cache_ways.unwrap().unwrap();
        assert_eq!((ways.count(), ways.groups_max), (12, 15));
    }

    #[test]
    fn a_machine_that_hides_everything_gives_no_facts_and_no_panic() {
        let facts = Facts::read(root(&[]).path());
        assert_eq!(facts.huge_pages, None);
        assert_eq!((facts.memory, facts.nodes), (None, None));
        let refusal = facts.cache_ways.unwrap().unwrap_err();
        assert!(refusal.reason.contains("not mounted"), "{refusal:?}");
    }
}
