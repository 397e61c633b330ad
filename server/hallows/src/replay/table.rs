//! Results of `hallows replay` as text.

use std::fmt::Write;

use ant_colony_sim::{Row, Trace};

use super::summary::Gain;

/// Miss ratios of one trace: a line for each policy, a column for each size.
pub(super) fn trace(text: &mut String, trace: &Trace, rows: &[Row]) {
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
    let _ = write!(text, "  {:15}", "miss ratio at");
    for row in of_policy(first.policy) {
        let size = format!(
            "{} ({})",
            row.capacity.capacity,
            percent(row.capacity.size_fraction)
        );
        let _ = write!(text, " {size:>18}");
    }
    let _ = writeln!(text, " {:>10}", "ns/access");
    let mut last = "";
    for row in rows {
        if row.policy == last {
            continue;
        }
        last = row.policy;
        let _ = write!(text, "  {:15}", row.policy);
        let (mut cpu_ns, mut count) = (0.0, 0.0);
        for row in of_policy(row.policy) {
            let _ = write!(text, " {:18.4}", row.miss_ratio);
            cpu_ns += row.cpu_ns;
            count += 1.0;
        }
        let _ = writeln!(
            text,
            " {:10.1}{}",
            cpu_ns / count,
            prefetches(of_policy(row.policy))
        );
    }
    text.push('\n');
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
pub(super) fn gains(gains: &[Gain]) -> String {
    let mut text = String::from("Miss ratio below FIFO's in percent, mean over the traces\n");
    let mut size = "";
    for gain in gains {
        if gain.size != size {
            size = &gain.size;
            let _ = writeln!(
                text,
                "\n{:15} {:>7} {:>7} {:>7}  {:24} {:>10}",
                format!("at {size}"),
                "traces",
                "mean",
                "worst",
                "on",
                "ns/access"
            );
        }
        let useful = gain.useful_prefetches_percent;
        let useful = useful.map(|percent| format!("  {percent:.1}% of prefetches useful"));
        let _ = writeln!(
            text,
            "{:15} {:7} {:7.2} {:7.2}  {:24} {:10.1}{}",
            gain.policy,
            gain.traces,
            gain.reduction_percent_mean,
            gain.reduction_percent_worst,
            gain.worst_trace,
            gain.cpu_ns,
            useful.unwrap_or_default()
        );
    }
    text
}

/// A fraction as percent, as short as it can be.
pub(super) fn percent(fraction: f64) -> String {
    format!("{}%", (fraction * 1e6).round() / 1e4)
}
