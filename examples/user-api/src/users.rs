//! The handlers for users. Each is a boundary: its `?` logs the error once and creates the
//! response.

use axum::extract::State;
use axum::http::StatusCode;
use resilience::axum::{Json, Path};
use resilience::{FieldError, Problem};
use serde::Deserialize;

use crate::app::App;
use crate::errors::InvalidUser;
use crate::repository::{NewUser, User};

pub(crate) async fn find(
    State(app): State<App>,
    Path(id): Path<i64>,
) -> Result<Json<User>, Problem> {
    Ok(Json(app.users.find(id).await?))
}

pub(crate) async fn create(
    State(app): State<App>,
    Json(form): Json<Form>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let user = app.users.create(form.checked()?).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    app.users.delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The request body for a new user.
#[derive(Deserialize)]
pub(crate) struct Form {
    email: String,
    name: String,
    age: i64,
    #[serde(default = "everyone")]
    team_id: i64,
}

/// In bytes; the longest that can be used for mail. SQLite has no limit, and an index of PostgreSQL
/// one of about 2,700.
const LONGEST_EMAIL: usize = 254;

fn everyone() -> i64 {
    1
}

impl Form {
    /// Reports all invalid fields at once. The database checks ages and teams.
    fn checked(self) -> Result<NewUser, InvalidUser> {
        let mut fields = Vec::new();
        if !self.email.contains('@') {
            fields.push(FieldError::new("email", "must contain an @"));
        } else if self.email.len() > LONGEST_EMAIL {
            fields.push(FieldError::new("email", "must have at most 254 characters"));
        }
        if self.name.trim().is_empty() {
            fields.push(FieldError::new("name", "must not be empty"));
        }
        let Self { email, name, age, team_id } = self;
        if fields.is_empty() {
            Ok(NewUser { email, name, age, team_id })
        } else {
            Err(InvalidUser { fields })
        }
    }
}
