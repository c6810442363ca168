//! `stale(max_age = "10m", key = sku)`: the last good value.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, FnArg, GenericParam, Lit, Pat, Token};

use super::super::handle::makes_a_new;
use super::super::{Place, Scope};
use super::ok_type::ok_type;
use super::refresh::Refresh;
use crate::async_trait::AsyncTraitBody;
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{Arguments, Grammar, Opt, Setting, Value, foreign, literal, reject_constant};
use crate::tokens::{contains_ident, located, mentions, mentions_impl, source_text};

const GRAMMAR: Grammar = Grammar {
    attribute: "stale",
    keys: &["max_age", "key", "max_entries", "max_weight", "weight", "store", "refresh", "fresh"],
    flags: &["coalesce"],
    lists: &["shared"],
    foreign: foreign::STALE,
    foreign_by_words: &[],
};

pub(super) struct Stale {
    /// Where the option is named.
    span: Span,
    max_age: Setting<Duration>,
    /// Absent where there is only one value.
    key: Option<Expr>,
    bound: Bound,
    weight: Option<Expr>,
    store: Option<Expr>,
    pub(super) refresh: Option<Refresh>,
    /// Whether concurrent calls of one key share one.
    pub(super) coalesces: bool,
    /// The arguments that the value may depend on and the key leaves out.
    missing: Vec<Ident>,
}

/// How much is kept.
enum Bound {
    Default,
    Entries(TokenStream),
    Weight(TokenStream),
}

impl Stale {
    pub(super) fn parse(option: Opt, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        let Value::List(list) = option.value else { return None };
        let (span, function) = (option.key.span(), place.function);
        let names = function.argument_names();
        let mut own = Errors::default();
        let mut arguments = Arguments::parse(list, &GRAMMAR, &[], &names, &mut own);
        arguments.reject_positional(&mut own, |_| "the key must be named: `key = …`".to_owned());
        for key in ["service", "classify", "rejected", "crate"] {
            if let Some(option) = arguments.take(key) {
                own.at(
                    option.key.span(),
                    format!("`{key}` is an option of `#[degrade]`; write it outside of `stale`"),
                );
            }
        }
        let max_age = arguments.duration("max_age", &mut own);
        if let Some(Setting::Literal(Duration::ZERO, span)) = max_age {
            own.at(span, "nothing is younger than zero; write `max_age = \"10m\"`");
        }
        let key = arguments.expr("key", &mut own);
        if let Some(key) = &key {
            reject_constant("key", key, &names, "remove it, since there is one value", &mut own);
        }
        let store = arguments.expr("store", &mut own);
        if let Some(store) = store.as_ref().filter(|store| makes_a_new(store, "StaleValues")) {
            own.on(
                store,
                "this creates a new store for every call, so nothing is ever found in it; store it \
                 in a field or a `static`, and pass that",
            );
        }
        let bound = Bound::parse(&mut arguments, store.is_some(), &mut own);
        let weight = arguments.expr("weight", &mut own);
        if !own.is_empty() {
            // The limit is wrong already.
        } else if let (Some(weight), None, Bound::Default | Bound::Entries(_)) =
            (&weight, &store, &bound)
        {
            own.on(weight, "`weight` counts toward `max_weight`; write `max_weight = …` too");
        } else if let (None, Bound::Weight(most)) = (&weight, &bound) {
            own.on(most, "`max_weight` needs the weight of a value; write `weight = |value| …`");
        }
        let refresh = Refresh::parse(&mut arguments, max_age.as_ref(), function, &mut own);
        let coalesce = arguments.flag("coalesce");
        if let Some(coalesce) = coalesce.as_ref().filter(|_| !function.is_async()) {
            own.on(
                coalesce,
                format!(
                    "`coalesce` lets calls wait for each other, which would block their threads; \
                     write `async fn {}`",
                    function.name()
                ),
            );
        }
        let shared = shared(&mut arguments, function, &mut own);
        check_return_type(span, function, &mut own);
        if max_age.is_none() && own.is_empty() {
            own.at(span, "`stale` needs the age that a value may have; write `max_age = \"10m\"`");
        }
        let unnamed: Vec<_> = names.iter().filter(|name| !shared.contains(name)).cloned().collect();
        if key.is_none() && !unnamed.is_empty() && own.is_empty() {
            own.at(span, no_key(&unnamed));
        }
        let is_right = own.is_empty();
        errors.append(own);
        let mut depends_on = names;
        // A store of the instance's own has only its values, and a body that doesn't use the
        // instance has the same for all.
        if store.is_none() && uses_self(function) {
            depends_on.insert(0, Ident::new("self", Span::call_site()));
        }
        let missing = depends_on
            .into_iter()
            .filter(|name| !shared.contains(name))
            .filter(|name| !key.as_ref().is_some_and(|key| uses(key.to_token_stream(), name)))
            .collect();
        max_age.filter(|_| is_right).map(|max_age| Self {
            span,
            max_age,
            key,
            bound,
            weight,
            store,
            refresh,
            coalesces: coalesce.is_some(),
            missing,
        })
    }

    // Output: static STALE: StaleValues = StaleValues::new();
    //         let values = &STALE;
    //         let find = Answers::<Result<T, E>>::NEW.find_last_good();
    //         let stale = find(values, stale_key(&SITE, (…), &key), max_age);
    //
    // In a macro of the runtime, which knows its features.
    pub(super) fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let (runtime, site, stale) = (scope.runtime, &scope.site, Self::local());
        let values = Scope::local("stale_values");
        let held = match &self.store {
            Some(store) => scope.hold(store, "stale_values", &values),
            None => {
                let new = self.bound.new_store();
                quote! {
                    static __RESILIENCE_STALE: #runtime::StaleValues = #runtime::StaleValues::#new;
                    let #values = &__RESILIENCE_STALE;
                }
            }
        };
        let types = types(scope.function);
        let key = match &self.key {
            None => quote!(#runtime::stale_key(&#site, #types, &())),
            // What can't be hashed is reported at the key.
            Some(key) => {
                let written = scope.user(key);
                quote_spanned!(key.span()=> #runtime::stale_key(&#site, #types, &(#written)))
            }
        };
        let max_age = match self.max_age.expr() {
            Some(expr) => scope.user(expr),
            None => self.max_age.to_token_stream(),
        };
        let output = scope.output.clone().unwrap_or_else(|| quote!(_));
        // A type that can't be kept is reported at the return type.
        let find = Scope::local("find");
        let found =
            located(quote!(#runtime::Answers::<#output>::NEW.find_last_good()), output.span());
        // The span is where the missing feature is reported.
        quote_spanned! {Span::mixed_site().located_at(self.span)=>
            #runtime::stale! {
                #stale
                #held
                let #find = #found;
                let #stale = #find(#values, #key, #max_age);
            }
        }
    }

    /// A statement that keeps a copy of the value.
    pub(super) fn keep(&self, value: &Ident, scope: &Scope<'_>) -> TokenStream {
        let (runtime, stale, weight) = (scope.runtime, Self::local(), self.weight(scope));
        quote!(#runtime::Stale::keep(&#stale, &#value, #weight);)
    }

    pub(super) fn weight(&self, scope: &Scope<'_>) -> TokenStream {
        self.weight.as_ref().map_or_else(|| quote!(|_| 1), |weight| scope.user(weight))
    }

    /// The value that is kept, as an `Option`.
    pub(super) fn recall(arguments: &TokenStream, runtime: &Ident) -> TokenStream {
        let stale = Self::local();
        quote!(#runtime::Stale::recall(&#stale, #arguments))
    }

    pub(super) fn local() -> Ident {
        Scope::local("stale")
    }

    /// What the value may depend on and the key doesn't say, with what to write.
    pub(super) fn finding(&self) -> Option<(Span, String)> {
        let first = self.missing.first()?;
        let added = if first == "self" { "self.…".to_owned() } else { first.to_string() };
        let key = match &self.key {
            Some(Expr::Tuple(key)) if key.elems.is_empty() => added,
            Some(Expr::Tuple(key)) => {
                let parts = source_text(key.elems.to_token_stream());
                format!("({}, {added})", parts.trim_end_matches(','))
            }
            Some(key) => format!("({}, {added})", source_text(key.to_token_stream())),
            None => added,
        };
        let names: Vec<String> = self.missing.iter().map(Ident::to_string).collect();
        let message = match &names[..] {
            [own] if own == "self" => format!(
                "all instances share these values; write `shared(self)` if that is right, or \
                 `store = self.…` or `key = {key}`"
            ),
            names => format!(
                "a stale value is the same for every {}; write `key = {key}` if it differs, or \
                 `shared({})`",
                list(&self.missing),
                names.join(", ")
            ),
        };
        Some((self.key.as_ref().map_or(self.span, Spanned::span), message))
    }
}

impl Bound {
    fn parse(arguments: &mut Arguments, has_store: bool, errors: &mut Errors) -> Self {
        let mut bound = Self::Default;
        for key in ["max_entries", "max_weight"] {
            let Some(option) = arguments.take(key) else { continue };
            let Value::Expr(value) = option.value else { continue };
            if has_store {
                errors.at(
                    option.key.span(),
                    format!("`{key}` can't be set here; set it where the store is created"),
                );
                continue;
            }
            if !matches!(bound, Self::Default) {
                errors.at(
                    option.key.span(),
                    "`max_weight` conflicts with `max_entries`, since a store has one limit; keep \
                     one",
                );
                continue;
            }
            if let Some(Lit::Int(number)) = literal(&value) {
                if number.base10_parse::<u64>().is_ok_and(|number| number == 0) {
                    errors.on(&value, format!("`{key}` must be at least 1"));
                }
            }
            let value = value.to_token_stream();
            bound = if key == "max_entries" { Self::Entries(value) } else { Self::Weight(value) };
        }
        bound
    }

    fn new_store(&self) -> TokenStream {
        match self {
            Self::Default => quote!(new()),
            Self::Entries(most) => quote!(with_max_entries(#most)),
            Self::Weight(most) => quote!(with_max_weight(#most)),
        }
    }
}

/// `shared(self, client)`: what the value doesn't depend on.
fn shared(arguments: &mut Arguments, function: &Function, errors: &mut Errors) -> Vec<Ident> {
    let Some(option) = arguments.take("shared") else { return Vec::new() };
    let Value::List(list) = option.value else { return Vec::new() };
    let parser = Punctuated::<Ident, Token![,]>::parse_terminated_with;
    let Ok(names) =
        (|input: syn::parse::ParseStream<'_>| parser(input, Ident::parse_any)).parse2(list)
    else {
        errors.at(
            option.key.span(),
            "`shared` takes names of arguments, such as `shared(self, client)`",
        );
        return Vec::new();
    };
    let known = function.argument_names();
    for name in &names {
        let is_self = name == "self" && function.sig.receiver().is_some();
        if !is_self && !known.contains(name) {
            errors.on(
                name,
                format!(
                    "`{name}` is not an argument of this function; `shared` takes names of \
                     arguments"
                ),
            );
        }
    }
    names.into_iter().collect()
}

/// A value that is kept has to be nameable and to own what it holds.
fn check_return_type(span: Span, function: &Function, errors: &mut Errors) {
    let Some(output) = function.return_type() else { return };
    if function.sig.asyncness.is_none() && mentions(output, "Future") {
        // `#[async_trait]` has hidden it.
        return;
    }
    if mentions_impl(output) {
        errors.at(span, "`stale` can't keep an `impl Trait`; write the type in the return type");
        return;
    }
    let Some(ok) = ok_type(output) else { return };
    let borrow = ok
        .to_token_stream()
        .into_iter()
        .find(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '&'));
    if borrow.is_some() && !mentions(ok, "static") {
        errors.on(
            ok,
            "`stale` keeps the value beyond the call, and this one borrows; return one that owns \
             its data, such as `String`",
        );
    }
}

/// What has to be part of the key besides the user's own: the types that the function's code is
/// made for. A static is one for all of them.
fn types(function: &Function) -> TokenStream {
    let mut types = TokenStream::new();
    if function.sig.receiver().is_some() {
        let this = Ident::new("Self", Span::call_site());
        types.extend(quote!(::core::any::type_name::<#this>(),));
    }
    for param in &function.sig.generics.params {
        match param {
            GenericParam::Type(param) => {
                let name = &param.ident;
                types.extend(quote!(::core::any::type_name::<#name>(),));
            }
            GenericParam::Const(param) => {
                let name = &param.ident;
                types.extend(quote!(#name,));
            }
            GenericParam::Lifetime(_) => {}
        }
    }
    for input in &function.sig.inputs {
        let FnArg::Typed(argument) = input else { continue };
        if let (Pat::Ident(pat), true) = (&*argument.pat, mentions_impl(&argument.ty)) {
            let name = &pat.ident;
            types.extend(quote!(::core::any::type_name_of_val(&#name),));
        }
    }
    quote!((#types))
}

/// Whether the body may depend on the instance.
fn uses_self(function: &Function) -> bool {
    let named = |name| uses(function.body.clone(), &Ident::new(name, Span::call_site()));
    // `#[async_trait]` has written another name, and a statement with the first.
    let own = if AsyncTraitBody::recognise(&function.body).is_some() { "__self" } else { "self" };
    function.sig.receiver().is_some() && named(own)
}

/// Whether the expression uses the name, perhaps in a text that is formatted.
fn uses(key: TokenStream, name: &Ident) -> bool {
    if contains_ident(key.clone(), |ident| ident == name) {
        return true;
    }
    key.into_iter().any(|token| match token {
        TokenTree::Group(group) => uses(group.stream(), name),
        TokenTree::Literal(text) => {
            let text = text.to_string();
            text.contains(&format!("{{{name}}}")) || text.contains(&format!("{{{name}:"))
        }
        _ => false,
    })
}

/// What to write where there is no key.
fn no_key(names: &[Ident]) -> String {
    let key = match names {
        [one] => one.to_string(),
        several => {
            let names: Vec<String> = several.iter().map(Ident::to_string).collect();
            format!("({})", names.join(", "))
        }
    };
    format!(
        "without a `key`, callers would get values of other arguments; write `key = {key}`, with \
         all that the value depends on"
    )
}

/// `` `a` ``, `` `a` or `b` ``, `` `a`, `b` or `c` ``
fn list(names: &[Ident]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        one => one.concat(),
    }
}
