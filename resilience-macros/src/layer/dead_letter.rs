//! `#[dead_letter]`: a message whose handler fails is stored.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, FnArg, Lit, Pat, Path, Type};

use super::handle::makes_a_new;
use super::{
    Around, Boundary, CircuitBreaker, Code, Common, Fragment, Layer, Place, Properties, Retry,
    Scope,
};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{self, Arguments, Grammar, foreign, reject_constant, reject_placeholder};
use crate::outcome;
use crate::tokens::{mentions_impl, source_text, without_lifetimes};

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[dead_letter]",
    keys: &["queue", "store", "dedupe_key", "content_type"],
    flags: &["no_replay"],
    lists: &["clone"],
    foreign: foreign::DEAD_LETTER,
    foreign_by_words: &[],
};

pub(crate) struct DeadLetter {
    span: Span,
    queue: Expr,
    store: Expr,
    dedupe_key: Option<Expr>,
    content_type: Option<Expr>,
    arguments: Vec<Argument>,
    replays: bool,
}

/// An argument of the handler.
struct Argument {
    name: Option<Ident>,
    ty: Type,
    /// Whether the binding is `mut`.
    mutable: Option<Span>,
    treatment: Treatment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// A field of the JSON object.
    Serialize,
    /// `#[redact]`: only a mark is stored.
    Redact,
    /// `#[skip]`: not part of the message.
    Skip,
    /// `#[payload]`: the bytes of the message.
    Payload,
}

impl Treatment {
    const MARKS: [(&'static str, Self); 3] =
        [("redact", Self::Redact), ("skip", Self::Skip), ("payload", Self::Payload)];

    fn of(attribute: &Attribute) -> Option<Self> {
        Self::MARKS
            .into_iter()
            .find(|(mark, _)| attribute.path().is_ident(mark))
            .map(|(_, treatment)| treatment)
    }
}

impl Layer for DeadLetter {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        arguments.reject_positional(errors, |positional| match positional {
            Expr::Lit(queue) => {
                format!("the queue must be named: `queue = {}`", queue.to_token_stream())
            }
            _ => "the store must be named: `store = …`".to_owned(),
        });
        let queue = arguments.expr("queue", errors);
        let store = arguments.expr("store", errors);
        let dedupe_key = arguments.expr("dedupe_key", errors);
        let content_type = arguments.expr("content_type", errors);
        let replays = arguments.flag("no_replay").is_none();
        if let Some(queue) = &queue {
            check_queue(queue, errors);
        }
        if let Some(store) = &store {
            check_store(store, errors);
        }
        if let Some(key) = &dedupe_key {
            let names = place.function.argument_names();
            let otherwise = "remove it, since all letters would count as one";
            reject_constant("dedupe_key", key, &names, otherwise, errors);
        }
        let arguments = read_arguments(place.function, replays, errors);
        let payload = arguments.iter().find(|it| it.treatment == Treatment::Payload);
        if let (Some(content_type), None) = (&content_type, payload) {
            errors.on(
                content_type,
                "`content_type` is that of an argument with the bytes of the message; write \
                 `#[payload]` before it",
            );
        }
        let (Some(queue), Some(store)) = (queue, store) else {
            if errors.is_empty() {
                errors.at(
                    place.span,
                    "`#[dead_letter]` needs a queue and a store; write `#[dead_letter(queue = \
                     \"orders\", store = LETTERS)]`",
                );
            }
            return None;
        };
        Some(Self { span: place.span, queue, store, dedupe_key, content_type, arguments, replays })
    }

    fn needs_async(name: &Ident) -> Option<String> {
        Some(format!("a letter is stored asynchronously; write `async fn {name}`"))
    }

    fn not_on_impl() -> Option<&'static str> {
        Some(
            "a queue has one handler, not all methods of an `impl`; write `#[dead_letter]` on the \
             handler",
        )
    }

    fn properties(&self) -> Properties {
        Properties { reuses_arguments: true, rejects: false, classifies: true }
    }

    fn setup(&self, _: &Scope<'_>) -> TokenStream {
        TokenStream::new()
    }

    // Input:  the call
    // Output: 'dead_letter: {
    //             let error = match call {
    //                 Err(error) => error,
    //                 Ok(value) => break 'dead_letter Ok(value),
    //             };
    //             let mut draft = match draft::<E>(&error, handler_call(queue(&"orders"), Some(&retry), None, &SITE)) {
    //                 Some(draft) => draft,
    //                 None => { report_fatal::<E>(&error, &SITE); break 'dead_letter Err(error) }
    //             };
    //             argument(&mut draft, "order", &order);
    //             match Draft::store(draft.of_arguments(), letter_store(&self.letters), "self.letters").await {
    //                 Some(id) => { report_letter::<E>(&error, &SITE); Ok(dead_lettered::<T>(id)) }
    //                 None => Err(error),
    //             }
    //         }
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let (runtime, site) = (scope.runtime, &scope.site);
        let [error, succeeded, draft, id, stored] =
            ["error", "value", "draft", "id", "stored"].map(Scope::local);
        let label = Scope::block_label("'dead_letter");
        let Fragment { before, code } = inner;
        let call = code.into_value(scope);
        let queue = scope.user(&self.queue);
        let queue = quote_spanned!(self.queue.span()=> #runtime::queue(&#queue));
        let attempts = around.below::<Retry>().map(|(_, retry)| retry.visible().retry());
        let attempts = scope.option(attempts.map(|retry| quote!(&#retry)));
        let breaker = around.below::<CircuitBreaker>().and_then(|(_, breaker)| breaker.in_use());
        let breaker = scope.option(breaker);
        let begun = scope.classifying(
            "draft",
            &quote!(&#error, #runtime::handler_call(#queue, #attempts, #breaker, &#site)),
        );
        let report = scope.classifying("report_letter", &quote!(&#error, &#site));
        let report_fatal = around
            .above::<Boundary>()
            .is_none()
            .then(|| scope.classifying("report_fatal", &quote!(&#error, &#site)));
        let arguments = self.arguments.iter().map(|argument| self.add(argument, &draft, scope));
        let key = self.dedupe_key.as_ref().map(|key| {
            let (span, key) = (key.span(), scope.user(key));
            quote_spanned!(span=> #runtime::Draft::dedupe_key(&mut #draft, &(#key));)
        });
        let finish =
            Scope::name(if self.payload().is_some() { "of_payload" } else { "of_arguments" });
        let (store, named) = (scope.user(&self.store), source_text(self.store.to_token_stream()));
        // A value that isn't a store is reported where it is written.
        let storing = quote_spanned! {self.store.span()=>
            #runtime::Draft::store(#runtime::Draft::#finish(#draft), #runtime::letter_store(&#store), #named)
        };
        let value = match &scope.output {
            Some(output) => quote_spanned! {output.span()=>
                #runtime::dead_lettered::<<#output as #runtime::Outcome>::Value>(#id)
            },
            None => quote!(#runtime::dead_lettered(#id)),
        };
        Fragment {
            before,
            code: Code::Value(quote! {
                #label: {
                    let #error = match #call {
                        #runtime::Err(#error) => #error,
                        #runtime::Ok(#succeeded) => break #label #runtime::Ok(#succeeded),
                    };
                    let mut #draft = match #begun {
                        #runtime::Some(#draft) => #draft,
                        #runtime::None => {
                            #report_fatal;
                            break #label #runtime::Err(#error);
                        }
                    };
                    #(#arguments)*
                    #key
                    let #stored = #storing.await;
                    match #stored {
                        #runtime::Some(#id) => {
                            #report;
                            #runtime::Ok(#value)
                        }
                        #runtime::None => #runtime::Err(#error),
                    }
                }
            }),
        }
    }
}

impl DeadLetter {
    fn payload(&self) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.treatment == Treatment::Payload)
    }

    /// The statement that adds an argument to the letter.
    fn add(&self, argument: &Argument, draft: &Ident, scope: &Scope<'_>) -> Option<TokenStream> {
        let (runtime, name) = (scope.runtime, argument.name.as_ref()?);
        let text = name.unraw().to_string();
        // A type that doesn't serialize is reported at the type.
        let span = Span::mixed_site().located_at(argument.ty.span());
        // An argument that the body has moved away is reported at this attribute.
        let mut value = name.clone();
        value.set_span(name.span().located_at(self.span));
        Some(match argument.treatment {
            Treatment::Skip => return None,
            Treatment::Redact => quote!(#runtime::Draft::redacted(&mut #draft, #text);),
            Treatment::Serialize => {
                let (local, blamed) = (Scope::local("argument"), Scope::located("argument", span));
                let add = quote_spanned!(span=> #runtime::argument);
                // Of what a reference refers to, whose type is the one to change.
                let value = match &argument.ty {
                    Type::Reference(_) => quote!(&*#value),
                    _ => quote!(&#value),
                };
                quote!({ let #local = #value; #add(&mut #draft, #text, #blamed); })
            }
            Treatment::Payload => {
                let content_type = match &self.content_type {
                    Some(expr) => {
                        let (span, expr) = (expr.span(), scope.user(expr));
                        quote_spanned!(span=> #runtime::queue(&#expr))
                    }
                    None => quote!("application/octet-stream"),
                };
                let bytes = quote_spanned!(span=> #runtime::bytes);
                quote!(#runtime::Draft::payload(&mut #draft, #bytes(&#value), #content_type);)
            }
        })
    }

    /// Rejects arguments whose letter would hold what the body has made of them.
    pub(crate) fn check_clones<'a>(
        &self,
        mut commons: impl Iterator<Item = &'a Common>,
        errors: &mut Errors,
    ) {
        let clones: Vec<&Ident> = commons.by_ref().flat_map(|common| &common.clones).collect();
        for argument in &self.arguments {
            let stored = matches!(argument.treatment, Treatment::Serialize | Treatment::Payload);
            let (Some(name), Some(span), true) = (&argument.name, argument.mutable, stored) else {
                continue;
            };
            if !clones.contains(&name) {
                errors.at(
                    span,
                    format!(
                        "the letter would hold what the body changes in `{name}`; write \
                         `#[dead_letter(…, clone({name}))]`"
                    ),
                );
            }
        }
    }

    /// Takes the marks off the arguments, which the compiler doesn't know.
    pub(crate) fn take_marks(function: &mut Function) {
        for input in &mut function.sig.inputs {
            if let FnArg::Typed(typed) = input {
                typed.attrs.retain(|attribute| Treatment::of(attribute).is_none());
            }
        }
    }

    // Input:  async fn on_order(&self, order: &Order, #[skip] now: Instant) -> Result<(), E>
    // Output: async fn on_order_replay(&self, letter: &Letter, now: Instant) -> Result<(), ReplayError<E>> {
    //             let opened = Opened::new(letter);
    //             let order: Order = restore(opened, "order")?;
    //             replaying(Handler { … }, Self::on_order(self, &order, now)).await.map_err(ReplayError::Handler)
    //         }
    //
    /// The function that hands a letter to the handler again.
    pub(crate) fn replay(
        &self,
        function: &Function,
        krate: &Path,
        handler: &TokenStream,
    ) -> Option<TokenStream> {
        if !self.replays {
            return None;
        }
        let signature = &function.sig;
        let (name, vis) = (&signature.ident, &function.vis);
        let replay = format_ident!("{}_replay", name.unraw(), span = name.span());
        let runtime = Ident::new("__resilience", Span::mixed_site());
        let receiver = signature.receiver();
        let names = function.argument_names();
        let letter =
            if names.iter().any(|name| name == "letter") { "dead_letter" } else { "letter" };
        let letter = Ident::new(letter, Span::mixed_site());
        let opened = Scope::local("opened");
        let (mut inputs, mut restored, mut arguments) = (Vec::new(), Vec::new(), Vec::new());
        for (index, argument) in self.arguments.iter().enumerate() {
            let local = Scope::local(&format!("argument_{index}"));
            let text = argument.name.as_ref().map(|name| name.unraw().to_string());
            let (owned, is_borrowed) = owned_type(&argument.ty);
            let span = Span::mixed_site().located_at(argument.ty.span());
            match argument.treatment {
                Treatment::Skip | Treatment::Redact => {
                    // The name stays for the docs; a pattern becomes one.
                    let (ty, name) = (&argument.ty, argument.name.clone().unwrap_or(local));
                    inputs.push(quote!(#name: #ty));
                    arguments.push(name.to_token_stream());
                    continue;
                }
                Treatment::Serialize => restored.push(quote_spanned! {span=>
                    let #local: #owned = #runtime::restore(#opened, #text)?;
                }),
                Treatment::Payload if is_bytes(&argument.ty) => {
                    arguments.push(quote!(#opened.bytes()));
                    continue;
                }
                Treatment::Payload => restored.push(quote_spanned! {span=>
                    let #local: #owned = ::core::convert::From::from(#opened.bytes().to_vec());
                }),
            }
            arguments.push(if is_borrowed { quote!(&#local) } else { local.to_token_stream() });
        }
        let call = match receiver {
            Some(receiver) => {
                let this = &receiver.self_token;
                quote!(Self::#name(#this, #(#arguments),*))
            }
            None => quote!(#name(#(#arguments),*)),
        };
        let receiver = receiver.map(|receiver| quote!(#receiver,));
        let (value, error) = match function.return_type().and_then(outcome::arguments_of_result) {
            Some((value, error)) => (value.to_token_stream(), error.to_token_stream()),
            None => {
                let ty = function.return_type();
                let of = quote!(<#ty as #krate::__private::Outcome>);
                (quote!(#of::Value), quote!(#of::Error))
            }
        };
        let open = Scope::name(if self.payload().is_some() { "raw" } else { "new" });
        let (generics, where_clause) = (&signature.generics, &signature.generics.where_clause);
        let params = &generics.params;
        let params = (!params.is_empty()).then(|| quote!(<#params>));
        let doc = format!(
            "Processes a letter of `{}` again. A failure stores no new letter.\n\n# Errors\n\nThe \
             handler's error, or that the letter lacks an argument.",
            name.unraw()
        );
        let returned =
            quote!(::core::result::Result<#value, #krate::__private::ReplayError<#error>>);
        Some(quote! {
            #[doc = #doc]
            #[allow(dead_code)]
            #vis async fn #replay #params (
                #receiver #letter: &#krate::__private::Letter, #(#inputs),*
            ) -> #returned #where_clause {
                use #krate::__private as #runtime;
                let #opened = #runtime::Opened::#open(#letter);
                #(#restored)*
                #runtime::replaying(#runtime::Handler #handler, #call)
                    .await
                    .map_err(#runtime::ReplayError::Handler)
            }
        })
    }
}

fn check_queue(queue: &Expr, errors: &mut Errors) {
    reject_placeholder("queue", queue, errors);
    let is_wrong = match options::literal(queue) {
        Some(Lit::Str(text)) => text.value().trim().is_empty(),
        Some(_) => true,
        None => false,
    };
    if is_wrong {
        errors.on(queue, "`queue` must be the name of a queue, such as `queue = \"orders\"`");
    }
}

fn check_store(store: &Expr, errors: &mut Errors) {
    const STATIC: &str = "`static LETTERS: DeadLetters = DeadLetters::new();`";
    if options::literal(store).is_some() {
        errors.on(
            store,
            format!("`store` takes a store itself; write `store = LETTERS` with {STATIC}"),
        );
    } else if ["MemoryStore", "DeadLetters"].iter().any(|ty| makes_a_new(store, ty)) {
        errors.on(
            store,
            format!(
                "this creates a new store for every letter; write `store = LETTERS` with {STATIC}"
            ),
        );
    }
}

/// The arguments with their marks.
fn read_arguments(function: &Function, replays: bool, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments: Vec<Argument> = Vec::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        let mut treatment = None;
        for attribute in &typed.attrs {
            let Some(marked) = Treatment::of(attribute) else { continue };
            if !matches!(attribute.meta, syn::Meta::Path(_)) {
                let mark = attribute.path().to_token_stream();
                errors.on(&attribute.meta, format!("`#[{mark}]` takes no options; remove them"));
            }
            if treatment.is_some() {
                errors.on(attribute, "an argument has one mark at most; keep one");
            }
            treatment = Some(marked);
        }
        let treatment = treatment.unwrap_or(Treatment::Serialize);
        let (name, mutable) = match &*typed.pat {
            Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() => {
                (Some(pat.ident.clone()), pat.mutability.map(|keyword| keyword.span))
            }
            _ => (None, None),
        };
        if name.is_none() && treatment != Treatment::Skip {
            errors.on(
                &typed.pat,
                "the letter needs a name for this argument; write a name, and take it apart in the \
                 body, or write `#[skip]`",
            );
        }
        if treatment == Treatment::Payload
            && arguments.iter().any(|other| other.treatment == treatment)
        {
            errors.on(&typed.pat, "a message has one payload; keep one `#[payload]`");
        }
        let is_stored = matches!(treatment, Treatment::Serialize | Treatment::Payload);
        if is_stored {
            check_type(&typed.ty, replays, errors);
        }
        arguments.push(Argument { name, ty: (*typed.ty).clone(), mutable, treatment });
    }
    arguments
}

/// Rejects types of arguments that can't be part of a message.
fn check_type(ty: &Type, replays: bool, errors: &mut Errors) {
    match ty {
        Type::Reference(reference) if reference.mutability.is_some() => errors.on(
            ty,
            "a letter can't restore what a `&mut` refers to; write `#[skip]` before the argument",
        ),
        Type::Reference(reference) if is_object(&reference.elem) => errors
            .on(ty, "a letter can't restore a `dyn` value; write `#[skip]` before the argument"),
        _ if replays && mentions_impl(ty) => errors.on(
            ty,
            "a letter can't restore an `impl` type; name the type, or write `#[skip]` before the \
             argument",
        ),
        _ => {}
    }
}

/// The type that is restored for an argument, and whether the argument borrows it.
fn owned_type(ty: &Type) -> (TokenStream, bool) {
    let Type::Reference(reference) = ty else {
        return (without_lifetimes(ty.to_token_stream()), false);
    };
    let inner = &*reference.elem;
    let owned = match inner {
        Type::Slice(slice) => {
            let elem = without_lifetimes(slice.elem.to_token_stream());
            quote!(::std::vec::Vec<#elem>)
        }
        Type::Path(path) if path.path.is_ident("str") => quote!(::std::string::String),
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Path") => {
            quote!(::std::path::PathBuf)
        }
        other => without_lifetimes(other.to_token_stream()),
    };
    (owned, true)
}

/// Whether this is `&[u8]`.
fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if matches!(*reference.elem, Type::Slice(_)))
}

/// Whether this is `dyn Trait`, or `(dyn Trait + Send)`.
fn is_object(ty: &Type) -> bool {
    match ty {
        Type::TraitObject(_) => true,
        Type::Paren(inner) => is_object(&inner.elem),
        Type::Group(inner) => is_object(&inner.elem),
        _ => false,
    }
}
