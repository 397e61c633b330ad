//! Results of `hallows replay` as text.

use std::fmt::Write;

use ant_colony_sim::{Row, Trace, policy};

use super::summary::Gain;

/// Miss ratios of one trace, where bytes count with the share of the bytes that were missed: a line for
/// each policy, a column for each size, and where sizes are memory one for the bytes that a policy takes
/// of it for each object.
pub(super) fn trace(text: &mut String, trace: &Trace, rows: &[Row], counts_metadata: bool) {
    let _ = writeln!(
        text,
        "{}: {} requests, {} objects",
        trace.name(),
        trace.len(),
        trace.objects()
    );
    let Some(first) = rows.first() else {
        return;
    };
    let of_policy = |policy| rows.iter().filter(move |row| row.policy == policy);
    let title = match first.byte_miss_ratio {
        Some(_) => "misses (bytes)",
        None => "miss ratio at",
    };
    let _ = write!(text, "  {title:15}");
    for row in of_policy(first.policy) {
        let share = percent(row.capacity.size_fraction);
        let size = match counts_metadata {
            true => share,
            false => format!("{} ({share})", row.capacity.capacity),
        };
        let _ = write!(text, " {size:>18}");
    }
    let _ = writeln!(
        text,
        " {:>10}{}",
        "ns/access",
        metadata_title(counts_metadata)
    );
    let mut last = "";
    for row in rows {
        if row.policy == last {
            continue;
        }
        last = row.policy;
        let _ = write!(text, "  {:15}", row.policy);
        let (mut cpu_ns, mut count) = (0.0, 0.0);
        for row in of_policy(row.policy) {
            let bytes = row.byte_miss_ratio.map(|ratio| format!(" ({ratio:.4})"));
            let ratio = format!("{:.4}{}", row.miss_ratio, bytes.unwrap_or_default());
            let _ = write!(text, " {ratio:>18}");
            cpu_ns += row.cpu_ns;
            count += 1.0;
        }
        let _ = writeln!(
            text,
            " {:10.1}{}{}",
            cpu_ns / count,
            metadata(row.policy, counts_metadata),
            prefetches(of_policy(row.policy))
        );
    }
    text.push('\n');
}

fn metadata_title(counts_metadata: bool) -> &'static str {
    if counts_metadata { " B/object" } else { "" }
}

/// What a policy takes beside an object, where that is counted.
fn metadata(name: &str, counts_metadata: bool) -> String {
    let policy = policy(name).filter(|_| counts_metadata);
    policy.map_or_else(String::new, |policy| {
        format!(" {:8.1}", policy.metadata_bytes())
    })
}

fn prefetches<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let sums = rows.fold((0, 0), |sums, row| {
        (sums.0 + row.prefetches, sums.1 + row.useful_prefetches)
    });
    match sums {
        (0, _) => String::new(),
        (issued, useful) => format!("  {useful} of {issued} prefetches useful"),
    }
}

/// The mean reduction against FIFO, a block for each size.
pub(super) fn gains(gains: &[Gain], counts_metadata: bool) -> String {
    let mut text = String::from("Miss ratio below FIFO's in percent, mean over the traces\n");
    let mut size = "";
    for gain in gains {
        if gain.size != size {
            size = &gain.size;
            let _ = writeln!(
                text,
                "\n{:15} {:>7} {:>7} {:>7}  {:24} {:>10}{}",
                format!("at {size}"),
                "traces",
                "mean",
                "worst",
                "on",
                "ns/access",
                metadata_title(counts_metadata)
            );
        }
        let useful = gain.useful_prefetches_percent;
        let useful = useful.map(|percent| format!("  {percent:.1}% of prefetches useful"));
        let _ = writeln!(
            text,
            "{:15} {:7} {:7.2} {:7.2}  {:24} {:10.1}{}{}",
            gain.policy,
            gain.traces,
            gain.reduction_percent_mean,
            gain.reduction_percent_worst,
            gain.worst_trace,
            gain.cpu_ns,
            metadata(gain.policy, counts_metadata),
            useful.unwrap_or_default()
        );
    }
    text
}

/// A fraction as percent, as short as it can be.
pub(super) fn percent(fraction: f64) -> String {
    format!("{}%", (fraction * 1e6).round() / 1e4)
}
