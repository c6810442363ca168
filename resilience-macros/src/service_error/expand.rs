//! Writes the impls of an item that [`valid`](super::valid) has let through.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Path;
use syn::ext::IdentExt as _;

use super::arms::{classify_arm, fixed_classification, public_arm};
use super::ast::Input;
use super::bounds::{displayed, field_bounds, is_an_error};

pub(crate) fn expand(input: &Input<'_>) -> TokenStream {
    let catalog = catalog(input);
    let classify = classify(input);
    let service_error = service_error(input);
    let register = register(input);
    quote!(#catalog #classify #service_error #register)
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
        Some(quote!(#krate::CatalogEntry::new(#variant_name, #domain, &#classification, #public, #doc)))
    });
    let doc = format!("What `{}` promises: code, category, status and text, in the order of the source.", name.unraw());
    quote! {
        #[automatically_derived]
        impl #impl_generics #name #type_generics #where_clause {
            #[doc = #doc]
            pub const CATALOG: &'static [#krate::CatalogEntry] = &[#(#entries),*];
        }
    }
}

fn classify(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    let name = &input.original.ident;
    let (impl_generics, type_generics, _) = input.original.generics.split_for_impl();
    let where_clause = displayed(input, &field_bounds(input, &krate));
    let arms = input.variants.iter().map(|variant| classify_arm(&krate, variant));
    let body = if input.variants.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) };
    let public_message = public_message(input, &krate);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Classify for #name #type_generics #where_clause {
            fn classify(&self) -> #krate::Classification {
                #body
            }

            #public_message
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
        impl #impl_generics #krate::ServiceError for #name #type_generics #where_clause {}
    }
}

/// A box's classification finds the type among those that registered; it must have one name for the whole program.
fn register(input: &Input<'_>) -> TokenStream {
    let krate = input.krate();
    let name = &input.original.ident;
    if input.original.generics.params.is_empty() {
        quote!(#krate::__private::register!(#name);)
    } else {
        TokenStream::new()
    }
}

/// Nothing where the trait's own text does for every variant.
fn public_message(input: &Input<'_>, krate: &Path) -> TokenStream {
    let arms: Vec<TokenStream> = input.variants.iter().filter_map(|variant| public_arm(krate, variant)).collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    let rest = (arms.len() < input.variants.len()).then(|| {
        quote! {
            _ => ::std::borrow::Cow::Borrowed(
                #krate::generic_message(#krate::Classify::classify(self).status()),
            ),
        }
    });
    quote! {
        fn public_message(&self) -> ::std::borrow::Cow<'_, str> {
            match self { #(#arms)* #rest }
        }
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    value.map_or_else(|| quote!(::core::option::Option::None), |value| quote!(::core::option::Option::Some(#value)))
}
