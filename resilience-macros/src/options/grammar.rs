//! The options that an attribute takes.

use super::foreign::Rows;

/// The options of one attribute, and other names that users may write for them.
pub(crate) struct Grammar {
    /// The attribute as users write it: `#[retry]`.
    pub(crate) attribute: &'static str,
    /// Options of the form `key = value`.
    pub(crate) keys: &'static [&'static str],
    /// Options without a value.
    pub(crate) flags: &'static [&'static str],
    /// Options of the form `key(list)`.
    pub(crate) lists: &'static [&'static str],
    /// Options of other libraries, and what to write instead.
    pub(crate) foreign: Rows,
    /// The same by the words in a name.
    pub(crate) foreign_by_words: Rows,
}

/// The options of the form `key = value` that every attribute takes.
const COMMON: &[&str] = &["service", "classify", "rejected", "crate"];

/// The option that every attribute of an `impl` block takes. It isn't listed among the options,
/// since most attributes are on functions.
const ON_IMPL: &str = "pub_only";

impl Grammar {
    /// Whether `name` is an option.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.takes_value(name) || self.takes_flag(name) || self.takes_list(name)
    }

    /// Whether `name` is an option of the form `key = value`.
    pub(super) fn takes_value(&self, name: &str) -> bool {
        self.keys.contains(&name) || COMMON.contains(&name)
    }

    /// Whether `name` is an option without a value.
    pub(super) fn takes_flag(&self, name: &str) -> bool {
        self.flags.contains(&name) || name == ON_IMPL
    }

    /// Whether `name` is an option of the form `key(list)`.
    pub(super) fn takes_list(&self, name: &str) -> bool {
        self.lists.contains(&name)
    }

    /// The attribute's own options, without duplicates: one with an optional value is both a key
    /// and a flag.
    pub(crate) fn own_options(&self) -> Vec<&'static str> {
        let mut options: Vec<&str> = Vec::new();
        for option in [self.keys, self.flags, self.lists].concat() {
            if !options.contains(&option) {
                options.push(option);
            }
        }
        options
    }

    /// All options of the attribute.
    pub(crate) fn options(&self) -> Vec<&'static str> {
        [&self.own_options(), COMMON].concat()
    }
}
