//! The rules of `sensitive`: such a field must not be part of a text that is logged or sent to
//! clients.

use proc_macro2::Ident;
use syn::Type;

use super::ast::{Field, Variant};
use super::display::{Arguments, Text, names_field, shown};
use crate::diagnostics::Errors;
use crate::tokens::mentions;

pub(crate) fn check(variant: &Variant<'_>, errors: &mut Errors) {
    let sensitive: Vec<(&Field<'_>, &Ident)> = variant
        .fields
        .iter()
        .filter_map(|field| Some((field, field.attrs.sensitive.as_ref()?)))
        .collect();
    if sensitive.is_empty() {
        return;
    }
    let texts: Vec<Text> =
        variant.texts.iter().filter_map(|attribute| Text::of(&attribute.meta)).collect();
    let is_transparent = texts.iter().any(|text| matches!(text, Text::Transparent));
    for (field, key) in &sensitive {
        has_no_other_role(field, key, errors);
        if is_source(field, variant, is_transparent) {
            errors.at(
                key.span(),
                "`sensitive` can't be used on a source, whose text is logged as a cause; move the \
                 sensitive data to a field of its own",
            );
        }
    }
    for text in &texts {
        check_text(text, &sensitive, errors);
    }
    let is_written = |text: &Text| match text {
        Text::Other(tokens) => ["display", "to_string"].iter().any(|key| mentions(tokens, key)),
        _ => true,
    };
    if !texts.iter().any(is_written) {
        check_doc(variant, &sensitive, errors);
    }
    let is_delegated = texts.is_empty() || texts.iter().any(shows_the_variant);
    if let ([field], true, false) = (&*variant.fields, is_delegated, variant.is_transparent()) {
        check_only_field(field, variant, errors);
    }
}

/// Whether the text of an enum contains that of its variants: `derive_more`'s `{_variant}`.
fn shows_the_variant(text: &Text) -> bool {
    matches!(text, Text::Format(literal, _) if shown(&literal.value()).iter().any(|hole| hole == "_variant"))
}

/// displaydoc makes the doc comment the text. It is a derive, which this one can't see.
fn check_doc(variant: &Variant<'_>, sensitive: &[(&Field<'_>, &Ident)], errors: &mut Errors) {
    let shown = shown(&variant.doc);
    for (field, key) in sensitive {
        let name = field.name();
        if shown.contains(&name) {
            let message = format!(
                "the doc comment, which displaydoc makes the text, would write the sensitive \
                 field `{name}` to the log; remove `{{{name}}}` from it"
            );
            errors.at(key.span(), message);
        }
    }
}

/// `derive_more` and others write the only field if there is no text. A `Sensitive` can't be
/// written.
fn check_only_field(field: &Field<'_>, variant: &Variant<'_>, errors: &mut Errors) {
    let Some(key) = &field.attrs.sensitive else { return };
    let is_hidden = matches!(
        &field.original.ty,
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Sensitive")
    );
    if !is_hidden {
        let message = format!(
            "a derived `Display` would show the only field of `{}`, which is sensitive; write \
             `#[error(\"…\")]` above it, or make the field a `resilience::Sensitive`",
            variant.ident
        );
        errors.at(key.span(), message);
    }
}

fn has_no_other_role(field: &Field<'_>, sensitive: &Ident, errors: &mut Errors) {
    let attrs = &field.attrs;
    let others =
        [&attrs.expose, &attrs.retry_after, &attrs.errors, &attrs.backtrace, &attrs.location];
    for other in others.into_iter().flatten() {
        let reader =
            if *other == "backtrace" || *other == "location" { "the log" } else { "clients" };
        errors.at(
            other.span(),
            format!(
                "`{other}` conflicts with `{sensitive}`, since it shows the field to \
                 {reader}; keep one"
            ),
        );
    }
}

/// Whether the field's own text is written along with the error's: by thiserror's rules, or because
/// the field classifies the error.
fn is_source(field: &Field<'_>, variant: &Variant<'_>, is_transparent: bool) -> bool {
    let by_name =
        variant.fields.iter().all(|other| !other.has("source")) && field.name() == "source";
    let asked = variant.is_transparent()
        && variant.source().is_some_and(|source| source.member == field.member);
    field.has("from") || field.has("source") || by_name || asked || is_transparent
}

fn check_text(text: &Text, sensitive: &[(&Field<'_>, &Ident)], errors: &mut Errors) {
    match text {
        Text::Format(literal, arguments) => {
            let arguments = Arguments::split(arguments.clone());
            let shown = shown(&literal.value());
            for (field, _) in sensitive {
                let name = field.name();
                let whole = shown.iter().any(|hole| hole == "self");
                if whole || shown.contains(&name) && !arguments.names.contains(&name) {
                    errors.on(literal, message(&name));
                }
                for value in &arguments.values {
                    match names_field(value.clone(), &name) {
                        Some(token) if token.to_string() == "self" => {
                            errors.at(token.span(), message_of_self(&name));
                        }
                        Some(token) => errors.at(token.span(), message(&name)),
                        None => {}
                    }
                }
            }
        }
        Text::Function(word) => {
            let (field, _) = sensitive[0];
            errors.at(
                word.span(),
                format!(
                    "this function gets the sensitive field `{}`, and what it writes can't be \
                     checked; write a format string instead",
                    field.name()
                ),
            );
        }
        Text::Other(tokens) => {
            for (field, _) in sensitive {
                let name = field.name();
                if let Some(token) = names_field(tokens.clone(), &name) {
                    errors.at(token.span(), message(&name));
                }
            }
        }
        Text::Transparent => {}
    }
}

fn message(field: &str) -> String {
    format!(
        "this text would write the sensitive field `{field}` to the log; remove it from the text"
    )
}

fn message_of_self(field: &str) -> String {
    format!(
        "`self` gives this text access to the sensitive field `{field}`; name the fields to show \
         instead"
    )
}

#[cfg(test)]
mod tests {
    use super::super::derive;

    fn is_refused(item: &str) -> bool {
        derive(item.parse().unwrap()).to_string().contains("sensitive")
    }

    #[test]
    fn sensitive_field_in_a_text_of_any_crate_is_refused() {
        let field = "{ #[service(sensitive)] pin: String, user: u64 }";
        for text in [
            r#"#[snafu(display("{pin} of {user}"))]"#,
            r#"#[snafu(display("{user} {}", pin))]"#,
            r#"#[snafu(visibility(pub), display("{}", pin.len()))]"#,
            r#"#[display("{pin}")]"#,
            r#"#[display(fmt = "{} of {}", pin, user)]"#,
            r#"#[error(display = "{}", pin)]"#,
            r#"#[fail(display = "{}", pin)]"#,
            r#"#[strum(to_string = "{pin}")]"#,
            "/// The PIN {pin:?} of {user}",
            "/// Expired\n///\n/// {pin}",
        ] {
            for item in [
                format!("#[service(gone)] {text}\n struct Expired {field}"),
                format!("enum E {{ #[service(gone)] {text}\n Expired {field} }}"),
            ] {
                assert!(is_refused(&item.replace("gone", "conflict")), "{item}");
            }
        }
    }

    #[test]
    fn only_field_without_a_text_is_refused() {
        for (item, refused) in [
            ("#[service(conflict)] struct E(#[service(sensitive)] String);", true),
            ("#[service(conflict)] struct E { #[service(sensitive)] pin: String }", true),
            ("enum E { #[service(conflict)] A(#[service(sensitive)] String) }", true),
            (
                "#[display(\"failed: {_variant}\")] enum E { #[service(conflict)] A(#[service(sensitive)] String) }",
                true,
            ),
            (
                "enum E { #[service(conflict)] #[display(\"x\")] A(#[service(sensitive)] String) }",
                false,
            ),
            ("#[service(conflict)] #[error(\"x\")] struct E(#[service(sensitive)] String);", false),
            ("#[service(conflict)] struct E(#[service(sensitive)] Sensitive<String>);", false),
            ("#[service(conflict)] struct E(#[service(sensitive)] String, u8);", false),
            (
                "enum E { #[service(conflict)] #[snafu(display(\"x\"))] A { #[service(sensitive)] pin: String } }",
                false,
            ),
        ] {
            assert_eq!(is_refused(item), refused, "{item}");
        }
    }

    #[test]
    fn sensitive_field_that_no_text_shows_is_accepted() {
        let field = "{ #[service(sensitive)] pin: String, user: u64 }";
        for text in [
            r#"#[snafu(display("{user} {}", user))]"#,
            r#"#[display(fmt = "of {}", user)]"#,
            "/// Of {user}, `{{pin}}`",
            "",
            "#[error(\"of {user}\")] /// as in `{pin}`",
        ] {
            let item = format!("#[service(conflict)] {text}\n struct Expired {field}");
            assert!(!is_refused(&item), "{item}");
        }
    }
}
