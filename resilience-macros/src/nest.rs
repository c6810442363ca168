//! The nest of layers on one function: collected from its attributes, and checked as a whole.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Path};

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::krate;
use crate::layer::{Common, Kind, Layer};
use crate::options::{Arguments, Setting};
use crate::units;

/// The layers of a function, the outermost first.
pub(crate) struct Nest {
    pub(crate) layers: Vec<Placed>,
    pub(crate) krate: Path,
    /// One use of each attribute that was taken off, or the user's import of it would count as
    /// unused.
    pub(crate) touches: TokenStream,
}

/// A layer and the attribute it comes from.
pub(crate) struct Placed {
    pub(crate) kind: Kind,
    pub(crate) at: Span,
    pub(crate) layer: Option<Layer>,
    pub(crate) common: Common,
}

impl Nest {
    /// Takes the layers' attributes off the function; `first` is the one that the compiler is
    /// expanding, and stands at `at`.
    pub(crate) fn collect(
        first: Kind,
        at: Span,
        arguments: TokenStream,
        function: &mut Function,
        errors: &mut Errors,
    ) -> Self {
        let mut layers = vec![place(first, at, arguments, function, errors)];
        let krate = layers[0].common.krate.clone();
        let mut touches = TokenStream::new();
        let mut kept = Vec::new();
        for attribute in std::mem::take(&mut function.attrs) {
            let Some(kind) = sibling(&attribute, krate.as_ref()) else {
                kept.push(attribute);
                continue;
            };
            let path = attribute.path();
            touches.extend(quote!(#[#path(__touch)] const _: () = ();));
            let arguments = match &attribute.meta {
                Meta::Path(_) => TokenStream::new(),
                Meta::List(list) => list.tokens.clone(),
                Meta::NameValue(pair) => {
                    let (name, value) = (kind.name(), pair.value.to_token_stream());
                    errors.on(
                        pair,
                        format!("options stand in parentheses; write `#[{name}({value})]`"),
                    );
                    continue;
                }
            };
            layers.push(place(kind, path.span(), arguments, function, errors));
        }
        function.attrs = kept;
        let krate = layers
            .iter()
            .find_map(|layer| layer.common.krate.clone())
            .unwrap_or_else(krate::default);
        let nest = Self { layers, krate, touches };
        nest.check(function, errors);
        nest
    }

    /// The first of what any layer says of this; it holds for the layers that say nothing.
    pub(crate) fn shared<T>(&self, own: impl Fn(&Common) -> Option<&T>) -> Option<&T> {
        self.layers.iter().find_map(|layer| own(&layer.common))
    }

    /// The nearest timeout above the layer at `index`, and the nearest below.
    pub(crate) fn timeouts_around(&self, index: usize) -> (Option<usize>, Option<usize>) {
        let is_timeout = |at: &usize| self.layers[*at].kind == Kind::Timeout;
        ((0..index).rev().find(is_timeout), (index + 1..self.layers.len()).find(is_timeout))
    }

    pub(crate) fn position(&self, kind: Kind) -> Option<usize> {
        self.layers.iter().position(|layer| layer.kind == kind)
    }

    fn check(&self, function: &Function, errors: &mut Errors) {
        self.check_duplicates(errors);
        self.check_shared("service", |common| common.service.as_ref(), errors);
        self.check_shared("classify", |common| common.classify.as_ref(), errors);
        self.check_shared("rejected", |common| common.rejected.as_ref(), errors);
        self.check_degrade(errors);
        self.check_boundary(errors);
        self.check_timeouts(errors);
        self.check_transaction(errors);
        let is_sync = function.sig.asyncness.is_none()
            && crate::async_trait::AsyncTraitBody::recognise(&function.body).is_none();
        for layer in self.layers.iter().filter(|layer| is_sync && layer.kind == Kind::Timeout) {
            let name = &function.sig.ident;
            errors.at(layer.at, format!("a function that isn't async can't be interrupted; write `async fn {name}`, or take `#[timeout]` off"));
        }
        for layer in self.layers.iter().filter(|layer| is_sync && layer.kind == Kind::Transaction) {
            let name = &function.sig.ident;
            errors.at(
                layer.at,
                format!("a transaction is begun and ended with `.await`; write `async fn {name}`"),
            );
        }
    }

    fn check_duplicates(&self, errors: &mut Errors) {
        for (index, layer) in self.layers.iter().enumerate() {
            let earlier = self.layers[..index].iter().any(|earlier| earlier.kind == layer.kind);
            if earlier && layer.kind != Kind::Timeout {
                let name = layer.kind.name();
                errors.at(layer.at, format!("a second `#[{name}]` on one function; keep the first, or move this one to a function that it calls"));
            }
        }
    }

    /// An option that holds for the whole nest is said once: which of two would win, nobody could
    /// tell.
    fn check_shared<T: ToTokens>(
        &self,
        key: &str,
        own: impl Fn(&Common) -> Option<&T>,
        errors: &mut Errors,
    ) {
        for again in self.layers.iter().filter_map(|layer| own(&layer.common)).skip(1) {
            errors.on(
                again,
                format!("`{key}` holds for all attributes of this function, and one says it already; keep one"),
            );
        }
    }

    fn check_degrade(&self, errors: &mut Errors) {
        // Below a transaction it is in the wrong place already.
        let end = self.position(Kind::Transaction).unwrap_or(self.layers.len());
        for (index, layer) in
            self.layers[..end].iter().enumerate().filter(|(_, layer)| layer.kind == Kind::Degrade)
        {
            let outer = self.layers[..index]
                .iter()
                .find(|outer| matches!(outer.kind, Kind::Retry | Kind::CircuitBreaker));
            if let Some(outer) = outer {
                let outer = outer.kind.name();
                errors.at(
                    layer.at,
                    format!(
                        "`#[degrade]` below `#[{outer}]` hides every failure from it; move `#[degrade]` to the top"
                    ),
                );
            }
        }
    }

    fn check_boundary(&self, errors: &mut Errors) {
        let Some(at) = self.position(Kind::Boundary).filter(|at| *at > 0) else { return };
        let outer = self.layers[0].kind;
        let name = outer.name();
        let what = match outer {
            Kind::Retry => "reports every attempt".to_owned(),
            Kind::Degrade => "reports what the fallback handles".to_owned(),
            _ => format!("never sees what `#[{name}]` itself reports"),
        };
        errors.at(
            self.layers[at].at,
            format!("`#[boundary]` below `#[{name}]` {what}; move `#[boundary]` to the top"),
        );
    }

    fn check_timeouts(&self, errors: &mut Errors) {
        let retry = self.position(Kind::Retry);
        let timeouts: Vec<usize> =
            (0..self.layers.len()).filter(|&at| self.layers[at].kind == Kind::Timeout).collect();
        for pair in timeouts.windows(2) {
            let (outer, inner) = (pair[0], pair[1]);
            if retry.is_none_or(|retry| (outer < retry) == (inner < retry)) {
                errors.at(
                    self.layers[inner].at,
                    "two `#[timeout]` on the same side of `#[retry]`; one above it limits the whole call, one below it limits each attempt",
                );
                continue;
            }
            if let (Some((total, _)), Some((each, span))) =
                (self.known_timeout(outer), self.known_timeout(inner))
            {
                if total < each {
                    errors.at(
                            span,
                            format!("an attempt may take {} and the whole call only {}; the timeout above `#[retry]` must be the longer one", units::show(each), units::show(total)),
                        );
                }
            }
        }
    }

    /// What stands below a transaction would see its statements, and not what the database says at
    /// the end.
    fn check_transaction(&self, errors: &mut Errors) {
        let Some(at) = self.position(Kind::Transaction) else { return };
        for layer in &self.layers[at + 1..] {
            let why = match layer.kind {
                Kind::Timeout => "would not cover BEGIN and COMMIT",
                Kind::Retry => "would repeat statements of a transaction that has failed already",
                Kind::CircuitBreaker => "would not see BEGIN and COMMIT fail",
                Kind::Degrade => "would have the transaction committed although its body failed",
                Kind::Boundary | Kind::Transaction => continue,
            };
            let name = layer.kind.name();
            errors.at(layer.at, format!("`#[{name}]` below `#[transaction]` {why}; move it above"));
        }
    }

    fn known_timeout(&self, index: usize) -> Option<(std::time::Duration, Span)> {
        match &self.layers[index].layer {
            Some(Layer::Timeout(timeout)) => match timeout.after {
                Setting::Known(after, span) => Some((after, span)),
                Setting::Later(_) => None,
            },
            _ => None,
        }
    }
}

fn place(
    kind: Kind,
    at: Span,
    tokens: TokenStream,
    function: &Function,
    errors: &mut Errors,
) -> Placed {
    let mut own = Errors::default();
    let mut arguments =
        Arguments::parse(tokens, kind.grammar(), &function.argument_names(), &mut own);
    let common = Common::parse(&mut arguments, function, &mut own);
    let layer = Layer::parse(kind, at, &mut arguments, function, &mut own);
    errors.append(own);
    Placed { kind, at, layer, common }
}

/// Which layer an attribute is: `retry`, `resilience::retry`, `::resilience::retry`, or the same by
/// the `crate` path.
fn sibling(attribute: &Attribute, krate: Option<&Path>) -> Option<Kind> {
    let path = attribute.path();
    let last = path.segments.last()?;
    let kind = Kind::ALL.into_iter().find(|kind| last.ident == kind.name())?;
    let prefix: Vec<String> = path
        .segments
        .iter()
        .take(path.segments.len() - 1)
        .map(|segment| segment.ident.to_string())
        .collect();
    let of = |krate: &Path| {
        krate.segments.iter().map(|segment| segment.ident.to_string()).eq(prefix.iter().cloned())
    };
    let ours = match prefix.len() {
        0 => path.leading_colon.is_none(),
        _ => prefix == ["resilience"] || krate.is_some_and(of),
    };
    ours.then_some(kind)
}
