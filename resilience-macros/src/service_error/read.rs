//! Parses one option of an item or a variant.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{LitInt, LitStr, Path};

use super::attr::{Alert, ItemAttrs, Sent, Severity, VariantAttrs};
use super::kinds::{Class, Retry};
use super::template::Template;
use super::value::{Slot, bare, choice, set, text, value};
use super::{code, keys};
use crate::diagnostics::{self, Errors};
use crate::krate;

impl ItemAttrs {
    /// `false` if the key is not one of an item.
    pub(crate) fn read(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<bool> {
        match key.to_string().as_str() {
            "domain" => {
                let domain = text(key, input, "\"orders\"")?;
                if domain.value().trim().is_empty() {
                    errors.on(&domain, "`domain` is empty; write a name, or remove it");
                }
                set(&mut self.domain, key.clone(), domain, errors);
            }
            "axum" => {
                bare(key, input)?;
                if self.axum.is_some() {
                    errors.push(diagnostics::duplicate(super::value::ATTRIBUTE, key));
                }
                self.axum = Some(key.clone());
            }
            "crate" => {
                value(key, input, "::resilience")?;
                set(
                    &mut self.krate,
                    key.clone(),
                    krate::check(&input.call(Path::parse_mod_style)?)?,
                    errors,
                );
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl VariantAttrs {
    /// `false` if the key is not one of a variant.
    pub(crate) fn read(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<bool> {
        let word = key.to_string();
        if let Some(class) = keys::class(&word) {
            bare(key, input).inspect_err(|_| self.class_rejected = true)?;
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
                let template =
                    text(key, input, "\"what the client may read\"").and_then(Template::parse);
                self.public_rejected |= template.is_err();
                set(&mut self.public, key_, template?, errors);
            }
            "sent" => {
                let words = [("never", Sent::Never), ("maybe", Sent::Maybe)];
                set(&mut self.sent, key_, choice(key, input, &words)?, errors);
            }
            "retry" => {
                let words = [("never", Retry::Never), ("transaction", Retry::TransactionOnce)];
                set(&mut self.retry, key_, choice(key, input, &words)?, errors);
            }
            "alert" => {
                let words = [
                    ("at_once", Alert::AtOnce),
                    ("when_repeated", Alert::WhenRepeated),
                    ("when_frequent", Alert::WhenFrequent),
                    ("low_priority", Alert::LowPriority),
                    ("never", Alert::Never),
                ];
                set(&mut self.alert, key_, choice(key, input, &words)?, errors);
            }
            "exit_code" => set(&mut self.exit_code, key_, read_exit_code(key, input)?, errors),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn classify(&mut self, key: &Ident, class: Class, errors: &mut Errors) {
        match &self.class {
            Some(first) if first.key == *key => {
                errors.push(diagnostics::duplicate(super::value::ATTRIBUTE, key));
            }
            Some(first) => {
                errors.at(key.span(), format!("`{key}` conflicts with `{}`; keep one", first.key));
            }
            None => self.class = Some(Slot { key: key.clone(), value: class }),
        }
    }
}

fn read_code(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    let literal = text(key, input, "\"NOT_FOUND\"")?;
    let written = literal.value();
    if code::is_valid(&written) {
        return Ok(literal);
    }
    let cure = match code::repaired(&written) {
        Some(repaired) => format!("write `code = \"{repaired}\"`"),
        None => "write a code such as `code = \"NOT_FOUND\"`".to_owned(),
    };
    Err(syn::Error::new(
        literal.span(),
        format!(
            "a code must be 2 to {} uppercase letters, digits and `_`, starting with a letter; \
             {cure}",
            code::MAX_LEN
        ),
    ))
}

fn read_exit_code(key: &Ident, input: ParseStream<'_>) -> syn::Result<u8> {
    value(key, input, "78")?;
    let span = input.span();
    let code = input.parse::<LitInt>().and_then(|literal| literal.base10_parse::<u8>());
    match code {
        Ok(code @ 1..) => Ok(code),
        _ => Err(syn::Error::new(
            span,
            "`exit_code` must be from 1 to 255, such as `exit_code = 78`",
        )),
    }
}

fn read_status(key: &Ident, input: ParseStream<'_>) -> syn::Result<u16> {
    value(key, input, "404")?;
    let span = input.span();
    let status =
        input.parse::<LitInt>().ok().filter(|status| matches!(status.suffix(), "" | "u16"));
    match status.and_then(|status| status.base10_parse::<u16>().ok()) {
        Some(status @ 400..=599) => Ok(status),
        _ => Err(syn::Error::new(
            span,
            "`status` must be an HTTP error status from 400 to 599, such as `status = 404`",
        )),
    }
}
