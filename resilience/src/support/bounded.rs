//! Formats at most so much of a text.

use std::fmt::{self, Display, Write as _};

use super::prefix;

/// Formats at most `limit` bytes of a text. If its `Display` fails, keeps what it has written.
///
/// A longer text isn't formatted further: its `Display` is stopped by an error. Also returns
/// whether that happened.
pub(crate) fn format(text: &dyn Display, limit: usize) -> (String, bool) {
    let mut writer = Writer { text: String::new(), limit, is_cut: false };
    let _ = write!(writer, "{text}");
    (writer.text, writer.is_cut)
}

struct Writer {
    text: String,
    limit: usize,
    is_cut: bool,
}

impl fmt::Write for Writer {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let fits = prefix::of(part, self.limit - self.text.len());
        self.text.push_str(fits);
        self.is_cut |= fits.len() < part.len();
        // A `Display` that ignores the error must not write more.
        if self.is_cut {
            self.limit = self.text.len();
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Endless;

    impl Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("é")?;
            }
        }
    }

    #[test]
    fn at_most_the_limit_is_formatted() {
        assert_eq!(format(&"abc", 3), ("abc".to_owned(), false));
        assert_eq!(format(&"abc", 2), ("ab".to_owned(), true));
        assert_eq!(format(&Endless, 5), ("éé".to_owned(), true));
        assert_eq!(format(&"", 0), (String::new(), false));
    }

    #[test]
    fn display_that_ignores_errors_writes_no_more() {
        struct Stubborn;
        impl Display for Stubborn {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let _ = f.write_str("aé").and(f.write_str("é"));
                let _ = f.write_str("b");
                Ok(())
            }
        }
        assert_eq!(format(&Stubborn, 4), ("aé".to_owned(), true));
    }

    #[test]
    fn what_a_failing_display_has_written_is_kept() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half a").and(Err(fmt::Error))
            }
        }
        assert_eq!(format(&Broken, 10), ("half a".to_owned(), false));
    }
}
