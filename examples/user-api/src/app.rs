//! The routes, and the layer that makes each of them a boundary.

use axum::Router;
use axum::routing::{get, post};
use resilience::axum::RequestLayer;

use crate::database::Database;
use crate::reports::Reports;
use crate::repository::Users;
use crate::{provoke, reports, users};

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) users: Users,
    pub(crate) reports: Reports,
}

impl App {
    pub(crate) async fn open(url: Option<&str>) -> Result<Self, sqlx::Error> {
        let database = Database::open(url).await?;
        Ok(Self { users: Users::new(database.clone()), reports: Reports::new(), database })
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/users", post(users::create))
            .route("/users/{id}", get(users::find).delete(users::delete))
            .route("/reports/signups", get(reports::signups))
            .nest("/provoke", provoke::routes())
            .with_state(self)
            // Last, so that it covers all routes above and unmatched paths.
            .layer(RequestLayer::new())
    }
}
