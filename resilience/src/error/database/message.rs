//! Extracts from an error's text what isn't available otherwise: names from the schema, and
//! SQLite's code. No classification depends on the message's language.

/// The key or constraint named in an English message of MySQL or MariaDB.
///
/// In the message of a duplicate key, the quoted value precedes the key and can contain anything,
/// so the key is what follows the last `for key`. `None` if the closing quote is missing, because
/// the message was truncated.
#[cfg(any(feature = "sqlx-mysql", test))]
pub(super) fn mysql_constraint(number: u16, message: &str) -> Option<&str> {
    match number {
        1062 | 1586 => {
            let (_, key) = message.strip_prefix("Duplicate entry '")?.rsplit_once("' for key '")?;
            key.strip_suffix('\'')
        }
        // This part comes from InnoDB, which doesn't translate it.
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

/// The columns or the name of the constraint, after the colon. SQLite's messages are always
/// English.
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

/// Whether this message of `SQLITE_ERROR` only names something missing from the schema, and quotes
/// nothing.
#[cfg(any(feature = "sqlx-sqlite", test))]
pub(super) fn sqlite_only_names_missing_object(message: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
    };
    let missing = ["table: ", "column: ", "function: "];
    match message.strip_prefix("no such ") {
        Some(rest) => {
            missing.into_iter().find_map(|kind| rest.strip_prefix(kind)).is_some_and(is_name)
        }
        None => message
            .strip_prefix("table ")
            .and_then(|rest| rest.split_once(" has no column named "))
            .is_some_and(|(table, column)| is_name(table) && is_name(column)),
    }
}

/// The extended code. SQLx provides it as a new `String`, or at the start of the error's text:
/// `(code: 2067) …`.
#[cfg(feature = "sqlx-sqlite")]
pub(super) fn sqlite_code(error: &::sqlx::sqlite::SqliteError) -> Option<i32> {
    use std::fmt::Write as _;

    let mut reader = CodeReader { at: 0, code: 0 };
    // The reader returns an error once it has read the code, so that the rest isn't formatted.
    let _ = write!(reader, "{error}");
    reader.code().or_else(|| ::sqlx::error::DatabaseError::code(error)?.parse().ok())
}

/// Parses the number in `(code: 2067) …` while it is being formatted, without allocating.
#[cfg(any(feature = "sqlx-sqlite", test))]
struct CodeReader {
    /// Number of bytes read, or [`Self::DONE`] after the code, or [`Self::FAILED`] on other text.
    at: usize,
    code: i32,
}

#[cfg(any(feature = "sqlx-sqlite", test))]
impl CodeReader {
    const PREFIX: &[u8] = b"(code: ";
    const DONE: usize = usize::MAX;
    const FAILED: usize = usize::MAX - 1;

    fn code(&self) -> Option<i32> {
        (self.at == Self::DONE).then_some(self.code)
    }

    fn next(&mut self, byte: u8) -> Option<usize> {
        match Self::PREFIX.get(self.at) {
            Some(&expected) => (byte == expected).then_some(self.at + 1),
            None if byte.is_ascii_digit() => {
                self.code = self.code.checked_mul(10)?.checked_add(i32::from(byte - b'0'))?;
                Some(self.at + 1)
            }
            None => (byte == b')' && self.at > Self::PREFIX.len()).then_some(Self::DONE),
        }
    }
}

#[cfg(any(feature = "sqlx-sqlite", test))]
impl std::fmt::Write for CodeReader {
    fn write_str(&mut self, piece: &str) -> std::fmt::Result {
        for &byte in piece.as_bytes() {
            self.at = self.next(byte).unwrap_or(Self::FAILED);
            if self.at >= Self::FAILED {
                return Err(std::fmt::Error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::{CodeReader, sqlite_only_names_missing_object};

    fn read(pieces: &[&str]) -> Option<i32> {
        let mut reader = CodeReader { at: 0, code: 0 };
        for piece in pieces {
            if reader.write_str(piece).is_err() {
                break;
            }
        }
        reader.code()
    }

    #[test]
    fn sqlite_messages_that_only_name_missing_objects_are_recognised() {
        let plain = [
            "no such table: users",
            "no such table: main.users",
            "no such function: sha",
            "table a has no column named b",
        ];
        assert!(plain.into_iter().all(sqlite_only_names_missing_object));
        let quoting = [
            "no such table: ",
            "no such table: ada@example.com",
            "no such column: ada@example.com",
            "no such savepoint: ada",
            "table a has no column named 'ada'",
            "near \"ada\": syntax error",
            "malformed JSON",
            "",
        ];
        assert!(!quoting.into_iter().any(sqlite_only_names_missing_object));
    }

    #[test]
    fn sqlite_code_is_read_from_text_in_any_pieces() {
        assert_eq!(read(&["(code: ", "2067", ") ", "UNIQUE"]), Some(2067));
        assert_eq!(read(&["(co", "de: 20", "67) (code: 5)"]), Some(2067));
        assert_eq!(read(&["(code: 0)"]), Some(0));
        for wrong in [
            "",
            "(code: ",
            "(code: )",
            "(code: 12",
            "(code: -1) ",
            "code: 5)",
            "(code: 5x)",
            "(code: 99999999999)",
        ] {
            assert_eq!(read(&[wrong]), None, "{wrong}");
        }
    }
}
