//! The keys and words, where they belong, and the message for an unknown one.

use proc_macro2::Ident;

use super::kinds::{self, Category, Class, KINDS};
use super::value::ATTRIBUTE;
use crate::diagnostics;

pub(crate) const ITEM_KEYS: [&str; 3] = ["domain", "axum", "crate"];
pub(crate) const VARIANT_KEYS: [&str; 8] =
    ["code", "status", "severity", "public", "sent", "retry", "alert", "exit_code"];
pub(crate) const FIELD_KEYS: [&str; 7] =
    ["retry_after", "expose", "source", "sensitive", "backtrace", "location", "errors"];

pub(crate) fn class(word: &str) -> Option<Class> {
    if word == "transparent" {
        return Some(Class::Transparent);
    }
    Category::from_word(word).map(Class::Category).or_else(|| kinds::find(word).map(Class::Kind))
}

pub(crate) fn class_words() -> Vec<&'static str> {
    let kinds = KINDS.iter().map(|kind| kind.word);
    Category::WORDS.into_iter().chain(["transparent"]).chain(kinds).collect()
}

pub(crate) fn is_variant_word(word: &str) -> bool {
    class(word).is_some() || VARIANT_KEYS.contains(&word)
}

pub(crate) fn belongs_on_field(key: &Ident) -> syn::Error {
    let message = match key.to_string().as_str() {
        "retry_after" => {
            "`retry_after` belongs on a field; write `#[service(retry_after)]` above the field \
             that holds the delay"
        }
        "expose" => {
            "`expose` belongs on a field; write `#[service(expose)]` above the field that \
             `public` shows"
        }
        "sensitive" => {
            "`sensitive` belongs on a field; write `#[service(sensitive)]` above each field to hide"
        }
        "backtrace" => {
            "`backtrace` belongs on a field; write `#[service(backtrace)]` above the field that \
             holds the backtrace"
        }
        "location" => {
            "`location` belongs on a field; write `#[service(location)]` above the field that \
             holds the source location"
        }
        "errors" => {
            "`errors` belongs on a field; write `#[service(errors)]` above the field that holds \
             the `FieldError`s"
        }
        _ => {
            "`source` belongs on a field; write `#[service(source)]` above the field that is the \
             source"
        }
    };
    syn::Error::new(key.span(), message)
}

/// The error for an unknown key: suggests the option for a name from another library, or else lists
/// the valid keys. There are too many kinds to list.
pub(crate) fn unknown(key: &Ident, valid: &[&'static str]) -> syn::Error {
    const RENAMED: &[(&str, &str)] = &[
        ("retryable", "transient"),
        ("temporary", "transient"),
        ("forward", "transparent"),
        ("error_code", "code"),
        ("http_status", "status"),
        ("status_code", "status"),
        ("message", "public"),
        ("public_message", "public"),
        ("user_message", "public"),
        ("level", "severity"),
        ("secret", "sensitive"),
        ("redact", "sensitive"),
        ("redacted", "sensitive"),
        ("private", "sensitive"),
        ("field_errors", "errors"),
        ("into_response", "axum"),
        ("response", "axum"),
        ("msg", "public"),
        ("invalid", "validation"),
        ("bad_request", "validation"),
        ("unprocessable_entity", "validation"),
        ("already_exists", "conflict"),
        ("auth_failed", "unauthenticated"),
        ("unauthorized", "unauthenticated"),
        ("too_many_requests", "rate_limited"),
        ("internal_server_error", "internal"),
        ("server_error", "internal"),
        ("gateway_timeout", "timeout"),
        ("network_timeout", "timeout"),
        ("service_unavailable", "unavailable"),
    ];
    let written = key.to_string();
    match RENAMED.iter().find(|(old, new)| *old == written && valid.contains(new)) {
        Some((_, new)) => syn::Error::new(
            key.span(),
            format!("unknown `{ATTRIBUTE}` option `{key}`; write `{new}`"),
        ),
        None => {
            let keys: Vec<_> = valid.iter().copied().filter(|word| class(word).is_none()).collect();
            let list = diagnostics::one_of(&keys);
            let expected = if keys.len() == valid.len() {
                list
            } else {
                format!("a category such as `transient`, a kind such as `not_found`, or {list}")
            };
            diagnostics::unknown(ATTRIBUTE, key, valid, &expected)
        }
    }
}
