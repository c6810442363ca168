//! `public = "… {field}"`: the fields in a text.

use std::fmt::Write as _;

use syn::LitStr;

/// The text for clients, and the fields that it shows.
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) holes: Vec<Hole>,
}

/// `{name}` or `{name:?}`.
pub(crate) struct Hole {
    /// A field's name, or its position.
    pub(crate) field: String,
    pub(crate) spec: String,
}

impl Hole {
    pub(crate) fn is_debug(&self) -> bool {
        self.spec.ends_with('?')
    }
}

enum Piece {
    Text(char),
    Hole(Hole),
}

impl Template {
    pub(crate) fn parse(literal: LitStr) -> syn::Result<Self> {
        let pieces =
            pieces(&literal.value()).map_err(|message| syn::Error::new(literal.span(), message))?;
        let holes = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Text(_) => None,
        });
        Ok(Self { holes: holes.collect(), literal })
    }

    /// The text without escapes, if it shows no fields.
    pub(crate) fn constant(&self) -> Option<String> {
        let pieces = pieces(&self.literal.value()).ok()?;
        pieces
            .into_iter()
            .map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None })
            .collect()
    }

    /// The text for `format!`, with numbers instead of field names, which may not be valid there.
    pub(crate) fn format(&self) -> String {
        let mut format = String::new();
        for (number, piece) in numbered(pieces(&self.literal.value()).unwrap_or_default()) {
            match piece {
                Piece::Text(brace @ ('{' | '}')) => format.extend([brace, brace]),
                Piece::Text(text) => format.push(text),
                Piece::Hole(hole) if hole.spec.is_empty() => _ = write!(format, "{{{number}}}"),
                Piece::Hole(hole) => _ = write!(format, "{{{number}:{}}}", hole.spec),
            }
        }
        format
    }
}

fn numbered(pieces: Vec<Piece>) -> impl Iterator<Item = (usize, Piece)> {
    pieces.into_iter().scan(0, |next, piece| {
        let number = *next;
        *next += usize::from(matches!(piece, Piece::Hole(_)));
        Some((number, piece))
    })
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(this) = chars.next() {
        match this {
            '{' | '}' if chars.next_if_eq(&this).is_some() => pieces.push(Piece::Text(this)),
            '}' => {
                return Err("unmatched `}`; write `}}` for a literal `}`".to_owned());
            }
            '{' => {
                let mut inside = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some('{') | None => {
                            return Err("unmatched `{`; write `{{` for a literal `{`".to_owned());
                        }
                        Some(other) => inside.push(other),
                    }
                }
                pieces.push(Piece::Hole(hole(&inside)?));
            }
            text => pieces.push(Piece::Text(text)),
        }
    }
    Ok(pieces)
}

fn hole(inside: &str) -> Result<Hole, String> {
    let (field, spec) = inside.split_once(':').unwrap_or((inside, ""));
    let field = field.trim();
    if field.is_empty() {
        return Err(
            "`{}` doesn't name a field; write `{field}`, or `{0}` for the first field of a tuple"
                .to_owned(),
        );
    }
    if !field.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!(
            "`{{{field}}}` is not the name of a field; `public` can't contain expressions"
        ));
    }
    if spec.contains(['$', '*']) {
        return Err(format!(
            "`{{{inside}}}` takes its width from an argument; write the width as a number"
        ));
    }
    Ok(Hole { field: field.to_owned(), spec: spec.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn parse(text: &str) -> Result<Template, String> {
        Template::parse(LitStr::new(text, Span::call_site())).map_err(|error| error.to_string())
    }

    #[test]
    fn holes_are_numbered_and_escapes_kept() {
        let template = parse("{{{sku}}} has {count:>3} left, {0:?}").unwrap();
        assert_eq!(
            template.holes.iter().map(|hole| hole.field.as_str()).collect::<Vec<_>>(),
            ["sku", "count", "0"]
        );
        assert_eq!(template.format(), "{{{0}}} has {1:>3} left, {2:?}");
        assert_eq!(template.constant(), None);
        assert_eq!(parse("100 % {{safe}}").unwrap().constant().as_deref(), Some("100 % {safe}"));
    }

    #[test]
    fn malformed_texts_are_rejected() {
        for text in ["{", "}", "{}", "{a", "a}", "{a.b}", "{a {b}}", "{a:w$}", "{a:.*}", "{:?}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
