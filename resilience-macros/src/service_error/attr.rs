//! Reads `#[service(…)]` in each of its places.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{Attribute, LitInt, LitStr, Path};

use super::code;
use super::kinds::{self, Category, KINDS, Kind, Retry};
use super::template::Template;
use super::value::{OWNER, Slot, bare, choice, each_option, set, text, value};
use crate::diagnostics::{self, Errors};
use crate::krate;

const ITEM_KEYS: [&str; 2] = ["domain", "crate"];
const VARIANT_KEYS: [&str; 6] = ["code", "status", "severity", "public", "sent", "retry"];
const FIELD_KEYS: [&str; 3] = ["retry_after", "expose", "source"];

/// What is said of the whole enum or struct.
#[derive(Default)]
pub(crate) struct ItemAttrs {
    pub(crate) domain: Option<Slot<LitStr>>,
    pub(crate) krate: Option<Slot<Path>>,
}

/// What is said of a variant, or of a struct.
#[derive(Default)]
pub(crate) struct VariantAttrs {
    pub(crate) class: Option<Slot<Class>>,
    pub(crate) code: Option<Slot<LitStr>>,
    pub(crate) status: Option<Slot<u16>>,
    pub(crate) severity: Option<Slot<Severity>>,
    pub(crate) public: Option<Slot<Template>>,
    pub(crate) sent: Option<Slot<Sent>>,
    pub(crate) retry: Option<Slot<Retry>>,
    /// A word was written, and refused; that there is none would be a second complaint about the same thing.
    pub(crate) class_refused: bool,
    /// The same for the text.
    pub(crate) public_refused: bool,
}

/// What is said of a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) retry_after: Option<Ident>,
    pub(crate) expose: Option<Ident>,
    pub(crate) source: Option<Ident>,
}

#[derive(Clone, Copy)]
pub(crate) enum Class {
    Category(Category),
    Kind(&'static Kind),
    Transparent,
}

#[derive(Clone, Copy)]
pub(crate) enum Severity {
    Expected,
    Unexpected,
    Critical,
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
        Err(if is_variant_word(&word) {
            let message =
                format!("`{word}` belongs on a variant; write it above each variant of `{name}` it applies to");
            syn::Error::new(key.span(), message)
        } else if FIELD_KEYS.contains(&word.as_str()) {
            belongs_on_field(&key)
        } else {
            unknown(&key, &ITEM_KEYS)
        })
    });
    item
}

/// The attributes of a struct, which is item and variant in one.
pub(crate) fn of_struct(attributes: &[Attribute], errors: &mut Errors) -> (ItemAttrs, VariantAttrs) {
    let (mut item, mut variant) = (ItemAttrs::default(), VariantAttrs::default());
    let readable = each_option(attributes, errors, |key, input, errors| {
        if item.read(&key, input, errors)? || variant.read(&key, input, errors)? {
            return Ok(());
        }
        variant.class_refused = true;
        Err(if FIELD_KEYS.contains(&key.to_string().as_str()) {
            belongs_on_field(&key)
        } else {
            unknown(&key, &[&class_words()[..], &VARIANT_KEYS, &ITEM_KEYS].concat())
        })
    });
    variant.class_refused |= !readable;
    (item, variant)
}

pub(crate) fn of_variant(attributes: &[Attribute], errors: &mut Errors) -> VariantAttrs {
    let mut variant = VariantAttrs::default();
    let readable = each_option(attributes, errors, |key, input, errors| {
        if variant.read(&key, input, errors)? {
            return Ok(());
        }
        variant.class_refused = true;
        let word = key.to_string();
        Err(if FIELD_KEYS.contains(&word.as_str()) {
            belongs_on_field(&key)
        } else if ITEM_KEYS.contains(&word.as_str()) {
            syn::Error::new(
                key.span(),
                format!("`{word}` belongs on the enum; write it above the enum, once for all variants"),
            )
        } else {
            unknown(&key, &[&class_words()[..], &VARIANT_KEYS].concat())
        })
    });
    variant.class_refused |= !readable;
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
            _ if is_variant_word(&word) => {
                let message =
                    format!("`{word}` belongs on the variant or struct; write it above the one that holds this field");
                return Err(syn::Error::new(key.span(), message));
            }
            _ if ITEM_KEYS.contains(&word.as_str()) => {
                return Err(syn::Error::new(
                    key.span(),
                    format!("`{word}` belongs on the enum or struct; write it above that"),
                ));
            }
            _ => return Err(unknown(&key, &FIELD_KEYS)),
        };
        bare(&key, input)?;
        if slot.is_some() {
            errors.push(diagnostics::duplicate(OWNER, &key));
        }
        *slot = Some(key);
        Ok(())
    });
    field
}

impl ItemAttrs {
    /// `false` if the key is not one of an item.
    fn read(&mut self, key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<bool> {
        match key.to_string().as_str() {
            "domain" => {
                let domain = text(key, input, "\"orders\"")?;
                if domain.value().trim().is_empty() {
                    errors.on(&domain, "this `domain` is empty; write its name, or remove it");
                }
                set(&mut self.domain, key.clone(), domain, errors);
            }
            "crate" => {
                value(key, input, "::resilience")?;
                set(&mut self.krate, key.clone(), krate::check(&input.call(Path::parse_mod_style)?)?, errors);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl VariantAttrs {
    /// `false` if the key is not one of a variant.
    fn read(&mut self, key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<bool> {
        let word = key.to_string();
        if let Some(class) = class(&word) {
            bare(key, input).inspect_err(|_| self.class_refused = true)?;
            self.classify(key, class, errors);
            return Ok(true);
        }
        let key_ = key.clone();
        match word.as_str() {
            "code" => set(&mut self.code, key_, read_code(key, input)?, errors),
            "status" => set(&mut self.status, key_, read_status(key, input)?, errors),
            "severity" => {
                let words = [
                    ("expected", Severity::Expected),
                    ("unexpected", Severity::Unexpected),
                    ("critical", Severity::Critical),
                ];
                set(&mut self.severity, key_, choice(key, input, &words)?, errors);
            }
            "public" => {
                let template = text(key, input, "\"what the client may read\"").and_then(Template::parse);
                self.public_refused |= template.is_err();
                set(&mut self.public, key_, template?, errors);
            }
            "sent" => {
                let words = [("never", Sent::Never), ("maybe", Sent::Maybe)];
                set(&mut self.sent, key_, choice(key, input, &words)?, errors);
            }
            "retry" => {
                let words = [("never", Retry::Never), ("transaction", Retry::Transaction)];
                set(&mut self.retry, key_, choice(key, input, &words)?, errors);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether there is an attribute that the missing word can join.
    pub(crate) fn says_something(&self) -> bool {
        self.code.is_some()
            || self.status.is_some()
            || self.severity.is_some()
            || self.public.is_some()
            || self.sent.is_some()
            || self.retry.is_some()
    }

    fn classify(&mut self, key: &Ident, class: Class, errors: &mut Errors) {
        match &self.class {
            Some(first) if first.key == *key => errors.push(diagnostics::duplicate(OWNER, key)),
            Some(first) => errors.at(key.span(), format!("`{key}` conflicts with `{}`; keep one", first.key)),
            None => self.class = Some(Slot { key: key.clone(), value: class }),
        }
    }
}

fn class(word: &str) -> Option<Class> {
    if word == "transparent" {
        return Some(Class::Transparent);
    }
    Category::from_word(word).map(Class::Category).or_else(|| kinds::find(word).map(Class::Kind))
}

fn class_words() -> Vec<&'static str> {
    let kinds = KINDS.iter().map(|kind| kind.word);
    Category::WORDS.into_iter().chain(["transparent"]).chain(kinds).collect()
}

fn is_variant_word(word: &str) -> bool {
    class(word).is_some() || VARIANT_KEYS.contains(&word)
}

fn read_code(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    let literal = text(key, input, "\"NOT_FOUND\"")?;
    let written = literal.value();
    if code::is_valid(&written) {
        return Ok(literal);
    }
    let cure = match code::repaired(&written) {
        Some(repaired) => format!("write `code = \"{repaired}\"`"),
        None => "write one such as `code = \"NOT_FOUND\"`".to_owned(),
    };
    Err(syn::Error::new(
        literal.span(),
        format!("a code is 2 to {} capital letters, digits and `_`, beginning with a letter; {cure}", code::MAX_LEN),
    ))
}

fn read_status(key: &Ident, input: ParseStream<'_>) -> syn::Result<u16> {
    value(key, input, "404")?;
    let span = input.span();
    let status = input.parse::<LitInt>().and_then(|literal| literal.base10_parse::<u16>());
    match status {
        Ok(status @ 400..=599) => Ok(status),
        _ => Err(syn::Error::new(
            span,
            "`status` is an HTTP error status, a number from 400 to 599; write `status = 404`",
        )),
    }
}

fn belongs_on_field(key: &Ident) -> syn::Error {
    let message = match key.to_string().as_str() {
        "retry_after" => {
            "`retry_after` belongs on a field; write `#[service(retry_after)]` above the one that holds the wait"
        }
        "expose" => "`expose` belongs on a field; write `#[service(expose)]` above the one that `public` shows",
        _ => "`source` belongs on a field; write `#[service(source)]` above the one that classifies itself",
    };
    syn::Error::new(key.span(), message)
}

/// Lists the keys of this place, or translates a key that is at home elsewhere.
fn unknown(key: &Ident, valid: &[&'static str]) -> syn::Error {
    const RENAMED: &[(&str, &str)] = &[
        ("retryable", "transient"),
        ("error_code", "code"),
        ("http_status", "status"),
        ("status_code", "status"),
        ("message", "public"),
        ("public_message", "public"),
        ("user_message", "public"),
        ("level", "severity"),
        ("invalid", "validation"),
        ("auth_failed", "unauthenticated"),
        ("unauthorized", "unauthenticated"),
        ("network_timeout", "timeout"),
        ("service_unavailable", "unavailable"),
    ];
    let written = key.to_string();
    match RENAMED.iter().find(|(old, new)| *old == written && valid.contains(new)) {
        Some((_, new)) => syn::Error::new(key.span(), format!("unknown `{OWNER}` option `{key}`; write `{new}`")),
        None => diagnostics::unknown(OWNER, key, valid),
    }
}

/// Where the word `class` was written, or else the name that lacks it.
pub(crate) fn span_of<T>(slot: Option<&Slot<T>>, otherwise: Span) -> Span {
    slot.map_or(otherwise, |slot| slot.key.span())
}
