//! The NUMA nodes of the machine, from `/sys/devices/system/node`.

use std::fs;
use std::path::Path;

use crate::{CpuList, Refusal};

/// All nodes that have memory or processors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes(Vec<Node>);

/// Memory and the processors that are near to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number in Linux.
    pub number: usize,
    /// The processors that are near.
    pub cpus: CpuList,
    /// Memory in bytes; `None` if the kernel does not say.
    pub memory_bytes: Option<u64>,
    /// How far it is to each node of [`Nodes::as_slice`], in that order; 10 is the node itself.
    pub distances: Vec<u32>,
}

impl Nodes {
    /// The nodes of this machine.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell them, as one without NUMA does not.
    pub fn of_this_machine() -> Result<Self, Refusal> {
        Self::read(Path::new("/"))
    }

    /// The nodes by the files below `root`.
    ///
    /// # Errors
    ///
    /// As [`of_this_machine`](Self::of_this_machine).
    pub fn read(root: &Path) -> Result<Self, Refusal> {
        let folder = root.join("sys/devices/system/node");
        let refusal = |reason: String| Refusal {
            reason,
            remedy: "Nothing to do on a machine with one memory: it counts as one node.".into(),
        };
        let text = |path: &Path| {
            fs::read_to_string(path)
                .map_err(|error| refusal(format!("cannot read {}: {error}", path.display())))
        };
        let online = folder.join("online");
        let numbers: CpuList = text(&online)?
            .parse()
            .map_err(|error| refusal(format!("{}: {error}", online.display())))?;
        let node = |&number: &usize| {
            let folder = folder.join(format!("node{number}"));
            let cpus = text(&folder.join("cpulist"))?;
            let cpus = cpus
                .parse()
                .map_err(|error| refusal(format!("cpulist of node {number}: {error}")))?;
            let distances = fs::read_to_string(folder.join("distance")).unwrap_or_default();
            Ok(Node {
                number,
                cpus,
                memory_bytes: memory(&folder.join("meminfo")),
                distances: distances
                    .split_whitespace()
                    .filter_map(|word| word.parse().ok())
                    .collect(),
            })
        };
        let nodes = numbers.as_slice().iter().map(node);
        nodes.collect::<Result<_, _>>().map(Self)
    }

    /// The nodes, by ascending number.
    #[must_use]
    pub fn as_slice(&self) -> &[Node] {
        &self.0
    }

    /// The node that a processor is near to.
    #[must_use]
    pub fn of_cpu(&self, cpu: usize) -> Option<&Node> {
        let near = |node: &&Node| node.cpus.as_slice().binary_search(&cpu).is_ok();
        self.0.iter().find(near)
    }
}

/// `Node 0 MemTotal: 24684092 kB` in bytes.
fn memory(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.contains("MemTotal:"))?;
    let (_, figure) = line.split_once("MemTotal:")?;
    let kib: u64 = figure.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join("sys/devices/system/node").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn two_sockets_are_two_nodes() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "online", "0-1\n");
        write(root, "node0/cpulist", "0-3,8-11\n");
        write(root, "node0/distance", "10 21\n");
        write(
            root,
            "node0/meminfo",
            "Node 0 MemTotal:       1024 kB\nNode 0 MemFree: 1 kB\n",
        );
        write(root, "node1/cpulist", "4-7,12-15\n");
        write(root, "node1/distance", "21 10\n");
        let nodes = Nodes::read(root).unwrap();
        let [first, second] = nodes.as_slice() else {
            panic!("{nodes:?}");
        };
        assert_eq!(first.distances, [10, 21]);
        assert_eq!(
            (first.memory_bytes, second.memory_bytes),
            (Some(1 << 20), None)
        );
        assert_eq!(nodes.of_cpu(9), Some(first));
        assert_eq!(nodes.of_cpu(12), Some(second));
        assert_eq!(nodes.of_cpu(16), None);
    }

    #[test]
    fn a_kernel_that_tells_no_nodes_is_refused_with_the_file_that_lacks() {
        let root = tempfile::tempdir().unwrap();
        let refusal = Nodes::read(root.path()).unwrap_err();
        assert!(refusal.reason.contains("node/online"), "{refusal}");
        write(root.path(), "online", "zero\n");
        let refusal = Nodes::read(root.path()).unwrap_err();
        assert!(refusal.reason.contains("`zero`"), "{refusal}");
    }
}
