use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use super::{
    Around, Attempt, CircuitBreaker, Code, Fragment, Layer, Place, Properties, Retry, Scope,
};
use crate::diagnostics::Errors;
use crate::options::{self, Arguments, Grammar, Setting, foreign};

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[timeout]",
    keys: &[],
    flags: &[],
    lists: &["clone"],
    foreign: foreign::TIMEOUT,
    foreign_by_words: &[],
};

pub(crate) struct Timeout {
    /// Its number among the layers, since there can be two timeouts.
    index: usize,
    after: Setting<Duration>,
}

impl Layer for Timeout {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        const SECOND: &str = "`#[timeout]` takes only one duration; for a second limit, write \
                              another `#[timeout]` on the other side of `#[retry]`";
        let Some(duration) = arguments.only_positional(SECOND, errors) else {
            if errors.is_empty() {
                errors.at(place.span, "`#[timeout]` needs a duration; write `#[timeout(\"5s\")]`");
            }
            return None;
        };
        let after = errors.take(options::duration(duration))?;
        if let Setting::Literal(Duration::ZERO, span) = after {
            errors.at(
                span,
                "a timeout of zero fails every call; write how long a call may take, \
                 such as `\"5s\"`",
            );
            return None;
        }
        Some(Self { index: place.index, after })
    }

    fn needs_async(name: &Ident) -> Option<String> {
        Some(format!(
            "a function that isn't async can't be interrupted; write `async fn {name}`, or remove \
             `#[timeout]`"
        ))
    }

    fn not_on_impl() -> Option<&'static str> {
        None
    }

    fn properties(&self) -> Properties {
        Properties { reuses_arguments: false, rejects: true, classifies: false }
    }

    /// `let timeout_0 = …;`
    fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let Some(expr) = self.after.expr() else { return TokenStream::new() };
        let (runtime, site, name) = (scope.runtime, &scope.site, self.name());
        let expr = scope.user(expr);
        quote!(let #name = #runtime::clamp::timeout(#expr, &#site);)
    }

    // Input:  the call
    // Output: let deadline_0 = Deadline::new(5s);
    //         timed((), deadline_0, || &SITE, call, reject)
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let runtime = scope.runtime;
        let (deadline, after) = (self.deadline(), self.duration());
        let new = if let Some((_, above)) = around.above::<Self>() {
            let above = above.deadline();
            quote!(under(#after, &#above))
        } else {
            quote!(new(#after))
        };
        let (before, mut attempt) = match inner {
            Fragment { before, code: Code::Attempt(attempt) }
                if attempt.timeout.is_none() && attempt.breaker.is_none() =>
            {
                (before, attempt)
            }
            inner => {
                let (before, call) = inner.into_future(scope);
                (before, Attempt::new(call))
            }
        };
        // The attempt owns the deadline if no other layer reads it, and then holds no reference.
        let is_shared = !around.is_innermost()
            || around.above::<Retry>().is_some()
            || around.above::<CircuitBreaker>().is_some();
        attempt.timeout = Some(if is_shared { quote!(&#deadline) } else { quote!(#deadline) });
        Fragment {
            before: quote! {
                let #deadline = #runtime::Deadline::#new;
                #before
            },
            code: Code::Attempt(attempt),
        }
    }
}

impl Timeout {
    /// The duration and its span, if it is a literal.
    pub(crate) fn literal(&self) -> Option<(Duration, Span)> {
        match self.after {
            Setting::Literal(after, span) => Some((after, span)),
            Setting::Expr(_) => None,
        }
    }

    /// The local that holds the deadline, in everything that this layer wraps.
    pub(crate) fn deadline(&self) -> Ident {
        Scope::local(&format!("deadline_{}", self.index))
    }

    /// The duration, after `setup`.
    pub(super) fn duration(&self) -> TokenStream {
        if self.after.expr().is_some() {
            self.name().to_token_stream()
        } else {
            self.after.to_token_stream()
        }
    }

    /// The local that holds a duration that isn't a literal.
    fn name(&self) -> Ident {
        Scope::local(&format!("timeout_{}", self.index))
    }
}
