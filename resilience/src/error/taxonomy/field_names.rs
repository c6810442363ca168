use std::fmt::Write as _;

use super::FieldError;
use crate::support::prefix;

/// The maximum number of names in a log record.
const MAX_NAMES: usize = 16;
/// The longest name in a log record, in bytes. Clients choose the keys of maps.
const MAX_NAME: usize = 64;

/// The names of the invalid fields for a log record, without what they hold. `None` if there are
/// none.
pub(crate) fn field_names(errors: &[FieldError]) -> Option<String> {
    let mut names = String::new();
    for (index, error) in errors.iter().enumerate() {
        if index > 0 {
            names.push_str(", ");
        }
        if index == MAX_NAMES {
            names.push('…');
            break;
        }
        let name = prefix::of(error.field(), MAX_NAME);
        let cut = if name.len() < error.field().len() { "…" } else { "" };
        // Writing to a `String` is infallible.
        let _ = write!(names, "{name}{cut}");
    }
    (!errors.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_without_details_and_bounded() {
        assert_eq!(field_names(&[]), None);
        let errors = [FieldError::new("email", "secret"), FieldError::new("age", "secret")];
        assert_eq!(field_names(&errors).as_deref(), Some("email, age"));
        let long = vec![FieldError::new("é".repeat(1000), "secret"); 1000];
        let names = field_names(&long).unwrap();
        assert!(names.len() < (MAX_NAME + 8) * (MAX_NAMES + 1), "{}", names.len());
        assert!(names.ends_with(", …"), "{names}");
    }
}
