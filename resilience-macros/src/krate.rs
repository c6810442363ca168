//! `crate = path`: the path of the runtime crate.

use proc_macro2::Span;
use quote::ToTokens;
use syn::Path;

/// `::resilience`, unless an attribute gives another path.
pub(crate) fn default() -> Path {
    syn::parse_quote!(::resilience)
}

/// Checks the value of `crate = …`: an absolute path, or one from `crate` or `$crate`.
pub(crate) fn check(path: &Path) -> syn::Result<Path> {
    let first = &path.segments[0].ident;
    if path.leading_colon.is_some() || first == "crate" || first == "$crate" {
        let mut path = path.clone();
        // In the expansion the path isn't the user's code, so that lints on paths ignore it.
        for segment in path.segments.iter_mut().filter(|segment| segment.ident != "$crate") {
            segment.ident.set_span(Span::mixed_site().located_at(segment.ident.span()));
        }
        return Ok(path);
    }
    let written = path.to_token_stream().to_string().replace(' ', "");
    Err(syn::Error::new_spanned(
        path,
        format!(
            "`crate` needs an absolute path; write `crate = ::{written}`, or `crate = \
             crate::{written}` for a re-export in your crate"
        ),
    ))
}
