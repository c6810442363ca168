//! The arguments of an attribute: `positional, key = expression, flag, key(list)`.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, Token};

use crate::diagnostics::{self, Errors};
use crate::units;

/// What an attribute takes.
pub(crate) struct Grammar {
    /// The attribute as users write it: `#[retry]`.
    pub(crate) owner: &'static str,
    /// Options of the form `key = value`.
    pub(crate) keys: &'static [&'static str],
    /// Options that stand alone.
    pub(crate) flags: &'static [&'static str],
    /// Options of the form `key(list)`.
    pub(crate) lists: &'static [&'static str],
    /// What other libraries call things, and what to write here.
    pub(crate) foreign: &'static [(&'static str, &'static str)],
}

/// The options that every layer takes.
pub(crate) const COMMON: &[&str] = &["service", "classify", "rejected", "crate"];

pub(crate) struct Arguments {
    pub(crate) positional: Vec<Expr>,
    options: Vec<Opt>,
}

pub(crate) struct Opt {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Flag,
    Expr(Box<Expr>),
    List(TokenStream),
}

/// A value that is known now, or an expression that is evaluated at run time.
pub(crate) enum Setting<T> {
    Known(T, Span),
    Later(Expr),
}

impl<T: Copy> Setting<T> {
    pub(crate) fn known(&self) -> Option<T> {
        match self {
            Self::Known(value, _) => Some(*value),
            Self::Later(_) => None,
        }
    }
}

impl ToTokens for Setting<Duration> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Known(duration, _) => {
                let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
                tokens.extend(quote!(::core::time::Duration::new(#secs, #nanos)));
            }
            Self::Later(expr) => expr.to_tokens(tokens),
        }
    }
}

impl ToTokens for Setting<u32> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Known(number, _) => number.to_tokens(tokens),
            Self::Later(expr) => expr.to_tokens(tokens),
        }
    }
}

impl Arguments {
    /// Parses all of them; a mistake in one doesn't hide a mistake in the next.
    pub(crate) fn parse(
        tokens: TokenStream,
        grammar: &Grammar,
        arguments_of_fn: &[Ident],
        errors: &mut Errors,
    ) -> Self {
        let mut parsed = Self { positional: Vec::new(), options: Vec::new() };
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match parse_one(input, grammar, arguments_of_fn) {
                    Ok(Argument::Positional(expr)) => parsed.positional.push(ungroup(expr)),
                    Ok(Argument::Option(option)) => parsed.add(option, grammar, errors),
                    Err(error) => {
                        errors.push(error);
                        skip_to_comma(input)?;
                    }
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    errors.push(input.error("expected `,` between the options"));
                    skip_to_comma(input)?;
                    let _: Option<Token![,]> = input.parse()?;
                }
            }
            Ok(())
        };
        let result = parser.parse2(tokens);
        errors.take(result);
        parsed
    }

    fn add(&mut self, option: Opt, grammar: &Grammar, errors: &mut Errors) {
        if self.options.iter().any(|earlier| earlier.key == option.key) {
            errors.push(diagnostics::duplicate(grammar.owner, &option.key));
        } else {
            self.options.push(option);
        }
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Opt> {
        let at = self.options.iter().position(|option| option.key == key)?;
        Some(self.options.remove(at))
    }

    /// `key` alone.
    pub(crate) fn flag(&mut self, key: &str) -> Option<Ident> {
        self.take(key).map(|option| option.key)
    }

    /// `key = any expression`.
    pub(crate) fn expr(&mut self, key: &str, errors: &mut Errors) -> Option<Expr> {
        self.take(key).and_then(|option| errors.take(option.expr()))
    }

    /// `key = "5s"`, or an expression of type `Duration`.
    pub(crate) fn duration(&mut self, key: &str, errors: &mut Errors) -> Option<Setting<Duration>> {
        let expr = self.expr(key, errors)?;
        let written = expr.clone();
        // A wrong one is still given, so that no default is checked in its place.
        errors.take(duration(expr)).or(Some(Setting::Later(written)))
    }

    /// `key = 3`, or an expression of type `u32`; `what` says what the least number means.
    pub(crate) fn number(
        &mut self,
        key: &str,
        range: RangeInclusive<u32>,
        what: &str,
        errors: &mut Errors,
    ) -> Option<Setting<u32>> {
        let expr = self.expr(key, errors)?;
        errors.take(number(expr, key, &range, what))
    }

    /// `key = "20%"`, or an expression of type `u32`.
    pub(crate) fn percent(&mut self, key: &str, errors: &mut Errors) -> Option<Setting<u32>> {
        let expr = self.expr(key, errors)?;
        let result = match literal(&expr) {
            Some(Lit::Str(text)) => units::percent(&text.value())
                .map(|percent| Setting::Known(percent, text.span()))
                .map_err(|message| syn::Error::new(text.span(), message)),
            Some(other) => Err(syn::Error::new(
                other.span(),
                "a share is written as text with its sign, such as `\"20%\"`",
            )),
            None => Ok(Setting::Later(expr)),
        };
        errors.take(result)
    }

    /// `key = "text"`.
    pub(crate) fn text(&mut self, key: &str, errors: &mut Errors) -> Option<syn::LitStr> {
        let expr = self.expr(key, errors)?;
        match literal(&expr) {
            Some(Lit::Str(text)) if !text.value().is_empty() => Some(text.clone()),
            _ => {
                errors.on(
                    &expr,
                    format!("`{key}` takes a text literal, such as `{key} = \"inventory\"`"),
                );
                None
            }
        }
    }
}

impl Opt {
    fn expr(self) -> syn::Result<Expr> {
        match self.value {
            Value::Expr(expr) => Ok(*expr),
            Value::Flag | Value::List(_) => Err(syn::Error::new(
                self.key.span(),
                format!("`{0}` needs a value; write `{0} = …`", self.key),
            )),
        }
    }
}

/// A literal with a unit, or any other expression.
pub(crate) fn duration(expr: Expr) -> syn::Result<Setting<Duration>> {
    match literal(&expr) {
        Some(Lit::Str(text)) => units::duration(&text.value())
            .map(|duration| Setting::Known(duration, text.span()))
            .map_err(|message| syn::Error::new(text.span(), message)),
        Some(Lit::Int(number)) => {
            let (digits, suffix) = (number.base10_digits(), number.suffix());
            let with_unit = format!("{digits}{suffix}");
            let message = if units::duration(&with_unit).is_ok() {
                format!("a duration is written as text; write `\"{with_unit}\"`")
            } else {
                format!("a duration needs a unit; write `\"{digits}s\"` or `\"{digits}ms\"`")
            };
            Err(syn::Error::new(number.span(), message))
        }
        Some(other) => Err(syn::Error::new(
            other.span(),
            "a duration is written as text with its unit, such as `\"5s\"` or `\"500ms\"`",
        )),
        None => Ok(Setting::Later(expr)),
    }
}

fn number(
    expr: Expr,
    key: &str,
    range: &RangeInclusive<u32>,
    what: &str,
) -> syn::Result<Setting<u32>> {
    let (least, most) = (*range.start(), *range.end());
    let too_small = || format!("`{key}` must be at least {least}{what}");
    match literal(&expr) {
        Some(Lit::Int(digits)) => match digits.base10_parse::<u32>() {
            Ok(number) if number < least => Err(syn::Error::new(digits.span(), too_small())),
            Ok(number) if number <= most => Ok(Setting::Known(number, digits.span())),
            _ => Err(syn::Error::new(
                digits.span(),
                format!("`{key}` is a whole number from {least} to {most}"),
            )),
        },
        Some(Lit::Str(text)) if text.value().parse::<u32>().is_ok() => Err(syn::Error::new(
            text.span(),
            format!("`{key}` is a number; write `{key} = {}`", text.value()),
        )),
        Some(other) => Err(syn::Error::new(
            other.span(),
            format!("`{key}` is a whole number, such as `{key} = {}`", least.max(3)),
        )),
        None => match &expr {
            Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => {
                Err(syn::Error::new(unary.span(), too_small()))
            }
            _ => Ok(Setting::Later(expr)),
        },
    }
}

pub(crate) fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// What a `macro_rules` passes on as `$name:expr` arrives inside an invisible group.
fn ungroup(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group)
            if matches!(*group.expr, Expr::Group(_) | Expr::Lit(_) | Expr::Path(_)) =>
        {
            ungroup(*group.expr)
        }
        other => other,
    }
}

enum Argument {
    Positional(Expr),
    Option(Opt),
}

fn parse_one(
    input: ParseStream<'_>,
    grammar: &Grammar,
    arguments_of_fn: &[Ident],
) -> syn::Result<Argument> {
    if !input.peek(Ident::peek_any) {
        return input.parse().map(Argument::Positional);
    }
    let fork = input.fork();
    let key = Ident::parse_any(&fork)?;
    let name = key.to_string();
    let assigned = fork.peek(Token![=]) && !fork.peek(Token![==]);
    let alone = fork.is_empty() || fork.peek(Token![,]);
    let called = fork.peek(syn::token::Paren);
    let list = called && is_list(&name, grammar);
    if !assigned && !list {
        let is_known = grammar.flags.contains(&&*name)
            || grammar.keys.contains(&&*name)
            || COMMON.contains(&&*name);
        let is_expression =
            arguments_of_fn.contains(&key) || looks_like_a_constant(&name) || name == "self";
        let is_option =
            alone && (is_known || !is_expression) || (called || fork.peek(Lit)) && is_known;
        if !is_option {
            return input.parse().map(Argument::Positional);
        }
    }
    Ident::parse_any(input)?;
    if let Some((_, meaning)) = grammar.foreign.iter().find(|(foreign, _)| *foreign == name) {
        skip_value(input, assigned);
        return Err(syn::Error::new(
            key.span(),
            format!("`{name}` is not an option of `{}`; {meaning}", grammar.owner),
        ));
    }
    if !grammar.keys.contains(&&*name)
        && !grammar.flags.contains(&&*name)
        && !is_list(&name, grammar)
        && !COMMON.contains(&&*name)
    {
        let mut valid: Vec<&str> = Vec::new();
        for option in [grammar.keys, grammar.flags, grammar.lists, COMMON].concat() {
            // An option whose value may be left out is both a key and a flag.
            if !valid.contains(&option) {
                valid.push(option);
            }
        }
        skip_value(input, assigned);
        return Err(diagnostics::unknown(grammar.owner, &key, &valid));
    }
    if assigned {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(
                key.span(),
                format!("`{name}` needs a value; write `{name} = …`"),
            ));
        }
        if !grammar.keys.contains(&&*name) && !COMMON.contains(&&*name) {
            let value: Expr = input.parse()?;
            return Err(syn::Error::new(
                value.span(),
                format!("`{name}` takes no value; write `{name}` alone"),
            ));
        }
        // A path such as `crate = ::name` is an expression too, so one form serves for all.
        return Ok(Argument::Option(Opt {
            key,
            value: Value::Expr(Box::new(ungroup(input.parse()?))),
        }));
    }
    if list {
        let content;
        syn::parenthesized!(content in input);
        return Ok(Argument::Option(Opt { key, value: Value::List(content.parse()?) }));
    }
    if grammar.flags.contains(&&*name) && !called {
        return Ok(Argument::Option(Opt { key, value: Value::Flag }));
    }
    if called && !grammar.keys.contains(&&*name) && !COMMON.contains(&&*name) {
        return Err(syn::Error::new(
            key.span(),
            format!("`{name}` takes no value; write `{name}` alone"),
        ));
    }
    let written =
        if is_list(&name, grammar) { format!("{name}(…)") } else { format!("{name} = …") };
    Err(syn::Error::new(key.span(), format!("`{name}` needs a value; write `{written}`")))
}

fn is_list(name: &str, grammar: &Grammar) -> bool {
    grammar.lists.contains(&name)
}

/// `INVENTORY` names a static; `idempotnt` is a slip of the pen.
fn looks_like_a_constant(name: &str) -> bool {
    name.trim_start_matches("r#").starts_with(|c: char| c.is_uppercase() || c == '_')
}

/// The value of an option that is wrong anyway; whatever can't be parsed is left to
/// [`skip_to_comma`].
fn skip_value(input: ParseStream<'_>, assigned: bool) {
    if assigned && input.parse::<Token![=]>().is_ok() {
        drop(input.parse::<Expr>());
    }
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
