//! Statements with their values.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use resilience::dead_letter::LetterId;

use crate::backend::{Backend, Input, Kind, Value};
use crate::escape::escape;

/// The text of a statement, and the values of its placeholders in order.
pub(crate) struct Sql<'a, DB> {
    text: String,
    values: Vec<Value<'a>>,
    database: std::marker::PhantomData<fn() -> DB>,
}

impl<'a, DB: Backend> Sql<'a, DB> {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new(), database: std::marker::PhantomData }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The same, after this text.
    pub(crate) fn after_text(mut self, text: &str) -> Self {
        self.text.insert_str(0, text);
        self
    }

    pub(crate) fn text(&mut self, text: &'a str) -> &mut Self {
        self.optional_text(Some(text))
    }

    pub(crate) fn optional_text(&mut self, text: Option<&'a str>) -> &mut Self {
        self.value(Value::Text(text.map(escape)), Input::Plain)
    }

    pub(crate) fn json(&mut self, text: String) -> &mut Self {
        self.value(Value::Text(Some(Cow::Owned(text))), Input::Json)
    }

    pub(crate) fn id(&mut self, id: LetterId) -> &mut Self {
        self.value(Value::Text(Some(Cow::Owned(id.to_string()))), Input::Id)
    }

    /// Ids with a comma between them.
    pub(crate) fn ids(&mut self, ids: &[LetterId]) -> &mut Self {
        self.list(ids, |sql, id| {
            sql.id(*id);
        })
    }

    pub(crate) fn bytes(&mut self, bytes: &'a [u8]) -> &mut Self {
        self.value(Value::Bytes(Some(Cow::Borrowed(bytes))), Input::Plain)
    }

    pub(crate) fn int(&mut self, number: i64) -> &mut Self {
        self.value(Value::Int(Some(number)), Input::Plain)
    }

    pub(crate) fn time(&mut self, time: SystemTime) -> &mut Self {
        self.value(Value::Int(Some(to_micros(time))), Input::Time)
    }

    pub(crate) fn now(&mut self) -> &mut Self {
        self.push(DB::NOW)
    }

    /// The time so long after now, by the database's clock.
    pub(crate) fn after(&mut self, wait: Duration) -> &mut Self {
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX).min(MAX_MICROS);
        self.push(&DB::now_plus(micros))
    }

    /// The time so long before now, by the database's clock.
    pub(crate) fn before(&mut self, age: Duration) -> &mut Self {
        let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX).min(MAX_AGE_MICROS);
        self.push(&DB::now_plus(-micros))
    }

    /// Appends the items with a comma between them.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            each(self, item);
        }
        self
    }

    pub(crate) async fn execute(&mut self, db: &mut DB::Connection) -> Result<u64, sqlx::Error> {
        let (text, values) = self.take();
        DB::execute(db, text, values).await
    }

    pub(crate) async fn fetch(
        &mut self,
        db: &mut DB::Connection,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value<'static>>>, sqlx::Error> {
        let (text, values) = self.take();
        DB::fetch(db, text, values, kinds).await
    }

    fn take(&mut self) -> (String, Vec<Value<'a>>) {
        (std::mem::take(&mut self.text), std::mem::take(&mut self.values))
    }

    fn value(&mut self, value: Value<'a>, input: Input) -> &mut Self {
        self.values.push(value);
        let placeholder = DB::placeholder(self.values.len(), input);
        self.push(&placeholder)
    }
}

/// The end of the year 9999, the last time that each of the databases takes.
const MAX_MICROS: i64 = 253_402_300_799_999_999;
/// Fifty years. MariaDB's times don't reach back before the year 1.
const MAX_AGE_MICROS: i64 = 50 * 365 * 86_400 * 1_000_000;

pub(crate) fn to_micros(time: SystemTime) -> i64 {
    let micros = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(0, |micros| -micros),
    };
    micros.clamp(0, MAX_MICROS)
}

pub(crate) fn from_micros(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
