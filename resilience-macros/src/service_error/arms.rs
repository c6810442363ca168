//! The match arms of each variant.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Path;

use super::ast::{Field, Variant};
use super::attr::{Alert, Sent, Severity};
use super::kinds::{Category, Class, Retry};

pub(crate) fn classify_arm(krate: &Path, variant: &Variant<'_>) -> TokenStream {
    if let (Some(Class::Transparent), Some(source)) = (variant.class(), variant.source()) {
        let (pattern, local, ty) = (pattern(variant, [source]), &source.local, &source.original.ty);
        let (alert, exit_code) = (with_alert(krate, variant), with_exit_code(variant));
        return quote!(#pattern => <#ty as #krate::__private::Classify>::classify(#local) #alert #exit_code,);
    }
    let wait = variant.retry_after();
    let pattern = pattern(variant, wait);
    let advice = wait.map(|field| {
        let (local, ty) = (&field.local, &field.original.ty);
        quote!(<#ty as #krate::__private::RetryAfter>::advice(#local))
    });
    let classification = classification(krate, variant, advice);
    quote!(#pattern => #classification,)
}

/// The classification that all values of the variant share; `None` if the source decides.
pub(crate) fn fixed_classification(krate: &Path, variant: &Variant<'_>) -> Option<TokenStream> {
    variant.category()?;
    Some(classification(krate, variant, None))
}

pub(crate) fn public_arm(krate: &Path, variant: &Variant<'_>) -> Option<TokenStream> {
    if matches!(variant.class(), Some(Class::Transparent)) {
        let source = variant.source()?;
        let (pattern, local, ty) = (pattern(variant, [source]), &source.local, &source.original.ty);
        return Some(
            quote!(#pattern => <#ty as #krate::__private::Classify>::public_message(#local),),
        );
    }
    let template = &variant.attrs.public.as_ref()?.value;
    if let Some(text) = template.constant() {
        let pattern = pattern(variant, None);
        return Some(quote!(#pattern => ::std::borrow::Cow::Borrowed(#text),));
    }
    let shown: Vec<&Field<'_>> =
        template.holes.iter().filter_map(|hole| variant.field(&hole.field)).collect();
    let pattern =
        pattern(variant, variant.fields.iter().filter(|field| field.attrs.expose.is_some()));
    // At the text, so that rustc reports a field that can't be displayed there.
    let span = template.literal.span();
    let mut format = Literal::string(&template.format());
    format.set_span(span);
    let locals = shown.iter().map(|field| {
        let mut local = field.local.clone();
        local.set_span(local.span().located_at(span));
        local
    });
    let message =
        quote_spanned!(Span::mixed_site().located_at(span)=> ::std::format!(#format, #(#locals),*));
    Some(quote!(#pattern => ::std::borrow::Cow::Owned(#message),))
}

/// The evidence of the variant, if it has more than the chain of causes.
pub(crate) fn evidence_arm(
    krate: &Path,
    variant: &Variant<'_>,
    chain: &TokenStream,
) -> Option<TokenStream> {
    if let (Some(Class::Transparent), Some(source)) = (variant.class(), variant.source()) {
        let (pattern, local, ty) = (pattern(variant, [source]), &source.local, &source.original.ty);
        return Some(quote!(#pattern => <#ty as #krate::__private::Classify>::evidence(#local),));
    }
    let captured = variant.captured();
    if captured.is_empty() {
        return None;
    }
    let pattern = pattern(variant, captured.iter().map(|(field, _)| *field));
    let evidence = captured.iter().fold(chain.clone(), |evidence, (field, of)| {
        let (local, ty, of) = (&field.local, &field.original.ty, format_ident!("{of}"));
        quote!(<#ty as #krate::__private::#of>::add_to(#local, #evidence))
    });
    Some(quote!(#pattern => #evidence,))
}

pub(crate) fn field_errors_arm(krate: &Path, variant: &Variant<'_>) -> Option<TokenStream> {
    if let (Some(Class::Transparent), Some(source)) = (variant.class(), variant.source()) {
        let (pattern, local, ty) = (pattern(variant, [source]), &source.local, &source.original.ty);
        return Some(
            quote!(#pattern => <#ty as #krate::__private::Classify>::field_errors(#local),),
        );
    }
    let field = variant.fields.iter().find(|field| field.attrs.errors.is_some())?;
    let (pattern, local, ty) = (pattern(variant, [field]), &field.local, &field.original.ty);
    Some(
        quote!(#pattern => ::std::borrow::Cow::Borrowed(<#ty as #krate::__private::FieldErrors>::list(#local)),),
    )
}

/// `.with_exit_code(…)`, if the variant has its own.
fn with_exit_code(variant: &Variant<'_>) -> Option<TokenStream> {
    let code = variant.attrs.exit_code.as_ref()?.value;
    Some(quote!(.with_exit_code(#code)))
}

/// `.with_alert(…)`, if the variant says when to alert.
fn with_alert(krate: &Path, variant: &Variant<'_>) -> Option<TokenStream> {
    let alert = variant.attrs.alert.as_ref()?;
    let alert = format_ident!(
        "{}",
        match alert.value {
            Alert::AtOnce => "AtOnce",
            Alert::WhenRepeated => "WhenRepeated",
            Alert::WhenFrequent => "WhenFrequent",
            Alert::LowPriority => "LowPriority",
            Alert::Never => "Never",
        }
    );
    Some(quote!(.with_alert(#krate::__private::Alert::#alert)))
}

fn classification(krate: &Path, variant: &Variant<'_>, advice: Option<TokenStream>) -> TokenStream {
    let (Some(category), Some(code)) = (variant.category(), variant.code()) else {
        return quote!(#krate::__private::Classification::unclassified());
    };
    let attrs = &variant.attrs;
    let kind = match variant.class() {
        Some(Class::Kind(kind)) => Some(kind),
        _ => None,
    };
    let retry = attrs.retry.as_ref().map(|slot| slot.value).or(kind.and_then(|kind| kind.retry));
    let advice = advice.or_else(|| {
        Some(match retry? {
            Retry::TransactionOnce => quote!(#krate::__private::Advice::RetryTransactionOnce),
            Retry::Transaction => quote!(#krate::__private::Advice::RetryTransaction),
            Retry::CallOrTransaction => quote!(#krate::__private::Advice::RetryCallOrTransaction),
            Retry::Never => quote!(#krate::__private::Advice::DoNotRetry),
        })
    });
    let constructor = Ident::new(category.word(), Span::mixed_site());
    let mut tokens = if let Some(advice) = advice {
        quote!(#krate::__private::Classification::transient_with(#code, #advice))
    } else {
        quote!(#krate::__private::Classification::#constructor(#code))
    };
    // A kind with another code keeps the status of its default code.
    let of_kind = kind
        .filter(|kind| kind.code != code && category != Category::Fatal)
        .map(|kind| kind.status);
    if let Some(status) = attrs.status.as_ref().map(|slot| slot.value).or(of_kind) {
        tokens.extend(quote!(.with_status(#status)));
    }
    if let Some(severity) = &attrs.severity {
        let severity = format_ident!(
            "{}",
            match severity.value {
                Severity::Expected => "Expected",
                Severity::Unexpected => "Unexpected",
                Severity::Critical => "Critical",
            }
        );
        tokens.extend(quote!(.with_severity(#krate::__private::Severity::#severity)));
    }
    // The only text that clients may see if the status is 500 or above.
    let public = attrs.public.as_ref().filter(|_| !variant.is_client_error());
    if let Some(text) = public.and_then(|public| public.value.constant()) {
        tokens.extend(quote!(.with_public_text(#text)));
    }
    tokens.extend(with_alert(krate, variant));
    tokens.extend(with_exit_code(variant));
    let never_sent = match &attrs.sent {
        Some(sent) => matches!(sent.value, Sent::Never),
        None => kind.is_some_and(|kind| kind.never_sent),
    };
    if never_sent {
        tokens.extend(quote!(.with_sent(#krate::__private::Sent::Never)));
    }
    tokens
}

/// `Self::Variant { name: field0, .. }`, which also matches tuple and unit variants.
fn pattern<'a>(
    variant: &Variant<'_>,
    fields: impl IntoIterator<Item = &'a Field<'a>>,
) -> TokenStream {
    let path = if variant.is_struct {
        quote!(Self)
    } else {
        let ident = variant.ident;
        quote!(Self::#ident)
    };
    let bindings = fields.into_iter().map(|field| {
        let (member, local) = (&field.member, &field.local);
        quote!(#member: #local,)
    });
    quote!(#path { #(#bindings)* .. })
}
