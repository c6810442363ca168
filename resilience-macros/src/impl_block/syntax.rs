//! The annotated `impl` block: its methods parsed but for their bodies, everything else kept as
//! tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Attribute, GenericParam, Generics, Type};

use crate::function::Function;
use crate::tokens::{is_ident, is_punct, source_text};

/// An `impl` block, of a type or of a trait.
pub(crate) struct ImplBlock {
    pub(super) attrs: Vec<Attribute>,
    /// From `impl` up to the brace.
    head: Vec<TokenTree>,
    pub(super) members: Vec<Member>,
    inner_attrs: Vec<Attribute>,
    brace: Group,
    pub(super) is_of_trait: bool,
    /// Whether it has several instances, which would share one static.
    pub(super) is_generic: bool,
    /// The name of the type.
    pub(super) name: String,
}

pub(super) enum Member {
    Method(Box<Function>),
    /// A constant, a type, a macro, or a method that rustc rejects.
    Other(TokenStream),
}

impl Parse for ImplBlock {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let no_impl_block = input.error("expected an `impl` block");
        let mut head: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let Some(TokenTree::Group(brace)) = head.pop() else { return Err(no_impl_block) };
        let start = head.iter().position(|token| is_ident(Some(token), "impl"));
        let only_qualifiers_before = |at: usize| {
            head[..at].iter().all(|token| ["default", "unsafe"].contains(&&*token.to_string()))
        };
        let Some(start) = start.filter(|&at| only_qualifiers_before(at)) else {
            return Err(no_impl_block);
        };
        if brace.delimiter() != Delimiter::Brace {
            return Err(no_impl_block);
        }
        let (generics, rest) = split_generics(&head[start + 1..])?;
        let of = position_of_for(&rest);
        let ty = rest.iter().skip(of.map_or(0, |at| at + 1));
        let ty = ty.take_while(|token| !is_ident(Some(token), "where")).cloned().collect();
        let (inner_attrs, members) = members.parse2(brace.stream())?;
        Ok(Self {
            attrs,
            head,
            members,
            inner_attrs,
            brace,
            is_of_trait: of.is_some(),
            is_generic: generics
                .params
                .iter()
                .any(|param| !matches!(param, GenericParam::Lifetime(_))),
            name: name(ty),
        })
    }
}

impl ImplBlock {
    pub(super) fn methods(&self) -> impl Iterator<Item = &Function> {
        self.members.iter().filter_map(|member| match member {
            Member::Method(function) => Some(&**function),
            Member::Other(_) => None,
        })
    }

    /// The place of `impl`.
    pub(super) fn span(&self) -> Span {
        self.head.first().map_or_else(Span::call_site, TokenTree::span)
    }

    /// The block with other members.
    pub(super) fn with_members(&self, members: &TokenStream) -> TokenStream {
        let Self { attrs, head, inner_attrs, .. } = self;
        let mut brace = Group::new(Delimiter::Brace, quote!(#(#inner_attrs)* #members));
        brace.set_span(self.brace.span());
        quote!(#(#attrs)* #(#head)* #brace)
    }
}

/// The generic parameters after `impl`, and the tokens after them.
fn split_generics(tokens: &[TokenTree]) -> syn::Result<(Generics, Vec<TokenTree>)> {
    // `impl <T as Trait>::Type` has none.
    let is_list = is_punct(tokens.first(), '<')
        && match tokens.get(1) {
            Some(TokenTree::Punct(punct)) => ['>', '#', '\''].contains(&punct.as_char()),
            Some(TokenTree::Ident(ident)) => {
                ident == "const"
                    || [':', ',', '>', '='].iter().any(|after| is_punct(tokens.get(2), *after))
                        && !(is_punct(tokens.get(2), ':') && is_punct(tokens.get(3), ':'))
            }
            _ => false,
        };
    let parser = |input: ParseStream<'_>| {
        let generics = if is_list { input.parse()? } else { Generics::default() };
        let rest: TokenStream = input.parse()?;
        Ok((generics, rest.into_iter().collect()))
    };
    parser.parse2(tokens.iter().cloned().collect())
}

/// Where the `for` of `Trait for Type` is, which isn't that of `for<'a> Fn(&'a str)`.
fn position_of_for(tokens: &[TokenTree]) -> Option<usize> {
    (0..tokens.len()).find(|&at| {
        let is_binder = is_punct(tokens.get(at + 1), '<')
            && (is_punct(tokens.get(at + 2), '\'') || is_punct(tokens.get(at + 2), '>'));
        is_ident(tokens.get(at), "for") && !is_binder
    })
}

/// `PgOrders` of `crate::store::PgOrders<'_>`.
fn name(ty: TokenStream) -> String {
    match syn::parse2(ty.clone()) {
        Ok(Type::Path(path)) => {
            path.path.segments.last().map(|last| last.ident.unraw().to_string())
        }
        _ => None,
    }
    .unwrap_or_else(|| source_text(ty))
}

fn members(input: ParseStream<'_>) -> syn::Result<(Vec<Attribute>, Vec<Member>)> {
    let inner_attrs = input.call(Attribute::parse_inner)?;
    let mut members = Vec::new();
    while !input.is_empty() {
        let fork = input.fork();
        if let Ok(function) = fork.parse() {
            input.advance_to(&fork);
            members.push(Member::Method(Box::new(function)));
        } else {
            members.push(Member::Other(other(input)?));
        }
    }
    Ok((inner_attrs, members))
}

/// A member up to its end: a semicolon, or the brace of a macro or a method.
fn other(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    for attribute in input.call(Attribute::parse_outer)? {
        attribute.to_tokens(&mut tokens);
    }
    let mut has_value = None;
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        if let TokenTree::Ident(word) = &token {
            if has_value.is_none() && word != "pub" && word != "default" {
                has_value = Some((word == "const" || word == "type") && !starts_function(input));
            }
        }
        let is_end = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => {
                group.delimiter() == Delimiter::Brace && has_value != Some(true)
            }
            _ => false,
        };
        token.to_tokens(&mut tokens);
        if is_end {
            break;
        }
    }
    Ok(tokens)
}

/// Whether the words after `const` make it a function.
fn starts_function(input: ParseStream<'_>) -> bool {
    let next = input.fork().call(Ident::parse_any).ok();
    next.is_some_and(|word| ["async", "unsafe", "extern", "fn"].iter().any(|it| word == it))
}
