//! Which sizes of pages the system gives.

use std::fs;
use std::path::Path;

/// The largest pages that are tried, or that were granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// 2 MiB pages that the administrator has set aside (`vm.nr_hugepages`): never split, never swapped.
    Explicit,
    /// 2 MiB pages that the kernel makes where it can.
    Transparent,
    /// What the processor calls a page: 4 KiB on x86-64.
    Small,
}

/// What the system offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HugePages {
    /// `always`, `madvise` or `never`; `None` if the kernel has no transparent huge pages.
    pub transparent: Option<String>,
    /// Explicit pages of 2 MiB that nobody uses yet; `None` if the kernel has none at all.
    pub explicit_free: Option<u64>,
}

impl HugePages {
    /// By the files below `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let folder = root.join("sys/kernel/mm");
        let policy = fs::read_to_string(folder.join("transparent_hugepage/enabled")).ok();
        let free =
            fs::read_to_string(folder.join("hugepages/hugepages-2048kB/free_hugepages")).ok();
        Self {
            transparent: policy.as_deref().and_then(chosen),
            explicit_free: free.and_then(|text| text.trim().parse().ok()),
        }
    }
}

/// The word in brackets of `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offer_is_read_and_may_lack() {
        let root = tempfile::tempdir().unwrap();
        let none = HugePages::read(root.path());
        assert_eq!((none.transparent, none.explicit_free), (None, None));
        let mm = root.path().join("sys/kernel/mm");
        fs::create_dir_all(mm.join("transparent_hugepage")).unwrap();
        fs::create_dir_all(mm.join("hugepages/hugepages-2048kB")).unwrap();
        fs::write(
            mm.join("transparent_hugepage/enabled"),
            "always [madvise] never\n",
        )
        .unwrap();
        fs::write(mm.join("hugepages/hugepages-2048kB/free_hugepages"), "12\n").unwrap();
        let some = HugePages::read(root.path());
        assert_eq!(some.transparent.as_deref(), Some("madvise"));
        assert_eq!(some.explicit_free, Some(12));
    }
}
