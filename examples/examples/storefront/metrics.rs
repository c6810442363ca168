//! `--metrics`: what Prometheus scrapes.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};
use tokio::net::TcpListener;

/// Upper bounds of a histogram's buckets, in seconds.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Installs the recorder, and serves its metrics until the program exits.
pub(crate) async fn serve(address: SocketAddr) -> io::Result<SocketAddr> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
    let recorder = builder.and_then(PrometheusBuilder::install_recorder).map_err(other)?;
    resilience::metrics::describe();
    let scrape = move || {
        let recorder = recorder.clone();
        async move {
            recorder.run_upkeep();
            ([(CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render())
        }
    };
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/metrics", get(scrape));
    tokio::spawn(axum::serve(listener, routes).into_future());
    Ok(address)
}

fn other(error: BuildError) -> io::Error {
    io::Error::other(error)
}
