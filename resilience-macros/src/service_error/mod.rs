//! `#[derive(ServiceError)]`. The file names are the pipeline: `ast` and `attr` parse, `valid`
//! checks, `expand` generates.

mod arms;
mod ast;
mod attr;
mod bounds;
mod code;
mod display;
mod expand;
mod fallback;
mod keys;
mod kinds;
mod public;
mod read;
mod rejected;
mod sensitive;
mod template;
mod valid;
mod value;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use self::ast::Input;
use crate::diagnostics::Errors;

pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let mut parsed = Input::from_syn(&input, &mut errors);
    valid::check(&mut parsed, &mut errors);
    if errors.is_empty() { expand::expand(&parsed) } else { fallback::expand(&parsed, errors) }
}

#[cfg(test)]
mod tests;
