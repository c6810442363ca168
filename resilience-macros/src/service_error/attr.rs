//! The options of `#[service(…)]` on an item, a variant and a field.

use proc_macro2::{Ident, Span};
use syn::{Attribute, LitStr, Path};

use super::keys::{self, FIELD_KEYS, ITEM_KEYS, VARIANT_KEYS};
use super::kinds::{Class, Retry};
use super::template::Template;
use super::value::{ATTRIBUTE, Slot, bare, each_option};
use crate::diagnostics::{self, Errors};

/// The options of an enum or a struct.
#[derive(Default)]
pub(crate) struct ItemAttrs {
    pub(crate) domain: Option<Slot<LitStr>>,
    /// The key: the derive also implements `IntoResponse`.
    pub(crate) axum: Option<Ident>,
    pub(crate) krate: Option<Slot<Path>>,
}

/// The options of a variant, or of a struct.
#[derive(Default)]
pub(crate) struct VariantAttrs {
    pub(crate) class: Option<Slot<Class>>,
    pub(crate) code: Option<Slot<LitStr>>,
    pub(crate) status: Option<Slot<u16>>,
    pub(crate) severity: Option<Slot<Severity>>,
    pub(crate) public: Option<Slot<Template>>,
    pub(crate) sent: Option<Slot<Sent>>,
    pub(crate) retry: Option<Slot<Retry>>,
    pub(crate) alert: Option<Slot<Alert>>,
    pub(crate) exit_code: Option<Slot<u8>>,
    /// Whether a category was written but rejected. Reporting a missing one would be a follow-up
    /// error.
    pub(crate) class_rejected: bool,
    /// The same for `public`.
    pub(crate) public_rejected: bool,
}

/// The options of a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) retry_after: Option<Ident>,
    pub(crate) expose: Option<Ident>,
    pub(crate) source: Option<Ident>,
    pub(crate) sensitive: Option<Ident>,
    pub(crate) backtrace: Option<Ident>,
    pub(crate) location: Option<Ident>,
    pub(crate) errors: Option<Ident>,
}

#[derive(Clone, Copy)]
pub(crate) enum Severity {
    Expected,
    Unexpected,
    Critical,
}

#[derive(Clone, Copy)]
pub(crate) enum Alert {
    AtOnce,
    WhenRepeated,
    WhenFrequent,
    LowPriority,
    Never,
}

#[derive(Clone, Copy)]
pub(crate) enum Sent {
    Never,
    Maybe,
}

/// The attributes of an enum itself.
pub(crate) fn of_enum(attributes: &[Attribute], name: &Ident, errors: &mut Errors) -> ItemAttrs {
    let mut item = ItemAttrs::default();
    each_option(attributes, errors, |key, input, errors| {
        if item.read(&key, input, errors)? {
            return Ok(());
        }
        let word = key.to_string();
        Err(if keys::is_variant_word(&word) {
            let message = format!(
                "`{word}` belongs on a variant; write it above each variant of `{name}` that it \
                 applies to"
            );
            syn::Error::new(key.span(), message)
        } else if FIELD_KEYS.contains(&word.as_str()) {
            keys::belongs_on_field(&key)
        } else {
            keys::unknown(&key, &ITEM_KEYS)
        })
    });
    item
}

/// The attributes of a struct, which is both item and variant.
pub(crate) fn of_struct(
    attributes: &[Attribute],
    errors: &mut Errors,
) -> (ItemAttrs, VariantAttrs) {
    let (mut item, mut variant) = (ItemAttrs::default(), VariantAttrs::default());
    let readable = each_option(attributes, errors, |key, input, errors| {
        if item.read(&key, input, errors)? || variant.read(&key, input, errors)? {
            return Ok(());
        }
        variant.class_rejected = true;
        Err(if FIELD_KEYS.contains(&key.to_string().as_str()) {
            keys::belongs_on_field(&key)
        } else {
            keys::unknown(&key, &[&keys::class_words()[..], &VARIANT_KEYS, &ITEM_KEYS].concat())
        })
    });
    variant.class_rejected |= !readable;
    (item, variant)
}

pub(crate) fn of_variant(attributes: &[Attribute], errors: &mut Errors) -> VariantAttrs {
    let mut variant = VariantAttrs::default();
    let readable = each_option(attributes, errors, |key, input, errors| {
        if variant.read(&key, input, errors)? {
            return Ok(());
        }
        variant.class_rejected = true;
        let word = key.to_string();
        Err(if FIELD_KEYS.contains(&word.as_str()) {
            keys::belongs_on_field(&key)
        } else if ITEM_KEYS.contains(&word.as_str()) {
            syn::Error::new(
                key.span(),
                format!(
                    "`{word}` belongs on the enum; write it above the enum, once for all variants"
                ),
            )
        } else {
            keys::unknown(&key, &[&keys::class_words()[..], &VARIANT_KEYS].concat())
        })
    });
    variant.class_rejected |= !readable;
    variant
}

pub(crate) fn of_field(attributes: &[Attribute], errors: &mut Errors) -> FieldAttrs {
    let mut field = FieldAttrs::default();
    each_option(attributes, errors, |key, input, errors| {
        let word = key.to_string();
        let slot = match word.as_str() {
            "retry_after" => &mut field.retry_after,
            "expose" => &mut field.expose,
            "source" => &mut field.source,
            "sensitive" => &mut field.sensitive,
            "backtrace" => &mut field.backtrace,
            "location" => &mut field.location,
            "errors" => &mut field.errors,
            _ if keys::is_variant_word(&word) => {
                let message = format!(
                    "`{word}` belongs on the variant or struct; write it above the one that \
                     contains this field"
                );
                return Err(syn::Error::new(key.span(), message));
            }
            _ if ITEM_KEYS.contains(&word.as_str()) => {
                return Err(syn::Error::new(
                    key.span(),
                    format!(
                        "`{word}` belongs on the enum or struct, not on a field; move it there"
                    ),
                ));
            }
            _ => return Err(keys::unknown(&key, &FIELD_KEYS)),
        };
        bare(&key, input)?;
        if slot.is_some() {
            errors.push(diagnostics::duplicate(ATTRIBUTE, &key));
        }
        *slot = Some(key);
        Ok(())
    });
    field
}

impl VariantAttrs {
    /// Whether there is an attribute that the missing category can be added to.
    pub(crate) fn says_something(&self) -> bool {
        self.code.is_some()
            || self.status.is_some()
            || self.severity.is_some()
            || self.public.is_some()
            || self.sent.is_some()
            || self.retry.is_some()
            || self.alert.is_some()
            || self.exit_code.is_some()
    }
}

/// The span of the key, or `otherwise` if the option is missing.
pub(crate) fn span_of<T>(slot: Option<&Slot<T>>, otherwise: Span) -> Span {
    slot.map_or(otherwise, |slot| slot.key.span())
}
