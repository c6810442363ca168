//! What was done to each letter.

use resilience::dead_letter::LetterId;

use crate::TrailEntry;
use crate::backend::{Backend, Kind, Output};
use crate::columns::Row;
use crate::names::Names;
use crate::sql::Sql;

/// Appends the same entry for each of the letters.
pub(crate) async fn add<DB: Backend>(
    db: &mut DB::Connection,
    names: &Names,
    letters: &[LetterId],
    action: &'static str,
    actor: Option<&str>,
    note: Option<&str>,
) -> Result<(), sqlx::Error> {
    if letters.is_empty() {
        return Ok(());
    }
    let trail = &names.trail;
    let insert = format!("INSERT INTO {trail} (letter_id, at, action, actor, note) VALUES ");
    let mut sql = Sql::<DB>::new(insert);
    sql.list(letters, |sql, id| {
        sql.push("(").id(*id).push(", ").now().push(", ").text(action).push(", ");
        sql.optional_text(actor).push(", ").optional_text(note).push(")");
    });
    sql.execute(db).await?;
    Ok(())
}

/// The trail of a letter, oldest entry first.
pub(crate) async fn read<DB: Backend>(
    db: &mut DB::Connection,
    names: &Names,
    letter: LetterId,
) -> Result<Vec<TrailEntry>, sqlx::Error> {
    let at = DB::output("at", Output::Time);
    let trail = &names.trail;
    let query = format!("SELECT {at}, action, actor, note FROM {trail} WHERE letter_id = ");
    let mut sql = Sql::<DB>::new(query);
    sql.id(letter).push(" ORDER BY id");
    let rows = sql.fetch(db, &[Kind::Int, Kind::Text, Kind::Text, Kind::Text]).await?;
    let entry = |row: Vec<_>| {
        let mut row = Row(row.into_iter());
        Ok(TrailEntry {
            at: row.time()?,
            action: row.text()?,
            actor: row.optional_text()?,
            note: row.optional_text()?,
        })
    };
    rows.into_iter().map(entry).collect()
}
