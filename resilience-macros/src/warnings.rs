//! What is allowed and unwise, said as a warning at the attribute.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;

use crate::layer::{Kind, Layer, Scope, is_constant, named};
use crate::nest::Nest;

const UNSAID: &str = "this retry doesn't say whether the operation may be repeated; write `idempotent`, `non_idempotent` or `idempotency_key`";

const UNUSED: &str = "the body doesn't use `tx`, so nothing of it runs in the transaction; give the statements `&mut *tx`, as in `.execute(&mut *tx)`";

/// The warnings of a nest, as code that makes rustc say them.
pub(crate) fn of(nest: &Nest, scope: &Scope<'_>) -> TokenStream {
    let mut warnings = TokenStream::new();
    if let Some(Layer::Transaction(transaction)) =
        nest.position(Kind::Transaction).and_then(|at| nest.layers[at].layer.as_ref())
    {
        if transaction.is_unused(scope.function) {
            let name = transaction.name_at();
            warnings.extend(warning(name, "transaction_without_statement", UNUSED));
        }
    }
    warnings.extend(of_retry(nest, scope));
    warnings
}

fn of_retry(nest: &Nest, scope: &Scope<'_>) -> TokenStream {
    let Some(at) = nest.position(Kind::Retry) else { return TokenStream::new() };
    let Some(Layer::Retry(retry)) = &nest.layers[at].layer else { return TokenStream::new() };
    let span = nest.layers[at].at;
    let krate = scope.krate;
    let mut warnings = TokenStream::new();
    if scope.is_async && !retry.external_timeout && nest.position(Kind::Timeout).is_none() {
        warnings.extend(warning(
            span,
            "retry_without_timeout",
            "a retried call that hangs is never retried; write `#[timeout(\"5s\")]` below `#[retry]`, or `external_timeout` if the client has its own",
        ));
    }
    match retry.says_whether_to_repeat() {
        Ok(false) => warnings.extend(warning(span, "retry_without_idempotence", UNSAID)),
        // The policy knows; a constant one can be asked at compile time.
        Err(policy) if is_constant(policy, scope.function) => {
            let check = Ident::new("CHECK", policy.span());
            let (let_named, named) = (named(policy, scope), Scope::local("named"));
            warnings.extend(quote! {
                let _ = #krate::__private::PolicySaysWhetherToRepeat::<{ #let_named #named.says_whether_to_repeat() }>::#check;
            });
        }
        Ok(true) | Err(_) => {}
    }
    warnings
}

/// A stable macro can't warn. A deprecated constant, used where the warning belongs, can.
///
/// Only the use stands in the user's code: the lints on what is around it see a macro.
fn warning(span: Span, name: &str, note: &str) -> TokenStream {
    let constant = Scope::local(name);
    let used = Ident::new(name, span);
    quote! {
        {
            #[deprecated(note = #note)]
            const #constant: () = ();
            let _ = #used;
        }
    }
}
