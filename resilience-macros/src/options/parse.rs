//! Parses the arguments of an attribute.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, Lit, Token};

use super::constant::reject_placeholder_in_label;
use super::grammar::Grammar;
use super::value::{self, Setting, literal};
use crate::diagnostics::{self, Errors};
use crate::tokens::is_screaming_snake;

/// The arguments of one attribute. The layer takes its options from them.
pub(crate) struct Arguments {
    positional: Vec<Expr>,
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

impl Arguments {
    /// Parses all arguments. A mistake in one doesn't hide those in the next.
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
            errors.push(diagnostics::duplicate(grammar.attribute, &option.key));
        } else {
            self.options.push(option);
        }
    }

    /// The only argument without a key. Each further one is rejected with `hint`.
    pub(crate) fn only_positional(&mut self, hint: &str, errors: &mut Errors) -> Option<Expr> {
        let mut positional = std::mem::take(&mut self.positional).into_iter();
        let first = positional.next();
        for further in positional {
            errors.on(further, hint);
        }
        first
    }

    /// Rejects every argument without a key; `hint` says what to write instead. Returns whether
    /// there was one.
    pub(crate) fn reject_positional(
        &mut self,
        errors: &mut Errors,
        hint: impl Fn(&Expr) -> String,
    ) -> bool {
        let positional = std::mem::take(&mut self.positional);
        for expr in &positional {
            errors.on(expr, hint(expr));
        }
        !positional.is_empty()
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
        // An invalid value still counts as given, so that its default isn't checked instead.
        errors.take(value::duration(expr)).or(Some(Setting::Expr(written)))
    }

    /// `key = 3`, or an expression of type `u32`; `what` explains the lower limit.
    pub(crate) fn number(
        &mut self,
        key: &str,
        range: RangeInclusive<u32>,
        what: &str,
        errors: &mut Errors,
    ) -> Option<Setting<u32>> {
        let expr = self.expr(key, errors)?;
        errors.take(value::number(expr, key, &range, what))
    }

    /// `key = "20%"`, or an expression of type `u32`.
    pub(crate) fn percent(&mut self, key: &str, errors: &mut Errors) -> Option<Setting<u32>> {
        let expr = self.expr(key, errors)?;
        errors.take(value::percent(expr))
    }

    /// `key = "text"`.
    pub(crate) fn text(&mut self, key: &str, errors: &mut Errors) -> Option<syn::LitStr> {
        let expr = self.expr(key, errors)?;
        match literal(&expr) {
            Some(Lit::Str(text)) if !text.value().is_empty() => {
                reject_placeholder_in_label(key, text, errors);
                Some(text.clone())
            }
            _ => {
                errors.on(
                    &expr,
                    format!(
                        "`{key}` must be a non-empty string literal, such as `{key} = \
                         \"inventory\"`"
                    ),
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

/// Removes the invisible groups around an `$name:expr` that a `macro_rules!` macro passes.
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
    let list = called && grammar.takes_list(&name);
    if !assigned && !list {
        let is_known = grammar.takes_flag(&name) || grammar.takes_value(&name);
        // `INVENTORY` names a static; `idempotnt` is a misspelled option.
        let is_expression =
            arguments_of_fn.contains(&key) || is_screaming_snake(&key) || name == "self";
        let is_option =
            alone && (is_known || !is_expression) || (called || fork.peek(Lit)) && is_known;
        if !is_option {
            return input.parse().map(Argument::Positional);
        }
    }
    Ident::parse_any(input)?;
    if let Some(meaning) = grammar.translation(&name) {
        skip_value(input, assigned);
        return Err(syn::Error::new(
            key.span(),
            format!("`{name}` is not an option of `{}`; {meaning}", grammar.attribute),
        ));
    }
    if !grammar.takes_value(&name) && !grammar.takes_flag(&name) && !grammar.takes_list(&name) {
        skip_value(input, assigned);
        return Err(diagnostics::unknown(grammar.attribute, &key, &grammar.options()));
    }
    if assigned {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(
                key.span(),
                format!("`{name}` needs a value; write `{name} = …`"),
            ));
        }
        if !grammar.takes_value(&name) {
            let value: Expr = input.parse()?;
            return Err(syn::Error::new(
                value.span(),
                format!("`{name}` takes no value; write `{name}` alone"),
            ));
        }
        // A path such as `crate = ::name` is an expression too, so that one form is enough.
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
    if grammar.takes_flag(&name) && !called {
        return Ok(Argument::Option(Opt { key, value: Value::Flag }));
    }
    if called && !grammar.takes_value(&name) {
        return Err(syn::Error::new(
            key.span(),
            format!("`{name}` takes no value; write `{name}` alone"),
        ));
    }
    let written =
        if grammar.takes_list(&name) { format!("{name}(…)") } else { format!("{name} = …") };
    Err(syn::Error::new(key.span(), format!("`{name}` needs a value; write `{written}`")))
}

/// Skips the value of a rejected option. If it can't be parsed, [`skip_to_comma`] skips it.
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
