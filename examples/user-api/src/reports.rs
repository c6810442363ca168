//! Reports from a replica that isn't running, so connections are refused.

use axum::extract::State;
use resilience::axum::Json;
use resilience::{Problem, millis, sql};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::app::App;

#[derive(Clone)]
pub(crate) struct Reports {
    replica: PgPool,
}

impl Reports {
    pub(crate) fn new() -> Self {
        // Nothing listens on port 1.
        let nowhere =
            PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1).username("reports");
        Self {
            replica: PgPoolOptions::new().acquire_timeout(millis(500)).connect_lazy_with(nowhere),
        }
    }
}

pub(crate) async fn signups(State(app): State<App>) -> Result<Json<i64>, Problem> {
    let replica = &app.reports.replica;
    match sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(replica).await {
        Ok(count) => Ok(Json(count)),
        // The pool's error is only a timeout. `diagnose` finds that the server refuses connections,
        // which raises an alert at once.
        Err(error) => Err(sql::diagnose(replica, error).await)?,
    }
}
