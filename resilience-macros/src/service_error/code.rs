//! Codes: their format, and the default code of a variant.

use syn::Ident;
use syn::ext::IdentExt as _;

pub(crate) const MAX_LEN: usize = 63;

/// `[A-Z][A-Z0-9_]*[A-Z0-9]`, at most 63 characters.
pub(crate) fn is_valid(code: &str) -> bool {
    let bytes = code.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    (2..=MAX_LEN).contains(&bytes.len())
        && bytes[0].is_ascii_uppercase()
        && bytes.iter().all(inner)
        && bytes[bytes.len() - 1] != b'_'
}

/// The most similar valid code, for a message; `None` if there is none.
pub(crate) fn repaired(code: &str) -> Option<String> {
    let spelled: String =
        code.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut code = if spelled.bytes().any(|byte| byte.is_ascii_lowercase()) {
        screaming(&spelled)
    } else {
        spelled
    };
    code.truncate(MAX_LEN);
    let code = code.trim_matches('_').to_owned();
    is_valid(&code).then_some(code)
}

/// `HttpTimeout` and `HTTPTimeout` become `HTTP_TIMEOUT`.
pub(crate) fn from_name(name: &Ident) -> String {
    screaming(&name.unraw().to_string())
}

fn screaming(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut code = String::new();
    for (at, &this) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let starts_word = this.is_uppercase()
            && before.is_some_and(|before| {
                let ends_acronym = before.is_uppercase()
                    && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
                before != '_' && (!before.is_uppercase() || ends_acronym)
            });
        if starts_word {
            code.push('_');
        }
        code.extend(this.to_uppercase());
    }
    code.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_codes() {
        let names = [
            ("UnknownSku", "UNKNOWN_SKU"),
            ("HTTPError", "HTTP_ERROR"),
            ("Http2Error", "HTTP2_ERROR"),
            ("Sha256", "SHA256"),
            ("IO", "IO"),
            ("Snake_Case", "SNAKE_CASE"),
            ("_Hidden_", "HIDDEN"),
            ("AClass", "A_CLASS"),
        ];
        for (name, code) in names {
            assert_eq!(screaming(name), code);
        }
    }

    #[test]
    fn codes_have_the_documented_format() {
        for valid in ["OK", "NOT_FOUND", "A1", &"A".repeat(63)] {
            assert!(is_valid(valid), "{valid}");
        }
        for invalid in ["", "A", "1A", "_A", "A_", "a", "A-B", "Ä1", "A B", &"A".repeat(64)] {
            assert!(!is_valid(invalid), "{invalid}");
        }
    }

    #[test]
    fn invalid_codes_are_repaired_if_possible() {
        assert_eq!(repaired("not-found").as_deref(), Some("NOT_FOUND"));
        assert_eq!(repaired("NotFound").as_deref(), Some("NOT_FOUND"));
        assert_eq!(repaired("NOT FOUND").as_deref(), Some("NOT_FOUND"));
        assert_eq!(repaired("404"), None);
        assert_eq!(repaired("Ä"), None);
    }
}
