//! Explains why a value of a request didn't fit its type: in the words of an API's user, without
//! Rust's types and without the value itself.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_path_to_error::{Path, Segment};

use crate::FieldError;
use crate::support::prefix;

/// The longest text that becomes a detail or is logged, in bytes.
pub(super) const MAX_TEXT: usize = 8 * 1024;
/// What a type expects when nothing more can be said.
const OTHER_FORM: &str = "a value of another form";

/// Describes an error at a path of a body or of parameters. The field is a JSON Pointer.
pub(super) fn at_path(path: &Path, error: &impl std::fmt::Display) -> FieldError {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                // Writing to a `String` is infallible.
                let _ = write!(field, "/{index}");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => push(&mut field, key),
            Segment::Unknown => {}
        }
    }
    let text = error.to_string();
    let (detail, inner) = explained(&text);
    match inner {
        Some(Inner::Missing(name)) => push(&mut field, name),
        Some(Inner::Known(name)) => {
            let mut segment = String::new();
            push(&mut segment, name);
            if !field.ends_with(&segment) {
                field.push_str(&segment);
            }
        }
        None => {}
    }
    bounded(field, detail)
}

/// Describes an error of a parameter in the path.
pub(super) fn of_parameter(name: &str, expected_type: &str) -> FieldError {
    let expected = match expected_type {
        "bool" => "`true` or `false`",
        "char" => "a single character",
        other => number(other).unwrap_or(OTHER_FORM),
    };
    bounded(name.to_owned(), format!("expected {expected}").into())
}

/// Describes an error of serde, at a field that is named like `items[0].sku`.
pub(super) fn at_name(name: &str, text: &str) -> FieldError {
    let (detail, inner) = explained(text);
    let field = match inner {
        Some(Inner::Known(inner)) if name == inner || name.ends_with(&format!(".{inner}")) => {
            name.to_owned()
        }
        Some(Inner::Missing(inner) | Inner::Known(inner)) if name.is_empty() => inner.to_owned(),
        Some(Inner::Missing(inner) | Inner::Known(inner)) => format!("{name}.{inner}"),
        None => name.to_owned(),
    };
    bounded(field, detail)
}

/// The field error in the text of one of axum's own rejections.
pub(super) fn of_axum(text: &str) -> Option<FieldError> {
    let begins = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to deserialize query string: ",
        "Failed to deserialize form body: ",
        "Failed to deserialize form: ",
    ];
    if let Some(rest) = begins.iter().find_map(|begin| text.strip_prefix(begin)) {
        let is_path = |path: &str| !path.contains(|c: char| c.is_whitespace() || c == '`');
        let (path, what) =
            rest.split_once(": ").filter(|(path, _)| is_path(path)).unwrap_or(("", rest));
        return Some(at_name(path, what));
    }
    of_path(text.strip_prefix("Invalid URL: ")?)
}

/// The field error of axum's text about a parameter in the path, such as
/// ``Cannot parse `id` with value `x` to a `u32` ``.
pub(super) fn of_path(text: &str) -> Option<FieldError> {
    if let Some(name) =
        text.strip_prefix("Invalid UTF-8 in `").and_then(|rest| rest.strip_suffix('`'))
    {
        return Some(bounded(name.to_owned(), "isn't valid UTF-8".into()));
    }
    let rest = text.strip_prefix("Cannot parse ")?;
    let named = rest.strip_prefix('`').and_then(|rest| rest.split_once("` with value `"));
    let (name, rest) = named.map_or(("", rest), |(name, rest)| (name, rest));
    // The value may contain anything, so look from the end.
    if let Some((_, kind)) = rest.rsplit_once("` to a `") {
        return Some(of_parameter(name, kind.trim_end_matches('`')));
    }
    let (_, message) = rest.split_once("`: ")?;
    Some(at_name(name, message))
}

/// Drops a name that is too long: a key may be as long as the whole request.
fn bounded(mut field: String, detail: Cow<'static, str>) -> FieldError {
    if field.len() > MAX_TEXT {
        field.clear();
    }
    FieldError::new(field, detail)
}

/// Appends a segment to a JSON Pointer.
fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// A field that serde's text names.
enum Inner<'t> {
    /// It is inside the object at which the error occurred.
    Missing(&'t str),
    /// It is in the request, so that the path may have led to it.
    Known(&'t str),
}

/// The explanation of serde's text, and the field that it names.
fn explained(text: &str) -> (Cow<'static, str>, Option<Inner<'_>>) {
    // The field replaces line and column.
    let text = text.rsplit_once(" at line ").map_or(text, |(what, _)| what);
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'))
    {
        return ("is missing".into(), Some(Inner::Missing(name)));
    }
    if let Some(name) =
        text.strip_prefix("duplicate field `").and_then(|rest| rest.strip_suffix('`'))
    {
        return ("is given twice".into(), Some(Inner::Known(name)));
    }
    if let Some((what, expected)) = text.rsplit_once(", expected ") {
        if let Some(name) =
            what.strip_prefix("unknown field `").and_then(|rest| rest.strip_suffix('`'))
        {
            return (format!("is unknown; expected {expected}").into(), Some(Inner::Known(name)));
        }
        if what.starts_with("unknown variant `") {
            return (format!("expected {expected}").into(), None);
        }
        if let Some(found) = what.strip_prefix("invalid type: ") {
            let (expected, found) = (expectation(expected), kind_of(found));
            return (format!("expected {expected}, found {found}").into(), None);
        }
        if what.starts_with("invalid value: ") {
            return (format!("expected {}", expectation(expected)).into(), None);
        }
        if let Some(length) = what.strip_prefix("invalid length ") {
            let length = prefix::of(length, 20);
            return (format!("expected {}, found {length}", expectation(expected)).into(), None);
        }
    }
    for (begin, name) in [("unknown field `", true), ("unknown variant `", false)] {
        // Where nothing is expected.
        let rest = text.strip_prefix(begin).and_then(|rest| rest.split_once("`, there are no "));
        if let Some((unknown, _)) = rest {
            return ("is unknown".into(), name.then_some(Inner::Known(unknown)));
        }
    }
    (own_words(text), None)
}

/// What serde or a type says in its own words, if it names no type.
fn own_words(text: &str) -> Cow<'static, str> {
    // Texts of `FromStr`, which query strings and paths report.
    match text {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            return "expected an integer".into();
        }
        "number too large to fit in target type" => return "is too large".into(),
        "number too small to fit in target type" => return "is too small".into(),
        "number would be zero for non-zero type" => return "must not be zero".into(),
        "invalid float literal" | "cannot parse float from empty string" => {
            return "expected a number".into();
        }
        "provided string was not `true` or `false`" => return "expected `true` or `false`".into(),
        _ => {}
    }
    if names_a_type(text) {
        return "doesn't match any of the accepted forms".into();
    }
    prefix::of(text, MAX_TEXT).to_owned().into()
}

/// Whether a text of serde names a type of the program.
fn names_a_type(text: &str) -> bool {
    ["any variant of ", "struct ", "enum ", "variant ", "::"].iter().any(|mark| text.contains(mark))
}

/// What is expected, in terms of JSON.
fn expectation(expected: &str) -> Cow<'_, str> {
    let (expected, nonzero) =
        expected.strip_prefix("a nonzero ").map_or((expected, false), |expected| (expected, true));
    if let Some(number) = number(expected) {
        return if nonzero { format!("{number}, but not 0").into() } else { number.into() };
    }
    match expected {
        "unit" => return "null".into(),
        "a map" => return "an object".into(),
        "a sequence" => return "an array".into(),
        "a character" => return "a string of one character".into(),
        _ => {}
    }
    let kinds = [
        ("struct variant ", "an object"),
        ("tuple variant ", "an array"),
        ("unit variant ", "null"),
        ("tuple struct ", "an array"),
        ("unit struct ", "null"),
        ("internally tagged enum ", "an object with its tag"),
        ("adjacently tagged enum ", "an object with its tag"),
        ("variant of enum ", "a known name"),
        ("enum ", "a string or an object"),
        ("struct ", "an object"),
    ];
    if let Some((begin, kind)) = kinds.iter().find(|(begin, _)| expected.starts_with(begin)) {
        // serde reads some objects from arrays too.
        let count = expected[begin.len()..].split_once(" with ");
        return match count
            .filter(|(_, count)| count.ends_with("element") || count.ends_with("elements"))
        {
            Some((_, count)) => format!("an array with {count}").into(),
            None => (*kind).into(),
        };
    }
    if names_a_type(expected) { OTHER_FORM.into() } else { expected.into() }
}

/// The range of one of Rust's numbers.
fn number(name: &str) -> Option<&'static str> {
    Some(match name {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "u128" | "usize" => "an integer of at least 0",
        "i8" => "an integer from -128 to 127",
        "i16" => "an integer from -32768 to 32767",
        "i32" => "an integer from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        _ => return None,
    })
}

/// The kind of value found, without the value: `string "two"` is a string.
fn kind_of(found: &str) -> &'static str {
    let kinds = [
        ("string", "a string"),
        ("integer", "an integer"),
        ("floating point", "a number"),
        ("boolean", "a boolean"),
        ("character", "a character"),
        ("null", "null"),
        ("unit", "null"),
        ("Option", "null"),
        ("map", "an object"),
        ("sequence", "an array"),
        ("byte array", "bytes"),
    ];
    kinds
        .iter()
        .find(|(begin, _)| found.starts_with(begin))
        .map_or("another value", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_serde_are_explained_without_types_and_values() {
        let table = [
            (
                "invalid type: string \"two\", expected u32 at line 1 column 7",
                "expected an integer from 0 to 4294967295, found a string",
            ),
            (
                "invalid type: string \"a, expected struct B\", expected u8",
                "expected an integer from 0 to 255, found a string",
            ),
            ("invalid value: integer `-1`, expected u64", "expected an integer of at least 0"),
            (
                "invalid value: integer `0`, expected a nonzero u8",
                "expected an integer from 0 to 255, but not 0",
            ),
            (
                "invalid type: integer `5`, expected struct Form",
                "expected an object, found an integer",
            ),
            ("invalid type: map, expected a sequence", "expected an array, found an object"),
            ("invalid type: null, expected a map", "expected an object, found null"),
            (
                "invalid type: sequence, expected struct variant Payment::Card",
                "expected an object, found an array",
            ),
            (
                "invalid length 1, expected tuple struct Pair with 2 elements",
                "expected an array with 2 elements, found 1",
            ),
            ("invalid length 1, expected a tuple of size 2", "expected a tuple of size 2, found 1"),
            ("unknown variant `secret`, expected one of `a`, `b`", "expected one of `a`, `b`"),
            ("unknown variant `secret`, there are no variants", "is unknown"),
            (
                "data did not match any variant of untagged enum Payment",
                "doesn't match any of the accepted forms",
            ),
            (
                "invalid type: string \"x\", expected internally tagged enum Payment",
                "expected an object with its tag, found a string",
            ),
            (
                "invalid type: unit variant, expected crate::Custom",
                "expected a value of another form, found null",
            ),
            ("invalid digit found in string", "expected an integer"),
            ("number too large to fit in target type", "is too large"),
            ("must be a work day", "must be a work day"),
        ];
        for (text, expected) in table {
            assert_eq!(at_name("f", text), FieldError::new("f", expected), "{text}");
        }
    }

    #[test]
    fn inner_field_is_named() {
        let table = [
            ("missing field `sku`", "sku", "is missing"),
            ("duplicate field `sku`", "sku", "is given twice"),
            ("unknown field `x`, expected `a` or `b`", "x", "is unknown; expected `a` or `b`"),
            ("unknown field `x`, there are no fields", "x", "is unknown"),
        ];
        for (text, field, expected) in table {
            assert_eq!(at_name("", text), FieldError::new(field, expected));
            assert_eq!(at_name("items[0]", text).field(), format!("items[0].{field}"));
        }
    }

    #[test]
    fn rejections_of_axum_are_understood() {
        let table = [
            (
                "Failed to deserialize the JSON body into the target type: n: invalid type: string \"x\", expected u8 at line 1 column 9",
                "n",
                "expected an integer from 0 to 255, found a string",
            ),
            (
                "Failed to deserialize the JSON body into the target type: missing field `n` at line 1 column 2",
                "n",
                "is missing",
            ),
            (
                "Failed to deserialize query string: n: invalid digit found in string",
                "n",
                "expected an integer",
            ),
            ("Failed to deserialize form body: missing field `n`", "n", "is missing"),
            ("Invalid URL: Cannot parse `x` to a `i64`", "", "expected an integer"),
            (
                "Invalid URL: Cannot parse `id` with value `x` to a `u8`",
                "id",
                "expected an integer from 0 to 255",
            ),
            (
                "Invalid URL: Cannot parse value at index 1 with value `x` to a `u8`",
                "",
                "expected an integer from 0 to 255",
            ),
            (
                "Invalid URL: Cannot parse `id` with value `x`: must be a UUID",
                "id",
                "must be a UUID",
            ),
            ("Invalid URL: Invalid UTF-8 in `id`", "id", "isn't valid UTF-8"),
        ];
        for (text, field, expected) in table {
            assert_eq!(of_axum(text), Some(FieldError::new(field, expected)), "{text}");
        }
        assert_eq!(of_axum("moved to the moon"), None);
    }
}
