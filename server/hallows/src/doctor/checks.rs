//! Judges the facts: for each, whether it is on, and what to do if it is not.
//! Pure: the same facts give the same findings.

use serde::Serialize;

use super::machine::{Facts, Refusal};

/// Open files for 10,000 clients and the server's own.
const NOFILE_WANTED: u64 = 10_064;
/// Connections that may wait to be accepted.
const SOMAXCONN_WANTED: u64 = 511;

/// The first Linux that makes huge pages on demand.
const COLLAPSE_SINCE: (u32, u32) = (6, 1);

/// How a finding bears on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Present and used.
    On,
    /// Missing or switched off; the server works without.
    Off,
    /// Could not be read.
    Unknown,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at; stable, for scripts.
    pub(crate) name: &'static str,
    /// The judgement.
    pub(crate) status: Status,
    /// What was found.
    pub(crate) found: String,
    /// What to do, where there is something to do.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    fn on(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::On,
            found: found.into(),
            remedy: None,
        }
    }

    fn off(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Off,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn unknown(name: &'static str, source: &str) -> Self {
        let found = format!("{source} cannot be read here");
        Self {
            name,
            status: Status::Unknown,
            found,
            remedy: None,
        }
    }
}

/// All findings, in the order of the report.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![
        processor(facts),
        avx2(facts),
        avx512(facts),
        Finding::on(
            "cores",
            format!("{}; `--workers auto` takes as many", facts.cores),
        ),
        memory(facts),
        io_uring(facts),
        transparent_huge_pages(facts),
        reserved_huge_pages(facts),
        numa_nodes(facts),
        cache_ways(facts),
        Finding::on(
            "streaming_stores",
            format!("bulk copies pass the caches by {}", facts.streaming),
        ),
        overcommit(facts),
        nofile(facts),
        somaxconn(facts),
        hardware_counters(facts),
        software_events(facts),
    ]
}

fn processor(facts: &Facts) -> Finding {
    match &facts.processor {
        Some(name) => Finding::on("processor", name),
        None => Finding::unknown("processor", "/proc/cpuinfo"),
    }
}

fn avx2(facts: &Facts) -> Finding {
    match (facts.avx2, facts.built_for_avx2) {
        (true, true) => Finding::on("avx2", "the processor has it and this build uses it"),
        (true, false) => Finding::off(
            "avx2",
            "the processor has it; this build was compiled for any x86-64",
            "For this machine alone: RUSTFLAGS=-Ctarget-cpu=native cargo build --release",
        ),
        (false, _) => Finding::off("avx2", "the processor lacks it", "Nothing to do."),
    }
}

fn avx512(facts: &Facts) -> Finding {
    if facts.avx512 {
        Finding::on("avx512", "the processor has F, BW and VL")
    } else {
        Finding::off(
            "avx512",
            "the processor lacks F, BW or VL",
            "Nothing to do; nothing needs it.",
        )
    }
}

fn memory(facts: &Facts) -> Finding {
    match facts.memory {
        Some(bytes) => Finding::on("memory", format!("{} MiB", bytes >> 20)),
        None => Finding::unknown("memory", "/proc/meminfo"),
    }
}

fn io_uring(facts: &Facts) -> Finding {
    match &facts.io_uring_refusal {
        None => Finding::on("io_uring", "allowed by the kernel; `--io auto` takes it"),
        Some(Refusal { reason, remedy }) => Finding::off(
            "io_uring",
            format!("{reason}; `--io auto` takes epoll"),
            remedy,
        ),
    }
}

fn transparent_huge_pages(facts: &Facts) -> Finding {
    const NAME: &str = "transparent_huge_pages";
    match (facts.huge_pages.as_deref(), facts.kernel) {
        // Whatever the policy: it is about pages that nobody asked for.
        (Some(policy), Some(kernel)) if kernel >= COLLAPSE_SINCE => Finding::on(
            NAME,
            format!("{policy}; with --huge-pages yes the store fills 2 MiB pages"),
        ),
        (Some(_), Some((major, minor))) => Finding::off(
            NAME,
            format!("Linux {major}.{minor} makes none on demand: memory comes in 4 KiB pages"),
            "For caches above some 10 MiB: Linux 6.1 or later.",
        ),
        (Some(_), None) => Finding::unknown(NAME, "/proc/sys/kernel/osrelease"),
        (None, _) => Finding::unknown(NAME, "/sys/kernel/mm/transparent_hugepage/enabled"),
    }
}

fn reserved_huge_pages(facts: &Facts) -> Finding {
    const NAME: &str = "reserved_huge_pages";
    match facts.huge_pages_reserved {
        Some(0) => Finding::off(
            NAME,
            "none reserved",
            "Nothing to do; the server uses none.",
        ),
        Some(count) => Finding::off(
            NAME,
            format!("{count} reserved, which the server does not use"),
            "Give them back: sysctl vm.nr_hugepages=0",
        ),
        None => Finding::unknown(NAME, "/proc/sys/vm/nr_hugepages"),
    }
}

fn numa_nodes(facts: &Facts) -> Finding {
    match facts.nodes {
        Some(1) => Finding::on("numa_nodes", "one memory for all cores"),
        Some(count) => Finding::on(
            "numa_nodes",
            format!("{count}; memory comes from the node of the core that touches it first"),
        ),
        None => Finding::unknown("numa_nodes", "/sys/devices/system/node"),
    }
}

fn cache_ways(facts: &Facts) -> Finding {
    const NAME: &str = "cache_ways";
    match &facts.cache_ways {
        Some(Ok(ways)) => Finding::on(
            NAME,
            format!(
                "{} ways of the last cache can be divided among {} groups of threads",
                ways.count(),
                ways.groups_max
            ),
        ),
        Some(Err(Refusal { reason, remedy })) => Finding::off(NAME, reason, remedy),
        None => Finding::unknown(NAME, "/sys/fs/resctrl"),
    }
}

fn overcommit(facts: &Facts) -> Finding {
    match facts.overcommit {
        Some(2) => Finding::off(
            "overcommit",
            "2: the kernel refuses memory beyond its commit limit, even if it is never touched",
            "Keep --memory well below CommitLimit in /proc/meminfo, or: sysctl vm.overcommit_memory=0",
        ),
        Some(mode) => Finding::on(
            "overcommit",
            format!("{mode}: memory is taken when touched"),
        ),
        None => Finding::unknown("overcommit", "/proc/sys/vm/overcommit_memory"),
    }
}

fn nofile(facts: &Facts) -> Finding {
    let show = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
    let (now, most) = facts.nofile;
    let found = format!("{} open files, at most {}", show(now), show(most));
    if most.is_none_or(|most| most >= NOFILE_WANTED) {
        Finding::on(
            "nofile",
            format!("{found}; `serve` raises it as --maxclients needs"),
        )
    } else {
        Finding::off(
            "nofile",
            format!("{found}: too few for 10000 clients"),
            "Raise it: `ulimit -Hn 20000` as root, or LimitNOFILE=20000 in the systemd unit.",
        )
    }
}

fn somaxconn(facts: &Facts) -> Finding {
    match facts.somaxconn {
        Some(limit) if limit >= SOMAXCONN_WANTED => Finding::on(
            "somaxconn",
            format!("{limit} connections may wait to be accepted"),
        ),
        Some(limit) => Finding::off(
            "somaxconn",
            format!("only {limit} connections may wait to be accepted"),
            "For bursts of new clients: sysctl net.core.somaxconn=4096",
        ),
        None => Finding::unknown("somaxconn", "/proc/sys/net/core/somaxconn"),
    }
}

fn hardware_counters(facts: &Facts) -> Finding {
    const NAME: &str = "hardware_counters";
    match &facts.hardware_counters {
        Some(Ok(access)) => Finding::on(NAME, format!("cycles and cache misses by {access}")),
        Some(Err(Refusal { reason, remedy })) => Finding::off(NAME, reason, remedy),
        None => Finding::unknown(NAME, "perf_event_open"),
    }
}

fn software_events(facts: &Facts) -> Finding {
    const NAME: &str = "software_events";
    match &facts.software_events_refusal {
        None => Finding::on(NAME, "time on a core, switches and page faults by one call"),
        Some(Refusal { reason, remedy }) => Finding::off(
            NAME,
            format!("{reason}; getrusage tells nearly the same"),
            remedy,
        ),
    }
}

#[cfg(test)]
mod tests {
    use ant_colony_memory::CacheWays;

    use super::{Facts, Refusal, Status, judge};

    fn good() -> Facts {
        Facts {
            processor: Some("Test CPU".to_owned()),
            avx2: true,
            avx512: true,
            built_for_avx2: true,
            cores: 8,
            io_uring_refusal: None,
            kernel: Some((6, 1)),
            huge_pages: Some("always".to_owned()),
            huge_pages_reserved: Some(0),
            overcommit: Some(1),
            nofile: (Some(1024), Some(20_000)),
            somaxconn: Some(4096),
            hardware_counters: Some(Ok("rdpmc".to_owned())),
            software_events_refusal: None,
            memory: Some(1 << 34),
            nodes: Some(2),
            cache_ways: Some(Ok(CacheWays {
                mask: 0x7ff,
                ways_min: 1,
                shared_mask: 0,
                groups_max: 16,
                sparse: false,
                caches: vec![0],
            })),
            streaming: "avx512",
        }
    }

    fn refusal(reason: &str) -> Refusal {
        Refusal {
            reason: reason.to_owned(),
            remedy: "look up".to_owned(),
        }
    }

    fn status(facts: &Facts, name: &str) -> Status {
        judge(facts)
            .iter()
            .find(|finding| finding.name == name)
            .expect(name)
            .status
    }

    #[test]
    fn a_well_equipped_machine_needs_nothing() {
        let open: Vec<_> = judge(&good())
            .into_iter()
            .filter(|finding| finding.status != Status::On)
            .collect();
        assert!(
            open.iter()
                .all(|finding| finding.name == "reserved_huge_pages"),
            "{open:?}"
        );
    }

    #[test]
    fn what_is_off_always_comes_with_a_remedy() {
        let poor = Facts {
            io_uring_refusal: Some(refusal("blocked")),
            kernel: Some((5, 15)),
            huge_pages: Some("never".to_owned()),
            overcommit: Some(2),
            nofile: (Some(1024), Some(4096)),
            somaxconn: Some(128),
            hardware_counters: Some(Err(refusal("there are none"))),
            software_events_refusal: Some(refusal("forbidden")),
            cache_ways: Some(Err(refusal("not divisible"))),
            ..Facts::default()
        };
        for name in [
            "io_uring",
            "transparent_huge_pages",
            "overcommit",
            "nofile",
            "somaxconn",
            "avx2",
            "hardware_counters",
            "software_events",
            "cache_ways",
        ] {
            assert_eq!(status(&poor, name), Status::Off, "{name}");
        }
        for finding in judge(&poor) {
            let has = finding.remedy.is_some_and(|remedy| !remedy.is_empty());
            assert_eq!(has, finding.status == Status::Off, "{}", finding.name);
        }
    }

    #[test]
    fn the_reason_why_io_uring_is_refused_is_told() {
        let facts = Facts {
            io_uring_refusal: Some(refusal("the sky is falling")),
            ..good()
        };
        let findings = judge(&facts);
        let finding = findings
            .iter()
            .find(|finding| finding.name == "io_uring")
            .unwrap();
        assert!(finding.found.contains("the sky is falling"));
    }

    #[test]
    fn how_counters_are_read_is_told() {
        let findings = judge(&good());
        let finding = |name: &str| findings.iter().find(|finding| finding.name == name);
        let hardware = finding("hardware_counters").expect("a line");
        assert!(hardware.found.contains("rdpmc"), "{hardware:?}");
        let refused = Facts {
            software_events_refusal: Some(refusal("seccomp")),
            ..good()
        };
        let findings = judge(&refused);
        let software = findings.iter().find(|line| line.name == "software_events");
        let found = &software.expect("a line").found;
        assert!(
            found.contains("seccomp") && found.contains("getrusage"),
            "{found}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_not_off() {
        let hidden = Facts {
            huge_pages: None,
            somaxconn: None,
            ..good()
        };
        assert_eq!(status(&hidden, "transparent_huge_pages"), Status::Unknown);
        assert_eq!(status(&hidden, "somaxconn"), Status::Unknown);
    }
}
