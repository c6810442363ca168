//! What only the text of an error tells: names of the schema, and SQLite's code. No classification depends on a language.

/// The key or constraint that MySQL and MariaDB name in their English message.
///
/// The value that a duplicate key quotes stands before the key and may hold anything; only what follows the last `for key` is
/// the key. A message that was cut short has no closing quote, and names none.
#[cfg(any(feature = "sqlx-mysql", test))]
pub(super) fn mysql_constraint(number: u16, message: &str) -> Option<&str> {
    match number {
        1062 | 1586 => {
            let (_, key) = message.strip_prefix("Duplicate entry '")?.rsplit_once("' for key '")?;
            key.strip_suffix('\'')
        }
        // InnoDB's own part of the message, which no language changes.
        1451 | 1452 => between(message, "CONSTRAINT `", "`"),
        3819 => between(message, "Check constraint '", "'"),
        4025 => between(message.strip_prefix("CONSTRAINT ")?, "`", "`"),
        _ => None,
    }
}

#[cfg(any(feature = "sqlx-mysql", test))]
fn between<'m>(message: &'m str, before: &str, after: &str) -> Option<&'m str> {
    Some(message.split_once(before)?.1.split_once(after)?.0)
}

/// The columns, or the name, of the constraint that SQLite writes behind the colon. SQLite speaks English only.
#[cfg(any(feature = "sqlx-sqlite", test))]
pub(super) fn sqlite_constraint(code: i32, message: &str) -> Option<&str> {
    let rule = match code {
        275 => "CHECK",
        1299 => "NOT NULL",
        1555 | 2067 | 2579 => "UNIQUE",
        _ => return None,
    };
    message.strip_prefix(rule)?.strip_prefix(" constraint failed: ")
}

/// The extended code. The driver gives it as a new `String`, or in front of its own text: `(code: 2067) …`.
#[cfg(feature = "sqlx-sqlite")]
pub(super) fn sqlite_code(error: &::sqlx::sqlite::SqliteError) -> Option<i32> {
    use std::fmt::Write as _;

    let mut start = Start { text: [0; 24], length: 0 };
    // Stops with an error when it has enough.
    let _ = write!(start, "{error}");
    start.code().or_else(|| ::sqlx::error::DatabaseError::code(error)?.parse().ok())
}

/// The first bytes that are written, without an allocation.
#[cfg(feature = "sqlx-sqlite")]
struct Start {
    text: [u8; 24],
    length: usize,
}

#[cfg(feature = "sqlx-sqlite")]
impl Start {
    fn code(&self) -> Option<i32> {
        let text = std::str::from_utf8(&self.text[..self.length]).ok()?;
        text.strip_prefix("(code: ")?.split_once(')')?.0.parse().ok()
    }
}

#[cfg(feature = "sqlx-sqlite")]
impl std::fmt::Write for Start {
    fn write_str(&mut self, piece: &str) -> std::fmt::Result {
        for &byte in piece.as_bytes() {
            let Some(place) = self.text.get_mut(self.length) else { return Err(std::fmt::Error) };
            *place = byte;
            self.length += 1;
            if byte == b')' {
                return Err(std::fmt::Error);
            }
        }
        Ok(())
    }
}
