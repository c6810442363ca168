//! `refresh = background`: the last good value is served at once, and a task refreshes it.
//!
//! The task outlives the call, so the layers below and the body become one future that owns all it
//! uses: arguments move into it, and what the function borrows is copied.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, FnArg, Pat, ReceiverKind, Token, Type};

use super::super::{Around, Fragment, Scope};
use super::stale::Stale;
use crate::async_trait::rename_self;
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{Arguments, Setting};
use crate::tokens::{located, source_text};

pub(super) struct Refresh {
    /// Where `background` is written.
    span: Span,
    /// The age up to which a value isn't refreshed.
    fresh: Option<Setting<Duration>>,
}

impl Refresh {
    pub(super) fn parse(
        arguments: &mut Arguments,
        max_age: Option<&Setting<Duration>>,
        function: &Function,
        errors: &mut Errors,
    ) -> Option<Self> {
        let key = arguments.key("fresh").cloned();
        let fresh = arguments.duration("fresh", errors);
        let Some(refresh) = arguments.expr("refresh", errors) else {
            if let Some(key) = key {
                errors.at(
                    key.span(),
                    "`fresh` is the age up to which no refresh is needed; write `refresh = \
                     background` too",
                );
            }
            return None;
        };
        if !matches!(&refresh, Expr::Path(path) if path.path.is_ident("background")) {
            errors.on(
                &refresh,
                "`refresh` can only be `background`; remove it to ask the callee before a stale \
                 value is used",
            );
            return None;
        }
        if let (Some(Setting::Literal(fresh, span)), Some(Setting::Literal(max_age, _))) =
            (&fresh, max_age)
        {
            if fresh >= max_age {
                errors.at(
                    *span,
                    "a value that is `fresh` until `max_age` is never refreshed; write a shorter \
                     `fresh`",
                );
            }
        }
        if function.is_async() {
            check_arguments(function, errors);
        } else {
            errors.at(
                refresh.span(),
                format!(
                    "`refresh = background` starts an async task; write `async fn {}`",
                    function.name()
                ),
            );
        }
        Some(Self { span: refresh.span(), fresh })
    }

    // Input:  the call, and what ends the refresh
    // Output: let call = {
    //             let served = match stale.serve(fresh) {
    //                 Served::Value(value) => break 'degraded Ok(value),
    //                 Served::Outdated(value, refresh) => Some((value, refresh)),
    //                 Served::Nothing => None,
    //             };
    //             let place = stale.place();
    //             let this = detach(self);
    //             let call = async move {
    //                 let __self = this.get();
    //                 match call {
    //                     Err(error) => Err(error),
    //                     Ok(value) => { place.keep(&value, weight); Ok(value) }
    //                 }
    //             };
    //             if let Some((value, refresh)) = served {
    //                 refresh(refresh, call, move |error| refresh_failed::<E>(error, …));
    //                 break 'degraded Ok(value);
    //             }
    //             call
    //         };
    //         and `call.await`
    //
    // The block ends before the call is awaited, so the future has no space for what is served.
    pub(super) fn around(
        &self,
        stale: &Stale,
        inner: Fragment,
        around: &Around<'_>,
        failed: &TokenStream,
        leave: &dyn Fn(&Ident) -> TokenStream,
        scope: &Scope<'_>,
    ) -> (TokenStream, TokenStream) {
        let runtime = scope.runtime;
        let [served, value, refresh, place, call, error] =
            ["served", "value", "refresh", "place", "call", "error"].map(Scope::local);
        let local = Stale::local();
        let fresh = match &self.fresh {
            None => quote!(::core::time::Duration::ZERO),
            Some(Setting::Expr(expr)) => scope.user(expr),
            Some(fresh) => fresh.to_token_stream(),
        };
        let weight = stale.weight(scope);
        let (copies, borrows) = detached(scope);
        // The layers below are set up in the task, from what it owns.
        let setup = around.setup_below(scope);
        let Fragment { before, code } = inner;
        let body = code.into_value(scope);
        let mut own = quote! {
            #setup
            #before
            match #body {
                #runtime::Ok(#value) => {
                    #runtime::KeptPlace::keep(&#place, &#value, #weight);
                    #runtime::Ok(#value)
                }
                #runtime::Err(#error) => #runtime::Err(#error),
            }
        };
        if borrows_self(scope.function) && scope.async_trait.is_none() {
            own = rename_self(own);
        }
        let leave = leave(&value);
        // What the task can't own is reported at `background`.
        let start = located(quote!(#runtime::refresh), self.span);
        let before = quote! {
            let #call = {
                let #served = match #runtime::Stale::serve(&#local, #fresh) {
                    #runtime::Served::Value(#value) => #leave,
                    #runtime::Served::Outdated(#value, #refresh) => {
                        #runtime::Some((#value, #refresh))
                    }
                    #runtime::Served::Nothing => #runtime::None,
                };
                let #place = #runtime::Stale::place(&#local);
                #copies
                let #call = async move { #borrows #own };
                if let #runtime::Some((#value, #refresh)) = #served {
                    #start(#refresh, #call, move |#error| #failed);
                    #leave;
                }
                #call
            };
        };
        (before, quote!(#call.await))
    }
}

/// Statements that copy what the function borrows, and statements that name the copies in the task.
fn detached(scope: &Scope<'_>) -> (TokenStream, TokenStream) {
    let runtime = scope.runtime;
    let (mut copies, mut borrows) = (TokenStream::new(), TokenStream::new());
    // The last statement is for an argument that only the key or the fallback uses.
    let mut detach =
        |borrowed: TokenStream, named: TokenStream, used: &Ident, at: Span, number: usize| {
            let copy = format_ident!("__resilience_copy_{number}", span = Span::mixed_site());
            // A type that can't be copied is reported at its argument.
            let call = located(quote!(#runtime::detach), at);
            copies.extend(quote!(let #copy = #call(#borrowed);));
            borrows.extend(quote!(let #named = #runtime::Detached::get(&#copy); let _ = #used;));
        };
    for (number, input) in scope.function.sig.inputs.iter().enumerate() {
        match input {
            FnArg::Receiver(receiver) if borrows_self(scope.function) => {
                // As `#[async_trait]` names it, which has done so already.
                let renamed = Ident::new("__self", Span::call_site());
                let span = receiver.self_token.span;
                // Not as the user's token, which rustc would advise to change.
                let span = Span::call_site().located_at(span);
                let borrowed = match scope.async_trait {
                    Some(_) => Ident::new("__self", span).to_token_stream(),
                    None => Token![self](span).to_token_stream(),
                };
                detach(borrowed, quote!(#renamed), &renamed, span, number);
            }
            FnArg::Typed(argument) => {
                let (Pat::Ident(name), true) = (&*argument.pat, is_borrow(&argument.ty)) else {
                    continue;
                };
                let (mutability, name) = (&name.mutability, &name.ident);
                let named = quote!(#mutability #name);
                let borrowed =
                    Ident::new(&name.to_string(), Span::call_site().located_at(argument.ty.span()));
                detach(borrowed.to_token_stream(), named, name, argument.ty.span(), number);
            }
            FnArg::Receiver(_) => {}
        }
    }
    // What the fallback needs too: the task has a copy of its own.
    for name in scope.clones {
        if !scope.function.borrows(name) {
            let span = Span::mixed_site().located_at(name.span());
            let borrowed = quote_spanned!(span=> &#name);
            copies.extend(quote!(let #name = ::core::clone::Clone::clone(#borrowed);));
        }
    }
    (copies, borrows)
}

/// Whether the method takes `&self`, or `self` as another reference.
fn borrows_self(function: &Function) -> bool {
    function.sig.receiver().is_some_and(|receiver| match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, _) => !is_static(lifetime.as_ref()),
        ReceiverKind::Typed(_, ty) => is_borrow(ty),
        _ => false,
    })
}

/// Whether the type is a reference that may end with the call.
fn is_borrow(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if !is_static(reference.lifetime.as_ref()))
}

fn is_static(lifetime: Option<&syn::Lifetime>) -> bool {
    lifetime.is_some_and(|lifetime| lifetime.ident == "static")
}

/// A task can't use what is borrowed. A plain `&T` is copied for it.
fn check_arguments(function: &Function, errors: &mut Errors) {
    for input in &function.sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                if let ReceiverKind::Reference(_, _, Some(mutability)) = &receiver.kind {
                    errors.at(
                        mutability.span,
                        "`refresh = background` runs the body in a task, which can't have `&mut \
                         self`; write `&self`, or `self: Arc<Self>`",
                    );
                }
            }
            FnArg::Typed(argument) => check_argument(&argument.pat, &argument.ty, errors),
        }
    }
}

fn check_argument(pat: &Pat, ty: &Type, errors: &mut Errors) {
    let name = match pat {
        Pat::Ident(name) => name.ident.to_string(),
        pat => source_text(pat.to_token_stream()),
    };
    let inner = match ty {
        Type::Reference(reference) if is_static(reference.lifetime.as_ref()) => return,
        Type::Reference(reference) => {
            if reference.mutability.is_some() {
                errors.on(
                    ty,
                    format!(
                        "`refresh = background` runs the body in a task, which can't modify \
                         `{name}` for the caller; take it by value or as an `Arc`"
                    ),
                );
                return;
            }
            if !matches!(pat, Pat::Ident(_)) {
                errors.on(
                    pat,
                    "`refresh = background` copies this argument for a task; give it a name, and \
                     take it apart in the body",
                );
                return;
            }
            &*reference.elem
        }
        ty => ty,
    };
    if borrows_inside(inner.to_token_stream()) {
        errors.on(
            ty,
            format!(
                "`refresh = background` runs the body in a task, which can't borrow; take \
                 `{name}` by value or as an `Arc`"
            ),
        );
    }
}

/// Whether a reference or a lifetime other than `'static` is part of the type.
fn borrows_inside(ty: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = ty.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => borrows_inside(group.stream()),
        TokenTree::Punct(punct) if punct.as_char() == '\'' => {
            !matches!(tokens.get(at + 1), Some(TokenTree::Ident(name)) if name == "static")
        }
        TokenTree::Punct(punct) if punct.as_char() == '&' => {
            // `&'static T` is no borrow.
            !matches!(
                (tokens.get(at + 1), tokens.get(at + 2)),
                (Some(TokenTree::Punct(quote)), Some(TokenTree::Ident(name)))
                    if quote.as_char() == '\'' && name == "static"
            )
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrows_are_found_in_types() {
        for (ty, expected) in [
            ("String", false),
            ("Option<&str>", true),
            ("Option<&'static str>", false),
            ("Cow<'static, str>", false),
            ("Cow<'_, str>", true),
            ("(u32, [&'a u8; 2])", true),
        ] {
            assert_eq!(borrows_inside(ty.parse().expect("tokens")), expected, "{ty}");
        }
    }
}
