//! What the tokens of a return type reveal, without type information.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type};

use crate::function::Function;
use crate::layer::Kind;
use crate::tokens::{find_ident, is_ident, mentions, mentions_impl, type_text};

/// Why a return type is obviously not a `Result`, with what to write instead.
pub(crate) fn rejection_reason(function: &Function, attribute: Kind) -> Option<String> {
    let shown = match function.return_type() {
        None => "nothing".to_owned(),
        Some(ty) if function.sig.asyncness.is_none() && is_future(ty) => {
            let name = &function.sig.ident;
            if is_async_block(&function.body) {
                return Some(format!(
                    "`{attribute}` can't be used on a function that returns a future; write \
                     `async fn {name}`, or with `#[trait_variant::make]` move the body to one"
                ));
            }
            return Some(format!(
                "`{attribute}` can't be used on a function that returns a future; write \
                 `async fn {name}`"
            ));
        }
        Some(ty) if is_obviously_no_result(ty) => {
            format!("`{}`", type_text(ty))
        }
        Some(_) => return None,
    };
    Some(format!(
        "`{attribute}` needs a function that returns a `Result`, but this one returns {shown}; \
         write `-> Result<T, YourError>`"
    ))
}

/// Where a return type shows a value that is read after the function has returned: a stream, or the
/// answer of an HTTP client, whose body comes later.
pub(crate) fn read_later(ty: &Type) -> Option<Span> {
    const LAZY: &[&str] = &[
        "Stream",
        "TryStream",
        "BoxStream",
        "LocalBoxStream",
        "ByteStream",
        "Streaming",
        "AsyncRead",
        "AsyncBufRead",
        "Incoming",
    ];
    let ok = first_argument(ty).unwrap_or(ty);
    if let Some(name) = find_ident(ok, &mut |name| LAZY.iter().any(|lazy| name == lazy)) {
        return Some(name.span());
    }
    let Type::Path(path) = ok else { return None };
    let names: Vec<String> =
        path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    (names == ["reqwest", "Response"]).then(|| path.span())
}

/// `T` of `Result<T, E>`.
fn first_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// `impl Future<…>`, `Pin<Box<dyn Future<…>>>`, `BoxFuture<…>`.
fn is_future(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(_) => mentions(ty, "Future"),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            (last.ident == "Pin" || last.ident == "Box") && mentions(ty, "Future")
                || last.ident == "BoxFuture"
                || last.ident == "LocalBoxFuture"
        }),
        _ => false,
    }
}

/// The error type as far as it can be named: a projection, or `_`.
///
/// `Result` may be an alias whose second argument is only a part of the error, as in
/// `type Result<T, C> = std::result::Result<T, Report<C>>`. So `E` itself is never used. The
/// projection has its span, for what the compiler says about it.
pub(crate) fn error_type(ty: &Type, runtime: &Ident) -> TokenStream {
    match second_argument_of_result(ty) {
        Some(error) if mentions_impl(ty) => projection(&without_value(ty), error, runtime),
        None if mentions_impl(ty) => quote!(_),
        error => projection(ty, error.unwrap_or(ty), runtime),
    }
}

/// `<ty as Outcome>::Error`, with the span of `shown`.
fn projection(ty: &Type, shown: &Type, runtime: &Ident) -> TokenStream {
    // From the first token to the last, since stable Rust can't join their spans.
    let mut tokens = shown.to_token_stream().into_iter();
    let first = tokens.next().map_or_else(Span::call_site, |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    let projection = quote_spanned!(first=> <#ty as #runtime::Outcome>::);
    let error = Ident::new("Error", last);
    quote!(#projection #error)
}

/// `Result<(), E>` of `Result<impl T, E>`, where an expression can't name the value.
fn without_value(ty: &Type) -> Type {
    let mut ty = ty.clone();
    if let Type::Path(path) = &mut ty {
        if let Some(PathArguments::AngleBracketed(arguments)) =
            path.path.segments.last_mut().map(|last| &mut last.arguments)
        {
            let value = arguments.args.iter_mut().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            if let Some(value) = value {
                *value = Type::Tuple(syn::parse_quote!(()));
            }
        }
    }
    ty
}

/// `T` and `E` of a `Result<T, E>` that is written as one.
pub(crate) fn arguments_of_result(ty: &Type) -> Option<(&Type, &Type)> {
    Some((first_argument(ty)?, second_argument_of_result(ty)?))
}

/// Whether the compiler has to infer the error type.
pub(crate) fn is_inferred(error: &TokenStream) -> bool {
    error.to_string() == "_"
}

/// Whether the body is nothing but `async move { … }`, as `#[trait_variant::make]` writes it.
fn is_async_block(body: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    let [keywords @ .., TokenTree::Group(_)] = &tokens[..] else { return false };
    is_ident(keywords.first(), "async")
        && (keywords.len() == 1 || keywords.len() == 2 && is_ident(keywords.get(1), "move"))
}

fn second_argument_of_result(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types: Vec<&Type> = arguments
        .args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
        .collect();
    match types[..] {
        [_, error] if last.ident == "Result" && !mentions_impl(error) => Some(error),
        _ => None,
    }
}

/// Whether the type is a `Result` by its name: `Result<T, E>`, `io::Result<T>`, `ApiResult<T>`.
pub(crate) fn is_named_result(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Result"))
        }
        Type::Paren(inner) => is_named_result(&inner.elem),
        Type::Group(inner) => is_named_result(&inner.elem),
        _ => false,
    }
}

pub(crate) fn is_obviously_no_result(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "bool", "char", "str", "String", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16",
        "i32", "i64", "i128", "isize", "f32", "f64", "Option", "Vec", "Box", "Arc", "Rc",
        "HashMap", "BTreeMap", "HashSet", "Duration", "Instant",
    ];
    match ty {
        Type::Path(path) if path.qself.is_none() => path
            .path
            .segments
            .last()
            .is_some_and(|last| PLAIN.iter().any(|plain| last.ident == plain)),
        Type::Reference(_)
        | Type::Tuple(_)
        | Type::Array(_)
        | Type::Slice(_)
        | Type::Never(_)
        | Type::Ptr(_)
        | Type::ImplTrait(_)
        | Type::TraitObject(_) => true,
        Type::Paren(inner) => is_obviously_no_result(&inner.elem),
        Type::Group(inner) => is_obviously_no_result(&inner.elem),
        _ => false,
    }
}
