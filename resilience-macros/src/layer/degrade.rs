use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lifetime, Pat};

use super::{Code, Fragment, Scope};
use crate::diagnostics::Errors;
use crate::options::{Arguments, Grammar};

pub(super) const GRAMMAR: Grammar = Grammar {
    owner: "#[degrade]",
    keys: &["fallback"],
    flags: &["non_critical"],
    lists: &["clone"],
    foreign: &[
        ("fallback_value", "`fallback` takes any expression of the Ok type"),
        ("fallback_fn", "write `fallback = function(…)`"),
        ("default", "write `fallback = Default::default()`"),
        ("value", "write `fallback = …`"),
        ("with", "write `fallback = …`"),
        ("critical", "that is what it is without `non_critical`; take it off"),
        ("service_name", "write `service = \"…\"`"),
        ("name", "write `service = \"…\"` for the label"),
    ],
};

pub(crate) struct Degrade {
    /// `|error|`, if the fallback wants to see it.
    error: Option<Pat>,
    fallback: Expr,
    non_critical: bool,
}

impl Degrade {
    pub(super) fn parse(at: Span, arguments: &mut Arguments, errors: &mut Errors) -> Option<Self> {
        let non_critical = arguments.flag("non_critical").is_some();
        if let Some(positional) = std::mem::take(&mut arguments.positional).into_iter().next() {
            errors.on(&positional, "the fallback has a name; write `fallback = …`");
            return None;
        }
        let Some(option) = arguments.take("fallback") else {
            if errors.is_empty() {
                errors.at(
                    at,
                    "`#[degrade]` needs a fallback; write `#[degrade(fallback = …)]` with an expression of the Ok type",
                );
            }
            return None;
        };
        let crate::options::Value::Expr(fallback) = option.value else { return None };
        match *fallback {
            Expr::Closure(closure) => {
                if closure.inputs.len() != 1 || closure.asyncness.is_some() {
                    errors.on(&closure, "a fallback closure takes the error and nothing else; write `|error| …`, in which `.await` may stand");
                    return None;
                }
                Some(Self {
                    error: closure.inputs.first().cloned(),
                    fallback: *closure.body,
                    non_critical,
                })
            }
            fallback => Some(Self { error: None, fallback, non_critical }),
        }
    }

    /// The block that a success leaves.
    pub(super) fn label() -> Lifetime {
        Scope::label("'degraded")
    }

    // Input:  the call
    // Output: 'degraded: {
    //             let error = match call {
    //                 Err(error) => error,
    //                 Ok(value) => break 'degraded Ok(value),
    //             };
    //             if mode.activate(&error, …) {
    //                 Degrade::settle(async { Ok(fallback) }.await, error, classify, …)
    //             } else {
    //                 Err(error)
    //             }
    //         }
    // The fallback isn't inside the match: the future would keep room for the whole outcome while
    // the fallback runs.
    pub(crate) fn wrap(
        &self,
        output: Option<&TokenStream>,
        classify: &Ident,
        hint: &TokenStream,
        inner: Fragment,
        scope: &Scope<'_>,
    ) -> Fragment {
        let (krate, site) = (scope.krate, &scope.site);
        let [error, settled, succeeded] = ["error", "settled", "value"].map(Scope::local);
        let mode = if self.non_critical { quote!(NonCritical) } else { quote!(Critical) };
        let text = source_text(self.fallback.to_token_stream());
        let fallback = scope.user(&self.fallback);
        let visible = self.error.as_ref().map(|pattern| quote!(let #pattern = &#error;));
        // As if the user had written it, so that what is wrong with the expression is said of the
        // expression.
        let span = self.fallback.span();
        let ok = match &self.fallback {
            // What leaves the fallback early with a whole outcome is that outcome.
            Expr::Return(left) => {
                left.expr.as_ref().map_or_else(|| quote!(()), |outcome| scope.user(outcome))
            }
            // Around these rustc would say that the `Ok` can't be reached.
            diverging if never_yields(diverging) => fallback,
            _ => match output {
                // A value of another type is said to be expected because of the return type, and
                // not of an `Ok`.
                Some(output) => {
                    let ty = quote_spanned!(output.span()=> <#output as #krate::__private::Outcome>::Value);
                    quote!(let #succeeded: #ty = #fallback; ::core::result::Result::Ok(#succeeded))
                }
                // In braces, where clippy doesn't take `Ok(…?)` for the user's.
                None => quote!(::core::result::Result::Ok({ #fallback })),
            },
        };
        let mut block = Group::new(Delimiter::Brace, quote!(#hint  #ok));
        block.set_span(span);
        let fallback = if scope.is_async && may_wait(self.fallback.to_token_stream()) {
            quote_spanned!(span=> async #block.await)
        } else {
            quote_spanned!(span=> #krate::__private::run(|| #block))
        };
        let degraded = Self::label();
        let Fragment { before, code } = inner;
        let call = value(code);
        Fragment {
            before,
            code: Code::Value(quote! {
                #degraded: {
                    let #error = match #call {
                        ::core::result::Result::Err(#error) => #error,
                        ::core::result::Result::Ok(#succeeded) => break #degraded ::core::result::Result::Ok(#succeeded),
                    };
                    if #krate::Degrade::#mode.activate(&#error, #classify, #text, &#site) {
                        let #settled = { #visible #fallback };
                        #krate::Degrade::settle(#settled, #error, #classify, #text, &#site)
                    } else {
                        ::core::result::Result::Err(#error)
                    }
                }
            }),
        }
    }
}

/// The value of a fragment: a future is awaited.
pub(crate) fn value(code: Code) -> TokenStream {
    match code {
        Code::Future(future) => quote!(#future.await),
        Code::Value(value) => value,
    }
}

fn never_yields(expr: &Expr) -> bool {
    let Expr::Macro(call) = expr else { return false };
    ["panic", "todo", "unimplemented", "unreachable"]
        .iter()
        .any(|name| call.mac.path.is_ident(name))
}

/// Whether `.await` stands in the fallback, or a macro that may hide one. One that can't wait needs
/// no future, which is quicker to compile.
fn may_wait(tokens: TokenStream) -> bool {
    const PLAIN: [&str; 4] = ["format", "matches", "stringify", "vec"];
    let mut last = String::new();
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => may_wait(group.stream()),
        TokenTree::Ident(ident) => {
            last = ident.to_string();
            last == "await"
        }
        TokenTree::Punct(punct) => {
            let calls =
                punct.as_char() == '!' && !last.is_empty() && !PLAIN.contains(&last.as_str());
            last.clear();
            calls
        }
        TokenTree::Literal(_) => false,
    })
}

/// An expression about as its author wrote it: `Vec::new()`, where the tokens by themselves are
/// printed as `Vec :: new ()`.
fn source_text(tokens: TokenStream) -> String {
    const NO_SPACE_BEFORE: &str = ".,;:?)]([!";
    const NO_SPACE_AFTER: &str = ".:([!&?";
    let mut text = String::new();
    for token in tokens {
        let piece = match token {
            TokenTree::Group(group) => {
                let inside = source_text(group.stream());
                match group.delimiter() {
                    Delimiter::Parenthesis => format!("({inside})"),
                    Delimiter::Bracket => format!("[{inside}]"),
                    Delimiter::Brace => format!("{{ {inside} }}"),
                    Delimiter::None => inside,
                }
            }
            other => other.to_string(),
        };
        let joined = text.is_empty()
            || text.ends_with(|last| NO_SPACE_AFTER.contains(last))
            || piece.starts_with(|first| NO_SPACE_BEFORE.contains(first));
        if !joined {
            text.push(' ');
        }
        text.push_str(&piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_fallback_reads_as_it_was_written() {
        for text in [
            "Vec::new()",
            "Stock::assume_available(sku)",
            "cached(sku, error).await?.to_uppercase()",
            "vec![1, 2]",
            "\"a  b\"",
            "1 + x",
            "self.last.lock().clone()",
            "&self.empty",
        ] {
            let tokens: TokenStream = text.parse().expect("tokens");
            assert_eq!(source_text(tokens), text);
        }
    }
}
