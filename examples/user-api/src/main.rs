//! A service that manages users, and shows how an error gets from the database to the client and
//! the log.
//!
//! `README.md` shows its responses and log records. `cargo run -p user_api` starts it on an
//! embedded SQLite, or with `DATABASE_URL=postgres://…` on PostgreSQL.

mod app;
mod database;
mod errors;
mod provoke;
mod reports;
mod repository;
mod telemetry;
#[cfg(test)]
mod tests;
mod users;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use app::App;
use errors::StartError;

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::start();
    // Logs why the service couldn't start, and sets the exit code.
    resilience::exit_code(run().await)
}

async fn run() -> Result<ExitCode, StartError> {
    let app = App::open(std::env::var("DATABASE_URL").ok().as_deref()).await?;
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");

    serve(listener, app.router(), stop, GRACE).await?;

    let reason = resilience::shutdown::reason();
    tracing::info!(reason = reason.as_ref().map(|reason| reason.code), "stopped");
    // Tells a supervisor whether the shutdown was intended.
    Ok(if reason.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long requests may take to end once the service stops.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` resolves, and then for at most `grace`: a client that sends half a request
/// would keep the service from stopping.
async fn serve<S: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    router: Router,
    stop: impl Fn() -> S,
    grace: Duration,
) -> io::Result<()> {
    let server = axum::serve(listener, router).with_graceful_shutdown(stop());
    let overdue = async {
        stop().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        outcome = server.into_future() => outcome,
        () = overdue => {
            tracing::warn!(grace_s = grace.as_secs(), "open requests are cut off");
            Ok(())
        }
    }
}

/// Waits for a fatal error, Ctrl-C, or SIGTERM.
async fn stop() {
    tokio::select! {
        () = resilience::shutdown::requested() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
