//! The looks of a run as one picture.

use crate::flat::Sample;
use crate::vitals::Vitals;
use anyhow::Context;
use logmill_crash::Kind;
use plotters::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

const WIDTH: u32 = 1000;
const PANEL: u32 = 220;

/// One line of a panel: its name, and (time, value).
pub(crate) type Line = (String, Vec<(f64, f64)>);

/// Draws all looks: a panel each for memory, open files, threads, Kafka's disk, and the age of the oldest unfinished file;
/// a thin line where a fault was inflicted.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, samples: &[Sample], faults: &[(f64, Kind)]) -> anyhow::Result<()> {
    if samples.len() < 2 {
        return Ok(());
    }
    let of_stages = |of: fn(&Vitals) -> f64| -> Vec<Line> {
        let stages: BTreeSet<&String> = samples.iter().flat_map(|sample| sample.stages.keys()).collect();
        let points = |stage: &&String| {
            let point = |sample: &Sample| Some((sample.seconds / 60.0, of(sample.stages.get(*stage)?)));
            ((*stage).clone(), samples.iter().filter_map(point).collect())
        };
        stages.iter().map(points).collect()
    };
    let alone = |name: &str, of: fn(&Sample) -> f64| -> Vec<Line> {
        vec![(name.into(), samples.iter().map(|sample| (sample.seconds / 60.0, of(sample))).collect())]
    };
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let panels: [(&str, Vec<Line>); 5] = [
        ("memory (MiB), the greatest process of each stage", of_stages(|v| v.memory as f64 / f64::from(1 << 20))),
        ("open files", of_stages(|v| v.files as f64)),
        ("threads", of_stages(|v| v.threads as f64)),
        ("Kafka's disk (MiB); records are kept for 10 minutes", {
            let points = samples.iter().map(|sample| (sample.seconds / 60.0, mib(sample.kafka_disk))).collect();
            vec![("Kafka".into(), points)]
        }),
        ("age of the oldest unfinished file (s); thin lines: faults", alone("age", |sample| sample.oldest)),
    ];
    let minutes = samples.last().map_or(1.0, |sample| sample.seconds / 60.0);
    draw(path, minutes, &panels, faults.iter().map(|(at, _)| at / 60.0))
}

/// Draws panels below each other, over a time of this length, with thin lines at these times.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn draw(
    path: &Path,
    time: f64,
    panels: &[(&str, Vec<Line>)],
    marks: impl Iterator<Item = f64> + Clone,
) -> anyhow::Result<()> {
    let root = SVGBackend::new(path, (WIDTH, PANEL * panels.len() as u32)).into_drawing_area();
    let drawn = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        root.fill(&WHITE)?;
        for (area, (title, lines)) in root.split_evenly((panels.len(), 1)).iter().zip(panels) {
            let highest =
                lines.iter().flat_map(|(_, points)| points).map(|(_, value)| *value).fold(1.0, f64::max) * 1.1;
            let mut chart = ChartBuilder::on(area)
                .caption(title, ("sans-serif", 15))
                .margin(6)
                .x_label_area_size(22)
                .y_label_area_size(44)
                .build_cartesian_2d(0.0..time, 0.0..highest)?;
            chart.configure_mesh().disable_x_mesh().y_labels(5).light_line_style(WHITE).draw()?;
            chart.draw_series(
                marks.clone().map(|at| PathElement::new(vec![(at, 0.0), (at, highest)], BLACK.mix(0.12))),
            )?;
            for (n, (name, points)) in lines.iter().enumerate() {
                let color = Palette99::pick(n).mix(1.0);
                let series = chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
                if lines.len() > 1 {
                    series
                        .label(name)
                        .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 14, y)], color.stroke_width(2)));
                }
            }
            if lines.len() > 1 {
                chart
                    .configure_series_labels()
                    .position(SeriesLabelPosition::LowerRight)
                    .background_style(WHITE.mix(0.8))
                    .label_font(("sans-serif", 11))
                    .draw()?;
            }
        }
        root.present()?;
        Ok(())
    };
    drawn().map_err(|error| anyhow::anyhow!("{error}")).with_context(|| format!("drawing {}", path.display()))
}
