//! Storing a letter.

use std::borrow::Cow;

use resilience::dead_letter::{Letter, LetterFailure, LetterId, StoreError, Stored};

use crate::backend::{Backend, Kind};
use crate::columns::{Row, metadata_to};
use crate::names::Names;
use crate::sql::Sql;
use crate::trail;

/// The longest name of a queue, and the longest key and code, in bytes: they are in indexes, whose
/// rows are limited.
const MAX_KEY: usize = 1024;
/// The longest name of an error's type.
const MAX_TYPE: usize = 4096;
/// The longest text of an error, and of its causes, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// Refuses a letter that some database can't store.
#[expect(clippy::result_large_err, reason = "it is only built where a letter is refused")]
pub(crate) fn check(letter: &Letter, max_payload: Option<u64>) -> Result<(), StoreError> {
    let keys = [("queue's name", Some(&letter.queue)), ("dedupe key", letter.dedupe_key.as_ref())];
    for (what, key) in keys {
        if let Some(key) = key.filter(|key| crate::escape::escape(key).len() > MAX_KEY) {
            let length = key.len();
            return Err(StoreError::refused(format!(
                "the {what} has {length} bytes; the longest that is stored has {MAX_KEY}"
            )));
        }
    }
    let size = letter.payload.bytes.len() as u64 + size_without_payload(letter);
    match max_payload {
        Some(max) if size > max => Err(StoreError::refused(format!(
            "the letter has {size} bytes, and the server takes {max}; raise max_allowed_packet"
        ))),
        _ => Ok(()),
    }
}

fn size_without_payload(letter: &Letter) -> u64 {
    let metadata: usize =
        letter.metadata.iter().map(|(key, value)| 2 * (key.len() + value.len()) + 8).sum();
    (metadata + 4 * MAX_KEY + MAX_TYPE + 2 * MAX_TEXT + letter.payload.content_type.len()) as u64
}

/// Stores the letter, or adds it to the open letter with its key. If the letter has a key, this has
/// to run in a transaction.
pub(crate) async fn insert<DB: Backend>(
    db: &mut DB::Connection,
    names: &Names,
    letter: &Letter,
) -> Result<Stored, sqlx::Error> {
    let id = LetterId::new();
    let failure = bounded(&letter.failure);
    let table = &names.letters;
    let mut sql = Sql::<DB>::new(format!(
        "INSERT INTO {table} (id, queue_name, original_message, content_type, reason, category, \
         code, error_type, error, causes, attempts, first_failure, last_failure, request_id, \
         trace_parent, metadata, dedupe_key, open_key, created_at) VALUES ("
    ));
    sql.id(id).push(", ");
    sql.text(&letter.queue).push(", ");
    sql.bytes(&letter.payload.bytes).push(", ");
    sql.text(&letter.payload.content_type).push(", ");
    sql.text(letter.reason.as_str()).push(", ");
    sql.optional_text(failure.category.map(resilience::Category::as_str)).push(", ");
    sql.text(&failure.code).push(", ").text(&failure.error_type).push(", ");
    sql.text(&failure.message).push(", ");
    sql.optional_text(failure.causes.as_deref()).push(", ");
    sql.int(letter.attempts.into()).push(", ");
    sql.time(letter.first_failure).push(", ").time(letter.last_failure).push(", ");
    sql.optional_text(letter.request_id.as_deref()).push(", ");
    sql.optional_text(letter.trace_parent.as_deref()).push(", ");
    sql.json(metadata_to(&letter.metadata)).push(", ");
    sql.optional_text(letter.dedupe_key.as_deref()).push(", ");
    sql.optional_text(letter.dedupe_key.as_deref()).push(", ").now().push(")");
    let Some(key) = letter.dedupe_key.as_deref() else {
        sql.execute(db).await?;
        return Ok(Stored::new(id));
    };

    let stored = if DB::RETURNING {
        sql.push(" ON CONFLICT (queue_name, open_key) WHERE open_key IS NOT NULL DO UPDATE SET ");
        sql.push(&format!("attempts = {table}.attempts + excluded.attempts, "));
        sql.push(&updated(|column| format!("excluded.{column}")));
        sql.push(" RETURNING ").push(&DB::output("id", crate::backend::Output::Id));
        sql.fetch(db, &[Kind::Text]).await?
    } else {
        sql.push(" ON DUPLICATE KEY UPDATE attempts = attempts + VALUES(attempts), ");
        sql.push(&updated(|column| format!("VALUES({column})")));
        sql.execute(db).await?;
        let mut sql = Sql::<DB>::new(format!("SELECT id FROM {table} WHERE queue_name = "));
        sql.text(&letter.queue).push(" AND open_key = ").text(key);
        sql.fetch(db, &[Kind::Text]).await?
    };
    let row = stored.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
    let stored = Row(row.into_iter()).text()?;
    let stored: LetterId = stored.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    if stored == id {
        return Ok(Stored::new(id));
    }
    trail::add::<DB>(db, names, &[stored], "repeated", None, Some(&failure.code)).await?;
    Ok(Stored::repeat(stored))
}

fn updated(value: impl Fn(&str) -> String) -> String {
    ["last_failure", "reason", "category", "code", "error_type", "error", "causes"]
        .map(|column| format!("{column} = {}", value(column)))
        .join(", ")
}

/// The failure with the lengths that a store keeps.
pub(crate) fn bounded(failure: &LetterFailure) -> LetterFailure {
    let mut bounded = LetterFailure::new(
        truncated(&failure.code, MAX_KEY),
        failure.category,
        truncated(&failure.error_type, MAX_TYPE),
        truncated(&failure.message, MAX_TEXT),
    );
    bounded.causes = failure.causes.as_deref().map(|causes| truncated_causes(causes).into_owned());
    bounded
}

/// The beginning of a text.
fn truncated(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let mut end = max - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The first causes of a JSON array of texts.
fn truncated_causes(causes: &str) -> Cow<'_, str> {
    if causes.len() <= MAX_TEXT {
        return Cow::Borrowed(causes);
    }
    let Ok(all) = serde_json::from_str::<Vec<String>>(causes) else {
        return truncated(causes, MAX_TEXT);
    };
    let mut kept = Vec::new();
    let mut length = 2;
    for cause in all {
        let cause = truncated(&cause, MAX_TEXT / 4).into_owned();
        length += serde_json::to_string(&cause).map_or(0, |text| text.len()) + 1;
        if length > MAX_TEXT - 8 {
            kept.push("…".to_owned());
            break;
        }
        kept.push(cause);
    }
    Cow::Owned(serde_json::to_string(&kept).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_with_an_ellipsis() {
        assert_eq!(truncated("short", 8), "short");
        assert_eq!(truncated("äöüäöü", 8), "äö…");
    }

    #[test]
    fn long_causes_stay_an_array() {
        let causes = serde_json::to_string(&vec!["x".repeat(3000); 20]).unwrap();
        let cut = truncated_causes(&causes);
        assert!(cut.len() <= MAX_TEXT, "{}", cut.len());
        let kept: Vec<String> = serde_json::from_str(&cut).unwrap();
        assert_eq!(kept.last().unwrap(), "…");
        assert!(kept.len() > 4);
    }
}
