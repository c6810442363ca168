//! What the tokens of the return type tell about its `Ok` type.

use proc_macro2::TokenStream;
use syn::{GenericArgument, PathArguments, Type};

/// Whether the `Ok` type may be a `Sourced<T>`, whose fallback is a `T`. The compiler decides then,
/// by the type: it may be hidden behind an alias.
pub(super) fn may_be_sourced(output: &TokenStream) -> bool {
    let Ok(output) = syn::parse2::<Type>(output.clone()) else { return true };
    ok_type(&output).is_none_or(|ok| !is_known(ok))
}

/// `T` of `Result<T, E>`. `None` of an alias such as `Result<T>`, which can hide more.
pub(super) fn ok_type(output: &Type) -> Option<&Type> {
    let Type::Path(path) = output else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    let (ok, error) = (types.next()?, types.next());
    (last.ident == "Result" && error.is_some()).then_some(ok)
}

/// Whether this is certainly another type than `Sourced<T>`.
fn is_known(ty: &Type) -> bool {
    const KNOWN: &[&str] = &[
        "bool", "char", "String", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64", "Option", "Vec", "Box", "Arc", "Rc", "Cow",
        "HashMap", "BTreeMap", "HashSet", "BTreeSet", "Duration", "Instant",
    ];
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| KNOWN.iter().any(|known| last.ident == known)),
        Type::Reference(_) | Type::Tuple(_) | Type::Array(_) | Type::Slice(_) | Type::Never(_) => {
            true
        }
        Type::Paren(inner) => is_known(&inner.elem),
        Type::Group(inner) => is_known(&inner.elem),
        _ => false,
    }
}
