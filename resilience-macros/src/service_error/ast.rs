//! The item as the derive sees it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Data, DeriveInput, Expr, ExprLit, Fields, Index, Lit, Member, Meta, Path};

use super::attr::{self, FieldAttrs, ItemAttrs, VariantAttrs};
use super::kinds::Class;
use crate::diagnostics::Errors;
use crate::krate;

pub(crate) struct Input<'a> {
    pub(crate) original: &'a DeriveInput,
    pub(crate) attrs: ItemAttrs,
    /// The variants of an enum. A struct counts as a single variant.
    pub(crate) variants: Vec<Variant<'a>>,
}

pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    /// The whole variant, or the name of a struct, for the span of messages about it.
    pub(crate) original: TokenStream,
    pub(crate) attrs: VariantAttrs,
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) is_struct: bool,
    pub(crate) doc: String,
    /// The attributes that define its `Display`, such as thiserror's `#[error(…)]`.
    pub(crate) texts: Vec<&'a Attribute>,
    /// What is wrong with it, so that errors are reported variant by variant.
    pub(crate) errors: Errors,
}

pub(crate) struct Field<'a> {
    pub(crate) original: &'a syn::Field,
    pub(crate) member: Member,
    /// The local that a pattern binds it to.
    pub(crate) local: Ident,
    pub(crate) attrs: FieldAttrs,
}

impl<'a> Input<'a> {
    pub(crate) fn from_syn(original: &'a DeriveInput, errors: &mut Errors) -> Self {
        let (attrs, variants) = match &original.data {
            Data::Enum(data) => {
                let attrs = attr::of_enum(&original.attrs, &original.ident, errors);
                let texts = texts(&original.attrs);
                let variants = data
                    .variants
                    .iter()
                    .map(|variant| Variant::from_syn(variant, &texts))
                    .collect();
                (attrs, variants)
            }
            Data::Struct(data) => {
                let (attrs, variant) = attr::of_struct(&original.attrs, errors);
                let variant = Variant {
                    ident: &original.ident,
                    original: original.ident.to_token_stream(),
                    attrs: variant,
                    fields: fields(&data.fields, errors),
                    is_struct: true,
                    doc: doc(&original.attrs),
                    texts: texts(&original.attrs),
                    errors: Errors::default(),
                };
                (attrs, vec![variant])
            }
            Data::Union(data) => {
                errors.on(
                    data.union_token,
                    "`#[derive(ServiceError)]` can't be used on a `union`; write an `enum` or a \
                     `struct`",
                );
                (ItemAttrs::default(), Vec::new())
            }
        };
        Self { original, attrs, variants }
    }

    /// Whether it, a variant or a field is `#[deprecated]`.
    pub(crate) fn is_deprecated(&self) -> bool {
        let is_deprecated = |attributes: &[Attribute]| {
            attributes.iter().any(|attribute| attribute.path().is_ident("deprecated"))
        };
        let in_variants = match &self.original.data {
            Data::Enum(data) => data.variants.iter().any(|variant| is_deprecated(&variant.attrs)),
            _ => false,
        };
        let mut fields = self.variants.iter().flat_map(|variant| &variant.fields);
        is_deprecated(&self.original.attrs)
            || in_variants
            || fields.any(|field| is_deprecated(&field.original.attrs))
    }

    pub(crate) fn krate(&self) -> Path {
        self.attrs.krate.as_ref().map_or_else(krate::default, |slot| slot.value.clone())
    }
}

impl<'a> Variant<'a> {
    /// `inherited` are the texts of the enum, for a variant without its own.
    fn from_syn(original: &'a syn::Variant, inherited: &[&'a Attribute]) -> Self {
        let (ident, body) = (&original.ident, &original.fields);
        let mut errors = Errors::default();
        let mut texts = texts(&original.attrs);
        if texts.is_empty() {
            texts.extend(inherited);
        }
        Self {
            ident,
            original: quote!(#ident #body),
            attrs: attr::of_variant(&original.attrs, &mut errors),
            fields: fields(body, &mut errors),
            is_struct: false,
            doc: doc(&original.attrs),
            texts,
            errors,
        }
    }

    pub(crate) fn class(&self) -> Option<Class> {
        self.attrs.class.as_ref().map(|slot| slot.value)
    }

    pub(crate) fn is_transparent(&self) -> bool {
        matches!(self.class(), Some(Class::Transparent))
    }

    /// Finds the field that a text calls `name`.
    pub(crate) fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name() == name)
    }

    pub(crate) fn retry_after(&self) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.attrs.retry_after.is_some())
    }

    /// What the error captured when it was created, each with the trait that reads it.
    pub(crate) fn captured(&self) -> Vec<(&Field<'a>, &'static str)> {
        self.fields
            .iter()
            .filter_map(|field| match &field.attrs {
                FieldAttrs { backtrace: Some(_), .. } => Some((field, "CapturedBacktrace")),
                FieldAttrs { location: Some(_), .. } => Some((field, "CapturedLocation")),
                _ => None,
            })
            .collect()
    }

    /// The field that classifies a transparent variant: the marked one, or the only one.
    pub(crate) fn source(&self) -> Option<&Field<'a>> {
        let by =
            |is_source: fn(&Field<'_>) -> bool| self.fields.iter().find(|field| is_source(field));
        by(|field| field.attrs.source.is_some())
            .or_else(|| by(|field| field.has("from") || field.has("source")))
            .or_else(|| by(|field| field.name() == "source"))
            .or_else(|| self.fields.first().filter(|_| self.fields.len() == 1))
    }
}

impl Field<'_> {
    /// The name without `r#`, or the position.
    pub(crate) fn name(&self) -> String {
        match &self.member {
            Member::Named(name) => name.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.original.attrs.iter().any(|other| other.path().is_ident(attribute))
    }
}

fn fields<'a>(fields: &'a Fields, errors: &mut Errors) -> Vec<Field<'a>> {
    fields
        .iter()
        .enumerate()
        .map(|(at, original)| Field {
            original,
            member: original
                .ident
                .clone()
                .map_or_else(|| Member::Unnamed(Index::from(at)), Member::Named),
            // A user's constant would be taken for a pattern, so no constant may have this name.
            local: Ident::new(
                &format_ident!("__resilience_field{at}").to_string(),
                proc_macro2::Span::mixed_site(),
            ),
            attrs: attr::of_field(&original.attrs, errors),
        })
        .collect()
}

/// thiserror's `#[error(…)]`, `derive_more`'s `#[display(…)]`, and those of other crates.
fn texts(attributes: &[Attribute]) -> Vec<&Attribute> {
    let is_text = |attribute: &&Attribute| {
        ["error", "display", "snafu", "strum", "fail"]
            .iter()
            .any(|name| attribute.path().is_ident(name))
    };
    attributes.iter().filter(is_text).collect()
}

/// The doc comment, its lines joined, without the space that follows `///`.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(
        |attribute| {
            let Meta::NameValue(meta) = &attribute.meta else { return None };
            let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value else { return None };
            Some(text.value())
        },
    );
    let lines: Vec<String> =
        lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}
