//! The names of a store's tables.

use crate::Error;
use crate::backend::Backend;

/// Quoted names, checked so that they are safe in SQL.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The table's name, without quotation marks.
    pub(crate) plain: String,
    pub(crate) letters: String,
    pub(crate) trail: String,
    pub(crate) versions: String,
}

impl Names {
    pub(crate) fn new<DB: Backend>(table: &str) -> Result<Self, Error> {
        let is_name = table.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && table.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && table.len() <= 40;
        if !is_name {
            return Err(Error::misuse(format!(
                "{table:?} can't be the name of the table; use up to 40 lower-case letters, digits \
                 and underscores, and no digit at the beginning"
            )));
        }
        let quoted = |suffix: &str| format!("{quote}{table}{suffix}{quote}", quote = DB::QUOTE);
        Ok(Self {
            plain: table.to_owned(),
            letters: quoted(""),
            trail: quoted("_trail"),
            versions: quoted("_versions"),
        })
    }
}
