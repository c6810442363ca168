//! Parses the arguments of an attribute.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Lit, LitStr, Token};

use super::constant::reject_placeholder_in_label;
use super::grammar::Grammar;
use super::names;
use super::value::{self, Setting, literal};
use crate::diagnostics::{self, Errors};
use crate::tokens::{is_screaming_snake, source_text};

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
        others: &[&Grammar],
        arguments_of_fn: &[Ident],
        errors: &mut Errors,
    ) -> Self {
        let mut parsed = Self { positional: Vec::new(), options: Vec::new() };
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match parse_one(input, grammar, others, arguments_of_fn) {
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

    /// The key of an option, if it is given. Doesn't take the option.
    pub(crate) fn key(&self, key: &str) -> Option<&Ident> {
        self.options.iter().map(|option| &option.key).find(|given| *given == key)
    }

    /// Returns an option that was taken, so that it can be taken again.
    pub(crate) fn put_back(&mut self, option: Opt) {
        self.options.push(option);
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
    pub(crate) fn text(&mut self, key: &str, errors: &mut Errors) -> Option<LitStr> {
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
    pub(crate) fn expr(self) -> syn::Result<Expr> {
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
    others: &[&Grammar],
    arguments_of_fn: &[Ident],
) -> syn::Result<Argument> {
    let fork = input.fork();
    let Some(name) = Name::parse(&fork, grammar, arguments_of_fn)? else {
        return input.parse().map(Argument::Positional);
    };
    let operator = Operator::parse(&fork)?;
    let called = fork.peek(syn::token::Paren);
    let is_list = called && grammar.takes_list(&name.text);
    if operator.is_none() && !is_list && !name.is_alone_an_option(&fork, grammar, arguments_of_fn) {
        return input.parse().map(Argument::Positional);
    }
    input.advance_to(&fork);
    let Some(key) = name.key.clone().filter(|_| grammar.takes(&name.text)) else {
        let value = if called { None } else { lenient_value(input) };
        return Err(name.error(names::explain(&name.text, value.as_ref(), grammar, others)));
    };
    let name = name.text;
    if is_list {
        let content;
        syn::parenthesized!(content in input);
        return Ok(Argument::Option(Opt { key, value: Value::List(content.parse()?) }));
    }
    if operator.is_none() && !called && !input.peek(Lit) && grammar.takes_flag(&name) {
        return Ok(Argument::Option(Opt { key, value: Value::Flag }));
    }
    match operator {
        Some(Operator::Assign) if grammar.takes_value(&name) && !is_end(input) => {
            reject_bare_percentage(input)?;
            // A path such as `crate = ::name` is an expression too, so that one form is enough.
            let value = Value::Expr(Box::new(ungroup(input.parse()?)));
            Ok(Argument::Option(Opt { key, value }))
        }
        operator => Err(wrong_form(input, &key, operator.as_ref(), called, grammar)),
    }
}

/// What is wrong with an option that is given in the form of another kind of option.
fn wrong_form(
    input: ParseStream<'_>,
    key: &Ident,
    operator: Option<&Operator>,
    called: bool,
    grammar: &Grammar,
) -> syn::Error {
    let name = key.to_string();
    let value = if called { argument(input) } else { lenient_value(input) };
    let shown = value.as_ref().map(|value| source_text(value.to_token_stream()));
    if grammar.takes_value(&name) {
        let form = format!("write `{name} = {}`", shown.as_deref().unwrap_or("…"));
        return match operator {
            Some(Operator::Wrong(written, span)) => {
                syn::Error::new(*span, format!("`{written}` doesn't set an option; {form}"))
            }
            _ => syn::Error::new(key.span(), format!("`{name}` needs a value; {form}")),
        };
    }
    if grammar.takes_list(&name) {
        let list = shown.as_deref().unwrap_or("…").trim_matches(['[', ']', '(', ')']);
        return syn::Error::new(
            key.span(),
            format!("`{name}` takes a list in parentheses; write `{name}({list})`"),
        );
    }
    let message = match (&*name, shown.as_deref()) {
        ("idempotent", Some("false")) => {
            "`idempotent` takes no value; write `non_idempotent` for its opposite".to_owned()
        }
        ("non_idempotent", Some("false")) => {
            "`non_idempotent` takes no value; write `idempotent` for its opposite".to_owned()
        }
        (_, Some("false")) => {
            format!("`{name}` takes no value; remove it, since it is off by default")
        }
        _ => format!("`{name}` takes no value; write `{name}` alone"),
    };
    match value {
        Some(value) if !called => syn::Error::new_spanned(value, message),
        _ => syn::Error::new(key.span(), message),
    }
}

/// The name of an option as it is written: `attempts`, but also `max-attempts`,
/// `retry.max_attempts` or `"attempts"`.
struct Name {
    text: String,
    tokens: TokenStream,
    /// The name, if it is written as it must be.
    key: Option<Ident>,
}

impl Name {
    /// `None` if an expression begins here.
    fn parse(
        input: ParseStream<'_>,
        grammar: &Grammar,
        arguments_of_fn: &[Ident],
    ) -> syn::Result<Option<Self>> {
        if let Some(quoted) = input.fork().parse::<Option<LitStr>>()? {
            let fork = input.fork();
            fork.parse::<LitStr>()?;
            if Operator::parse(&fork)?.is_none() {
                return Ok(None);
            }
            input.parse::<LitStr>()?;
            let tokens = quoted.to_token_stream();
            return Ok(Some(Self { text: quoted.value(), tokens, key: None }));
        }
        if !input.peek(Ident::peek_any) {
            return Ok(None);
        }
        let key = Ident::parse_any(input)?;
        let simple =
            Self { text: key.to_string(), tokens: key.to_token_stream(), key: Some(key.clone()) };
        let longer = input.fork();
        let Some(compound) = simple.continued(&longer)? else { return Ok(Some(simple)) };
        let is_assigned = Operator::parse(&longer.fork())?.is_some();
        let is_option = is_assigned
            || is_end(&longer)
                && !compound.text.contains('.')
                && !arguments_of_fn.contains(&key)
                && names::is_known(&compound.text, grammar);
        if is_option {
            input.advance_to(&longer);
            return Ok(Some(compound));
        }
        Ok(Some(simple))
    }

    /// The rest of `max-attempts` or `retry.max_attempts`.
    fn continued(&self, input: ParseStream<'_>) -> syn::Result<Option<Self>> {
        let (mut text, mut tokens) = (self.text.clone(), self.tokens.clone());
        loop {
            let is_dash = input.peek(Token![-]);
            if !is_dash && !input.peek(Token![.]) || !input.peek2(Ident::peek_any) {
                break;
            }
            text.push(if is_dash { '-' } else { '.' });
            tokens.extend(input.parse::<TokenTree>()?.to_token_stream());
            let word = Ident::parse_any(input)?;
            text.push_str(&word.to_string());
            word.to_tokens(&mut tokens);
        }
        Ok((text != self.text).then_some(Self { text, tokens, key: None }))
    }

    /// Whether it is an option, although no operator follows.
    fn is_alone_an_option(
        &self,
        rest: ParseStream<'_>,
        grammar: &Grammar,
        arguments_of_fn: &[Ident],
    ) -> bool {
        // `INVENTORY` names a static; `idempotnt` is a misspelled option.
        let is_expression = self.key.as_ref().is_some_and(|key| {
            arguments_of_fn.contains(key) || is_screaming_snake(key) || key == "self"
        });
        let is_known = grammar.takes(&self.text);
        is_end(rest) && (is_known || !is_expression)
            || rest.peek(Lit)
            || rest.peek(syn::token::Paren) && is_known
    }

    fn error(&self, message: String) -> syn::Error {
        syn::Error::new_spanned(&self.tokens, message)
    }
}

/// The token between an option and its value.
enum Operator {
    Assign,
    /// What other languages write for `=`.
    Wrong(&'static str, Span),
}

impl Operator {
    fn parse(input: ParseStream<'_>) -> syn::Result<Option<Self>> {
        const WRONG: &[&str] = &["===", "==", "=>", ":=", "+=", "->", "<-", "~>", ":"];
        let fork = input.fork();
        let mut written = String::new();
        let mut spans = Vec::new();
        while let (Ok(punct), true) = (fork.parse::<Punct>(), written.len() < 3) {
            written.push(punct.as_char());
            spans.push(punct.span());
            if punct.spacing() == Spacing::Alone {
                break;
            }
        }
        if written.starts_with("::") {
            return Ok(None);
        }
        let wrong = WRONG.iter().copied().find(|wrong| written.starts_with(wrong));
        let (operator, length) = match (wrong, spans.first()) {
            (Some(wrong), Some(first)) => {
                let span = first.join(spans[wrong.len() - 1]).unwrap_or(*first);
                (Self::Wrong(wrong, span), wrong.len())
            }
            (None, Some(_)) if written.starts_with('=') => (Self::Assign, 1),
            _ => return Ok(None),
        };
        for _ in 0..length {
            input.parse::<Punct>()?;
        }
        Ok(Some(operator))
    }
}

fn is_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// The value of a rejected option, if it is an expression. Otherwise [`skip_to_comma`] skips it.
fn lenient_value(input: ParseStream<'_>) -> Option<Expr> {
    let fork = input.fork();
    let value = fork.parse().ok()?;
    input.advance_to(&fork);
    Some(value)
}

/// The only argument of a rejected option with parentheses.
fn argument(input: ParseStream<'_>) -> Option<Expr> {
    match input.parse::<TokenTree>().ok()? {
        TokenTree::Group(group) => syn::parse2(group.stream()).ok(),
        _ => None,
    }
}

/// Rejects `20%` without quotes, which is no expression.
fn reject_bare_percentage(input: ParseStream<'_>) -> syn::Result<()> {
    let fork = input.fork();
    if let (Ok(number), Ok(sign)) = (fork.parse::<Lit>(), fork.parse::<Token![%]>()) {
        if is_end(&fork) {
            let written = number.to_token_stream();
            let message = format!("a percentage must be in quotes; write `\"{written}%\"`");
            return Err(syn::Error::new_spanned(quote::quote!(#written #sign), message));
        }
    }
    Ok(())
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
