//! Typed values of options: durations, numbers and percentages.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit};

use crate::units;

/// The value of an option: a literal, or an expression that is evaluated at run time.
pub(crate) enum Setting<T> {
    Literal(T, Span),
    Expr(Expr),
}

impl<T: Copy> Setting<T> {
    /// The value of a literal.
    pub(crate) fn literal(&self) -> Option<T> {
        match self {
            Self::Literal(value, _) => Some(*value),
            Self::Expr(_) => None,
        }
    }

    /// The expression, if the value isn't known before run time.
    pub(crate) fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Literal(..) => None,
            Self::Expr(expr) => Some(expr),
        }
    }
}

impl ToTokens for Setting<Duration> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(duration, _) => {
                let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
                tokens.extend(quote!(::core::time::Duration::new(#secs, #nanos)));
            }
            Self::Expr(expr) => expr.to_tokens(tokens),
        }
    }
}

impl ToTokens for Setting<u32> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(number, _) => number.to_tokens(tokens),
            Self::Expr(expr) => expr.to_tokens(tokens),
        }
    }
}

/// A literal with a unit, or any other expression.
pub(crate) fn duration(expr: Expr) -> syn::Result<Setting<Duration>> {
    match literal(&expr) {
        Some(Lit::Str(text)) => units::duration(&text.value())
            .map(|duration| Setting::Literal(duration, text.span()))
            .map_err(|message| syn::Error::new(text.span(), message)),
        Some(Lit::Int(number)) => {
            let (digits, suffix) = (number.base10_digits(), number.suffix());
            let with_unit = format!("{digits}{suffix}");
            let message = if units::duration(&with_unit).is_ok() {
                format!("a duration must be in quotes; write `\"{with_unit}\"`")
            } else {
                format!("a duration needs a unit; write `\"{digits}s\"` or `\"{digits}ms\"`")
            };
            Err(syn::Error::new(number.span(), message))
        }
        Some(Lit::Float(number)) => {
            let (digits, suffix) = (number.base10_digits(), number.suffix());
            let unit = if units::duration(&format!("1{suffix}")).is_ok() { suffix } else { "s" };
            let message = format!("a duration must be in quotes; write `\"{digits}{unit}\"`");
            Err(syn::Error::new(number.span(), message))
        }
        Some(other) => Err(syn::Error::new(
            other.span(),
            "a duration must be a string with a unit, such as `\"5s\"` or `\"500ms\"`",
        )),
        None => Ok(Setting::Expr(expr)),
    }
}

/// A whole number, or an expression of type `u32`.
pub(super) fn number(
    expr: Expr,
    key: &str,
    range: &RangeInclusive<u32>,
    what: &str,
) -> syn::Result<Setting<u32>> {
    let (least, most) = (*range.start(), *range.end());
    let too_small = || format!("`{key}` must be at least {least}{what}");
    match literal(&expr) {
        Some(Lit::Int(digits)) if !matches!(digits.suffix(), "" | "u32") => Err(syn::Error::new(
            digits.span(),
            format!("`{key}` is a plain number; write `{key} = {}`", digits.base10_digits()),
        )),
        Some(Lit::Int(digits)) => match digits.base10_parse::<u32>() {
            Ok(number) if number < least => Err(syn::Error::new(digits.span(), too_small())),
            Ok(number) if number <= most => Ok(Setting::Literal(number, digits.span())),
            _ => Err(syn::Error::new(
                digits.span(),
                format!("`{key}` must be a whole number from {least} to {most}"),
            )),
        },
        Some(Lit::Str(text)) if text.value().parse::<u32>().is_ok() => Err(syn::Error::new(
            text.span(),
            format!("`{key}` must be a number, not a string; write `{key} = {}`", text.value()),
        )),
        Some(Lit::Float(number)) if number.base10_parse().is_ok_and(is_whole) => {
            let digits = number.base10_digits().split('.').next().unwrap_or_default();
            Err(syn::Error::new(
                number.span(),
                format!("`{key}` must be a whole number; write `{key} = {digits}`"),
            ))
        }
        Some(other) => Err(syn::Error::new(
            other.span(),
            format!("`{key}` must be a whole number, such as `{key} = {}`", least.max(3)),
        )),
        None => match &expr {
            Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => {
                Err(syn::Error::new(unary.span(), too_small()))
            }
            _ => Ok(Setting::Expr(expr)),
        },
    }
}

/// `"20%"`, or an expression of type `u32`.
pub(super) fn percent(expr: Expr) -> syn::Result<Setting<u32>> {
    match literal(&expr) {
        Some(Lit::Int(number)) => {
            let message =
                format!("a percentage must be in quotes; write `\"{}%\"`", number.base10_digits());
            Err(syn::Error::new(number.span(), message))
        }
        Some(Lit::Float(share)) => Err(syn::Error::new(share.span(), of_share(share))),
        Some(Lit::Str(text)) => units::percent(&text.value())
            .map(|percent| Setting::Literal(percent, text.span()))
            .map_err(|message| syn::Error::new(text.span(), message)),
        Some(other) => Err(syn::Error::new(
            other.span(),
            "a percentage must be a string with a `%` sign, such as `\"20%\"`",
        )),
        None => Ok(Setting::Expr(expr)),
    }
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && (1.0..=1e6).contains(&number)
}

/// `0.2` was meant to be `"20%"`.
fn of_share(share: &syn::LitFloat) -> String {
    let percent = share.base10_parse::<f64>().map_or(20.0, |share| (share * 100.0).round());
    let percent = if (0.0..=100.0).contains(&percent) { percent } else { 20.0 };
    format!("a percentage must be a string with a `%` sign; write `\"{percent}%\"`")
}

/// The literal, if the expression is one. The suffix of a string is an error of rustc's, which it
/// only finds where it sees the string.
pub(crate) fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}
