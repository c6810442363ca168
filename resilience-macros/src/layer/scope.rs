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
    pub(crate) fn into_future(self, scope: &Scope<'_>) -> (TokenStream, TokenStream) {
        let Self { before, code } = self;
        match code {
            Code::Attempt(attempt) => (before, attempt.into_future(scope)),
            code => {
                let value = code.into_value(scope);
                (TokenStream::new(), quote!(async { #before #value }))
            }
        }
    }
}

pub(crate) enum Code {
    /// A future.
    Attempt(Attempt),
    /// An expression of the function's return type.
    Value(TokenStream),
    /// An expression that yields the error. A success has left the nest.
    Failure(TokenStream),
}

impl Code {
    /// The value: a future is awaited.
    pub(crate) fn into_value(self, scope: &Scope<'_>) -> TokenStream {
        let runtime = scope.runtime;
        match self {
            Self::Value(value) => value,
            Self::Failure(error) => quote!(#runtime::Err(#error)),
            Self::Attempt(attempt) => {
                let future = attempt.into_future(scope);
                quote!(#future.await)
            }
        }
    }
}

/// The body or another future, with the layers directly around it that the runtime has in one
/// future: from the inside out, what the body can query, a timeout, a breaker, and the wait of a
/// retry.
pub(crate) struct Attempt {
    future: TokenStream,
    /// The attempt of a retried call that is visible to the body.
    pub(crate) visible: Option<Visible>,
    /// The deadline of the timeout: its local, or a reference to that.
    pub(super) timeout: Option<TokenStream>,
    /// The breaker and its function.
    pub(super) breaker: Option<TokenStream>,
    /// The local that holds the nearest deadline above, if there is no timeout.
    pub(crate) above: Option<Ident>,
    /// Whether it waits before it begins.
    waits: bool,
}

/// The locals of a retried call that are visible to the body.
pub(crate) struct Visible {
    pub(super) retry: Ident,
    pub(super) key: Option<Ident>,
}

impl Visible {
    /// The local that holds the loop's state.
    pub(super) fn retry(self) -> Ident {
        self.retry
    }

    /// The argument for the runtime.
    pub(crate) fn argument(&self, waits: bool, runtime: &Ident) -> TokenStream {
        let retry = &self.retry;
        match (&self.key, waits) {
            (None, false) => quote!(#runtime::current(&#retry)),
            (None, true) => quote!(#runtime::waiting(&#retry)),
            (Some(key), false) => quote!(#runtime::with_key(#runtime::current(&#retry), &#key)),
            (Some(key), true) => quote!(#runtime::waiting_with_key(&#retry, &#key)),
        }
    }
}

impl Attempt {
    pub(crate) const fn new(future: TokenStream) -> Self {
        Self { future, visible: None, timeout: None, breaker: None, above: None, waits: false }
    }

    /// Lets the attempt wait before it begins, and returns whether it can.
    pub(super) fn wait_first(&mut self) -> bool {
        self.waits = self.visible.is_some() && self.timeout.is_some();
        self.waits
    }

    fn into_future(self, scope: &Scope<'_>) -> TokenStream {
        let Self { future, visible, timeout, breaker, above, waits } = self;
        let (runtime, site) = (scope.runtime, &scope.site);
        let above = above.map_or_else(|| quote!(()), |above| quote!(&#above));
        let is_visible = visible.is_some();
        let visible =
            visible.map_or_else(|| quote!(()), |visible| visible.argument(waits, runtime));
        match (breaker, timeout) {
            (None, None) if is_visible => quote!(#runtime::scoped(#visible, #above, #future)),
            (None, None) => future,
            (None, Some(deadline)) => {
                let reject = scope.reject_function();
                quote!(#runtime::timed(#visible, #deadline, || &#site, #future, #reject))
            }
            (Some(breaker), None) => {
                let by = scope.conversions();
                quote!(#runtime::guarded(#visible, #above, #breaker, #future, #by))
            }
            (Some(breaker), Some(deadline)) => {
                let by = scope.conversions();
                quote!(#runtime::guarded_and_timed(#visible, #deadline, #breaker, #future, #by))
            }
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
    /// The arguments that `clone(…)` names.
    pub(crate) clones: &'a [Ident],
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

    /// The same name with another place in messages.
    pub(super) fn located(name: &str, at: Span) -> Ident {
        format_ident!("__resilience_{name}", span = Span::mixed_site().located_at(at))
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

    /// The function that makes an error of a rejection, if `rejected = …` gives one.
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

    /// The function that makes an error of a rejection.
    // A closure, and not the function itself, because rustc would report a missing trait a second
    // time where the future is awaited.
    fn reject_function(&self) -> TokenStream {
        if self.rejected_by {
            return Self::reject().to_token_stream();
        }
        let (runtime, error, argument) = (self.runtime, &self.error, Self::local("argument"));
        quote!(|#argument| #runtime::reject::<#error>(#argument))
    }

    /// What makes an error of a rejection, and classifies errors.
    fn conversions(&self) -> TokenStream {
        let (runtime, error) = (self.runtime, &self.error);
        if !self.rejected_by && !self.classified_by {
            return quote!(#runtime::by_itself(|| #runtime::conversions::<#error>()));
        }
        let reject = if self.rejected_by {
            Self::reject().to_token_stream()
        } else {
            quote!(#runtime::reject::<#error>)
        };
        let classify = if self.classified_by {
            Self::classify().to_token_stream()
        } else {
            quote!(#runtime::Classified::<#error>::of)
        };
        quote!(#runtime::by(#reject, #classify))
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
