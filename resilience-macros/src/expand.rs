//! From an annotated function to the whole nest, written once.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Lifetime;
use syn::spanned::Spanned;

use crate::async_trait::AsyncTraitBody;
use crate::diagnostics::Errors;
use crate::function::{Function, mentions, mentions_impl};
use crate::layer::{
    Around, Boundary, CircuitBreaker, Code, Fragment, Kind, Layer, Scope, objection_to_main,
};
use crate::nest::Nest;
use crate::{foreign, outcome, warnings};

/// Expands the attribute `first` and all its siblings on the same function.
pub(crate) fn attribute(first: Kind, arguments: TokenStream, item: &TokenStream) -> TokenStream {
    if arguments.to_string() == "__touch" {
        return TokenStream::new();
    }
    let mut function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return not_a_function(first, item, error),
    };
    let mut errors = Errors::default();
    let owner = first.grammar().owner;
    let recognised =
        AsyncTraitBody::recognise(&function.body).filter(|_| function.sig.asyncness.is_none());
    // Where the attribute stands, as if the user had written the message there: rustc then leaves
    // out the note that the error originates in a macro.
    let at = Span::call_site().resolved_at(function.sig.fn_token.span);
    let nest = Nest::collect(first, at, arguments, &mut function, &mut errors);
    if let Some(objection) = foreign::objection(&function.body, owner) {
        // Whatever else is wrong may come from the macro that has already been here.
        errors = Errors::default();
        // To move it below the other macro would not help there.
        let main = objection_to_main(&function.sig.ident).filter(|_| first == Kind::Boundary);
        errors.at(at, main.map_or(objection, str::to_owned));
        return with_errors(&function, &nest.touches, errors);
    }
    if let Some(keyword) = function.sig.constness {
        let name = &function.sig.ident;
        errors.at(
            keyword.span,
            format!("`{owner}` works at run time only, and a `const fn` also runs in constants; write `fn {name}`"),
        );
    }
    if recognised.is_none() {
        if let Some(objection) = outcome::objection(&function, owner) {
            let span = function.return_type().map_or(function.sig.fn_token.span, Spanned::span);
            errors.at(span, objection);
        }
    }
    if !errors.is_empty() {
        return with_errors(&function, &nest.touches, errors);
    }
    let copies = copies(&nest, &mut function);
    write(&nest, &function, &copies, recognised.as_ref())
}

/// The item as it was, so that an editor goes on completing in it and nothing else stops compiling.
fn with_errors(function: &Function, touches: &TokenStream, errors: Errors) -> TokenStream {
    let errors = errors.into_compile_errors();
    // What only the attributes' expressions name would count as unused.
    let names = function.argument_names();
    let function = function.unchanged_but_touching(&quote!(#touches let _ = (#(&#names,)*);));
    quote!(#function #errors)
}

/// What isn't a function stays as it is, beside a message that says what it is instead.
fn not_a_function(kind: Kind, item: &TokenStream, error: syn::Error) -> TokenStream {
    const ITEMS: [&str; 12] = [
        "struct",
        "enum",
        "union",
        "impl",
        "trait",
        "mod",
        "const",
        "static",
        "type",
        "use",
        "extern",
        "macro_rules",
    ];
    let owner = kind.grammar().owner;
    let mut errors = Errors::default();
    let is = |wanted: &'static str| move |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident == wanted);
    let word = item.clone().into_iter().find(|token| ITEMS.into_iter().any(|item| is(item)(token)));
    match word {
        _ if item.clone().into_iter().any(|token| is("fn")(&token)) => errors.push(error),
        Some(word) if is("impl")(&word) => {
            errors.at(
                word.span(),
                format!("`{owner}` goes on a function; write it on each method of this `impl`"),
            );
        }
        Some(word) => {
            let article = if is("enum")(&word) || is("extern")(&word) { "an" } else { "a" };
            errors.at(
                word.span(),
                format!("`{owner}` goes on a function, and this is {article} `{word}`"),
            );
        }
        None => {
            let first =
                item.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            errors.at(first, format!("`{owner}` goes on a function, and this is none"));
        }
    }
    let errors = errors.into_compile_errors();
    quote!(#item #errors)
}

fn write(
    nest: &Nest,
    function: &Function,
    copies: &TokenStream,
    recognised: Option<&AsyncTraitBody>,
) -> TokenStream {
    let krate = &nest.krate;
    let (handle, breakers_name) =
        breaker(nest).and_then(|(_, breaker)| breaker.named(krate)).unzip();
    let service = nest.shared(|common| common.service.as_ref()).map(ToTokens::to_token_stream);
    let label = service.or(breakers_name).unwrap_or_else(|| {
        let name = function.sig.ident.to_string();
        let name = name.trim_start_matches("r#");
        quote!(#name)
    });
    let scope = Scope {
        krate,
        function,
        is_async: recognised.is_some() || function.sig.asyncness.is_some(),
        is_async_trait: recognised.is_some(),
        arguments: function.argument_names(),
        label,
        site: Ident::new(foreign::MARKER, Span::mixed_site()),
    };
    let output = match recognised {
        Some(body) => Some(body.output.clone()),
        None => function.return_type().map(ToTokens::to_token_stream),
    };
    let output = output.filter(|output| !mentions_impl(output));
    let hint = hint(output.as_ref(), krate);
    let warnings = warnings::of(nest, &scope);
    let site = site(&scope);
    let setup = setup(nest, function, recognised, &scope);
    let body = body(nest, function, recognised, &quote!(#hint #copies), &scope);
    let Fragment { before, code } = wrap(nest, body, output.as_ref(), &hint, &scope);
    let value = crate::layer::value(code);
    let touches = &nest.touches;
    match recognised {
        Some(recognised) => {
            let setup = quote!(#site #handle #touches #warnings #setup);
            function.with_body(&recognised.with_value(&setup, &quote!(#before #value)))
        }
        None => function.with_body(&quote!(#site #handle #touches #warnings #setup #before #value)),
    }
}

fn breaker(nest: &Nest) -> Option<(usize, &CircuitBreaker)> {
    nest.layers.iter().enumerate().find_map(|(at, placed)| match &placed.layer {
        Some(Layer::CircuitBreaker(breaker)) => Some((at, &**breaker)),
        _ => None,
    })
}

/// What belongs to the function as a whole; declared first, so that a second expansion finds its
/// name at once.
fn site(scope: &Scope<'_>) -> TokenStream {
    let (krate, site, label) = (scope.krate, &scope.site, &scope.label);
    let name = scope.function.sig.ident.to_string();
    quote! {
        static #site: #krate::Site =
            #krate::Site::new(#label, #name, ::core::module_path!(), ::core::file!(), ::core::line!());
    }
}

/// What is evaluated once per call.
fn setup(
    nest: &Nest,
    function: &Function,
    recognised: Option<&AsyncTraitBody>,
    scope: &Scope<'_>,
) -> TokenStream {
    let krate = scope.krate;
    let error = match recognised {
        Some(body) => syn::parse2(body.output.clone())
            .map_or_else(|_| quote!(_), |ty| outcome::error_type(&ty, krate)),
        None => {
            function.return_type().map_or_else(|| quote!(_), |ty| outcome::error_type(ty, krate))
        }
    };
    // Closures, and not the functions themselves: an error that lacks a trait is reported here
    // once, and not at every use.
    let argument = Scope::local("argument");
    let mut setup = TokenStream::new();
    for (index, placed) in nest.layers.iter().enumerate() {
        setup.extend(match &placed.layer {
            Some(Layer::Boundary(boundary)) => boundary.setup(scope),
            Some(Layer::Retry(retry)) => retry.setup(scope),
            Some(Layer::CircuitBreaker(breaker)) => breaker.setup(scope),
            Some(Layer::Timeout(timeout)) => timeout.setup(index, scope),
            Some(Layer::Transaction(transaction)) => transaction.setup(&error, scope),
            Some(Layer::Degrade(_)) | None => TokenStream::new(),
        });
    }
    let by = nest.shared(|common| common.classify.as_ref());
    let reports = nest.position(Kind::Boundary).is_some();
    let judges =
        nest.layers.iter().any(|layer| !matches!(layer.kind, Kind::Boundary | Kind::Timeout));
    if judges || reports && by.is_some() {
        let classify = Scope::local("classify");
        setup.extend(if let Some(by) = by {
            let by = scope.user(by);
            let look = Scope::local("look");
            // `impl Trait`: what may be an error is taken for one, since its type isn't known before the body.
            let is_hidden = error.to_string() == "_" && !function.return_type().is_some_and(|ty| mentions(ty, "Error"));
            let finds = if is_hidden {
                quote!(#krate::__private::nothing)
            } else {
                quote!({
                    use #krate::__private::FindEvidence as _;
                    (&&&&&#krate::__private::AutorefEvidence::<#error>::NEW).look_at_causes()
                })
            };
            quote! {
                let #look = #finds;
                let #classify = #krate::__private::classify_by::<#error, _>(#by, #look);
            }
        } else {
            quote!(let #classify = |#argument: &#error| #krate::__private::classify::<#error>(#argument);)
        });
    }
    if reports {
        setup.extend(crate::layer::report(&error, by.is_some(), scope));
    }
    if nest.layers.iter().any(|layer| matches!(layer.kind, Kind::CircuitBreaker | Kind::Timeout)) {
        let reject = Scope::local("reject");
        setup.extend(if let Some(by) = nest.shared(|common| common.rejected.as_ref()) {
            let by = scope.user(by);
            quote!(let #reject = #krate::__private::reject_by::<#error, _>(#by);)
        } else {
            quote!(let #reject = |#argument| #krate::__private::reject::<#error>(#argument);)
        });
    }
    setup
}

/// What `clone(…)` asks for: copies that the body may change or give away. A `mut` moves from the
/// argument to them.
fn copies(nest: &Nest, function: &mut Function) -> TokenStream {
    let names: BTreeSet<&Ident> =
        nest.layers.iter().flat_map(|layer| &layer.common.clones).collect();
    let copy = |name| {
        let mutability = function.take_mutability(name);
        quote!(let #mutability #name = ::core::clone::Clone::clone(&#name);)
    };
    names.into_iter().map(copy).collect()
}

/// The user's body as a future, or as a value where the function isn't async; `start` comes first
/// in it.
fn body(
    nest: &Nest,
    function: &Function,
    recognised: Option<&AsyncTraitBody>,
    start: &TokenStream,
    scope: &Scope<'_>,
) -> Fragment {
    let krate = scope.krate;
    // In a block of its own, where it may begin with an item. The label keeps `unused_braces` from
    // asking about the braces of a body on one line; its underscore, `unused_labels` about the
    // label; and its span, errors about the block at the block.
    let inside = recognised.map_or_else(
        || function.in_own_braces(&function.body),
        |recognised| recognised.body.to_token_stream(),
    );
    let label = Lifetime::new("'__resilience_body", inside.span());
    let transaction = nest.layers.iter().find_map(|placed| match &placed.layer {
        Some(Layer::Transaction(transaction)) => Some(transaction.start(function)),
        _ => None,
    });
    let block = function.in_place(quote!(#start #transaction #label: #inside));
    let frame = nest.position(Kind::Retry).and_then(|at| match &nest.layers[at].layer {
        Some(Layer::Retry(retry)) => Some(retry),
        _ => None,
    });
    let frame = frame.map(|retry| {
        let (number, key) = (Scope::local("retry"), Scope::local("key"));
        let key = retry.has_key().then(|| quote!(.key(&#key)));
        let deadline = nest
            .timeouts_around(nest.layers.len())
            .0
            .map(crate::layer::deadline_name)
            .map(|name| quote!(.deadline(&#name)));
        quote!(#krate::__private::Frame::new(#number.number())#key #deadline)
    });
    let code = if scope.is_async {
        // Only a body that runs once can have the arguments for good.
        let once = nest
            .layers
            .iter()
            .all(|layer| !matches!(layer.kind, Kind::Retry | Kind::Degrade | Kind::Transaction));
        let keep = once.then(|| quote!(move));
        let keyword =
            function.sig.asyncness.map_or_else(|| quote!(async), |keyword| quote!(#keyword));
        let future = quote!(#keyword #keep #block);
        Code::Future(match frame {
            Some(frame) => quote!(#frame.scope(#future)),
            None => future,
        })
    } else {
        // What the closure takes is said of the function.
        let closure = quote_spanned!(function.sig.fn_token.span=> || #block);
        Code::Value(match frame {
            Some(frame) => quote!(#frame.run(#closure)),
            None => quote!(#krate::__private::run(#closure)),
        })
    };
    Fragment { before: TokenStream::new(), code }
}

/// Wraps the layers around the body, from the innermost out.
fn wrap(
    nest: &Nest,
    body: Fragment,
    output: Option<&TokenStream>,
    hint: &TokenStream,
    scope: &Scope<'_>,
) -> Fragment {
    use crate::layer::deadline_name;
    let [classify, reject] = ["classify", "reject"].map(Scope::local);
    let mut inner = body;
    for (index, placed) in nest.layers.iter().enumerate().rev() {
        let (above, below) = nest.timeouts_around(index);
        inner = match &placed.layer {
            Some(Layer::Timeout(timeout)) => timeout.wrap(index, above, &reject, inner, scope),
            Some(Layer::CircuitBreaker(breaker)) => {
                let longest = longest(nest, index, scope);
                breaker.wrap(
                    above.map(deadline_name).as_ref(),
                    longest.as_ref(),
                    &classify,
                    &reject,
                    inner,
                    scope,
                )
            }
            Some(Layer::Retry(retry)) => {
                let (total, attempt) = (above.map(deadline_name), below.map(deadline_name));
                let around = Around {
                    is_below_fallback: index > 0 && nest.layers[index - 1].kind == Kind::Degrade,
                    breaker_below: breaker(nest)
                        .filter(|(at, _)| *at > index)
                        .map(|(_, breaker)| breaker.in_use()),
                    total: total.as_ref(),
                    attempt: attempt.as_ref(),
                };
                retry.wrap(&around, &classify, inner, scope)
            }
            Some(Layer::Transaction(transaction)) => {
                transaction.wrap(above.map(deadline_name).as_ref(), &classify, inner, scope)
            }
            Some(Layer::Boundary(_)) => Boundary::wrap(inner, scope),
            Some(Layer::Degrade(degrade)) => degrade.wrap(output, &classify, hint, inner, scope),
            None => inner,
        };
    }
    inner
}

/// How long a call of the layer at `index` may take, where a timeout limits it: the one below,
/// unless a retry between the two makes several attempts of it; then the one above; and where there
/// is none, as long as the retry can go on.
fn longest(nest: &Nest, index: usize, scope: &Scope<'_>) -> Option<TokenStream> {
    let duration = |at: usize| match &nest.layers[at].layer {
        Some(Layer::Timeout(timeout)) => Some(timeout.duration(at)),
        _ => None,
    };
    let (above, below) = nest.timeouts_around(index);
    let (above, below) = (above.and_then(duration), below.and_then(|at| Some((at, duration(at)?))));
    let retry = nest.position(Kind::Retry);
    match (above, below) {
        (Some(above), Some((at, _))) if retry.is_some_and(|retry| (index..at).contains(&retry)) => {
            Some(above)
        }
        (None, Some((at, below))) if retry.is_some_and(|retry| (index..at).contains(&retry)) => {
            let Some(Layer::Retry(retry)) = &nest.layers[retry?].layer else { return None };
            let policy = retry.policy_in_use(scope);
            Some(quote!((#policy).longest_call(#below)))
        }
        (_, Some((_, below))) => Some(below),
        (above, None) => above,
    }
}

/// Tells the compiler what the block yields, so that type errors underline the user's expression
/// and not the attribute.
///
/// Written so that no lint has a reason to look: an `allow` would clash with a user's `forbid`.
fn hint(output: Option<&TokenStream>, krate: &syn::Path) -> TokenStream {
    let Some(output) = output else { return TokenStream::new() };
    let span = Span::mixed_site().located_at(output.span());
    let unreached = Ident::new("unreached", span);
    quote_spanned! {span=>
        if false {
            let #unreached: #output = #krate::__private::unreached();
            return #unreached;
        }
    }
}
