//! The comparison as pictures.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use crate::report::{LINES, Line, Report};
use crate::round::{Load, Side};

/// Of each picture, in pixels.
const SIZE: (u32, u32) = (640, 300);

const COLORS: [RGBColor; 2] = [RGBColor(120, 130, 140), RGBColor(20, 110, 200)];

/// The pictures, by the figure that they show.
const NAMES: [(&str, usize); 4] =
    [("rate.svg", 0), ("p50.svg", 1), ("p99.svg", 2), ("processor.svg", 3)];

pub(crate) fn all(report: &Report, dir: &Path) -> anyhow::Result<()> {
    for (name, line) in NAMES {
        if let Some(line) = LINES.get(line) {
            let path = dir.join(name);
            one(report, line, &path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// A group of bars for each load: the median of each of the two, with all rounds as points on it.
fn one(report: &Report, line: &Line, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let of = line.of();
    let bars: Vec<_> = (0..)
        .zip(Load::BOTH)
        .flat_map(|(group, load)| {
            (0..).zip(Side::BOTH).map(move |(place, side)| (group, place, load, side))
        })
        .collect();
    let highest = bars
        .iter()
        .flat_map(|(_, _, load, side)| report.counted(*load, *side).into_iter().map(of))
        .fold(0.0, f64::max);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!("{}{}", line.what, if line.unit == "/s" { " per second" } else { ", ms" });
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(24)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..2.0, 0.0..highest.max(f64::MIN_POSITIVE) * 1.15)?;
    chart.configure_mesh().disable_x_mesh().disable_x_axis().y_labels(6).draw()?;
    for (group, place, load, side) in bars {
        let left = f64::from(group) + 0.12 + 0.4 * f64::from(place);
        let height = report.median(load, side, line);
        let color = if side == Side::Etcd { COLORS[0] } else { COLORS[1] };
        let corners = [(left, 0.0), (left + 0.34, height)];
        chart.draw_series([Rectangle::new(corners, color.filled())])?;
        let rounds = report.counted(load, side);
        let top = rounds.iter().map(|round| of(round)).fold(height, f64::max);
        let points =
            rounds.into_iter().map(|round| Circle::new((left + 0.17, of(round)), 2, BLACK));
        chart.draw_series(points)?;
        let label = format!("{}: {height:.*}", side.name(), line.digits());
        let style = ("sans-serif", 12).into_font();
        let at = (left + 0.02, top + highest * 0.08);
        chart.draw_series([Text::new(label, at, style)])?;
    }
    for (group, load) in (0..).zip(Load::BOTH) {
        let at = root.get_base_pixel();
        let x = at.0 + 74 + i32::try_from(group * 280_u32 + 60)?;
        let y = i32::try_from(SIZE.1)? - 24;
        root.draw(&Text::new(load.name(), (x, y), ("sans-serif", 13).into_font()))?;
    }
    root.present()?;
    Ok(())
}
