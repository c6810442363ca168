//! What an attribute expands to when it can't do its work: the user's item, so that no other code
//! stops compiling, beside the errors.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::layer::Kind;

/// The function as it was, beside the errors: an editor goes on completing in it, and what calls it
/// still compiles.
pub(crate) fn function(
    function: &Function,
    import_uses: &TokenStream,
    errors: Errors,
) -> TokenStream {
    let errors = errors.into_compile_errors();
    // An argument that only the attributes' expressions name would count as unused.
    let names = function.argument_names();
    let function = function.unchanged_but_using(&quote!(#import_uses let _ = (#(&#names,)*);));
    quote!(#function #errors)
}

/// An item that isn't a function, as it was, beside an error that says what it is instead.
pub(crate) fn not_a_function(kind: Kind, item: &TokenStream, error: syn::Error) -> TokenStream {
    const ITEMS: [&str; 12] = [
        "struct",
        "enum",
        "union",
        "impl",
        "trait",
        "mod",
        "const",
        "static",
        "type",
        "use",
        "extern",
        "macro_rules",
    ];
    let mut errors = Errors::default();
    let is = |wanted: &'static str| move |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident == wanted);
    let word = item.clone().into_iter().find(|token| ITEMS.into_iter().any(|item| is(item)(token)));
    match word {
        _ if item.clone().into_iter().any(|token| is("fn")(&token)) => errors.push(error),
        Some(word) if is("impl")(&word) => {
            errors.at(
                word.span(),
                format!("`{kind}` goes on a function; write it on each method of this `impl`"),
            );
        }
        Some(word) => {
            let article = if is("enum")(&word) || is("extern")(&word) { "an" } else { "a" };
            errors.at(
                word.span(),
                format!("`{kind}` goes on a function, and this is {article} `{word}`"),
            );
        }
        None => {
            let first =
                item.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            errors.at(first, format!("`{kind}` goes on a function, and this is none"));
        }
    }
    let errors = errors.into_compile_errors();
    quote!(#item #errors)
}
