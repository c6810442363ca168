//! On error, generates stub impls, so that uses of the type don't cause follow-up errors.

use proc_macro2::TokenStream;
use quote::quote;

use super::ast::Input;
use super::bounds::{displayed, is_an_error};
use super::expand::answer;
use crate::diagnostics::Errors;

pub(crate) fn expand(input: &Input<'_>, errors: Errors) -> TokenStream {
    let krate = input.krate();
    let errors = errors.into_compile_errors();
    let name = &input.original.ident;
    let (impl_generics, type_generics, where_clause) = input.original.generics.split_for_impl();
    let answer = answer(input);
    let (displayed, is_error) = (displayed(input, &[]), is_an_error(input));
    quote! {
        #errors

        #[automatically_derived]
        impl #impl_generics #name #type_generics #where_clause {
            pub const CATALOG: &'static [#krate::__private::CatalogEntry] = &[];
        }

        #[automatically_derived]
        impl #impl_generics #krate::__private::Classify for #name #type_generics #displayed {
            fn classify(&self) -> #krate::__private::Classification {
                #krate::__private::Classification::unclassified()
            }
        }

        #[automatically_derived]
        impl #impl_generics #krate::__private::ServiceError for #name #type_generics #is_error {}

        #answer
    }
}
