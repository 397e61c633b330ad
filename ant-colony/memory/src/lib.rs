//! Where data lies, and what reaches it: huge pages, NUMA nodes, streaming copies, and ways of the last
//! cache. Each is optional, found at run time, and reported when it is not there.
//!
//! Linux only. What reads the system reads files below a root that tests replace.
#![doc = include_str!("../README.md")]

mod collapse;
mod cpu_list;
mod nodes;
mod numa;
mod pages;
mod prefetch;
mod region;
mod resctrl;
mod stream;

pub use collapse::collapse;
pub use cpu_list::CpuList;
pub use nodes::{Node, Nodes};
pub use pages::{HugePages, Pages};
pub use prefetch::prefetch;
pub use region::{Region, Report, Request};
pub use resctrl::{CacheWays, Group, Resctrl, ResctrlError};
pub use stream::{copy_streaming, streaming_kind};

/// Something that was asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the system answered.
    pub reason: String,
    /// What the user can do about it.
    pub remedy: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}. {}", self.reason, self.remedy)
    }
}
