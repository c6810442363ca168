//! An attribute on an `impl` block: each method gets the layers, with one state for the block.

mod coverage;
mod merge;
mod syntax;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, FnArg, LitStr, Meta};

pub(crate) use syntax::ImplBlock;

use self::coverage::{Coverage, pub_only};
use self::merge::merge;
use self::syntax::Member;
use crate::attributes::{Attributes, Raw};
use crate::diagnostics::Errors;
use crate::function::Function;
use crate::layer::{Block, CircuitBreaker, Common, Kind, Nest, Retry};
use crate::tokens::mentions;
use crate::warnings::Said;
use crate::{expand, fallback, krate, leftovers, mockall};

/// Expands the attribute `kind` and all its siblings on an `impl` block.
pub(crate) fn expand(kind: Kind, arguments: TokenStream, mut block: ImplBlock) -> TokenStream {
    let mut errors = Errors::default();
    // As on a function, at the attribute.
    let span = Span::call_site().resolved_at(block.span());
    if let Some(reason) = kind.not_on_impl() {
        errors.at(span, reason);
    }
    if let Some(automock) = block.attrs.iter().find(|attribute| mockall::is_automock(attribute)) {
        errors.on(
            automock.path(),
            format!(
                "`#[automock]` below `{kind}` makes a mock that nothing else can name; write the \
                 mock with `mock!`, or mock a trait"
            ),
        );
    }
    let is_generic = block.is_generic;
    let first = Raw { kind, span, arguments, block: Some(Block { is_generic }) };
    let pub_only = pub_only(&first.arguments, &block.attrs);
    let coverages = coverages(pub_only.as_ref(), &mut block, &mut errors);
    let is_covered = |coverage: &Coverage| matches!(coverage, Coverage::Covered);
    let covered: Vec<&Function> = block
        .methods()
        .zip(&coverages)
        .filter(|(_, it)| is_covered(it))
        .map(|(it, _)| it)
        .collect();
    if errors.is_empty() && covered.is_empty() {
        errors.at(span, coverage::why_none(kind, pub_only.is_some(), &block, &coverages));
    }
    if let Some(reason) =
        covered.iter().find_map(|method| leftovers::rejection_reason(&method.body, kind))
    {
        errors = Errors::default();
        errors.at(span, reason);
    }
    let Some(any_covered) = covered.first().filter(|_| errors.is_empty()) else {
        let mut import_uses = TokenStream::new();
        let mut ignored = Errors::default();
        let _ = Raw::take_off(&mut block.attrs, None, &mut import_uses, &mut ignored);
        return fall_back(&block, &coverages, &import_uses, errors);
    };
    let mut attrs = block.attrs.clone();
    let attributes = Attributes::collect(first, &mut attrs, any_covered, &mut errors);
    block.attrs = attrs;
    let import_uses = attributes.import_uses.clone();
    let raws = attributes.raws();
    let mut not_on_impl = Errors::default();
    for raw in &raws {
        if let Some(reason) = raw.kind.not_on_impl() {
            not_on_impl.at(raw.span, reason);
        }
    }
    let errors = if not_on_impl.is_empty() { errors } else { not_on_impl };
    match attributes.into_nest() {
        Some(nest) if errors.is_empty() => {
            let block = Covered { block, coverages, raws, nest, import_uses, at: (kind, span) };
            block.write()
        }
        _ => fall_back(&block, &coverages, &import_uses, errors),
    }
}

/// Takes `#[resilience(skip)]` off the methods, and decides which of them get the layers.
fn coverages(
    pub_only: Option<&Ident>,
    block: &mut ImplBlock,
    errors: &mut Errors,
) -> Vec<Coverage> {
    if let Some(flag) = pub_only.filter(|_| block.is_of_trait) {
        errors.on(flag, "all methods of a trait are as public as the trait; remove `pub_only`");
    }
    let mut coverages = Vec::new();
    for member in &mut block.members {
        let Member::Method(method) = member else { continue };
        let skipped = take_skip(&mut method.attrs, errors);
        coverages.push(Coverage::of(method, skipped, pub_only.is_some()));
    }
    coverages
}

/// Whether `#[resilience(skip)]` is among the attributes, which takes it off.
fn take_skip(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> bool {
    let mut skipped = false;
    attrs.retain(|attribute| {
        if !attribute.path().is_ident("resilience") {
            return true;
        }
        skipped = true;
        let is_skip =
            matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "skip");
        if !is_skip {
            errors.on(
                &attribute.meta,
                "on a method of an annotated `impl`, only `#[resilience(skip)]` is known, which \
                 leaves the method out",
            );
        }
        false
    });
    skipped
}

/// A block whose attributes are right.
struct Covered {
    block: ImplBlock,
    coverages: Vec<Coverage>,
    /// The block's own attributes, the outermost first.
    raws: Vec<Raw>,
    /// The same, parsed.
    nest: Nest,
    import_uses: TokenStream,
    /// The attribute that the compiler is expanding, and its place.
    at: (Kind, Span),
}

impl Covered {
    // Input:  impl Orders { async fn find(&self) -> Result<u32, E> { body } }
    // Output: const _: () = {
    //             static __RESILIENCE_BREAKER: CircuitBreaker = CircuitBreaker::new("Orders");
    //             impl Orders { async fn find(&self) -> Result<u32, E> { layers around the body } }
    //         };
    //
    // The statics are in a constant because a block has no other place for them that every method
    // can name, in the block of a trait too. Without any, the block stays as it is.
    fn write(&self) -> TokenStream {
        let mut errors_of_block = Errors::default();
        let mut said = Said::default();
        let mut used = Vec::new();
        let mut members = TokenStream::new();
        let mut coverages = self.coverages.iter();
        for member in &self.block.members {
            let method = match member {
                Member::Method(method) => method,
                Member::Other(tokens) => {
                    members.extend(tokens.clone());
                    continue;
                }
            };
            members.extend(match coverages.next() {
                Some(Coverage::Covered) => {
                    self.method(method, &mut used, &mut said, &mut errors_of_block)
                }
                Some(Coverage::Unclear(ty)) => {
                    method.unchanged_but_using(&coverage::check(ty, &self.krate()))
                }
                Some(Coverage::LeftOut) | None => method.unchanged_but_using(&TokenStream::new()),
            });
            if !errors_of_block.is_empty() {
                return fall_back(&self.block, &self.coverages, &self.import_uses, errors_of_block);
            }
        }
        let (block, import_uses) = (self.block.with_members(&members), &self.import_uses);
        let state = self.state(&used);
        if state.is_empty() {
            return quote!(#import_uses #block);
        }
        quote!(#import_uses const _: () = { #state #block };)
    }

    /// A method with the layers. `used` gets the kinds of those that are the block's.
    fn method(
        &self,
        method: &Function,
        used: &mut Vec<Kind>,
        said: &mut Said,
        errors_of_block: &mut Errors,
    ) -> TokenStream {
        let mut method = method.clone();
        let mut errors = Errors::default();
        let mut import_uses = TokenStream::new();
        let inherited = self.nest.common.clone();
        let own = Raw::take_off(
            &mut method.attrs,
            inherited.krate.as_ref(),
            &mut import_uses,
            &mut errors,
        );
        reject_cfg_attr(&mut method.attrs, &mut errors);
        let merged = merge(&self.raws, own, &mut errors);
        let of_block = merged.iter().filter(|raw| raw.block.is_some());
        let has_self = matches!(method.sig.inputs.first(), Some(FnArg::Receiver(_)));
        for raw in of_block {
            used.push(raw.kind);
            if !has_self && mentions(&raw.arguments, "self") {
                let (name, kind) = (&method.sig.ident, raw.kind);
                errors.on(
                    name,
                    format!(
                        "`{name}` has no `self`, which `{kind}` of this `impl` uses; write \
                         `#[resilience(skip)]` here, or its own `{kind}`"
                    ),
                );
            }
        }
        let attributes = Attributes::merged(
            merged,
            inherited,
            import_uses,
            &method,
            &mut errors,
            errors_of_block,
        );
        expand::function(method, attributes, self.at, errors, said)
    }

    /// The statics that the methods share.
    fn state(&self, used: &[Kind]) -> TokenStream {
        let krate = self.krate();
        let runtime = quote!(#krate::__private);
        let breaker =
            self.nest.get::<CircuitBreaker>().filter(|_| used.contains(&Kind::CircuitBreaker));
        let breaker =
            breaker.and_then(|(_, breaker)| breaker.static_of_block(&runtime, &self.label()));
        let budget = self.nest.get::<Retry>().filter(|_| used.contains(&Kind::Retry));
        let budget = budget.and_then(|(_, retry)| retry.static_of_block(&runtime));
        quote!(#breaker #budget)
    }

    fn label(&self) -> TokenStream {
        let Common { service, .. } = &self.nest.common;
        match service {
            Some(service) => service.to_token_stream(),
            None => LitStr::new(&self.block.name, Span::call_site()).to_token_stream(),
        }
    }

    fn krate(&self) -> syn::Path {
        self.nest.common.krate.clone().unwrap_or_else(krate::default)
    }
}

/// Rejects layers under a condition, and takes them off. They would expand after those of the
/// block.
fn reject_cfg_attr(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    attrs.retain(|attribute| {
        let Meta::List(list) = &attribute.meta else { return true };
        if !list.path.is_ident("cfg_attr") {
            return true;
        }
        let layer = Kind::ALL.iter().find(|kind| mentions(&list.tokens, kind.name()));
        let hidden = match layer {
            Some(kind) => kind.to_string(),
            None if mentions(&list.tokens, "resilience") => "#[resilience(skip)]".to_owned(),
            None => return true,
        };
        errors.on(
            &list.path,
            format!(
                "`#[cfg_attr]` hides `{hidden}` from the attributes of this `impl`, which expand \
                 first; write two methods with `#[cfg]`"
            ),
        );
        false
    });
}

/// The unchanged block without the layers' attributes, beside the errors.
fn fall_back(
    block: &ImplBlock,
    coverages: &[Coverage],
    import_uses: &TokenStream,
    errors: Errors,
) -> TokenStream {
    let mut members = TokenStream::new();
    let mut coverages = coverages.iter();
    for member in &block.members {
        let method = match member {
            Member::Method(method) => method,
            Member::Other(tokens) => {
                members.extend(tokens.clone());
                continue;
            }
        };
        members.extend(match coverages.next() {
            Some(Coverage::Covered) => without_layers(method),
            _ => method.unchanged_but_using(&TokenStream::new()),
        });
    }
    let (block, errors) = (block.with_members(&members), errors.into_compile_errors());
    quote!(#import_uses #block #errors)
}

fn without_layers(method: &Function) -> TokenStream {
    let mut plain = method.clone();
    let mut import_uses = TokenStream::new();
    let mut ignored = Errors::default();
    let own = Raw::take_off(&mut plain.attrs, None, &mut import_uses, &mut ignored);
    if own.iter().any(|raw| raw.kind == Kind::Transaction) {
        // The body uses what the attribute declares.
        return method.unchanged_but_using(&TokenStream::new());
    }
    fallback::function(&plain, &import_uses, Errors::default())
}
