//! The live view. It fits into a terminal of 100 columns and 24 rows.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::time::Duration;

use resilience::circuit_breaker::CircuitState;

use crate::Scene;
use crate::script::{Behaviour, LENGTH};
use crate::telemetry::{self, Counts, Guard};

const DIM: u8 = 2;
pub(crate) const RED: u8 = 31;
pub(crate) const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const BLUE: u8 = 34;

/// Restores the terminal when dropped.
pub(crate) struct Screen;

impl Screen {
    pub(crate) fn open() -> io::Result<Self> {
        let mut out = io::stdout();
        // Switches to the alternate screen and hides the cursor.
        out.write_all(b"\x1b[?1049h\x1b[?25l")?;
        out.flush()?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        let _ = out.write_all(b"\x1b[?25h\x1b[?1049l");
        let _ = out.flush();
    }
}

/// Draws a frame over the previous one.
pub(crate) fn draw(scene: &Scene) -> io::Result<()> {
    let mut frame = String::from("\x1b[H");
    for line in header(scene, true).lines().chain(table(scene, true).lines()) {
        // Clears the rest of each line; clearing the whole screen would flicker.
        let _ = write!(frame, "{line}\x1b[K\r\n");
    }
    for line in scene.journal.latest() {
        let _ = write!(frame, "{line}\x1b[K\r\n");
    }
    frame.push_str("\x1b[J");
    let mut out = io::stdout();
    out.write_all(frame.as_bytes())?;
    out.flush()
}

/// The script, with a marker at the current time.
pub(crate) fn header(scene: &Scene, coloured: bool) -> String {
    let elapsed = scene.journal.elapsed().min(LENGTH);
    let mut text = format!("storefront: {:.1} s of {} s", elapsed.as_secs_f32(), LENGTH.as_secs());
    if let Some(address) = scene.metrics {
        let _ = write!(text, "   metrics: http://{address}/metrics");
    }
    text.push('\n');
    for upstream in &scene.upstreams {
        let _ = write!(text, "{:<15} ", upstream.name);
        for (at, behaviour) in upstream.script.by_half_second() {
            let colour = if at <= elapsed { paint_of(behaviour) } else { DIM };
            text.push_str(&paint(behaviour.symbol(), colour, coloured));
        }
        text.push('\n');
    }
    let half_seconds = usize::try_from(elapsed.as_millis() / 500).unwrap_or(usize::MAX);
    let _ = writeln!(text, "{:>width$}", '^', width = 17 + half_seconds.min(39));
    let legend =
        Behaviour::ALL.map(|behaviour| format!("{} {}", behaviour.symbol(), behaviour.words()));
    let _ = writeln!(text, "{}\n", legend.join("  "));
    text
}

/// One row per dependency, and one for the customers.
pub(crate) fn table(scene: &Scene, coloured: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<15} {:<13} {:>5} {:>8} {:>7} {:>8} {:>6} {:>8} {:>6} {:>6}",
        "",
        "circuit",
        "sent",
        "received",
        "retries",
        "rejected",
        "stale",
        "fallback",
        "p50 ms",
        "p99 ms"
    );
    for dependency in telemetry::ALL {
        let Counts { sent, retries, rejected, switched_off, .. } = dependency.counts();
        let log = dependency.log();
        let percentiles = dependency.latencies.percentiles();
        // Payments has no fallback: a payment can't be made up.
        let [stale, default] = match dependency.name() {
            "payments" => ["none".to_owned(), "none".to_owned()],
            "inventory" => ["cache", "default"].map(|source| log.degraded(source).to_string()),
            _ => ["none".to_owned(), (log.degraded("default") + switched_off).to_string()],
        };
        let _ = writeln!(
            text,
            "{:<15} {} {sent:>5} {:>8} {retries:>7} {rejected:>8} {stale:>6} {default:>8} {:>6} {:>6}",
            dependency.name(),
            circuit(&dependency.guard, coloured),
            scene.received(dependency),
            millis(percentiles.map(|(median, _)| median)),
            millis(percentiles.map(|(_, most)| most)),
        );
    }
    let tally = scene.customers.tally();
    let _ = writeln!(
        text,
        "customers       {} pages, {} of {} orders paid ({} queued, {} deferred), {} wrong answers\n",
        tally.pages,
        tally.paid.len(),
        tally.orders,
        tally.queued.len(),
        tally.deferred,
        tally.wrong.len()
    );
    text
}

fn millis(took: Option<Duration>) -> String {
    took.map_or_else(|| "-".to_owned(), |took| format!("{:.1}", took.as_secs_f64() * 1000.0))
}

const fn paint_of(behaviour: Behaviour) -> u8 {
    match behaviour {
        Behaviour::Healthy => GREEN,
        Behaviour::Busy | Behaviour::Flaky | Behaviour::Slow => YELLOW,
        Behaviour::Failing | Behaviour::Refusing => RED,
        Behaviour::SwitchedOff => BLUE,
    }
}

fn circuit(guard: &Guard, coloured: bool) -> String {
    let (state, text) = guard.state();
    let padded = format!("{text:<13}");
    let colour = match state {
        CircuitState::Closed => GREEN,
        CircuitState::HalfOpen => YELLOW,
        _ => RED,
    };
    paint(padded, colour, coloured)
}

pub(crate) fn paint(text: impl Display, colour: u8, coloured: bool) -> String {
    if coloured { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_string() }
}
