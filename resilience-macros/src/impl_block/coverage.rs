//! Which methods of an annotated `impl` block get the layers.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Path, Type, Visibility};

use super::syntax::ImplBlock;
use crate::async_trait::AsyncTraitBody;
use crate::function::Function;
use crate::layer::Kind;
use crate::outcome;
use crate::tokens::{located, mentions_impl, type_text};

/// Whether a method gets the layers.
pub(super) enum Coverage {
    Covered,
    LeftOut,
    /// Left out, unless the type is an alias of a `Result`, which the compiler has to check.
    Unclear(Box<Type>),
}

impl Coverage {
    pub(super) fn of(method: &Function, skipped: bool, pub_only: bool) -> Self {
        let rewritten =
            AsyncTraitBody::recognise(&method.body).filter(|_| method.sig.asyncness.is_none());
        let is_async = method.sig.asyncness.is_some() || rewritten.is_some();
        if skipped || !is_async || pub_only && !is_public(&method.vis) {
            return Self::LeftOut;
        }
        let output = match rewritten {
            Some(body) => syn::parse2(body.output).ok(),
            None => method.return_type().cloned(),
        };
        let Some(output) = output else { return Self::LeftOut };
        if outcome::is_named_result(&output) {
            Self::Covered
        } else if outcome::is_obviously_no_result(&output) || mentions_impl(&output) {
            Self::LeftOut
        } else {
            Self::Unclear(Box::new(output))
        }
    }
}

fn is_public(vis: &Visibility) -> bool {
    match vis {
        Visibility::Public(_) => true,
        Visibility::Restricted(restricted) => !restricted.path.is_ident("self"),
        Visibility::Inherited => false,
    }
}

/// The `pub_only` of an attribute of the block.
pub(super) fn pub_only(first: &TokenStream, attrs: &[Attribute]) -> Option<Ident> {
    let siblings = attrs.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if Kind::ALL.iter().any(|kind| is_named(&list.path, *kind)) => {
            Some(list.tokens.clone())
        }
        _ => None,
    });
    std::iter::once(first.clone()).chain(siblings).find_map(flag)
}

fn is_named(path: &Path, kind: Kind) -> bool {
    path.segments.last().is_some_and(|last| last.ident == kind.name())
}

fn flag(arguments: TokenStream) -> Option<Ident> {
    // An option is at the start or behind a comma.
    let mut begins = true;
    arguments.into_iter().find_map(|token| {
        let is_first = std::mem::replace(
            &mut begins,
            matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ','),
        );
        match token {
            TokenTree::Ident(word) if is_first && word == "pub_only" => Some(word),
            _ => None,
        }
    })
}

/// Why no method gets the layers, with what to write instead.
pub(super) fn why_none(
    kind: Kind,
    pub_only: bool,
    block: &ImplBlock,
    coverages: &[Coverage],
) -> String {
    let unclear = coverages.iter().find_map(|coverage| match coverage {
        Coverage::Unclear(ty) => Some(ty),
        _ => None,
    });
    let would_be = |pub_only| {
        block
            .methods()
            .any(|method| matches!(Coverage::of(method, false, pub_only), Coverage::Covered))
    };
    if would_be(pub_only) {
        format!("every method that `{kind}` could cover is skipped; remove `{kind}`")
    } else if would_be(false) {
        "no `pub` method of this `impl` is async and returns a `Result`; remove `pub_only`, or the \
         attribute"
            .to_owned()
    } else if let Some(ty) = unclear {
        let ty = type_text(ty);
        format!(
            "`{kind}` covers async methods that return a `Result`, and this `impl` has none; if \
             `{ty}` is one, write `Result<…>`"
        )
    } else {
        format!(
            "`{kind}` covers the async methods of an `impl` that return a `Result`, and this one \
             has none; write it on a method"
        )
    }
}

/// A statement that doesn't compile if `ty` is a `Result` after all.
pub(super) fn check(ty: &Type, krate: &Path) -> TokenStream {
    let check = located(quote!(#krate::__private::LeftOut::<#ty>::check), ty.span());
    quote_spanned! {ty.span()=>
        {
            use #krate::__private::LeftOutByType as _;
            let _ = #check;
        }
    }
}
