//! Where-clauses, with bounds only for the fields that the generated code uses.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{GenericParam, Path, Type, WhereClause};

use super::ast::Input;
use super::kinds::Class;
use crate::tokens::contains_ident;

/// `where Self: Display`, as `Classify` requires. A type without parameters needs no bound.
pub(crate) fn displayed(input: &Input<'_>, bounds: &[TokenStream]) -> Option<TokenStream> {
    where_self(input, &quote!(::core::fmt::Display), bounds)
}

/// `where Self: Error`, as the chain of causes requires.
pub(crate) fn is_only_an_error(input: &Input<'_>, bounds: &[TokenStream]) -> Option<TokenStream> {
    where_self(input, &quote!(::core::error::Error), bounds)
}

/// `where Self: Error + Classify`, as `ServiceError` requires.
pub(crate) fn is_an_error(input: &Input<'_>) -> Option<TokenStream> {
    let krate = input.krate();
    where_self(input, &quote!(::core::error::Error + #krate::__private::Classify), &[])
}

fn where_self(input: &Input<'_>, bound: &TokenStream, more: &[TokenStream]) -> Option<TokenStream> {
    let generics = &input.original.generics;
    let own = generics
        .where_clause
        .as_ref()
        .map(|WhereClause { predicates, .. }| predicates.iter().collect::<Vec<_>>());
    let own = own.unwrap_or_default();
    let has_types = generics.type_params().next().is_some();
    if own.is_empty() && !has_types {
        return None;
    }
    let this = has_types.then(|| quote!(Self: #bound,));
    Some(quote!(where #(#own,)* #this #(#more,)*))
}

/// A bound for each field that the generated code uses, if its type depends on a parameter.
pub(crate) fn field_bounds(input: &Input<'_>, krate: &Path) -> Vec<TokenStream> {
    let parameters: Vec<&Ident> = input
        .original
        .generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            _ => None,
        })
        .collect();
    // For a type that contains itself in a box, the bound would be cyclic.
    let name = &input.original.ident;
    let mut bounds = Vec::new();
    for variant in &input.variants {
        let mut bound = |ty: &Type, bound: TokenStream| {
            if contains_ident(ty, |ident| parameters.contains(&ident))
                && !contains_ident(ty, |ident| ident == name || ident == "Self")
            {
                bounds.push(quote!(#ty: #bound));
            }
        };
        if let (Some(Class::Transparent), Some(source)) = (variant.class(), variant.source()) {
            bound(&source.original.ty, quote!(#krate::__private::Classify));
        }
        if let Some(wait) = variant.retry_after() {
            bound(&wait.original.ty, quote!(#krate::__private::RetryAfter));
        }
        for (field, of) in variant.captured() {
            let of = format_ident!("{of}");
            bound(&field.original.ty, quote!(#krate::__private::#of));
        }
        for hole in variant.attrs.public.iter().flat_map(|public| &public.value.holes) {
            let shown = if hole.is_debug() {
                quote!(::core::fmt::Debug)
            } else {
                quote!(::core::fmt::Display)
            };
            if let Some(field) = variant.field(&hole.field) {
                bound(&field.original.ty, shown);
            }
        }
    }
    bounds
}
