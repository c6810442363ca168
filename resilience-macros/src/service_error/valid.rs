//! The rules that involve more than one option. Generates no code.

use proc_macro2::Ident;

use super::ast::{Input, Variant};
use super::attr::{FieldAttrs, span_of};
use super::code;
use super::kinds::{self, Category, Class};
use super::{public, sensitive};
use crate::diagnostics::Errors;

pub(crate) fn check(input: &mut Input<'_>, errors: &mut Errors) {
    for variant in &mut input.variants {
        let mut found = std::mem::take(&mut variant.errors);
        check_variant(variant, &mut found);
        errors.append(found);
    }
    check_unique_codes(input, errors);
}

fn check_variant(variant: &Variant<'_>, errors: &mut Errors) {
    check_has_category(variant, errors);
    check_transparent(variant, errors);
    check_retry(variant, errors);
    check_fatal(variant, errors);
    public::check(variant, errors);
    sensitive::check(variant, errors);
    check_field_errors(variant, errors);
    check_field_roles(variant, errors);
    check_default_code(variant, errors);
}

impl Variant<'_> {
    /// The variant's code; `None` if it is transparent.
    pub(crate) fn code(&self) -> Option<String> {
        let written = self.attrs.code.as_ref().map(|slot| slot.value.value());
        match self.class()? {
            Class::Transparent => None,
            Class::Kind(kind) => Some(written.unwrap_or_else(|| kind.code.to_owned())),
            Class::Category(_) => Some(written.unwrap_or_else(|| code::from_name(self.ident))),
        }
    }

    pub(crate) fn category(&self) -> Option<Category> {
        match self.class()? {
            Class::Category(category) => Some(category),
            Class::Kind(kind) => Some(kind.category),
            Class::Transparent => None,
        }
    }

    /// Whether the status is below 500, as far as it is known here.
    pub(crate) fn is_client_error(&self) -> bool {
        match (&self.attrs.status, self.class()) {
            (Some(status), _) => status.value < 500,
            (None, Some(Class::Kind(kind))) => kind.status < 500,
            (None, Some(Class::Category(category))) => {
                self.code().is_some_and(|code| kinds::is_client_error(category, &code))
            }
            (None, _) => false,
        }
    }

    /// The word that gives the variant its class, as the user wrote it.
    fn word(&self) -> String {
        self.attrs.class.as_ref().map_or_else(String::new, |slot| slot.key.to_string())
    }
}

fn check_has_category(variant: &Variant<'_>, errors: &mut Errors) {
    if variant.attrs.class.is_some() || variant.attrs.class_rejected {
        return;
    }
    let guess = if wraps_another_error(variant) {
        "transparent"
    } else {
        kinds::guess(&code::from_name(variant.ident).to_lowercase())
    };
    let cure = if variant.attrs.says_something() {
        format!("add `{guess}` to its `#[service(…)]`")
    } else {
        format!("write `#[service({guess})]` above it")
    };
    let others = ["transient", "permanent", "partial", "fatal", "transparent"]
        .into_iter()
        .filter(|word| *word != guess);
    let others = others.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    errors.on(
        &variant.original,
        format!(
            "`{}` has no category; {cure}, or {others}, or a kind such as `not_found`",
            variant.ident
        ),
    );
}

fn wraps_another_error(variant: &Variant<'_>) -> bool {
    let [field] = variant.fields.as_slice() else { return false };
    field.original.attrs.iter().any(|attribute| attribute.path().is_ident("from"))
}

fn check_transparent(variant: &Variant<'_>, errors: &mut Errors) {
    if !matches!(variant.class(), Some(Class::Transparent)) {
        for field in &variant.fields {
            if let Some(source) = &field.attrs.source {
                errors.at(
                    source.span(),
                    "`source` has no effect without `transparent`; remove it, or write \
                     `transparent` above",
                );
            }
        }
        return;
    }
    let attrs = &variant.attrs;
    let keys = [
        attrs.code.as_ref().map(|slot| &slot.key),
        attrs.status.as_ref().map(|slot| &slot.key),
        attrs.severity.as_ref().map(|slot| &slot.key),
        attrs.public.as_ref().map(|slot| &slot.key),
        attrs.sent.as_ref().map(|slot| &slot.key),
        attrs.retry.as_ref().map(|slot| &slot.key),
    ];
    let of_fields = variant.fields.iter().flat_map(|field| {
        let FieldAttrs { retry_after, expose, backtrace, location, errors, .. } = &field.attrs;
        [retry_after, expose, backtrace, location, errors].map(Option::as_ref)
    });
    for key in keys.into_iter().chain(of_fields).flatten() {
        let message = format!(
            "`{key}` conflicts with `transparent`, which takes that from the source; keep one"
        );
        errors.at(key.span(), message);
    }
    match variant.fields.len() {
        0 => {
            let message = format!(
                "`transparent` needs a source, and `{}` has no fields; add one, or write a \
                 category",
                variant.ident
            );
            errors.at(span_of(attrs.class.as_ref(), variant.ident.span()), message);
        }
        _ if variant.source().is_none() => {
            let message = "`transparent` can't tell which field is the source; mark one with \
                           `#[service(source)]`";
            errors.at(span_of(attrs.class.as_ref(), variant.ident.span()), message);
        }
        _ => {}
    }
}

fn check_retry(variant: &Variant<'_>, errors: &mut Errors) {
    let Some(category) = variant.category() else { return };
    let retry_after = variant.fields.iter().find_map(|field| field.attrs.retry_after.as_ref());
    let (word, retry) = (variant.word(), variant.attrs.retry.as_ref());
    if category != Category::Transient {
        for key in retry_after.into_iter().chain(retry.map(|slot| &slot.key)) {
            errors.at(
                key.span(),
                format!(
                    "`{key}` conflicts with `{word}`, which is never retried; keep one, or \
                     write `transient`"
                ),
            );
        }
        return;
    }
    let by_kind = matches!(variant.class(), Some(Class::Kind(kind)) if kind.retry.is_some());
    match (retry_after, retry) {
        (Some(key), Some(retry)) => {
            errors.at(
                key.span(),
                format!(
                    "`retry_after` conflicts with `{}`, which rules out a plain retry; keep one",
                    retry.key
                ),
            );
        }
        (Some(key), None) if by_kind => {
            errors.at(
                key.span(),
                format!(
                    "`retry_after` conflicts with `{word}`, which rules out a plain retry; keep one"
                ),
            );
        }
        _ => {}
    }
}

fn check_fatal(variant: &Variant<'_>, errors: &mut Errors) {
    if variant.category() != Some(Category::Fatal) {
        return;
    }
    let word = variant.word();
    if let Some(severity) = &variant.attrs.severity {
        let message = format!(
            "`severity` conflicts with `{word}`: a fatal error is always critical; remove \
             `severity`"
        );
        errors.at(severity.key.span(), message);
    }
    if let Some(status) = &variant.attrs.status {
        let message = format!(
            "`status` conflicts with `{word}`: a fatal error always has status 500; remove `status`"
        );
        errors.at(status.key.span(), message);
    }
    if let Some(alert) = &variant.attrs.alert {
        let message = format!(
            "`alert` conflicts with `{word}`: a fatal error always raises an alert at once; \
             remove `alert`"
        );
        errors.at(alert.key.span(), message);
    }
}

fn check_field_errors(variant: &Variant<'_>, errors: &mut Errors) {
    if variant.category().is_none() || variant.is_client_error() {
        return;
    }
    for key in variant.fields.iter().filter_map(|field| field.attrs.errors.as_ref()) {
        errors.at(
            key.span(),
            "clients don't see field errors if the status is 500 or above; remove `errors`, or \
             write a `status` below 500",
        );
    }
}

fn check_field_roles(variant: &Variant<'_>, errors: &mut Errors) {
    let mut taken: Vec<&Ident> = Vec::new();
    for field in &variant.fields {
        let FieldAttrs { retry_after, source, backtrace, location, errors: field_errors, .. } =
            &field.attrs;
        let mut own: Option<&Ident> = None;
        for role in [retry_after, source, backtrace, location, field_errors].into_iter().flatten() {
            if let Some(first) = own {
                errors.at(
                    role.span(),
                    format!("`{role}` conflicts with `{first}` on the same field; keep one"),
                );
            } else if taken.contains(&role) {
                errors
                    .at(role.span(), format!("another field is already marked `{role}`; keep one"));
            }
            own = own.or(Some(role));
            taken.push(role);
        }
    }
}

fn check_default_code(variant: &Variant<'_>, errors: &mut Errors) {
    if variant.attrs.code.is_some() {
        return;
    }
    let Some(code) = variant.code().filter(|code| !code::is_valid(code)) else { return };
    let message = format!(
        "the default code `{code}` isn't 2 to {} uppercase letters, digits and `_`; add `code = \
         \"…\"`",
        code::MAX_LEN
    );
    errors.on(variant.ident, message);
}

fn check_unique_codes(input: &Input<'_>, errors: &mut Errors) {
    let mut taken: Vec<(String, &Variant<'_>)> = Vec::new();
    for variant in &input.variants {
        let Some(code) = variant.code() else { continue };
        let Some((_, first)) = taken.iter().find(|(other, _)| *other == code) else {
            taken.push((code, variant));
            continue;
        };
        let own = code::from_name(variant.ident);
        let free =
            own != code && !taken.iter().any(|(other, _)| *other == own) && code::is_valid(&own);
        let cure = if free {
            format!("write `code = \"{own}\"`")
        } else {
            "write another `code = \"…\"`".to_owned()
        };
        let span = match &variant.attrs.code {
            Some(code) => code.value.span(),
            None => span_of(variant.attrs.class.as_ref(), variant.ident.span()),
        };
        errors.at(
            span,
            format!(
                "the code `{code}` is already used by `{}`; {cure} to tell them apart",
                first.ident
            ),
        );
    }
}
