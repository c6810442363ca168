//! The nest of layers on one function.

use proc_macro2::TokenStream;

use super::{Common, Layer, Scope, downcast};

/// The layers of a function, and the options that they share.
pub(crate) struct Nest {
    /// The outermost first.
    pub(crate) layers: Vec<Box<dyn Layer>>,
    pub(crate) common: Common,
    /// Whether an attribute of the `impl` block is among them.
    pub(crate) is_of_block: bool,
}

impl Nest {
    /// The layer of type `L`, with its index. There is one at most, except for `#[timeout]`, whose
    /// outermost this is.
    pub(crate) fn get<L: Layer>(&self) -> Option<(usize, &L)> {
        of_type(&self.layers, 0).next()
    }

    /// The `L` nearest to the body.
    pub(crate) fn innermost<L: Layer>(&self) -> Option<&L> {
        of_type(&self.layers, 0).next_back().map(|(_, layer)| layer)
    }

    /// The surroundings of the layer at `index`.
    pub(crate) fn around(&self, index: usize) -> Around<'_> {
        Around { layers: &self.layers, index }
    }
}

/// The layers around one of them.
pub(crate) struct Around<'a> {
    layers: &'a [Box<dyn Layer>],
    index: usize,
}

impl<'a> Around<'a> {
    /// The nearest `L` above, with its index.
    pub(super) fn above<L: Layer>(&self) -> Option<(usize, &'a L)> {
        of_type(&self.layers[..self.index], 0).next_back()
    }

    /// The nearest `L` below, with its index.
    pub(super) fn below<L: Layer>(&self) -> Option<(usize, &'a L)> {
        let first = self.index + 1;
        of_type(&self.layers[first..], first).next()
    }

    /// The statements that run once per call, of the layers below.
    pub(super) fn setup_below(&self, scope: &Scope<'_>) -> TokenStream {
        self.layers[self.index + 1..].iter().map(|layer| layer.setup(scope)).collect()
    }

    /// Whether an `L` is the next layer above.
    pub(super) fn is_directly_below<L: Layer>(&self) -> bool {
        self.above::<L>().is_some_and(|(at, _)| at + 1 == self.index)
    }

    /// Whether there is no layer below.
    pub(super) const fn is_innermost(&self) -> bool {
        self.index + 1 == self.layers.len()
    }
}

/// The layers of type `L`, with their indices, which begin with `first`.
fn of_type<L: Layer>(
    layers: &[Box<dyn Layer>],
    first: usize,
) -> impl DoubleEndedIterator<Item = (usize, &L)> {
    let layers = layers.iter().enumerate();
    layers.filter_map(move |(at, layer)| Some((first + at, downcast(&**layer)?)))
}
