//! Results of `hallows sim` as a picture: the 99th percentile over the number of cores, or else over
//! whatever was varied most, a panel for each kind of arrivals.

use std::path::Path;

use beehive_sim::stats::geometric_mean;
use beehive_sim::sweep::{CellReport, Summary};
use beehive_sim::{Arrivals, Cell};
use plotters::prelude::*;

use crate::failure::Failure;

const PANEL: (u32, u32) = (460, 340);

/// Fewer points make no line.
const LINE_POINTS: usize = 3;

/// A value of a cell that can lie along the horizontal axis.
struct Axis {
    name: &'static str,
    of: fn(&Cell) -> f64,
}

const AXES: [Axis; 4] = [
    Axis {
        name: "cores (powers of two)",
        of: |cell| (cell.cores as f64).log2(),
    },
    Axis {
        name: "load",
        of: |cell| cell.load,
    },
    Axis {
        name: "staleness (mean service times)",
        of: |cell| cell.staleness,
    },
    Axis {
        name: "migration cost (mean service times)",
        of: |cell| cell.migration_cost,
    },
];

/// Draws into a file.
pub(super) fn draw(cells: &[CellReport], file: &Path) -> Result<(), Failure> {
    picture(cells, file).map_err(|error| {
        Failure::failed(
            format!("cannot draw {}: {error}", file.display()),
            "Check that the folder exists and can be written.",
        )
    })
}

fn picture(cells: &[CellReport], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let axis = axis(cells);
    let patterns: Vec<_> = Arrivals::ALL
        .into_iter()
        .filter(|&arrivals| cells.iter().any(|report| report.cell.arrivals == arrivals))
        .collect();
    let columns = patterns.len().min(2);
    let rows = patterns.len().div_ceil(columns.max(1));
    let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, arrivals) in root.split_evenly((rows, columns)).iter().zip(patterns) {
        let here: Vec<_> = cells
            .iter()
            .filter(|report| report.cell.arrivals == arrivals)
            .collect();
        panel(area, axis, arrivals.name(), &here)?;
    }
    root.present()?;
    Ok(())
}

/// The first axis with a line to draw along it, else the one with most values.
fn axis(cells: &[CellReport]) -> &'static Axis {
    let values = |axis: &&Axis| places(cells.iter(), axis).len();
    let line = AXES.iter().find(|axis| values(axis) >= LINE_POINTS);
    let axis = line.or_else(|| AXES.iter().rev().max_by_key(values));
    axis.unwrap_or(&AXES[0])
}

/// The different values along an axis, in order.
fn places<'a>(cells: impl Iterator<Item = &'a CellReport>, axis: &Axis) -> Vec<f64> {
    let mut values: Vec<_> = cells.map(|report| (axis.of)(&report.cell)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    axis: &Axis,
    title: &str,
    cells: &[&CellReport],
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let xs = places(cells.iter().copied(), axis);
    let (Some(&first), Some(&last)) = (xs.first(), xs.last()) else {
        return Ok(());
    };
    let lines = lines(cells, &xs, axis);
    let points = || lines.iter().flat_map(|(_, points)| points);
    let low = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points().map(|point| point.1).fold(0.0, f64::max);
    let margin = ((last - first) * 0.05).max(0.05);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{title} arrivals"), ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(
            first - margin..last + margin,
            (low * 0.8..high * 1.25).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc(axis.name)
        .y_desc("p99 (mean service times)")
        .draw()?;
    for (index, (name, points)) in lines.into_iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour);
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(legend);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

/// For each contender its points: the geometric mean of the cells at each place.
fn lines(cells: &[&CellReport], xs: &[f64], axis: &Axis) -> Vec<(&'static str, Vec<(f64, f64)>)> {
    let line = |of: &dyn Fn(&CellReport) -> Option<Summary>| {
        let mean_at = |&x: &f64| {
            let at = cells.iter().filter(|report| (axis.of)(&report.cell) == x);
            (
                x,
                geometric_mean(at.filter_map(|report| of(report)).map(|s| s.mean.p99)),
            )
        };
        xs.iter().map(mean_at).collect::<Vec<_>>()
    };
    let mut lines = vec![
        ("bee", line(&|report| Some(report.bee))),
        ("steal-half", line(&|report| Some(report.random_stealing))),
        ("central-fcfs", line(&|report| Some(report.central_fcfs))),
    ];
    let others = cells
        .first()
        .into_iter()
        .flat_map(|report| report.others.keys());
    for &name in others {
        lines.push((name, line(&|report| report.others.get(name).copied())));
    }
    lines
}
