//! A method's own attributes among those of its `impl` block.

use crate::attributes::Raw;
use crate::diagnostics::Errors;
use crate::layer::{Kind, order};

/// The layers of a method, the outermost first.
///
/// An attribute of the method replaces the block's of the same kind, at its place. Each other one
/// goes as far in as its order among the method's own and the rules for neighbours allow.
pub(super) fn merge(of_block: &[Raw], own: Vec<Raw>, errors: &mut Errors) -> Vec<Raw> {
    check_timeouts(of_block, &own, errors);
    let own_kinds: Vec<Kind> = own.iter().map(|raw| raw.kind).collect();
    let mut merged = of_block.to_vec();
    // Where the next one further out can be inserted at most.
    let mut limit = merged.len();
    for raw in own.into_iter().rev() {
        let replaced = merged[..limit]
            .iter()
            .rposition(|other| other.block.is_some() && other.kind == raw.kind);
        if let Some(at) = replaced {
            limit = at;
            merged[at] = raw;
            continue;
        }
        let fits = |&at: &usize| {
            let (outer, inner) = merged.split_at(at);
            // What the method replaces isn't a neighbour.
            let stays = |other: &&Raw| other.block.is_none() || !own_kinds.contains(&other.kind);
            outer.iter().filter(stays).all(|outer| order::is_allowed(outer.kind, raw.kind))
                && inner.iter().filter(stays).all(|inner| order::is_allowed(raw.kind, inner.kind))
        };
        // If it fits nowhere, the check of the whole nest says why.
        let at = (0..=limit).rev().find(fits).unwrap_or(limit);
        merged.insert(at, raw);
        limit = at;
    }
    merged.retain(|raw| raw.block.is_none() || !own_kinds.contains(&raw.kind));
    merged
}

/// Rejects a timeout that could replace either of two.
fn check_timeouts(of_block: &[Raw], own: &[Raw], errors: &mut Errors) {
    let is_timeout = |raw: &&Raw| raw.kind == Kind::Timeout;
    let mut timeouts = own.iter().filter(is_timeout);
    let (Some(only), None) = (timeouts.next(), timeouts.next()) else { return };
    if of_block.iter().filter(is_timeout).count() > 1
        && !own.iter().any(|raw| raw.kind == Kind::Retry)
    {
        errors.at(
            only.span,
            "the `impl` has two timeouts, and this could replace either; write both here, with \
             `#[retry]` between them",
        );
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::{Span, TokenStream};

    use super::*;
    use crate::layer::Block;

    const OF_BLOCK: Option<Block> = Some(Block { is_generic: false });

    fn raws(names: &str, block: Option<Block>) -> Vec<Raw> {
        names
            .split_whitespace()
            .map(|name| Raw {
                kind: *Kind::ALL.iter().find(|kind| kind.name() == name).expect("an attribute"),
                span: Span::call_site(),
                arguments: TokenStream::new(),
                block,
            })
            .collect()
    }

    /// The merged layers; those of the method are capitalized.
    fn merged(of_block: &str, own: &str) -> String {
        let mut errors = Errors::default();
        let merged = merge(&raws(of_block, OF_BLOCK), raws(own, None), &mut errors);
        assert!(errors.is_empty());
        let shown = merged.iter().map(|raw| match raw.block {
            Some(_) => raw.kind.name().to_owned(),
            None => raw.kind.name().to_uppercase(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_own_attribute_replaces_that_of_the_block_at_its_place() {
        assert_eq!(merged("retry timeout", ""), "retry timeout");
        assert_eq!(merged("retry timeout", "retry"), "RETRY timeout");
        assert_eq!(merged("boundary retry timeout", "timeout"), "boundary retry TIMEOUT");
        assert_eq!(merged("retry timeout", "retry timeout"), "RETRY TIMEOUT");
    }

    #[test]
    fn another_goes_inside_or_where_the_rules_put_it() {
        assert_eq!(merged("retry", "timeout"), "retry TIMEOUT");
        assert_eq!(merged("retry circuit_breaker", "timeout"), "retry circuit_breaker TIMEOUT");
        assert_eq!(merged("retry timeout", "degrade"), "DEGRADE retry timeout");
        assert_eq!(merged("boundary retry", "degrade"), "boundary DEGRADE retry");
        assert_eq!(merged("retry timeout", "boundary degrade"), "BOUNDARY DEGRADE retry timeout");
        assert_eq!(merged("retry timeout", "transaction"), "retry timeout TRANSACTION");
    }

    #[test]
    fn own_attributes_keep_their_order() {
        assert_eq!(merged("retry", "timeout retry"), "TIMEOUT RETRY");
        assert_eq!(merged("retry", "timeout retry timeout"), "TIMEOUT RETRY TIMEOUT");
        assert_eq!(merged("retry timeout", "timeout retry"), "TIMEOUT RETRY");
        assert_eq!(merged("retry timeout", "timeout retry timeout"), "TIMEOUT RETRY TIMEOUT");
        assert_eq!(
            merged("timeout retry timeout", "retry timeout"),
            "RETRY TIMEOUT",
            "the block's total is gone too"
        );
        assert_eq!(merged("circuit_breaker", "degrade timeout"), "DEGRADE circuit_breaker TIMEOUT");
    }

    #[test]
    fn one_timeout_in_place_of_two_is_rejected() {
        let mut errors = Errors::default();
        let block = raws("timeout retry timeout", OF_BLOCK);
        assert_eq!(merge(&block, raws("timeout", None), &mut errors).len(), 2);
        assert!(!errors.is_empty());
    }
}
