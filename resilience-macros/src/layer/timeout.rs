use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::{Code, Fragment, Scope};
use crate::diagnostics::Errors;
use crate::options::{self, Arguments, Grammar, Setting};
use std::time::Duration;

pub(super) const GRAMMAR: Grammar = Grammar {
    owner: "#[timeout]",
    keys: &[],
    flags: &[],
    lists: &["clone"],
    foreign: &[
        ("duration", "write the duration alone: `#[timeout(\"5s\")]`"),
        ("after", "write the duration alone: `#[timeout(\"5s\")]`"),
        ("limit", "write the duration alone: `#[timeout(\"5s\")]`"),
        ("ms", "write the duration with its unit: `#[timeout(\"500ms\")]`"),
        ("millis", "write the duration with its unit: `#[timeout(\"500ms\")]`"),
        ("secs", "write the duration with its unit: `#[timeout(\"5s\")]`"),
        ("seconds", "write the duration with its unit: `#[timeout(\"5s\")]`"),
        (
            "deadline",
            "write the duration alone; above `#[retry]` it is a deadline for all attempts",
        ),
        ("per_attempt", "write the duration alone; below `#[retry]` it is for each attempt"),
        ("name", "write `service = \"…\"` for the label"),
    ],
};

pub(crate) struct Timeout {
    pub(crate) after: Setting<Duration>,
}

impl Timeout {
    pub(super) fn parse(at: Span, arguments: &mut Arguments, errors: &mut Errors) -> Option<Self> {
        let mut positional = std::mem::take(&mut arguments.positional).into_iter();
        let Some(first) = positional.next() else {
            if errors.is_empty() {
                errors.at(at, "`#[timeout]` needs a duration; write `#[timeout(\"5s\")]`");
            }
            return None;
        };
        for second in positional {
            errors.on(second, "`#[timeout]` takes one duration; a second limit is a second `#[timeout]`, on the other side of `#[retry]`");
        }
        let after = errors.take(options::duration(first))?;
        if let Setting::Known(Duration::ZERO, span) = after {
            errors.at(span, "a timeout of zero gives every call up; write how long it may take, such as `\"5s\"`");
            return None;
        }
        Some(Self { after })
    }

    /// `let timeout_0 = …;`, once per call.
    pub(crate) fn setup(&self, index: usize, scope: &Scope<'_>) -> TokenStream {
        let Setting::Later(expr) = &self.after else { return TokenStream::new() };
        let (krate, site, name) = (scope.krate, &scope.site, duration_name(index));
        let expr = scope.user(expr);
        quote!(let #name = #krate::__private::clamp::timeout(#expr, &#site);)
    }

    /// The duration, where `setup` has run.
    pub(crate) fn duration(&self, index: usize) -> TokenStream {
        match &self.after {
            Setting::Known(..) => {
                let after = &self.after;
                quote!(#after)
            }
            Setting::Later(_) => {
                let name = duration_name(index);
                quote!(#name)
            }
        }
    }

    // Input:  the call
    // Output: let deadline_0 = Deadline::new(5s);
    //         Timed::new(&deadline_0, &SITE, rejected, call).await
    pub(crate) fn wrap(
        &self,
        index: usize,
        above: Option<usize>,
        reject: &Ident,
        inner: Fragment,
        scope: &Scope<'_>,
    ) -> Fragment {
        let (krate, site) = (scope.krate, &scope.site);
        let (deadline, after) = (deadline_name(index), self.duration(index));
        let new = if let Some(above) = above.map(deadline_name) {
            quote!(under(#after, &#above))
        } else {
            quote!(new(#after))
        };
        let Fragment { before, code } = inner;
        let (before, call) = match code {
            Code::Future(future) => (before, future),
            Code::Value(value) => (TokenStream::new(), quote!(async { #before #value })),
        };
        Fragment {
            before: quote! {
                let #deadline = #krate::__private::Deadline::#new;
                #before
            },
            code: Code::Value(
                quote!(#krate::__private::Timed::new(&#deadline, &#site, #reject, #call).await),
            ),
        }
    }
}

pub(crate) fn deadline_name(index: usize) -> Ident {
    format_ident!("deadline_{index}", span = Span::mixed_site())
}

fn duration_name(index: usize) -> Ident {
    format_ident!("timeout_{index}", span = Span::mixed_site())
}
