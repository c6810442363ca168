//! `Classify` for `validator::ValidationErrors`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

use super::{MAX_DEPTH, MAX_FIELDS};
use crate::{Classification, Classify, FieldError, ServiceError, taxonomy::Evidence};

/// The request is invalid. Permanent, `VALIDATION_ERROR`, 422, with each invalid field in
/// [`field_errors`](Classify::field_errors), named like `items[0].sku`, in alphabetical order, at
/// most 100.
///
/// The client sees the rule's `message`, or a text for its code. Neither the response nor the log
/// contains the field's value.
///
/// ```
/// use resilience::{Classify, FieldError};
/// use validator::{ValidationError, ValidationErrors};
///
/// // What `form.validate()` returns.
/// let mut errors = ValidationErrors::new();
/// errors.add("email", ValidationError::new("email"));
/// let fields = Classify::field_errors(&errors); // `errors.field_errors()` is validator's own
/// assert_eq!(*fields, [FieldError::new("email", "isn't a valid e-mail address")]);
/// assert_eq!(errors.classify().status(), 422);
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "validator")))]
impl Classify for ValidationErrors {
    fn classify(&self) -> Classification {
        Classification::permanent("VALIDATION_ERROR")
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        let mut fields = Vec::new();
        collect(self, "", 0, &mut fields);
        fields.into()
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for ValidationErrors {}

fn collect(errors: &ValidationErrors, parent: &str, depth: usize, fields: &mut Vec<FieldError>) {
    if depth == MAX_DEPTH {
        return;
    }
    // In a fixed order.
    let sorted: BTreeMap<_, _> = errors.errors().iter().collect();
    for (name, kind) in sorted {
        let path = if parent.is_empty() { name.to_string() } else { format!("{parent}.{name}") };
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, &path, depth + 1, fields),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    collect(inner, &format!("{path}[{index}]"), depth + 1, fields);
                }
            }
            ValidationErrorsKind::Field(rules) => {
                for rule in rules {
                    if fields.len() < MAX_FIELDS {
                        fields.push(FieldError::new(path.clone(), detail(rule)));
                    }
                }
            }
        }
        if fields.len() >= MAX_FIELDS {
            return;
        }
    }
}

/// The rule's own message, or a text for its code.
fn detail(rule: &ValidationError) -> Cow<'static, str> {
    if let Some(message) = &rule.message {
        return message.clone();
    }
    let limit = |name: &'static str| rule.params.get(name).map(ToString::to_string);
    let range = |what: &str| match (limit("equal"), limit("min"), limit("max")) {
        (Some(equal), ..) => format!("{what} {equal}"),
        (_, Some(min), Some(max)) => format!("{what} from {min} to {max}"),
        (_, Some(min), None) => format!("{what} at least {min}"),
        (_, None, Some(max)) => format!("{what} at most {max}"),
        (_, None, None) => "is out of range".to_owned(),
    };
    match &*rule.code {
        "email" => "isn't a valid e-mail address".into(),
        "url" => "isn't a valid URL".into(),
        "length" => range("must have a length of").replace("of from", "from").into(),
        "range" => range("must be").into(),
        "required" | "required_nested" => "is missing".into(),
        "must_match" => "doesn't match".into(),
        "contains" => "lacks a required part".into(),
        "does_not_contain" => "contains a forbidden part".into(),
        "regex" => "has the wrong form".into(),
        "credit_card" => "isn't a valid card number".into(),
        "non_control_character" => "contains control characters".into(),
        _ => "is invalid".into(),
    }
}
