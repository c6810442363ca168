//! The attributes of one function or of one `impl` block, taken off it and checked against each
//! other.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Meta, Path};

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::layer::{
    Block, Common, DeadLetter, Kind, Layer, Nest, Place, Retry, Timeout, Transaction, downcast,
    order,
};
use crate::options::Arguments;
use crate::units;

/// The layers' attributes on one function, the outermost first.
pub(crate) struct Attributes {
    written: Vec<Written>,
    /// What the attributes of the `impl` block set for all layers of its methods.
    inherited: Common,
    /// One use of each attribute that was taken off, or the user's import of it would count as
    /// unused.
    pub(crate) import_uses: TokenStream,
}

/// One attribute before it is parsed.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) arguments: TokenStream,
    /// The `impl` block that it is written on, if it isn't written on the function itself.
    pub(crate) block: Option<Block>,
}

/// One attribute, and the layer that it describes, if its own options are right.
struct Written {
    raw: Raw,
    layer: Option<Box<dyn Layer>>,
    common: Common,
}

impl Attributes {
    /// Takes the layers' attributes off `attrs`. `first` is the one that the compiler is expanding.
    pub(crate) fn collect(
        first: Raw,
        attrs: &mut Vec<Attribute>,
        function: &Function,
        errors: &mut Errors,
    ) -> Self {
        let block = first.block;
        let first = Written::parse(first, 0, function, errors);
        let mut import_uses = TokenStream::new();
        let siblings = Raw::take_off(attrs, first.common.krate.as_ref(), &mut import_uses, errors);
        let mut written = vec![first];
        for sibling in siblings {
            let sibling = Raw { block, ..sibling };
            written.push(Written::parse(sibling, written.len(), function, errors));
        }
        let attributes = Self { written, inherited: Common::default(), import_uses };
        attributes.check(function, errors);
        attributes
    }

    /// The attributes of a method together with those of its `impl` block. `inherited` is what the
    /// block's set for all layers. Mistakes in the block's are added to `errors_of_block`.
    pub(crate) fn merged(
        merged: Vec<Raw>,
        inherited: Common,
        import_uses: TokenStream,
        function: &Function,
        errors: &mut Errors,
        errors_of_block: &mut Errors,
    ) -> Self {
        let mut written = Vec::new();
        for (index, raw) in merged.into_iter().enumerate() {
            let errors = if raw.block.is_some() { &mut *errors_of_block } else { &mut *errors };
            written.push(Written::parse(raw, index, function, errors));
        }
        let attributes = Self { written, inherited, import_uses };
        if attributes.written.iter().any(|layer| layer.raw.block.is_none()) {
            attributes.check(function, errors);
        }
        attributes
    }

    /// Whether an attribute of this kind is among them.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.written.iter().any(|written| written.raw.kind == kind)
    }

    /// The attributes, which can be parsed again for another function.
    pub(crate) fn raws(&self) -> Vec<Raw> {
        self.written.iter().map(|written| written.raw.clone()).collect()
    }

    /// The nest that they describe; `None` if an attribute isn't right, about which there is an
    /// error then.
    pub(crate) fn into_nest(self) -> Option<Nest> {
        let is_of_block = self.written.iter().any(|layer| layer.raw.block.is_some());
        let mut nest = Nest { layers: Vec::new(), common: Common::default(), is_of_block };
        for Written { layer, common, .. } in self.written {
            nest.layers.push(layer?);
            nest.common = nest.common.or(common);
        }
        nest.common = nest.common.or(self.inherited);
        Some(nest)
    }

    fn check(&self, function: &Function, errors: &mut Errors) {
        self.check_shared("service", |common| common.service.as_ref(), errors);
        self.check_shared("classify", |common| common.classify.as_ref(), errors);
        self.check_shared("rejected", |common| common.rejected.as_ref(), errors);
        let places: Vec<_> =
            self.written.iter().map(|layer| (layer.raw.kind, layer.raw.span)).collect();
        order::check(&places, errors);
        if let Some(letter) =
            self.written.iter().find_map(|layer| downcast(&**layer.layer.as_ref()?))
        {
            DeadLetter::check_clones(
                letter,
                self.written.iter().map(|layer| &layer.common),
                errors,
            );
        }
        self.check_timeouts(errors);
        self.check_first_delay(errors);
        if !function.is_async() {
            for layer in &self.written {
                if let Some(reason) = layer.raw.kind.needs_async(&function.sig.ident) {
                    errors.at(layer.raw.span, reason);
                }
            }
        }
    }

    /// Rejects an option that holds for the whole nest and is there twice: which of the two applies
    /// would be unclear.
    fn check_shared<T: ToTokens>(
        &self,
        key: &str,
        own: impl Fn(&Common) -> Option<&T>,
        errors: &mut Errors,
    ) {
        // A method's own replaces that of the block.
        let all_of_block = self.written.iter().all(|layer| layer.raw.block.is_some());
        let written = self.written.iter().filter(|layer| all_of_block || layer.raw.block.is_none());
        for again in written.filter_map(|layer| own(&layer.common)).skip(1) {
            errors.on(
                again,
                format!("`{key}` is already set for all attributes of this function; keep one"),
            );
        }
    }

    /// A limit of all attempts that ends before the first delay does leaves no second attempt.
    fn check_first_delay(&self, errors: &mut Errors) {
        let mut total = None;
        for Written { layer, .. } in &self.written {
            let Some(layer) = layer.as_deref() else { continue };
            let (first, what) = if let Some(timeout) = downcast::<Timeout>(layer) {
                total = timeout.literal();
                continue;
            } else if let Some(retry) = downcast::<Retry>(layer) {
                (retry.first_delay(), "retried")
            } else if let Some(transaction) = downcast::<Transaction>(layer) {
                (transaction.first_delay(), "repeated")
            } else {
                continue;
            };
            let (Some((total, limit)), Some((delay, base))) = (total.take(), first) else {
                continue;
            };
            if total <= delay {
                let how = if base.is_some() { "" } else { " by default" };
                errors.at(
                    base.unwrap_or(limit),
                    format!(
                        "nothing is {what}, since `base` is {}{how} and the whole call may take \
                         {}; write a shorter `base`",
                        units::show(delay),
                        units::show(total)
                    ),
                );
            }
        }
    }

    /// Two timeouts belong on two sides of a retry, and the outer one must be the longer.
    fn check_timeouts(&self, errors: &mut Errors) {
        let is = |kind: Kind| move |at: &usize| self.written[*at].raw.kind == kind;
        let indices = 0..self.written.len();
        let retry = indices.clone().find(is(Kind::Retry));
        let timeouts: Vec<usize> = indices.filter(is(Kind::Timeout)).collect();
        for pair in timeouts.windows(2) {
            let (outer, inner) = (pair[0], pair[1]);
            if retry.is_none_or(|retry| (outer < retry) == (inner < retry)) {
                errors.at(
                    self.written[inner].raw.span,
                    "a second `#[timeout]` needs a `#[retry]` between the two; write one above it \
                     for the whole call, and one below it for each attempt",
                );
                continue;
            }
            let known = |at: usize| {
                let layer = self.written[at].layer.as_deref()?;
                downcast::<Timeout>(layer)?.literal()
            };
            let (Some((total, _)), Some((each, span))) = (known(outer), known(inner)) else {
                continue;
            };
            if total < each {
                errors.at(
                    span,
                    format!(
                        "the timeout of each attempt ({}) is longer than that of the whole \
                         call ({}); the one above `#[retry]` must be the longer one",
                        units::show(each),
                        units::show(total)
                    ),
                );
            }
        }
    }
}

impl Raw {
    /// Takes the layers' attributes off a function or an `impl` block, and adds a use of each to
    /// `import_uses`.
    pub(crate) fn take_off(
        attrs: &mut Vec<Attribute>,
        krate: Option<&Path>,
        import_uses: &mut TokenStream,
        errors: &mut Errors,
    ) -> Vec<Self> {
        let mut taken = Vec::new();
        let mut kept = Vec::new();
        for attribute in std::mem::take(attrs) {
            let Some(kind) = sibling(&attribute, krate) else {
                kept.push(attribute);
                continue;
            };
            let path = attribute.path();
            import_uses.extend(quote!(#[#path(__touch)] const _: () = ();));
            let arguments = match &attribute.meta {
                Meta::Path(_) => TokenStream::new(),
                Meta::List(list) => list.tokens.clone(),
                Meta::NameValue(pair) => {
                    let (name, value) = (kind.name(), pair.value.to_token_stream());
                    errors
                        .on(pair, format!("options go in parentheses; write `#[{name}({value})]`"));
                    continue;
                }
            };
            taken.push(Self { kind, span: path.span(), arguments, block: None });
        }
        *attrs = kept;
        taken
    }
}

impl Written {
    fn parse(raw: Raw, index: usize, function: &Function, errors: &mut Errors) -> Self {
        // A layer that misses an option says so only if nothing else is wrong with its own.
        let mut own = Errors::default();
        let names = function.argument_names();
        let others: Vec<_> = Kind::ALL.iter().map(|kind| kind.grammar()).collect();
        let grammar = raw.kind.grammar();
        let mut arguments =
            Arguments::parse(raw.arguments.clone(), grammar, &others, &names, &mut own);
        let place = Place { span: raw.span, index, function, block: raw.block };
        let common = Common::parse(&mut arguments, &place, raw.kind, &mut own);
        let layer = raw.kind.parse(&mut arguments, &place, &mut own);
        errors.append(own);
        Self { raw, layer, common }
    }
}

/// Which layer an attribute is: `retry`, `resilience::retry`, `::resilience::retry`, or the same by
/// the `crate` path.
fn sibling(attribute: &Attribute, krate: Option<&Path>) -> Option<Kind> {
    let path = attribute.path();
    let last = path.segments.last()?;
    let kind = Kind::ALL.iter().copied().find(|kind| last.ident == kind.name())?;
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
