//! Which item an attribute stands on: a function, an `impl` block, or one that has no layers.

use proc_macro2::{Span, TokenStream};

use crate::attributes::{Attributes, Raw};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::impl_block::{self, ImplBlock};
use crate::layer::Kind;
use crate::warnings::Said;
use crate::{expand, fallback, mockall};

/// Expands the attribute `kind` and all its siblings on the same item.
pub(crate) fn attribute(kind: Kind, arguments: TokenStream, item: &TokenStream) -> TokenStream {
    if is_import_use(&arguments) {
        return TokenStream::new();
    }
    if let Some(part) = mockall::part_of_mock(kind, &arguments, item) {
        return part;
    }
    match syn::parse2::<Function>(item.clone()) {
        Ok(function) => of_function(kind, arguments, function),
        Err(error) => match syn::parse2::<ImplBlock>(item.clone()) {
            Ok(block) => impl_block::expand(kind, arguments, block),
            Err(_) => fallback::not_a_function(kind, item, error),
        },
    }
}

fn of_function(kind: Kind, arguments: TokenStream, mut function: Function) -> TokenStream {
    let mut errors = Errors::default();
    // At the attribute, as if the user had written the message there: rustc then leaves out the
    // note that the error originates in a macro.
    let span = Span::call_site().resolved_at(function.sig.fn_token.span);
    let first = Raw { kind, span, arguments, block: None };
    let mut attrs = std::mem::take(&mut function.attrs);
    let attributes = Attributes::collect(first, &mut attrs, &function, &mut errors);
    function.attrs = attrs;
    expand::function(function, attributes, (kind, span), errors, &mut Said::default())
}

/// Whether these are the arguments of an attribute that only marks its import as used.
/// [`Attributes`] generates it for each sibling.
pub(crate) fn is_import_use(arguments: &TokenStream) -> bool {
    arguments.to_string() == "__touch"
}
