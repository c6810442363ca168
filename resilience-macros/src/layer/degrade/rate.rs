//! `alert_above = "5/1m"`: how many fallbacks and stale values are too many.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Lit;

use super::super::{Scope, defaults};
use crate::diagnostics::Errors;
use crate::options::{Arguments, literal};
use crate::units;

pub(super) struct Rate {
    count: u32,
    window: Duration,
    span: Span,
}

impl Rate {
    pub(super) fn parse(arguments: &mut Arguments, errors: &mut Errors) -> Option<Self> {
        let expr = arguments.expr("alert_above", errors)?;
        let Some(Lit::Str(text)) = literal(&expr) else {
            errors.on(
                expr,
                "`alert_above` must be a number per duration in quotes, such as `alert_above = \
                 \"5/1m\"`",
            );
            return None;
        };
        match rate(&text.value()) {
            Ok((count, window)) => Some(Self { count, window, span: text.span() }),
            Err(message) => {
                errors.at(text.span(), message);
                None
            }
        }
    }

    /// The number and the duration, as a tuple.
    pub(super) fn value(&self) -> TokenStream {
        let (count, secs, nanos) = (self.count, self.window.as_secs(), self.window.subsec_nanos());
        quote!((#count, ::core::time::Duration::new(#secs, #nanos)))
    }

    /// A statement that adds it to the cause.
    pub(super) fn set(&self, cause: &Ident, scope: &Scope<'_>) -> TokenStream {
        let (runtime, count) = (scope.runtime, self.count);
        let (secs, nanos) = (self.window.as_secs(), self.window.subsec_nanos());
        // The span is where the missing feature is reported.
        let set = quote_spanned! {Span::mixed_site().located_at(self.span)=>
            #runtime::alert_above!(#cause, #count, #secs, #nanos)
        };
        quote!(let #cause = #set;)
    }
}

/// `5/1m`, `5 / 90s`, `5/m`.
fn rate(text: &str) -> Result<(u32, Duration), String> {
    let most = defaults::MAX_FREQUENT;
    let Some((count, window)) = text.split_once('/') else {
        return Err(format!(
            "`{text}` is not a rate; write a number per duration, such as `\"5/1m\"`"
        ));
    };
    let count = match count.trim().parse::<u32>() {
        Ok(count) if count <= most => count,
        _ => {
            return Err(format!(
                "`{}` is not a number from 0 to {most}; write one, such as `\"5/1m\"`",
                count.trim()
            ));
        }
    };
    let window = window.trim();
    let window = if window.starts_with(char::is_alphabetic) {
        format!("1{window}")
    } else {
        window.to_owned()
    };
    match units::duration(&window)? {
        Duration::ZERO => Err(format!("the duration of `{text}` is zero; write a longer one")),
        window => Ok((count, window)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_a_number_per_duration() {
        let minute = Duration::from_secs(60);
        for text in ["5/1m", "5 / 60s", "5/m", " 5/1m "] {
            assert_eq!(rate(text), Ok((5, minute)), "{text}");
        }
        for (text, why) in [
            ("5", "is not a rate"),
            ("1m/5", "is not a number from 0 to 1000"),
            ("-1/1m", "is not a number from 0 to 1000"),
            ("1001/1m", "is not a number from 0 to 1000"),
            ("5/1", "needs a unit"),
            ("5/0s", "is zero"),
        ] {
            let message = rate(text).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
