//! From an annotated function to the whole nest, written once.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Lifetime;
use syn::spanned::Spanned;

use crate::async_trait::AsyncTraitBody;
use crate::attributes::Attributes;
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::layer::{
    Attempt, Boundary, CircuitBreaker, Code, DeadLetter, Degrade, Fragment, Kind, Layer, Nest,
    Properties, Retry, Scope, Timeout, Transaction, downcast,
};
use crate::tokens::{mentions, mentions_impl, respanned};
use crate::warnings::{self, Said};
use crate::{fallback, krate, leftovers, outcome};

/// Expands all attributes of a function. `first` is the one that the compiler is expanding, at
/// `span`. `errors` are those found so far.
pub(crate) fn function(
    mut function: Function,
    attributes: Attributes,
    (first, span): (Kind, Span),
    mut errors: Errors,
    said: &mut Said,
) -> TokenStream {
    let async_trait =
        AsyncTraitBody::recognise(&function.body).filter(|_| function.sig.asyncness.is_none());
    let import_uses = attributes.import_uses.clone();
    if attributes.has(Kind::DeadLetter) {
        DeadLetter::take_marks(&mut function);
    }
    let not_on_main = (first == Kind::Boundary && function.sig.ident == "main")
        .then(|| Boundary::NOT_ON_MAIN.to_owned());
    if let Some(reason) = leftovers::rejection_reason(&function.body, first) {
        // The other errors may only be there because a macro has changed the function already.
        errors = Errors::default();
        // On `main`, moving the attribute wouldn't help.
        errors.at(span, not_on_main.unwrap_or(reason));
        return fallback::function(&function, &import_uses, errors);
    }
    if let Some(keyword) = function.sig.constness {
        let name = &function.sig.ident;
        errors.at(
            keyword.span,
            format!(
                "`{first}` only works at run time and can't be used on a `const fn`; write \
                 `fn {name}`"
            ),
        );
    }
    if async_trait.is_none() {
        let reason = not_on_main.or_else(|| outcome::rejection_reason(&function, first));
        if let Some(reason) = reason {
            let span = function.return_type().map_or(function.sig.fn_token.span, Spanned::span);
            errors.at(span, reason);
        }
    }
    match attributes.into_nest() {
        Some(nest) if errors.is_empty() => {
            write(&nest, function, &import_uses, async_trait.as_ref(), said)
        }
        nest => {
            let stand_in = nest.and_then(|nest| {
                let krate = nest.common.krate.clone().unwrap_or_else(krate::default);
                Some(nest.get::<Transaction>()?.1.stand_in(&krate))
            });
            fallback::function(&function, &quote!(#import_uses #stand_in), errors)
        }
    }
}

fn write(
    nest: &Nest,
    mut function: Function,
    import_uses: &TokenStream,
    async_trait: Option<&AsyncTraitBody>,
    said: &mut Said,
) -> TokenStream {
    let krate = nest.common.krate.clone().unwrap_or_else(krate::default);
    let runtime = Ident::new("__resilience", Span::mixed_site());
    let copies = copies(nest, &mut function);
    let consumed = consumed(nest, &function);
    let breaker = nest.get::<CircuitBreaker>().map(|(_, breaker)| breaker);
    let service = nest.common.service.as_ref().map(ToTokens::to_token_stream);
    let output = match async_trait {
        Some(body) => Some(body.output.clone()),
        None => function.return_type().map(ToTokens::to_token_stream),
    };
    let output = output.filter(|output| !mentions_impl(output));
    let scope = Scope {
        runtime: &runtime,
        function: &function,
        async_trait,
        arguments: function.argument_names(),
        label: service.clone().unwrap_or_else(|| function.name().to_token_stream()),
        site: Ident::new(leftovers::MARKER, Span::mixed_site()),
        hint: hint(output.as_ref(), &runtime),
        output,
        error: error_type(&function, async_trait, &runtime),
        clones: &nest.common.clones,
        classified_by: nest.common.classify.is_some(),
        rejected_by: nest.common.rejected.is_some(),
    };
    let warnings = warnings::of(nest, &scope, said);
    let is_label = service.is_none() && breaker.is_some_and(CircuitBreaker::is_label);
    let site = site(is_label, nest.is_of_block, &scope);
    let breaker = breaker.map(|breaker| breaker.function(&runtime, &scope.site));
    // A short name, because each token of a path takes time to compile.
    let import = quote!(use #krate::__private as #runtime;);
    let setup = setup(nest, &scope);
    let body = body(nest, &copies, &scope);
    let Fragment { before, code } = wrap(nest, body, &scope);
    let value = code.into_value(&scope);
    let setup = quote!(#site #import #breaker #import_uses #warnings #consumed #setup);
    let value = quote!(#before #value);
    // `#[async_trait]` is on the implementation of a trait, which has no other methods.
    let replay = nest.get::<DeadLetter>().filter(|_| async_trait.is_none());
    let replay = replay.and_then(|(_, letter)| {
        let (file, line) = place(nest.is_of_block, &function);
        let name = function.sig.ident.to_string();
        letter.replay(&function, &krate, &quote!({ function: #name, file: #file, line: #line }))
    });
    let written = function.with_body(&match async_trait {
        Some(body) => body.with_value(&setup, &value),
        None => quote!(#setup #value),
    });
    quote!(#written #replay)
}

/// The error's type as far as it can be written, or `_`.
fn error_type(
    function: &Function,
    async_trait: Option<&AsyncTraitBody>,
    runtime: &Ident,
) -> TokenStream {
    let rewritten = async_trait.map(|body| syn::parse2(body.output.clone()));
    match (&rewritten, function.return_type()) {
        (Some(Ok(ty)), _) | (None, Some(ty)) => outcome::error_type(ty, runtime),
        (Some(Err(_)), _) | (None, None) => quote!(_),
    }
}

/// The static of the function as a whole. It comes first, so that a second expansion finds its name
/// at once. Its label may be that of the breaker.
fn site(is_labelled_by_breaker: bool, is_of_block: bool, scope: &Scope<'_>) -> TokenStream {
    let (runtime, site, label) = (scope.runtime, &scope.site, &scope.label);
    let signature = &scope.function.sig;
    let name = signature.ident.to_string();
    let (new, label) = if is_labelled_by_breaker {
        (quote!(site_of_breaker), quote!(&__resilience_breaker))
    } else {
        (quote!(Site::new), label.clone())
    };
    let (file, line) = place(is_of_block, scope.function);
    quote! {
        static #site: #runtime::Site =
            #runtime::#new(#label, #name, ::core::module_path!(), #file, #line);
    }
}

/// The place of the attribute, unless that is the same for several methods.
fn place(is_of_block: bool, function: &Function) -> (TokenStream, TokenStream) {
    let (file, line) = (quote!(::core::file!()), quote!(::core::line!()));
    if !is_of_block {
        return (file, line);
    }
    let span = function.sig.fn_token.span;
    (respanned(file, span), respanned(line, span))
}

/// The statements that run once per call.
fn setup(nest: &Nest, scope: &Scope<'_>) -> TokenStream {
    // A layer that runs those below it in a task sets them up there.
    let runs_in_task =
        |layer: &dyn Layer| downcast::<Degrade>(layer).is_some_and(Degrade::runs_in_task);
    let last = nest.layers.iter().position(|layer| runs_in_task(&**layer));
    let here = last.map_or(nest.layers.len(), |last| last + 1);
    let mut setup: TokenStream =
        nest.layers[..here].iter().map(|layer| layer.setup(scope)).collect();
    let any = |property: fn(Properties) -> bool| {
        nest.layers.iter().any(|layer| property(layer.properties()))
    };
    let reports = nest.get::<Boundary>().is_some();
    if reports || any(|layer| layer.classifies) {
        setup.extend(classify(nest, scope));
    }
    if reports {
        setup.extend(Boundary::report(scope));
    }
    if any(|layer| layer.rejects) {
        setup.extend(reject(nest, scope));
    }
    setup
}

/// The function of `classify = …`.
fn classify(nest: &Nest, scope: &Scope<'_>) -> TokenStream {
    let (runtime, error, classify) = (scope.runtime, &scope.error, Scope::classify());
    let look = Scope::local("look");
    let Some(by) = &nest.common.classify else { return TokenStream::new() };
    let by = scope.user(by);
    // A type behind `impl Trait` isn't known before the body. If it could be an error, it is
    // treated as one.
    let is_hidden = outcome::is_inferred(error)
        && !scope.function.return_type().is_some_and(|ty| mentions(ty, "Error"));
    let finds = if is_hidden {
        quote!(#runtime::nothing)
    } else {
        quote!({
            use #runtime::FindEvidence as _;
            (&&&&&#runtime::AutorefEvidence::<#error>::NEW).look_at_causes()
        })
    };
    quote! {
        let #look = #finds;
        let #classify = #runtime::classify_by::<#error, _>(#by, #look);
    }
}

/// The function of `rejected = …`.
fn reject(nest: &Nest, scope: &Scope<'_>) -> TokenStream {
    let (runtime, error, reject) = (scope.runtime, &scope.error, Scope::reject());
    let Some(by) = &nest.common.rejected else { return TokenStream::new() };
    let by = scope.user(by);
    quote!(let #reject = #runtime::reject_by::<#error, _>(#by);)
}

/// The copies that `clone(…)` asks for, which the body can modify or move. A `mut` moves from the
/// argument to its copy.
fn copies(nest: &Nest, function: &mut Function) -> TokenStream {
    let names: BTreeSet<&Ident> = nest.common.clones.iter().collect();
    let copy = |name| {
        let mutability = function.take_mutability(name);
        // Reports an argument without `Clone` where it is named.
        let span = Span::mixed_site().located_at(name.span());
        let borrowed = quote_spanned!(span=> &#name);
        quote!(let #mutability #name = ::core::clone::Clone::clone(#borrowed);)
    };
    names.into_iter().map(copy).collect()
}

/// Moves the arguments that only copies are made of. Otherwise clippy would advise the user to take
/// a reference, because only the copies are consumed. It says nothing about async functions.
fn consumed(nest: &Nest, function: &Function) -> TokenStream {
    if function.is_async() {
        return TokenStream::new();
    }
    let names: BTreeSet<&Ident> = nest.common.clones.iter().collect();
    names.into_iter().map(|name| quote!(let #name = #name;)).collect()
}

/// The user's body as a future, or as a value if the function isn't async.
fn body(nest: &Nest, copies: &TokenStream, scope: &Scope<'_>) -> Fragment {
    let (runtime, function, hint) = (scope.runtime, scope.function, &scope.hint);
    // In a block of its own, because it may begin with an item. The label silences `unused_braces`
    // for a body on one line. Its underscore silences `unused_labels`. Its span keeps errors about
    // the block at the block.
    let inside = scope
        .async_trait
        .map_or_else(|| function.in_own_braces(&function.body), |body| body.body.to_token_stream());
    let label = Lifetime::new("'__resilience_body", inside.span());
    let start = nest.layers.iter().map(|layer| layer.start_of_body(scope));
    let block = function.in_place(quote!(#hint #copies #(#start)* #label: #inside));
    let visible = nest.get::<Retry>().map(|(_, retry)| retry.visible());
    let code = if scope.is_async() {
        // Only a body that runs once can take ownership of the arguments.
        let reused = nest.layers.iter().any(|layer| layer.properties().reuses_arguments);
        let keep = (!reused).then(|| quote!(move));
        let keyword =
            function.sig.asyncness.map_or_else(|| quote!(async), |keyword| quote!(#keyword));
        let mut attempt = Attempt::new(quote!(#keyword #keep #block));
        attempt.above = nest.innermost::<Timeout>().map(Timeout::deadline);
        attempt.visible = visible;
        Code::Attempt(attempt)
    } else {
        // Errors about what the closure captures are reported at the function.
        let closure = quote_spanned!(function.sig.fn_token.span=> || #block);
        Code::Value(match visible.map(|visible| visible.argument(false, runtime)) {
            Some(visible) => quote!(#runtime::run_scoped(&#visible, #closure)),
            None => quote!(#runtime::run(#closure)),
        })
    };
    Fragment { before: TokenStream::new(), code }
}

/// Wraps the layers around the body, from the innermost out.
fn wrap(nest: &Nest, body: Fragment, scope: &Scope<'_>) -> Fragment {
    nest.layers
        .iter()
        .enumerate()
        .rev()
        .fold(body, |inner, (index, layer)| layer.wrap(&nest.around(index), inner, scope))
}

/// Tells the compiler the type of the block, so that type errors underline the user's expression
/// and not the attribute.
///
/// It must not trigger any lint, because an `allow` would conflict with a user's `forbid`.
fn hint(output: Option<&TokenStream>, runtime: &Ident) -> TokenStream {
    let Some(output) = output else { return TokenStream::new() };
    let span = Span::mixed_site().located_at(output.span());
    let unreached = Ident::new("__resilience_unreached", span);
    quote_spanned! {span=>
        if false {
            let #unreached: #output = #runtime::unreached();
            return #unreached;
        }
    }
}
