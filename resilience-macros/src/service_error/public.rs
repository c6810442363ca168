//! The rules of `public = "…"`: clients only see exposed fields.

use super::ast::Variant;
use super::kinds::Class;
use crate::diagnostics::Errors;

pub(crate) fn check(variant: &Variant<'_>, errors: &mut Errors) {
    let Some(public) = &variant.attrs.public else {
        return check_unused_expose(variant, errors);
    };
    let (literal, holes) = (&public.value.literal, &public.value.holes);
    for hole in holes {
        let name = &hole.field;
        match variant.field(name) {
            None => return errors.on(literal, no_such_field(variant, name)),
            // `expose` together with `sensitive` is reported by `sensitive::check`.
            Some(field) if field.attrs.sensitive.is_some() => {
                if field.attrs.expose.is_none() {
                    let message = format!(
                        "`{{{name}}}` would show a sensitive field to clients; remove it from \
                         `public`"
                    );
                    errors.on(literal, message);
                }
            }
            Some(field) if field.attrs.expose.is_none() => {
                let message = format!(
                    "`{{{name}}}` would show a field that isn't exposed; write \
                     `#[service(expose)]` above field `{name}` if clients may see it"
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
            "clients only see a fixed text if the status is 500 or above; remove `{{{}}}` from \
             `public`, or write a `status` below 500",
            hole.field
        );
        errors.on(literal, message);
    }
    check_unused_expose(variant, errors);
}

fn check_unused_expose(variant: &Variant<'_>, errors: &mut Errors) {
    if variant.attrs.public_rejected || matches!(variant.class(), Some(Class::Transparent)) {
        return;
    }
    let holes = variant.attrs.public.as_ref().map_or(&[][..], |public| &public.value.holes);
    for field in variant.fields.iter().filter(|field| field.attrs.sensitive.is_none()) {
        let name = field.name();
        if let (Some(expose), false) =
            (&field.attrs.expose, holes.iter().any(|hole| hole.field == name))
        {
            let message = format!(
                "`expose` has no effect here; write `public = \"… {{{name}}}\"` above, or remove \
                 `expose`"
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
        return format!("`{name}` has no field `{written}` and no others; write a fixed text");
    }
    format!("`{{{written}}}` is not a field of `{name}`; expected one of: {}", fields.join(", "))
}
