use std::fmt::Write as _;

/// Converts a field name to a JSON Pointer in URI fragment form, as in RFC 9457: `items[2].name`
/// becomes `#/items/2/name`.
///
/// A field that is already a pointer, such as `/items/2/name`, is only prefixed with `#`.
/// Characters not allowed in a URI fragment are percent-encoded.
pub(super) fn pointer(field: &str) -> String {
    let mut pointer = String::with_capacity(field.len() + 2);
    pointer.push('#');
    if field.starts_with('/') {
        push(&mut pointer, field, false);
        return pointer;
    }
    for part in field.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        push(&mut pointer, part, true);
    }
    pointer
}

fn push(pointer: &mut String, text: &str, escape: bool) {
    for byte in text.bytes() {
        match byte {
            b'~' if escape => pointer.push_str("~0"),
            b'/' if escape => pointer.push_str("~1"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => pointer.push(char::from(byte)),
            _ if b"-._~!$&'()*+,;=:@/?".contains(&byte) => pointer.push(char::from(byte)),
            _ => {
                // Writing to a `String` is infallible.
                let _ = write!(pointer, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pointer;

    #[test]
    fn field_names_become_valid_uri_fragments() {
        let table = [
            ("email", "#/email"),
            ("address.city", "#/address/city"),
            ("items[2].name", "#/items/2/name"),
            ("items.2.name", "#/items/2/name"),
            ("matrix[0][1]", "#/matrix/0/1"),
            ("/already/a~1b", "#/already/a~1b"),
            ("a/b", "#/a~1b"),
            ("a~b", "#/a~0b"),
            ("two words", "#/two%20words"),
            ("größe", "#/gr%C3%B6%C3%9Fe"),
            ("a\"b\\c", "#/a%22b%5Cc"),
            ("", "#"),
        ];
        for (field, expected) in table {
            assert_eq!(pointer(field), expected, "{field:?}");
        }
    }
}
