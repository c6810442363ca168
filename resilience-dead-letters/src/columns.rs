//! A letter's columns.

use std::collections::BTreeMap;
use std::time::SystemTime;

use resilience::Category;
use resilience::dead_letter::{Letter, LetterFailure, LetterId, Payload, Reason};

use crate::StoredLetter;
use crate::backend::{Backend, Kind, Output, Value};
use crate::escape::{escape, unescape};
use crate::sql::from_micros;

/// The columns that are read, in the order in which [`read`] takes them.
const COLUMNS: [(&str, Output, Kind); 23] = [
    ("id", Output::Id, Kind::Text),
    ("queue_name", Output::Key, Kind::Text),
    ("original_message", Output::Plain, Kind::Bytes),
    ("content_type", Output::Plain, Kind::Text),
    ("reason", Output::Plain, Kind::Text),
    ("category", Output::Plain, Kind::Text),
    ("code", Output::Key, Kind::Text),
    ("error_type", Output::Key, Kind::Text),
    ("error", Output::Plain, Kind::Text),
    ("causes", Output::Plain, Kind::Text),
    ("attempts", Output::Plain, Kind::Int),
    ("first_failure", Output::Time, Kind::Int),
    ("last_failure", Output::Time, Kind::Int),
    ("request_id", Output::Plain, Kind::Text),
    ("trace_parent", Output::Plain, Kind::Text),
    ("dedupe_key", Output::Key, Kind::Text),
    ("metadata", Output::Json, Kind::Text),
    ("created_at", Output::Time, Kind::Int),
    ("replayed_at", Output::Time, Kind::Int),
    ("discarded_at", Output::Time, Kind::Int),
    ("replays", Output::Plain, Kind::Int),
    ("closed_by", Output::Plain, Kind::Text),
    ("closed_why", Output::Plain, Kind::Text),
];

pub(crate) const KINDS: [Kind; COLUMNS.len()] = {
    let mut kinds = [Kind::Int; COLUMNS.len()];
    let mut index = 0;
    while index < kinds.len() {
        kinds[index] = COLUMNS[index].2;
        index += 1;
    }
    kinds
};

/// The columns after `SELECT`.
pub(crate) fn select<DB: Backend>() -> String {
    COLUMNS.map(|(name, output, _)| DB::output(name, output)).join(", ")
}

/// The letter in a row of [`select`].
pub(crate) fn read(row: Vec<Value<'static>>) -> Result<StoredLetter, sqlx::Error> {
    let mut row = Row(row.into_iter());
    let id: LetterId = row.text()?.parse().map_err(bad)?;
    let queue = row.text()?;
    let bytes = row.bytes()?;
    let payload = Payload::new(bytes, row.text()?);
    let reason: Reason = row.text()?.parse().map_err(|error: String| bad(error))?;
    let category = row.optional_text()?.and_then(|name| category(&name));
    let (code, error_type, message) = (row.text()?, row.text()?, row.text()?);
    let mut failure = LetterFailure::new(code, category, error_type, message);
    failure.causes = row.optional_text()?;
    let mut letter = Letter::new(queue, payload, reason, failure);
    letter.attempts = row.count()?;
    letter.first_failure = row.time()?;
    letter.last_failure = row.time()?;
    letter.request_id = row.optional_text()?;
    letter.trace_parent = row.optional_text()?;
    letter.dedupe_key = row.optional_text()?;
    letter.metadata = metadata_from(&row.raw_text()?)?;
    Ok(StoredLetter {
        id,
        letter,
        created_at: row.time()?,
        replayed_at: row.optional_int()?.map(from_micros),
        discarded_at: row.optional_int()?.map(from_micros),
        replays: row.count()?,
        closed_by: row.optional_text()?,
        closed_why: row.optional_text()?,
    })
}

/// The metadata as JSON without NUL.
pub(crate) fn metadata_to(metadata: &BTreeMap<String, String>) -> String {
    let escaped: BTreeMap<_, _> =
        metadata.iter().map(|(key, value)| (escape(key), escape(value))).collect();
    serde_json::to_string(&escaped).unwrap_or_default()
}

fn metadata_from(text: &str) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let escaped: BTreeMap<String, String> = serde_json::from_str(text).map_err(bad)?;
    Ok(escaped.into_iter().map(|(key, value)| (unescape(key), unescape(value))).collect())
}

pub(crate) fn category(name: &str) -> Option<Category> {
    let all = [Category::Transient, Category::Permanent, Category::Partial, Category::Fatal];
    all.into_iter().find(|category| category.as_str() == name)
}

/// The values of a row, one after the other.
pub(crate) struct Row(pub(crate) std::vec::IntoIter<Value<'static>>);

impl Row {
    pub(crate) fn text(&mut self) -> Result<String, sqlx::Error> {
        self.optional_text()?.ok_or_else(|| bad("a column is NULL"))
    }

    /// Text as it is in the database, where only its parts are escaped.
    fn raw_text(&mut self) -> Result<String, sqlx::Error> {
        match self.0.next() {
            Some(Value::Text(Some(text))) => Ok(text.into_owned()),
            _ => Err(bad("a column isn't text")),
        }
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, sqlx::Error> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text.map(|text| unescape(text.into_owned()))),
            _ => Err(bad("a column isn't text")),
        }
    }

    pub(crate) fn optional_int(&mut self) -> Result<Option<i64>, sqlx::Error> {
        match self.0.next() {
            Some(Value::Int(number)) => Ok(number),
            _ => Err(bad("a column isn't a number")),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, sqlx::Error> {
        self.optional_int()?.ok_or_else(|| bad("a column is NULL"))
    }

    pub(crate) fn time(&mut self) -> Result<SystemTime, sqlx::Error> {
        self.int().map(from_micros)
    }

    fn count(&mut self) -> Result<u32, sqlx::Error> {
        Ok(u32::try_from(self.int()?.max(0)).unwrap_or(u32::MAX))
    }

    fn bytes(&mut self) -> Result<Vec<u8>, sqlx::Error> {
        match self.0.next() {
            Some(Value::Bytes(Some(bytes))) => Ok(bytes.into_owned()),
            _ => Err(bad("a column isn't bytes")),
        }
    }
}

fn bad(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
