//! Database access for users.

use resilience::{Classify as _, retry, timeout};
use serde::Serialize;

use crate::database::{Database, on};
use crate::errors::UserError;

#[derive(Clone)]
pub(crate) struct Users {
    database: Database,
}

#[derive(Debug, Serialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) team_id: i64,
}

/// A user without an id yet.
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) team_id: i64,
}

type Row = (i64, String, String, i64, i64);

impl Users {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// A read can safely be repeated.
    #[retry(idempotent, attempts = 2, base = "100ms")]
    #[timeout("2s")]
    pub(crate) async fn find(&self, id: i64) -> Result<User, UserError> {
        let found = on!(&self.database, pool => {
            sqlx::query_as::<_, Row>("SELECT id, email, name, age, team_id FROM users WHERE id = $1")
                .bind(id)
                .fetch_optional(pool)
                .await
        });
        let (id, email, name, age, team_id) =
            self.database.diagnosed(found).await?.ok_or(UserError::NotFound { id })?;
        Ok(User { id, email, name, age, team_id })
    }

    /// A write isn't repeated: a failed attempt may have reached the database.
    #[timeout("2s")]
    pub(crate) async fn create(&self, new: NewUser) -> Result<User, UserError> {
        let NewUser { email, name, age, team_id } = new;
        let created = on!(&self.database, pool => {
            sqlx::query_scalar::<_, i64>(
                "INSERT INTO users (email, name, age, team_id) VALUES ($1, $2, $3, $4) RETURNING id",
            )
            .bind(&email)
            .bind(&name)
            .bind(age)
            .bind(team_id)
            .fetch_one(pool)
            .await
        });
        match self.database.diagnosed(created).await {
            Ok(id) => Ok(User { id, email, name, age, team_id }),
            // The only possible conflict here is the unique address.
            Err(source) if source.classify().code() == "CONFLICT" => {
                Err(UserError::EmailTaken { source })
            }
            Err(other) => Err(other.into()),
        }
    }

    #[timeout("2s")]
    pub(crate) async fn delete(&self, id: i64) -> Result<(), UserError> {
        let deleted = on!(&self.database, pool => {
            sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(pool).await.map(|done| done.rows_affected())
        });
        match self.database.diagnosed(deleted).await? {
            0 => Err(UserError::NotFound { id }),
            _ => Ok(()),
        }
    }
}
