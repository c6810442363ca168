//! The log: one line of JSON per event, on standard output. Rust's own panic messages go to
//! standard error, as usual.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

pub(crate) fn start() {
    let ours = Targets::new().with_default(LevelFilter::WARN).with_targets([
        ("user_api", LevelFilter::INFO),
        ("resilience", LevelFilter::INFO),
        // SQLx would log errors that are reported at the boundary anyway.
        ("sqlx", LevelFilter::OFF),
    ]);
    let json =
        fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    registry().with(ours).with(json).init();
}
