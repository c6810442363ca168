//! The versions of the schema.

use sqlx::Pool;

use crate::Error;
use crate::backend::{Backend, Kind, Value};
use crate::names::Names;
use crate::sql::Sql;

/// Brings the tables to the newest version. Safe when several processes do so at once.
pub(crate) async fn migrate<DB: Backend>(pool: &Pool<DB>, names: &Names) -> Result<(), Error> {
    let mut transaction = DB::begin(pool).await?;
    DB::lock(&mut transaction, &names.plain).await?;
    let migrated = apply::<DB>(&mut transaction, names).await;
    let unlocked = DB::unlock(&mut transaction, &names.plain).await;
    migrated?;
    unlocked?;
    Ok(transaction.commit().await?)
}

async fn apply<DB: Backend>(db: &mut DB::Connection, names: &Names) -> Result<(), Error> {
    let versions = &names.versions;
    let create =
        format!("CREATE TABLE IF NOT EXISTS {versions} (version BIGINT NOT NULL PRIMARY KEY)");
    Sql::<DB>::new(create).execute(db).await?;
    let query = format!("SELECT COALESCE(MAX(version), 0) FROM {versions}");
    let rows = Sql::<DB>::new(query).fetch(db, &[Kind::Int]).await?;
    let applied = match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(Some(version))) => usize::try_from(*version).unwrap_or(usize::MAX),
        _ => 0,
    };
    let known = DB::MIGRATIONS.len();
    if applied > known {
        return Err(Error::misuse(format!(
            "the tables of dead letters have version {applied}, and this program knows versions up \
             to {known}; upgrade resilience-dead-letters"
        )));
    }
    for (statements, version) in DB::MIGRATIONS.iter().zip(1..).skip(applied) {
        for statement in *statements {
            let statement = statement
                .replace("{table}", &names.letters)
                .replace("{trail}", &names.trail)
                .replace("{name}", &names.plain);
            Sql::<DB>::new(statement).execute(db).await?;
        }
        let mut insert = Sql::<DB>::new(format!("INSERT INTO {versions} (version) VALUES ("));
        insert.int(version).push(")").execute(db).await?;
    }
    Ok(())
}
