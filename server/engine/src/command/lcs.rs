//! LCS: the longest common subsequence of two values, by the textbook table of
//! lengths, so that ties break as in Redis. The values are copied out of the store
//! first: the computation holds no lock.
use alloc::vec::Vec;

use hallows_resp::Args;

use super::{Categories, Flags, Group, KeySpec, Outcome, Spec};
use crate::context::Context;
use crate::error::CommandError;
use crate::number::integer;

pub(crate) const SPECS: &[Spec] = &[Spec::new("lcs", -3, lcs)
    .flags(&[Flags::READONLY])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec {
        flags: &["RO", "ACCESS"],
        first: 1,
        last: 1,
        step: 1,
    }])
    .doc(
        Group::String,
        "7.0.0",
        "O(N*M) in the lengths of the two values",
        "Finds the longest common subsequence of two values.",
    )];

/// What LCS is asked to report.
#[derive(Default)]
struct Options {
    len: bool,
    matches: bool,
    match_len: bool,
    match_len_min: usize,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut words = args.iter();
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"idx") {
                options.matches = true;
            } else if word.eq_ignore_ascii_case(b"len") {
                options.len = true;
            } else if word.eq_ignore_ascii_case(b"withmatchlen") {
                options.match_len = true;
            } else if word.eq_ignore_ascii_case(b"minmatchlen") {
                let min = integer(words.next().ok_or(CommandError::Syntax)?)?;
                options.match_len_min = usize::try_from(min).unwrap_or(0);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.len && options.matches {
            return Err(CommandError::Fixed(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

fn lcs(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (a, b) = values(ctx, &args[1], &args[2]);
    let options = Options::parse(args.from(3..))?;
    let lengths = Lengths::compute(&a, &b, ctx.engine.settings.bulk_len_max())?;
    if options.len {
        ctx.reply().integer(lengths.whole() as i64);
    } else if options.matches {
        reply_matches(ctx, &lengths, &options);
    } else {
        let mut common = Vec::with_capacity(lengths.whole());
        lengths.walk_back(|step| {
            if let Step::Match(i, _) = step {
                common.push(a[i]);
            }
        });
        common.reverse();
        ctx.reply().bulk(&common);
    }
    Ok(())
}

/// Both values at one instant; a missing key has an empty one.
fn values(ctx: &Context<'_>, a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let keys = [ctx.key(a), ctx.key(b)];
    let mut shards = ctx.store().lock_many_to_read(&keys);
    let [a, b] = keys.map(|key| {
        ctx.read(shards.shard(&key), &key)
            .map_or_else(Vec::new, |entry| entry.value.to_vec())
    });
    (a, b)
}

/// The length of the longest common subsequence of every pair of prefixes.
struct Lengths<'a> {
    a: &'a [u8],
    b: &'a [u8],
    table: Vec<u32>,
}

/// A move of the walk from the ends of both strings to their starts.
enum Step {
    /// The bytes at these positions belong to the subsequence.
    Match(usize, usize),
    /// A byte of one of the strings was skipped.
    Skip,
}

impl<'a> Lengths<'a> {
    fn compute(a: &'a [u8], b: &'a [u8], bytes_max: usize) -> Result<Self, CommandError> {
        let width = b.len() + 1;
        let cells = (a.len() + 1)
            .checked_mul(width)
            .filter(|cells| {
                cells
                    .checked_mul(size_of::<u32>())
                    .is_some_and(|bytes| bytes <= bytes_max)
            })
            .ok_or(CommandError::Fixed(
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ))?;
        let mut table: Vec<u32> = Vec::new();
        table.try_reserve_exact(cells).map_err(|_| {
            CommandError::Fixed(
                "ERR Insufficient memory, failed allocating transient memory for LCS",
            )
        })?;
        table.resize(cells, 0);
        for (i, byte) in a.iter().enumerate() {
            let (above, row) = table[i * width..(i + 2) * width].split_at_mut(width);
            for j in 0..b.len() {
                row[j + 1] = if *byte == b[j] {
                    above[j] + 1
                } else {
                    above[j + 1].max(row[j])
                };
            }
        }
        Ok(Self { a, b, table })
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.table[i * (self.b.len() + 1) + j]
    }

    fn whole(&self) -> usize {
        self.at(self.a.len(), self.b.len()) as usize
    }

    /// Visits one longest common subsequence from its end to its start.
    fn walk_back(&self, mut visit: impl FnMut(Step)) {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                i -= 1;
                j -= 1;
                visit(Step::Match(i, j));
            } else {
                if self.at(i - 1, j) > self.at(i, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
                visit(Step::Skip);
            }
        }
    }

    /// Contiguous matches, the last first.
    fn ranges(&self) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        let mut open = false;
        self.walk_back(|step| match step {
            Step::Skip => open = false,
            Step::Match(i, j) => match ranges.last_mut().filter(|_| open) {
                Some(range) => {
                    (range.a, range.b) = (i, j);
                    range.len += 1;
                }
                None => {
                    open = true;
                    ranges.push(Range { a: i, b: j, len: 1 });
                }
            },
        });
        ranges
    }
}

/// A stretch that both strings have in common.
struct Range {
    a: usize,
    b: usize,
    len: usize,
}

fn reply_matches(ctx: &mut Context<'_>, lengths: &Lengths<'_>, options: &Options) {
    let mut ranges = lengths.ranges();
    ranges.retain(|range| range.len >= options.match_len_min);
    let mut reply = ctx.reply();
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(ranges.len());
    for range in &ranges {
        reply.array(if options.match_len { 3 } else { 2 });
        for start in [range.a, range.b] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + range.len - 1) as i64);
        }
        if options.match_len {
            reply.integer(range.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(lengths.whole() as i64);
}
