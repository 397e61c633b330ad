//! Flags of `hallows replay`, and the traces, sizes and policies that they name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ant_colony_sim::{
    Capacity, CsvColumns, Format, GENERATED, POLICIES, Policy, SUITE, Trace, TraceError, Unit,
};
use clap::Args;

use crate::failure::Failure;
use crate::settings::ByteSize;

use super::table::percent;

/// A share of a trace is at least this many objects, as in the published miss ratios.
const OBJECTS_MIN: u64 = 100;

const EXAMPLES: &str = "\
Examples:
  hallows replay web.oracleGeneral.zst
      Every policy at 0.1, 1 and 10% of the trace's objects.

  hallows replay OLTP.lis --capacity 1000,5000 --policy lru,s3fifo --svg curves.svg
      Miss ratios of two policies, drawn over the size.

  hallows replay disk.csv --columns id=2,size=3 --bytes --capacity 64MiB,10%
      Objects take their bytes.

  hallows replay *.zst --against-fifo --json
      The mean reduction of the miss ratio against FIFO over all traces, per size.

  hallows replay *.zst --against-fifo --equal-memory=100
      The same with objects of 100 bytes, where metadata takes room that objects could have.

  hallows replay gen:suite --capacity 1000
      Short generated traces: loops, scans beside a hot set, skewed popularity, shifts.

  hallows replay gen:loop,times=1.1,requests=5000 --capacity 1000
      One of them.";

const DETAILS: &str = "\
Formats, each perhaps compressed by zstd, known by name or content:
  u64             NAME.u64: little-endian ids; NAME.sz.u32 beside it: sizes
  oracle-general  libCacheSim's records of 24 bytes
  csv             ids and sizes in columns, see --columns
  lis             block ranges, as ARC's authors published them
  text            an id per line

A share (1%) is of the distinct objects of the trace, at least 100 objects; with --bytes of the
bytes of its distinct objects. With --equal-memory a capacity is what objects of that size and the
policy's metadata take together, as in a cache of a million objects; keys and the index that finds
them are not counted, because every cache has them. The CPU time of an access is that of the policy in this
simulator: traces number their objects, so that nobody pays for an index of keys.
Exit status: 0 done, 1 failure, 2 wrong usage.";

/// Flags of `replay`.
#[derive(Args, Debug)]
#[command(after_help = after_help())]
pub(crate) struct ReplayArgs {
    /// Files, or generated traces as gen:KIND,PARAMETER=VALUE,...; gen:suite is a set of them
    #[arg(required = true, value_name = "TRACE")]
    traces: Vec<String>,
    /// Sizes: objects, or a share of the trace such as 1%; with --bytes also 64MiB
    #[arg(
        long,
        value_name = "N|P%,...",
        value_delimiter = ',',
        default_value = "0.1%,1%,10%"
    )]
    capacity: Vec<Size>,
    /// Policies to replay
    #[arg(long, value_name = "NAME,...|all", value_delimiter = ',', default_value = "all", value_parser = policies)]
    policy: Vec<Policies>,
    /// Capacities count bytes instead of objects
    #[arg(long)]
    bytes: bool,
    /// Capacities are memory: a policy holds fewer objects, of so many bytes each, by what its metadata
    /// takes; with --bytes, objects of the traces' own sizes
    #[arg(long, value_name = "OBJECT_BYTES", num_args = 0..=1, require_equals = true, default_missing_value = "own")]
    equal_memory: Option<ObjectBytes>,
    /// What the files hold, where name and content do not tell
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Columns of CSV files by name or by position from 1
    #[arg(long, value_name = "id=C[,size=C]", value_parser = columns)]
    columns: Option<CsvColumns>,
    /// Print the mean reduction of the miss ratio against FIFO over all traces instead
    #[arg(long)]
    pub(crate) against_fifo: bool,
    /// Print the results as JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the miss ratios over the size into this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) svg: Option<PathBuf>,
    /// Policies at a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,
    /// Policies at a time take about so much memory; what is beyond waits for another pass
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub(crate) memory: ByteSize,
}

fn after_help() -> String {
    let names = POLICIES.iter();
    let lines = names.map(|policy| format!("  {:15} {}\n", policy.name, policy.source));
    let policies: String = lines.collect();
    let generated = GENERATED.replace('\n', "\n  ");
    format!("{EXAMPLES}\n\nPolicies:\n{policies}\nGenerated traces:\n  {generated}\n\n{DETAILS}")
}

#[derive(Debug, Clone)]
struct Policies(Vec<&'static Policy>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Size {
    Plain(u64),
    Share(f64),
    Bytes(u64),
}

/// What an object takes where metadata counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ObjectBytes {
    Own,
    Each(u32),
}

/// Where a trace comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    File(PathBuf),
    Generated(String),
}

impl ReplayArgs {
    /// The traces that were named.
    pub(crate) fn origins(&self) -> Vec<Origin> {
        let mut origins = Vec::new();
        for name in &self.traces {
            if name == "gen:suite" {
                origins.extend(SUITE.iter().map(|&name| Origin::Generated(name.to_owned())));
            } else if name.starts_with("gen:") {
                origins.push(Origin::Generated(name.clone()));
            } else {
                origins.push(Origin::File(name.into()));
            }
        }
        origins
    }

    /// Surveys a trace.
    pub(crate) fn open(&self, origin: &Origin) -> Result<Trace, TraceError> {
        match origin {
            Origin::Generated(name) => Trace::generated(name),
            Origin::File(path) => self.open_file(path),
        }
    }

    fn open_file(&self, path: &Path) -> Result<Trace, TraceError> {
        let columns = self.columns.clone().unwrap_or_default();
        let format = self.format.map_or_else(|| Format::of(path), Ok)?;
        Trace::open_as(path, format, columns)
    }

    /// The policies that were named, each once; FIFO is among them where all are compared with it.
    pub(crate) fn policies(&self) -> Vec<&'static Policy> {
        let fifo = POLICIES
            .iter()
            .filter(|one| self.against_fifo && one.name == "fifo");
        let mut chosen: Vec<&'static Policy> = Vec::new();
        for policy in fifo.chain(self.policy.iter().flat_map(|some| some.0.iter().copied())) {
            if chosen.iter().all(|one| one.name != policy.name) {
                chosen.push(policy);
            }
        }
        chosen
    }

    /// What capacities count.
    pub(crate) fn unit(&self) -> Unit {
        if self.bytes {
            Unit::Bytes
        } else {
            Unit::Objects
        }
    }

    /// The sizes as they were given.
    pub(crate) fn sizes(&self) -> Vec<String> {
        self.capacity.iter().map(Size::to_string).collect()
    }

    /// The sizes for a trace, in the same order.
    pub(crate) fn capacities(&self, trace: &Trace) -> Result<Vec<Capacity>, Failure> {
        let sizes = self.capacity.iter();
        sizes.map(|&size| self.capacity(size, trace)).collect()
    }

    fn capacity(&self, size: Size, trace: &Trace) -> Result<Capacity, Failure> {
        let objects = u64::from(trace.objects());
        let (whole, least) = if self.bytes {
            (trace.bytes(), OBJECTS_MIN * trace.bytes().div_ceil(objects))
        } else {
            (objects, OBJECTS_MIN)
        };
        match size {
            Size::Share(size_fraction) => Ok(Capacity {
                capacity: ((whole as f64 * size_fraction).round() as u64).max(least),
                size_fraction,
            }),
            Size::Bytes(_) if !self.bytes => Err(Failure::usage(
                "a capacity in bytes, where objects count",
                "Add --bytes, or give a number of objects or a share such as 1%.",
            )),
            Size::Plain(capacity) | Size::Bytes(capacity) => Ok(Capacity {
                capacity,
                size_fraction: capacity as f64 / whole as f64,
            }),
        }
    }

    /// Bytes of an object, on average, if metadata is to be paid from the same memory.
    pub(crate) fn object_bytes(&self, trace: &Trace) -> Result<Option<f64>, Failure> {
        match self.equal_memory {
            None => Ok(None),
            Some(ObjectBytes::Own) if self.bytes => {
                Ok(Some(trace.bytes() as f64 / f64::from(trace.objects())))
            }
            Some(ObjectBytes::Each(bytes)) if !self.bytes => Ok(Some(f64::from(bytes))),
            Some(ObjectBytes::Own) => Err(Failure::usage(
                "equal memory, where objects have no sizes",
                "Say how large objects are (--equal-memory=100), or add --bytes for the traces' own sizes.",
            )),
            Some(ObjectBytes::Each(_)) => Err(Failure::usage(
                "a size for all objects, where they have their own",
                "Leave out either --bytes or the number after --equal-memory.",
            )),
        }
    }

    /// Whether capacities are memory.
    pub(crate) fn counts_metadata(&self) -> bool {
        self.equal_memory.is_some()
    }

    pub(crate) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(size) => write!(f, "{size}"),
            Self::Share(fraction) => write!(f, "{}", percent(*fraction)),
            Self::Bytes(bytes) => write!(f, "{}", ByteSize(*bytes as usize)),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || "a size is a number of objects, a share as 1%, or bytes as 64MiB".to_owned();
        if let Some(percent) = text.strip_suffix('%') {
            return match percent.parse::<f64>() {
                Ok(percent) if percent > 0.0 && percent <= 100.0 => {
                    Ok(Self::Share(percent / 100.0))
                }
                _ => Err("a share is above 0% and at most 100%".to_owned()),
            };
        }
        let size = if let Ok(number) = text.parse() {
            Self::Plain(number)
        } else {
            Self::Bytes(text.parse::<ByteSize>().map_err(|_| wrong())?.0 as u64)
        };
        match size {
            Self::Plain(0) | Self::Bytes(0) => Err("a cache of size 0 holds nothing".to_owned()),
            size => Ok(size),
        }
    }
}

impl FromStr for ObjectBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "own" => Ok(Self::Own),
            Ok(bytes) if bytes > 0 => Ok(Self::Each(bytes)),
            _ => Err("an object takes a number of bytes above 0".to_owned()),
        }
    }
}

fn policies(text: &str) -> Result<Policies, String> {
    if text == "all" {
        return Ok(Policies(POLICIES.iter().collect()));
    }
    let found = ant_colony_sim::policy(text);
    found.map(|found| Policies(vec![found])).ok_or_else(|| {
        let names: Vec<_> = POLICIES.iter().map(|policy| policy.name).collect();
        let similarity = |name: &&&str| (strsim::jaro(name, text) * 1e6) as u64;
        let nearest = names.iter().max_by_key(similarity).unwrap_or(&"fifo");
        format!(
            "did you mean {nearest}? There are: all, {}",
            names.join(", ")
        )
    })
}

fn columns(text: &str) -> Result<CsvColumns, String> {
    let mut columns = CsvColumns::default();
    for part in text.split(',') {
        let column = match part.split_once('=') {
            Some(("id", column)) => (&mut columns.id, column),
            Some(("size", column)) => (&mut columns.size, column),
            _ => return Err("write id=2,size=3 or id=NAME,size=NAME".to_owned()),
        };
        *column.0 = Some(column.1.to_owned());
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(flags: &[&str]) -> ReplayArgs {
        let line = ["hallows", "replay", "gen:zipf"].iter().chain(flags);
        match Cli::parse_from(line).command {
            Command::Replay(args) => *args,
            other => panic!("not replay: {other:?}"),
        }
    }

    fn sizes(flags: &[&str], trace: &Trace) -> Vec<(u64, f64)> {
        let capacities = parse(flags).capacities(trace).expect("right units");
        let pair = |one: Capacity| (one.capacity, one.size_fraction);
        capacities.into_iter().map(pair).collect()
    }

    #[test]
    fn a_share_is_of_the_distinct_objects_and_at_least_a_hundred() {
        let trace = Trace::generated("gen:loop,times=5,requests=6000").expect("known");
        assert_eq!(trace.objects(), 5_000);
        assert_eq!(
            sizes(&["--capacity", "1%,10%"], &trace),
            [(100, 0.01), (500, 0.1)]
        );
        assert_eq!(sizes(&["--capacity", "250"], &trace), [(250, 0.05)]);
    }

    #[test]
    fn bytes_take_units_and_objects_do_not() {
        let trace = Trace::generated("gen:loop,times=5,requests=6000").expect("known");
        let bytes = sizes(&["--bytes", "--capacity", "1KiB,50%"], &trace);
        assert_eq!(bytes, [(1_024, 0.2048), (2_500, 0.5)]);
        let refused = parse(&["--capacity", "1KiB"])
            .capacities(&trace)
            .expect_err("bytes");
        assert!(refused.to_string().contains("--bytes"), "{refused}");
    }

    #[test]
    fn every_policy_is_taken_once_and_fifo_added_where_it_is_the_yardstick() {
        let names = |flags| -> Vec<&str> {
            parse(flags)
                .policies()
                .iter()
                .map(|policy| policy.name)
                .collect()
        };
        assert_eq!(names(&["--policy", "lru,arc,lru"]), ["lru", "arc"]);
        assert_eq!(
            names(&["--policy", "lru", "--against-fifo"]),
            ["fifo", "lru"]
        );
        assert_eq!(names(&["--policy", "all"]).len(), POLICIES.len());
    }
}
