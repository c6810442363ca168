//! The plots: offered load and goodput over time.

use std::error::Error;
use std::path::Path;
use std::sync::Once;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::measure::{Outcome, Second};
use crate::scenario::Scenario;

const SIZE: (u32, u32) = (1100, 900);

const COLORS: [RGBColor; 8] = [
    RGBColor(150, 150, 150),
    RGBColor(0, 0, 0),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(148, 103, 40),
    RGBColor(213, 94, 0),
    RGBColor(0, 130, 100),
];

/// Writes `<scenario>.svg` and `<scenario>.png` to a folder.
///
/// # Errors
///
/// If a file can't be written.
pub fn write(
    folder: &Path,
    scenario: &Scenario,
    outcomes: &[Outcome],
) -> Result<(), Box<dyn Error>> {
    register_fonts();
    let svg = folder.join(format!("{}.svg", scenario.name));
    draw(SVGBackend::new(&svg, SIZE), scenario, outcomes)?;
    let png = folder.join(format!("{}.png", scenario.name));
    draw(BitMapBackend::new(&png, SIZE), scenario, outcomes)
}

/// The bitmap needs a font, and a machine may have none.
fn register_fonts() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // It only fails for an invalid font, and this one is a constant.
        let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

fn draw<B: DrawingBackend>(
    backend: B,
    scenario: &Scenario,
    outcomes: &[Outcome],
) -> Result<(), Box<dyn Error>>
where
    B::ErrorType: 'static,
{
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{}: {}", scenario.name, scenario.description);
    let area = area.titled(&title, ("sans-serif", 20))?;
    let (load, goodput) = area.split_vertically(SIZE.1 / 2);
    let highest = outcomes.iter().flat_map(|outcome| &outcome.seconds);
    let highest = highest.map(|second| second.offered).max().unwrap_or(0).max(1000);
    panel(
        &load,
        scenario,
        outcomes,
        "requests per second (logarithmic)",
        (100.0..f64::from(highest) * 1.5).log_scale(),
        |second| f64::from(second.offered.max(100)),
        true,
    )?;
    let usual = number(scenario.clients) / scenario.pause.as_secs_f64();
    panel(
        &goodput,
        scenario,
        outcomes,
        "successful calls per second",
        0.0..usual * 2.0,
        |second| f64::from(second.good),
        false,
    )?;
    area.present()?;
    Ok(())
}

fn panel<B, Y>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    scenario: &Scenario,
    outcomes: &[Outcome],
    label: &str,
    range: Y,
    value: fn(&Second) -> f64,
    has_legend: bool,
) -> Result<(), Box<dyn Error>>
where
    B: DrawingBackend,
    B::ErrorType: 'static,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let font = ("sans-serif", 15);
    let length = number(scenario.length);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..length, range)?;
    let outage = number(scenario.outage.start)..number(scenario.outage.end);
    let (bottom, top) = {
        let y = chart.y_range();
        (y.start, y.end)
    };
    chart.draw_series([Rectangle::new(
        [(outage.start, bottom), (outage.end, top)],
        RGBColor(245, 225, 225).filled(),
    )])?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_label_formatter(&|seconds| format!("{seconds:.0}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc("seconds")
        .y_desc(label)
        .label_style(font)
        .axis_desc_style(font)
        .draw()?;
    for (outcome, color) in outcomes.iter().zip(COLORS) {
        let style = color.stroke_width(if outcome.policy.starts_with('#') { 3 } else { 2 });
        let points = outcome.seconds.iter().enumerate();
        let points = points.map(|(second, counts)| (number(second) + 0.5, value(counts)));
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(outcome.policy)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    if has_legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .label_font(font)
            .draw()?;
    }
    Ok(())
}

/// Neither seconds nor clients are that many.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
