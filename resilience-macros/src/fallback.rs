//! On error, an attribute expands to the user's item unchanged, beside the errors, so that other
//! code still compiles.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::layer::Kind;

/// The unchanged function, beside the errors: completion in editors keeps working, and its callers
/// still compile.
pub(crate) fn function(
    function: &Function,
    import_uses: &TokenStream,
    errors: Errors,
) -> TokenStream {
    let errors = errors.into_compile_errors();
    // Otherwise an argument that only the attributes use would be reported as unused.
    let names = function.argument_names();
    let function = function.unchanged_but_using(&quote!(#import_uses let _ = (#(&#names,)*);));
    quote!(#function #errors)
}

/// An unchanged item that isn't a function, beside an error that names its kind.
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
    let places =
        if kind.not_on_impl().is_none() { "functions and `impl` blocks" } else { "functions" };
    let word = item.clone().into_iter().find(|token| ITEMS.into_iter().any(|item| is(item)(token)));
    match word {
        _ if item.clone().into_iter().any(|token| is("fn")(&token)) => errors.push(error),
        Some(word) => {
            let article = if is("enum")(&word) || is("extern")(&word) { "an" } else { "a" };
            let instead = match is("trait")(&word) {
                true if kind.not_on_impl().is_none() => "; write it on an `impl` of the trait",
                true => "; write it on the methods of an `impl` of the trait",
                false => "",
            };
            errors.at(
                word.span(),
                format!(
                    "`{kind}` can only be used on {places}, not on {article} `{word}`{instead}"
                ),
            );
        }
        None => {
            let first =
                item.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            errors.at(first, format!("`{kind}` can only be used on {places}"));
        }
    }
    let errors = errors.into_compile_errors();
    quote!(#item #errors)
}
