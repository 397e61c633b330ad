//! The one table and the one JSON form in which measurements leave this program.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// A subject of ours beside a peer. Scripts rely on these fields.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) subject: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    /// Median over the rounds.
    pub(crate) ours: f64,
    pub(crate) peer: String,
    /// Median over the rounds.
    pub(crate) peer_value: f64,
    /// Above 1: ours is better, whatever the metric's direction.
    pub(crate) ratio: f64,
    pub(crate) rounds: usize,
    /// Interquartile range of the per-round ratios over their median.
    pub(crate) spread: f64,
}

pub(crate) fn write_json(path: &Path, rows: &[Row]) -> Result<()> {
    let mut text = serde_json::to_string_pretty(rows)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("{} could not be written", path.display()))
}

/// A value with about four significant digits.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        large if large >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

const HEADINGS: [&str; 9] = [
    "workload", "subject", "metric", "ours", "peer", "theirs", "unit", "ratio", "spread",
];

/// Rows under headings, columns as wide as their widest cell, figures to the right.
pub(crate) fn table(rows: &[Row]) -> String {
    let lines: Vec<[String; 9]> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(rows.iter().map(cells))
        .collect();
    let mut widths = [0; 9];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let padded = match HEADINGS[column] {
                "ours" | "theirs" | "ratio" | "spread" => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            };
            text.push_str(&padded);
            text.push_str("  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; 9] {
    [
        row.workload.clone(),
        row.subject.clone(),
        row.metric.clone(),
        figure(row.ours),
        row.peer.clone(),
        figure(row.peer_value),
        row.unit.clone(),
        format!("{:.2}", row.ratio),
        format!("{:.1}%", row.spread * 100.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            workload: "get_p1".into(),
            subject: "ours".into(),
            metric: "cost".into(),
            unit: "us".into(),
            ours: 7.5,
            peer: "theirs".into(),
            peer_value: 9.0,
            ratio: 1.2,
            rounds: 5,
            spread: 0.015,
        }
    }

    #[test]
    fn json_rows_have_exactly_the_promised_fields() {
        let value = serde_json::to_value(row()).expect("a row is JSON");
        let mut fields: Vec<_> = value.as_object().expect("an object").keys().collect();
        fields.sort();
        let mut promised = [
            "workload",
            "subject",
            "metric",
            "unit",
            "ours",
            "peer",
            "peer_value",
            "ratio",
            "rounds",
            "spread",
        ];
        promised.sort_unstable();
        assert_eq!(fields, promised);
    }

    #[test]
    fn the_table_aligns_its_columns() {
        let text = table(&[row()]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "workload  subject  metric   ours  peer    theirs  unit  ratio  spread",
                "get_p1    ours     cost    7.500  theirs   9.000  us     1.20    1.5%"
            ]
        );
    }
}
