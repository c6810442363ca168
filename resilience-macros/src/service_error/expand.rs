//! Generates the impls of an item that has passed [`valid`](super::valid).

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt as _;

use super::arms::{classify_arm, evidence_arm, field_errors_arm, fixed_classification, public_arm};
use super::ast::Input;
use super::bounds::{field_bounds, is_an_error, is_only_an_error};
use super::rejected;

pub(crate) fn expand(input: &Input<'_>) -> TokenStream {
    let catalog = catalog(input);
    let classify = classify(input);
    let service_error = service_error(input);
    let register = register(input);
    let answer = answer(input);
    let rejected = rejected::checks(input);
    let all = quote!(#catalog #classify #service_error #register #answer #rejected);
    if input.is_deprecated() {
        // Not always, since it is an error in a crate with `forbid(deprecated)`.
        quote! {
            #[allow(deprecated, reason = "the derive names what its item deprecates")]
            const _: () = { #all };
        }
    } else {
        all
    }
}

fn catalog(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    let name = &input.original.ident;
    let (impl_generics, type_generics, where_clause) = input.original.generics.split_for_impl();
    let domain = option(input.attrs.domain.as_ref().map(|slot| &slot.value));
    let entries = input.variants.iter().filter_map(|variant| {
        let classification = fixed_classification(&krate, variant)?;
        let (variant_name, doc) = (variant.ident.unraw().to_string(), &variant.doc);
        let public = option(variant.attrs.public.as_ref().map(|slot| &slot.value.literal));
        Some(quote!(#krate::__private::CatalogEntry::new(#variant_name, #domain, &#classification, #public, #doc)))
    });
    let doc = format!(
        "What `{}` promises: code, category, status and text, in the order of the source.",
        name.unraw()
    );
    quote! {
        #[automatically_derived]
        impl #impl_generics #name #type_generics #where_clause {
            #[doc = #doc]
            pub const CATALOG: &'static [#krate::__private::CatalogEntry] = &[#(#entries),*];
        }
    }
}

fn classify(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    let name = &input.original.ident;
    let (impl_generics, type_generics, _) = input.original.generics.split_for_impl();
    let where_clause = is_only_an_error(input, &field_bounds(input, &krate));
    let arms = input.variants.iter().map(|variant| classify_arm(&krate, variant));
    let body = if input.variants.is_empty() {
        quote!(match *self {})
    } else {
        quote!(match self { #(#arms)* })
    };
    let public_message = public_message(input, &krate);
    let field_errors = field_errors(input, &krate);
    let evidence = evidence(input, &krate);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__private::Classify for #name #type_generics #where_clause {
            fn classify(&self) -> #krate::__private::Classification {
                #body
            }

            #public_message
            #field_errors
            #evidence
        }
    }
}

fn service_error(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    let name = &input.original.ident;
    let (impl_generics, type_generics, _) = input.original.generics.split_for_impl();
    let where_clause = is_an_error(input);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__private::ServiceError for #name #type_generics #where_clause {}
    }
}

/// Registers the type, so that it is recognised inside a box. A generic type has no single concrete
/// type to register.
fn register(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    let name = &input.original.ident;
    if input.original.generics.params.is_empty() {
        quote!(#krate::__private::register!(#name);)
    } else {
        TokenStream::new()
    }
}

/// `axum`: also `IntoResponse`. The expansion depends on the runtime's features, so it is a macro
/// of the runtime.
pub(super) fn answer(input: &Input<'_>) -> Option<TokenStream> {
    let key = input.attrs.axum.as_ref()?;
    let krate = input.krate();
    let name = &input.original.ident;
    let (impl_generics, type_generics, _) = input.original.generics.split_for_impl();
    let where_clause = is_an_error(input);
    // At the key, where a missing feature is reported.
    let span = Span::call_site().located_at(key.span());
    Some(
        quote_spanned!(span=> #krate::__private::into_response!([#impl_generics] #name #type_generics [#where_clause]);),
    )
}

/// Empty if every variant uses the trait's default.
fn public_message(input: &Input<'_>, krate: &Path) -> TokenStream {
    let arms: Vec<TokenStream> =
        input.variants.iter().filter_map(|variant| public_arm(krate, variant)).collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    let rest = (arms.len() < input.variants.len()).then(|| {
        quote! {
            _ => ::std::borrow::Cow::Borrowed(
                #krate::__private::generic_message(#krate::__private::Classification::status(
                    &#krate::__private::Classify::classify(self),
                )),
            ),
        }
    });
    quote! {
        fn public_message(&self) -> ::std::borrow::Cow<'_, ::core::primitive::str> {
            match self { #(#arms)* #rest }
        }
    }
}

/// Empty if no variant has any.
fn field_errors(input: &Input<'_>, krate: &Path) -> TokenStream {
    let arms: Vec<TokenStream> =
        input.variants.iter().filter_map(|variant| field_errors_arm(krate, variant)).collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    let rest = (arms.len() < input.variants.len())
        .then(|| quote!(_ => ::std::borrow::Cow::Borrowed(&[]),));
    quote! {
        fn field_errors(&self) -> ::std::borrow::Cow<'_, [#krate::__private::FieldError]> {
            match self { #(#arms)* #rest }
        }
    }
}

/// The chain starts at the error itself, or at its source for a generic type, which can't be
/// downcast to.
fn evidence(input: &Input<'_>, krate: &Path) -> TokenStream {
    if input.variants.is_empty() {
        return TokenStream::new();
    }
    let chain = if input.original.generics.params.is_empty() {
        quote!(#krate::__private::evidence_of(self))
    } else {
        quote!(#krate::__private::evidence_of_source(self))
    };
    let arms: Vec<TokenStream> =
        input.variants.iter().filter_map(|variant| evidence_arm(krate, variant, &chain)).collect();
    let rest = (arms.len() < input.variants.len()).then(|| quote!(_ => #chain,));
    let body = if arms.is_empty() { chain } else { quote!(match self { #(#arms)* #rest }) };
    quote! {
        fn evidence(&self) -> #krate::__private::Evidence<'_> {
            #body
        }
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}
