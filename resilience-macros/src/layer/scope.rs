//! What the layers know of the function that they are expanded in.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lifetime};

use super::handle::{self, Holding};
use crate::async_trait::{self, AsyncTraitBody};
use crate::function::Function;
use crate::tokens::{is_screaming_snake, located};

/// The code of a layer and all below it.
pub(crate) struct Fragment {
    /// Statements that must come before it, in the same scope. They declare what the layers above
    /// use too, such as a deadline, so each layer passes them on.
    pub(crate) before: TokenStream,
    pub(crate) code: Code,
}

impl Fragment {
    /// The statements before it, and the code as a future.
    pub(crate) fn into_future(self) -> (TokenStream, TokenStream) {
        let Self { before, code } = self;
        match code {
            Code::Future(_) | Code::Attempt { .. } => (before, code.into_pending()),
            Code::Value(value) => (TokenStream::new(), quote!(async { #before #value })),
        }
    }
}

pub(crate) enum Code {
    /// The body as a future, and the frame that it can query.
    Attempt { frame: TokenStream, future: TokenStream },
    /// An expression of a future's type.
    Future(TokenStream),
    /// An expression of the function's return type.
    Value(TokenStream),
}

impl Code {
    /// The value: a future is awaited.
    pub(crate) fn into_value(self) -> TokenStream {
        match self {
            Self::Value(value) => value,
            future => {
                let future = future.into_pending();
                quote!(#future.await)
            }
        }
    }

    /// The code as it is, with the frame around a body.
    fn into_pending(self) -> TokenStream {
        match self {
            Self::Attempt { frame, future } => quote!(#frame.scope(#future)),
            Self::Future(code) | Self::Value(code) => code,
        }
    }
}

/// What all layers of a nest share.
pub(crate) struct Scope<'a> {
    /// The module of the runtime that the expansion calls, imported under this name.
    pub(crate) runtime: &'a Ident,
    pub(crate) function: &'a Function,
    /// The body's parts, if `#[async_trait]` has rewritten it.
    pub(crate) async_trait: Option<&'a AsyncTraitBody>,
    pub(crate) arguments: Vec<Ident>,
    /// The label of the dependency in events.
    pub(crate) label: TokenStream,
    /// The static that belongs to the function as a whole.
    pub(crate) site: Ident,
    /// The return type, if it can be named in the body.
    pub(crate) output: Option<TokenStream>,
    /// The error's type as far as it can be written, or `_`.
    pub(crate) error: TokenStream,
    /// Whether `classify = …` is given.
    pub(crate) classified_by: bool,
    /// Whether `rejected = …` is given.
    pub(crate) rejected_by: bool,
    /// Code at the start of a block that tells the compiler what the block yields.
    pub(crate) hint: TokenStream,
}

impl Scope<'_> {
    /// A name that can't clash with any of the user's names.
    pub(crate) fn local(name: &str) -> Ident {
        format_ident!("__resilience_{name}", span = Span::mixed_site())
    }

    /// The name of an item or a method.
    pub(crate) fn name(name: &str) -> Ident {
        Ident::new(name, Span::mixed_site())
    }

    /// The same for a block's label, which is written with its apostrophe.
    pub(crate) fn block_label(name: &str) -> Lifetime {
        Lifetime::new(name, Span::mixed_site())
    }

    /// The function that classifies an error, if `classify = …` gives one.
    pub(crate) fn classify() -> Ident {
        Self::local("classify")
    }

    /// The function that makes an error of a rejection, where there is a timeout or `rejected = …`.
    pub(crate) fn reject() -> Ident {
        Self::local("reject")
    }

    /// A call of one of the runtime's functions that classify an error: `judge::<E>(…)`, or
    /// `judge_by(…, classify)`. With the type in it, rustc reports an error that doesn't classify
    /// itself at the type, and only once.
    pub(crate) fn classifying(&self, function: &str, arguments: &TokenStream) -> TokenStream {
        let (runtime, error, classify) = (self.runtime, &self.error, Self::classify());
        if self.classified_by {
            let function = format_ident!("{function}_by", span = Span::mixed_site());
            return quote!(#runtime::#function(#arguments, #classify));
        }
        let function = Self::name(function);
        quote!(#runtime::#function::<#error>(#arguments))
    }

    /// The error that a rejection becomes.
    pub(crate) fn rejection(&self, rejected: &Ident) -> TokenStream {
        let (runtime, error, reject) = (self.runtime, &self.error, Self::reject());
        if self.rejected_by {
            return quote!(#reject(#rejected));
        }
        quote!(#runtime::reject::<#error>(#rejected))
    }

    /// `Some(value)` or `None`.
    pub(super) fn option(&self, value: Option<TokenStream>) -> TokenStream {
        let runtime = self.runtime;
        value.map_or_else(|| quote!(#runtime::None), |value| quote!(#runtime::Some(#value)))
    }

    pub(crate) fn is_async(&self) -> bool {
        self.async_trait.is_some() || self.function.sig.asyncness.is_some()
    }

    /// The user's body.
    pub(crate) fn body(&self) -> TokenStream {
        self.async_trait.map_or_else(|| self.function.body.clone(), |body| body.body.stream())
    }

    /// An expression of an attribute, as it must be written in the body.
    pub(crate) fn user(&self, tokens: impl ToTokens) -> TokenStream {
        if self.async_trait.is_some() {
            async_trait::rename_self(tokens)
        } else {
            tokens.to_token_stream()
        }
    }

    /// Whether an expression names a constant, which another constant can be made from:
    /// `STANDARD`, `policies::STANDARD`.
    pub(crate) fn is_constant(&self, expr: &Expr) -> bool {
        let Expr::Path(path) = expr else { return false };
        let (first, last) = (path.path.segments.first(), path.path.segments.last());
        path.qself.is_none()
            && first.is_some_and(|first| first.ident != "Self")
            && first.is_some_and(|first| !self.function.declares(&first.ident))
            && last.is_some_and(|last| is_screaming_snake(&last.ident))
    }

    /// `let name = find(…);` for an expression that names a piece of state: a reference to a
    /// static, a borrow, or a clone of a handle.
    pub(super) fn hold(&self, expr: &Expr, find: &str, name: &Ident) -> TokenStream {
        let runtime = self.runtime;
        // A wrong type is reported where the expression is written.
        let [find, of_static, kept, clone_handle] = [find, "of_static", "kept", "clone_handle"]
            .map(|name| {
                let name = Self::name(name);
                located(quote!(#runtime::#name), expr.span())
            });
        let value = self.user(handle::value_of(expr));
        let value = quote_spanned!(expr.span()=> #value);
        let span = Span::mixed_site().located_at(expr.span());
        let handle = format_ident!("{name}_handle");
        match self.holding(expr) {
            // A `const` would be a new value for every call.
            Holding::Static => {
                quote_spanned!(span=> let #name = #find(#of_static(&#value));)
            }
            _ if !handle::is_place(expr) => quote_spanned! {span=>
                let #handle = #kept(#value);
                let #name = #find(&#handle);
            },
            Holding::Borrowed => quote_spanned!(span=> let #name = #find(&#value);),
            Holding::Cloned => quote_spanned! {span=>
                let #handle = #clone_handle(&#value);
                let #name = #find(&#handle);
            },
        }
    }

    /// How an expression that names a piece of state is held.
    pub(super) fn holding(&self, expr: &Expr) -> Holding {
        if let Some(path @ syn::ExprPath { qself: None, .. }) = handle::static_path(expr) {
            let first = &path.path.segments[0].ident;
            if path.path.segments.len() > 1 || !self.is_local(first) {
                return Holding::Static;
            }
        }
        let Some(root) = handle::root(expr) else { return Holding::Borrowed };
        let shared = if root == "self" {
            self.function.self_is_shared()
        } else {
            !self.arguments.contains(root) || self.function.borrows(root)
        };
        if shared { Holding::Borrowed } else { Holding::Cloned }
    }

    fn is_local(&self, name: &Ident) -> bool {
        name == "self" || self.arguments.contains(name)
    }
}
