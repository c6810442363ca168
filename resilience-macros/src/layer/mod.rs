//! The layers: one file for each attribute, with its grammar, its checks and its code.
//!
//! A new layer is a file with a `GRAMMAR` and a type that implements [`Layer`], a line in the list
//! below, and its rows in [`order`].

mod boundary;
mod circuit_breaker;
mod common;
mod condition;
mod dead_letter;
mod defaults;
mod degrade;
mod handle;
mod nest;
pub(crate) mod order;
mod retry;
mod scope;
mod settings;
mod timeout;
mod transaction;

use std::any::Any;
use std::fmt;

use proc_macro2::{Ident, Span, TokenStream};

use crate::diagnostics::Errors;
use crate::function::Function;
use crate::options::{Arguments, Grammar};

pub(crate) use boundary::Boundary;
pub(crate) use circuit_breaker::CircuitBreaker;
pub(crate) use common::Common;
pub(crate) use dead_letter::DeadLetter;
pub(crate) use degrade::Degrade;
pub(crate) use nest::{Around, Nest};
pub(crate) use retry::{Retry, named};
pub(crate) use scope::{Attempt, Code, Fragment, Scope};
pub(crate) use timeout::Timeout;
pub(crate) use transaction::Transaction;

/// What one attribute says, after its own options have been checked.
pub(crate) trait Layer: AsAny + 'static {
    /// Reads the attribute's own options. `None` if there is no layer without the ones that are
    /// missing or wrong; then `errors` says so.
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self>
    where
        Self: Sized;

    /// Why the layer can't be on a function `name` that isn't async, with what to write instead.
    /// `None` if it can.
    fn needs_async(name: &Ident) -> Option<String>
    where
        Self: Sized;

    /// Why the layer can't be on an `impl` block, with what to write instead. `None` if it can.
    fn not_on_impl() -> Option<&'static str>
    where
        Self: Sized;

    /// What the rest of the nest has to know of this layer.
    fn properties(&self) -> Properties;

    /// Statements that run once per call, before all layers.
    fn setup(&self, scope: &Scope<'_>) -> TokenStream;

    /// Statements that run in the body, before the user's.
    fn start_of_body(&self, _scope: &Scope<'_>) -> TokenStream {
        TokenStream::new()
    }

    /// Writes the layer around `inner`: the body, and the layers below this one.
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment;
}

/// What the nest asks of each layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Properties {
    /// The layer needs the function's arguments after the body has run, because it runs the body
    /// again or hands them to a fallback. The body borrows them then, and isn't given them for
    /// good.
    pub(crate) reuses_arguments: bool,
    /// The layer may return an error of its own, made with `FromRejected`.
    pub(crate) rejects: bool,
    /// The layer decides by the error's classification.
    pub(crate) classifies: bool,
}

/// The position of an attribute.
pub(crate) struct Place<'a> {
    pub(crate) span: Span,
    /// Its number among the layers of the function; the outermost is 0.
    pub(crate) index: usize,
    pub(crate) function: &'a Function,
    /// The `impl` block that the attribute stands on, if it isn't on the function itself.
    pub(crate) block: Option<Block>,
}

/// What a layer has to know of the `impl` block that its attribute stands on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// Whether the block has several instances, which share its statics.
    pub(crate) is_generic: bool,
}

/// Generates [`Kind`] from the list of the layers.
macro_rules! layers {
    ($($module:ident::$Layer:ident,)*) => {
        /// Which layer an attribute is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($Layer,)*
        }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$Layer,)*];

            pub(crate) const fn grammar(self) -> &'static Grammar {
                match self {
                    $(Self::$Layer => &$module::GRAMMAR,)*
                }
            }

            /// See [`Layer::needs_async`].
            pub(crate) fn needs_async(self, name: &Ident) -> Option<String> {
                match self {
                    $(Self::$Layer => $module::$Layer::needs_async(name),)*
                }
            }

            /// See [`Layer::not_on_impl`].
            pub(crate) fn not_on_impl(self) -> Option<&'static str> {
                match self {
                    $(Self::$Layer => $module::$Layer::not_on_impl(),)*
                }
            }

            /// See [`Layer::parse`].
            pub(crate) fn parse(
                self,
                arguments: &mut Arguments,
                place: &Place<'_>,
                errors: &mut Errors,
            ) -> Option<Box<dyn Layer>> {
                match self {
                    $(Self::$Layer => boxed($module::$Layer::parse(arguments, place, errors)),)*
                }
            }
        }
    };
}

layers! {
    boundary::Boundary,
    dead_letter::DeadLetter,
    degrade::Degrade,
    retry::Retry,
    circuit_breaker::CircuitBreaker,
    timeout::Timeout,
    transaction::Transaction,
}

impl Kind {
    /// The attribute's name: `retry`.
    pub(crate) fn name(self) -> &'static str {
        self.grammar().attribute.trim_matches(['#', '[', ']'])
    }
}

/// The attribute as users write it: `#[retry]`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.grammar().attribute)
    }
}

fn boxed(layer: Option<impl Layer>) -> Option<Box<dyn Layer>> {
    layer.map(|layer| Box::new(layer) as Box<dyn Layer>)
}

/// The layer, if it is an `L`.
pub(crate) fn downcast<L: Layer>(layer: &dyn Layer) -> Option<&L> {
    layer.as_any().downcast_ref()
}

/// A trait object as `dyn Any`, which Rust before 1.86 can't do by itself.
pub(crate) trait AsAny {
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any> AsAny for T {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
