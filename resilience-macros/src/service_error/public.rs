//! The rules of `public = "…"`: clients read what is meant for them, and nothing else.

use super::ast::Variant;
use super::kinds::Class;
use crate::diagnostics::Errors;

pub(crate) fn check(variant: &Variant<'_>, errors: &mut Errors) {
    let Some(public) = &variant.attrs.public else {
        return nothing_is_exposed_in_vain(variant, errors);
    };
    let (literal, holes) = (&public.value.literal, &public.value.holes);
    for hole in holes {
        let name = &hole.field;
        match variant.field(name) {
            None => return errors.on(literal, no_such_field(variant, name)),
            // What `expose` and `sensitive` together mean is asked elsewhere.
            Some(field) if field.attrs.sensitive.is_some() => {
                if field.attrs.expose.is_none() {
                    let message = format!(
                        "`{{{name}}}` would show a sensitive field to clients; take it out of `public`"
                    );
                    errors.on(literal, message);
                }
            }
            Some(field) if field.attrs.expose.is_none() => {
                let message = format!(
                    "`{{{name}}}` would show a field that isn't exposed; write `#[service(expose)]` on field `{name}` if \
                     clients may read it"
                );
                errors.on(literal, message);
            }
            Some(_) => {}
        }
    }
    if let (Some(_), Some(hole)) =
        (variant.category().filter(|_| !variant.is_client_error()), holes.first())
    {
        let message = format!(
            "a status of 500 or above shows clients a fixed text; take `{{{}}}` out of `public`, or write a `status` below 500",
            hole.field
        );
        errors.on(literal, message);
    }
    nothing_is_exposed_in_vain(variant, errors);
}

fn nothing_is_exposed_in_vain(variant: &Variant<'_>, errors: &mut Errors) {
    if variant.attrs.public_refused || matches!(variant.class(), Some(Class::Transparent)) {
        return;
    }
    let holes = variant.attrs.public.as_ref().map_or(&[][..], |public| &public.value.holes);
    for field in variant.fields.iter().filter(|field| field.attrs.sensitive.is_none()) {
        let name = field.name();
        if let (Some(expose), false) =
            (&field.attrs.expose, holes.iter().any(|hole| hole.field == name))
        {
            let message = format!(
                "`expose` does nothing here; write `public = \"… {{{name}}}\"` above, or remove `expose`"
            );
            errors.at(expose.span(), message);
        }
    }
}

fn no_such_field(variant: &Variant<'_>, written: &str) -> String {
    let name = variant.ident;
    let fields: Vec<String> =
        variant.fields.iter().map(|field| format!("`{{{}}}`", field.name())).collect();
    if fields.is_empty() {
        return format!(
            "`{{{written}}}` can't be filled in: `{name}` has no fields; write a fixed text"
        );
    }
    format!("`{{{written}}}` is not a field of `{name}`; it has {}", fields.join(", "))
}
