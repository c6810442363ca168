//! A `Rejected` that a variant classifies in another way hides from the layers above that a layer
//! has rejected the call.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Path, Type};

use super::ast::{Input, Variant};
use super::kinds::Class;
use crate::tokens::mentions;

/// A check for each variant that could hold a `Rejected`. Whether it does is known to the compiler
/// only, since there may be another type of that name.
//
// Input:  #[service(internal)] Rejected(#[from] Rejected)
// Output: const _: () = { … if Source::<Rejected>::IS_REJECTED { must_be_transparent("…"); } };
pub(super) fn checks(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    input.variants.iter().filter_map(|variant| check(variant, &krate)).collect()
}

fn check(variant: &Variant<'_>, krate: &Path) -> Option<TokenStream> {
    let class = variant.attrs.class.as_ref()?;
    if matches!(class.value, Class::Transparent) {
        return None;
    }
    let source = variant.fields.iter().map(|field| &field.original.ty).find(|ty| named(ty))?;
    let message = format!(
        "`Rejected` classifies itself, and the layers look for it; write `transparent`, not `{}`",
        class.key
    );
    let span = Span::mixed_site().located_at(class.key.span());
    let panic = quote_spanned!(span=> must_be_transparent(#message));
    Some(quote! {
        const _: () = {
            use #krate::__private::{OtherSource as _, must_be_transparent};
            if #krate::__private::Source::<#source>::IS_REJECTED {
                #panic;
            }
        };
    })
}

/// `Rejected`, `resilience::Rejected`, `Box<Rejected>`
fn named(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| {
        last.ident == "Rejected" && last.arguments.is_none()
            || last.ident == "Box" && mentions(&last.arguments, "Rejected")
    })
}
