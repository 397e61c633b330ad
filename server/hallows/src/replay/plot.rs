//! Results of `hallows replay` as a picture: miss ratios over the size, a panel for each trace.

use std::path::Path;

use ant_colony_sim::Row;
use plotters::prelude::*;

use crate::failure::Failure;

const PANEL: (u32, u32) = (520, 400);

/// Draws into a file.
pub(super) fn draw(rows: &[Row], file: &Path) -> Result<(), Failure> {
    picture(rows, file).map_err(|error| {
        Failure::failed(
            format!("cannot draw {}: {error}", file.display()),
            "Check that the folder exists and can be written.",
        )
    })
}

fn picture(rows: &[Row], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let panels: Vec<&[Row]> = rows.chunk_by(|a, b| a.trace == b.trace).collect();
    let columns = panels.len().clamp(1, 2);
    let lines = panels.len().div_ceil(columns);
    let size = (PANEL.0 * columns as u32, PANEL.1 * lines as u32);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, rows) in root.split_evenly((lines, columns)).iter().zip(panels) {
        panel(area, rows)?;
    }
    root.present()?;
    Ok(())
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    rows: &[Row],
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let sizes = || rows.iter().map(|row| row.capacity.capacity as f64);
    let low = sizes().fold(f64::INFINITY, f64::min);
    let high = sizes().fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(&first.trace, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d((low * 0.9..high * 1.2).log_scale(), 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("capacity")
        .y_desc("miss ratio")
        .draw()?;
    for (index, rows) in rows.chunk_by(|a, b| a.policy == b.policy).enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let mut points: Vec<_> = rows
            .iter()
            .map(|row| (row.capacity.capacity as f64, row.miss_ratio))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour);
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3))?
            .label(rows[0].policy)
            .legend(legend);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}
