//! The rules of `sensitive`: such a field must not be part of a text that is logged or sent to
//! clients.

use proc_macro2::Ident;

use super::ast::{Field, Variant};
use super::display::{Arguments, Text, names_field, shown};
use crate::diagnostics::Errors;

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
