//! The annotated function: everything but its body parsed, the body kept as tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, FnArg, GenericParam, Pat, ReceiverKind, ReturnType, Signature, Token, Type,
    Visibility, braced, token,
};

use crate::async_trait::AsyncTraitBody;
use crate::tokens::mentions_impl;

/// Like `syn::ItemFn`, except that the body isn't parsed. So completion in editors works in an
/// incomplete body, and a long body costs no compile time.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    defaultness: Option<Token![default]>,
    pub(crate) sig: Signature,
    brace: token::Brace,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let defaultness = if input.peek(Token![default]) && !input.peek2(Token![!]) {
            Some(input.parse()?)
        } else {
            None
        };
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(syn::Error::new(
                sig.ident.span(),
                format!(
                    "`{}` has no body here; move the attribute to its implementation",
                    sig.ident
                ),
            ));
        }
        let content;
        let brace = braced!(content in input);
        // A wrapped body can't have inner attributes. An outer attribute means the same.
        for mut inner in content.call(Attribute::parse_inner)? {
            inner.style = syn::AttrStyle::Outer;
            attrs.push(inner);
        }
        Ok(Self { attrs, vis, defaultness, sig, brace, body: content.parse()? })
    }
}

impl Function {
    /// The function with another body.
    pub(crate) fn with_body(&self, body: &TokenStream) -> TokenStream {
        let Self { attrs, vis, defaultness, sig, .. } = self;
        // With the user's span, since lints about the function point at its head only if both have
        // the same.
        let mut body = Group::new(Delimiter::Brace, body.clone());
        body.set_span(self.brace.span.join());
        quote!(#(#attrs)* #vis #defaultness #sig #body)
    }

    /// The function as written, without the attributes that were removed, and with `uses` at the
    /// start of its body.
    pub(crate) fn unchanged_but_using(&self, uses: &TokenStream) -> TokenStream {
        let Self { attrs, vis, defaultness, sig, body, .. } = self;
        let body = self.in_own_braces(quote!(#uses #body));
        quote!(#(#attrs)* #vis #defaultness #sig #body)
    }

    /// Tokens in the user's own braces, so that rustc's advice on the body points at them.
    pub(crate) fn in_own_braces(&self, tokens: impl ToTokens) -> TokenStream {
        let mut block = TokenStream::new();
        self.brace.surround(&mut block, |inside| tokens.to_tokens(inside));
        block
    }

    /// Generated tokens in new braces with the span of the user's, so that errors about the block
    /// point there.
    pub(crate) fn in_place(&self, tokens: TokenStream) -> Group {
        let mut block = Group::new(Delimiter::Brace, tokens);
        block.set_span(Span::mixed_site().located_at(self.brace.span.join()));
        block
    }

    /// Whether it is async, or was before `#[async_trait]` rewrote it.
    pub(crate) fn is_async(&self) -> bool {
        self.sig.asyncness.is_some() || AsyncTraitBody::recognise(&self.body).is_some()
    }

    /// Whether `self` can still be used after the body has captured it, which needs `&self`.
    pub(crate) fn self_is_shared(&self) -> bool {
        match self.sig.inputs.first() {
            Some(FnArg::Receiver(receiver)) => {
                matches!(receiver.kind, ReceiverKind::Reference(_, _, None))
            }
            _ => false,
        }
    }

    /// The names that the arguments bind, in their patterns too.
    pub(crate) fn argument_names(&self) -> Vec<Ident> {
        let mut names = Vec::new();
        for input in &self.sig.inputs {
            if let FnArg::Typed(typed) = input {
                collect_names(&typed.pat, &mut names);
            }
        }
        names
    }

    /// Whether the argument is a shared reference, so that the body can't move or modify what it
    /// refers to.
    pub(crate) fn borrows(&self, name: &Ident) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(typed) => {
                matches!(&*typed.pat, Pat::Ident(pat) if pat.ident == *name)
                    && matches!(&*typed.ty, Type::Reference(ty) if ty.mutability.is_none())
            }
            FnArg::Receiver(_) => false,
        })
    }

    /// Takes the `mut` off the argument `name`, if it has one.
    pub(crate) fn take_mutability(&mut self, name: &Ident) -> Option<Token![mut]> {
        self.sig.inputs.iter_mut().find_map(|input| match input {
            FnArg::Typed(typed) => match &mut *typed.pat {
                Pat::Ident(pat) if pat.ident == *name => pat.mutability.take(),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        })
    }

    /// Whether the name is a generic parameter of this function, which constants can't use.
    pub(crate) fn declares(&self, name: &Ident) -> bool {
        self.sig.generics.params.iter().any(|param| match param {
            GenericParam::Type(param) => param.ident == *name,
            GenericParam::Const(param) => param.ident == *name,
            GenericParam::Lifetime(_) => false,
        })
    }

    /// Whether the function has several instances, which would share one static.
    pub(crate) fn is_generic(&self) -> bool {
        let declared = self
            .sig
            .generics
            .params
            .iter()
            .any(|param| !matches!(param, GenericParam::Lifetime(_)));
        declared
            || self
                .sig
                .inputs
                .iter()
                .any(|input| matches!(input, FnArg::Typed(typed) if mentions_impl(&typed.ty)))
    }

    /// The name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    pub(crate) fn return_type(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }
}

fn collect_names(pat: &Pat, names: &mut Vec<Ident>) {
    match pat {
        Pat::Ident(ident) => {
            names.push(ident.ident.clone());
            if let Some((_, inner)) = &ident.subpat {
                collect_names(inner, names);
            }
        }
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|pat| collect_names(pat, names)),
        Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|pat| collect_names(pat, names)),
        Pat::Struct(fields) => {
            fields.fields.iter().for_each(|field| collect_names(&field.pat, names));
        }
        Pat::Slice(slice) => slice.elems.iter().for_each(|pat| collect_names(pat, names)),
        Pat::Reference(reference) => collect_names(&reference.pat, names),
        Pat::Paren(paren) => collect_names(&paren.pat, names),
        Pat::Type(typed) => collect_names(&typed.pat, names),
        _ => {}
    }
}
