//! Which layer may stand above which: one table, from which the checks and the documentation come.

use proc_macro2::Span;

use super::Kind;
use super::Kind::{Boundary, CircuitBreaker, Degrade, Retry, Timeout, Transaction};
use crate::diagnostics::Errors;

/// A layer that must not stand below another.
pub(crate) struct Forbidden {
    outer: Kind,
    inner: Kind,
    /// What the inner layer would do there.
    why: &'static str,
    cure: Cure,
}

/// What to do with the inner layer. If several cures apply, the first one here is suggested.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cure {
    /// It is there twice.
    KeepOne,
    MoveAbove,
    MoveToTop,
}

const fn below(inner: Kind, outer: Kind, why: &'static str, cure: Cure) -> Forbidden {
    Forbidden { outer, inner, why, cure }
}

const fn twice(kind: Kind, why: &'static str) -> Forbidden {
    Forbidden { outer: kind, inner: kind, why, cure: Cure::KeepOne }
}

pub(crate) const FORBIDDEN: &[Forbidden] = &[
    twice(Boundary, "would report in place of the first"),
    twice(Degrade, "would leave no failure to the first"),
    twice(Retry, "would multiply the attempts"),
    twice(CircuitBreaker, "would count every call twice"),
    twice(Transaction, "would begin a transaction in a transaction"),
    below(Boundary, Degrade, "reports what the fallback handles", Cure::MoveToTop),
    below(Boundary, Retry, "reports every attempt", Cure::MoveToTop),
    below(
        Boundary,
        CircuitBreaker,
        "never sees what `#[circuit_breaker]` itself reports",
        Cure::MoveToTop,
    ),
    below(Boundary, Timeout, "never sees what `#[timeout]` itself reports", Cure::MoveToTop),
    below(
        Boundary,
        Transaction,
        "never sees what `#[transaction]` itself reports",
        Cure::MoveToTop,
    ),
    below(Degrade, Retry, "hides every failure from it", Cure::MoveToTop),
    below(Degrade, CircuitBreaker, "hides every failure from it", Cure::MoveToTop),
    below(
        Degrade,
        Transaction,
        "would have the transaction committed although its body failed",
        Cure::MoveAbove,
    ),
    below(
        Retry,
        Transaction,
        "would repeat statements of a transaction that has failed already",
        Cure::MoveAbove,
    ),
    below(CircuitBreaker, Transaction, "would not see BEGIN and COMMIT fail", Cure::MoveAbove),
    below(Timeout, Transaction, "would not cover BEGIN and COMMIT", Cure::MoveAbove),
];

/// The other pairs, outer and inner, and what each means.
#[cfg(test)]
const ALLOWED: &[(Kind, Kind, &str)] = &[
    (Boundary, Degrade, "reports what the fallback doesn't handle"),
    (Boundary, Retry, "reports the error of the last attempt, once"),
    (Boundary, CircuitBreaker, "also reports a rejected call"),
    (Boundary, Timeout, "also reports a timeout"),
    (Boundary, Transaction, "also reports a failed `BEGIN` or `COMMIT`"),
    (Degrade, Retry, "the fallback follows the last attempt"),
    (Degrade, CircuitBreaker, "the fallback also answers while the circuit is open"),
    (Degrade, Timeout, "the fallback follows a timeout, and isn't limited by it"),
    (Degrade, Transaction, "the fallback follows the rollback"),
    (Retry, CircuitBreaker, "each attempt counts, and an open circuit stops the retry"),
    (Retry, Timeout, "limits each attempt"),
    (Retry, Transaction, "each attempt is a transaction of its own"),
    (CircuitBreaker, Retry, "only the outcome of all attempts counts"),
    (CircuitBreaker, Timeout, "a timeout counts as a failure"),
    (CircuitBreaker, Transaction, "a failed `BEGIN` or `COMMIT` counts too"),
    (Timeout, Degrade, "also limits the fallback"),
    (Timeout, Retry, "limits all attempts together, waits included"),
    (Timeout, CircuitBreaker, "a call that it ends counts as a failure"),
    (Timeout, Timeout, "only on two sides of `#[retry]`: one limit for all attempts, one for each"),
    (Timeout, Transaction, "covers `BEGIN`, the body, `COMMIT` and the repetitions"),
];

impl Forbidden {
    fn message(&self) -> String {
        let Self { outer, inner, why, cure } = self;
        match cure {
            Cure::MoveToTop => {
                format!("`{inner}` below `{outer}` {why}; move `{inner}` to the top")
            }
            Cure::MoveAbove => format!("`{inner}` below `{outer}` {why}; move it above"),
            Cure::KeepOne => format!(
                "a second `{inner}` on one function; keep the first, or move this one to a function that it calls"
            ),
        }
    }
}

/// Rejects each layer in a wrong place, with one reason: by the order of [`Cure`], and then the
/// outermost layer that it must not be below. The outermost of the `layers` is the first.
pub(crate) fn check(layers: &[(Kind, Span)], errors: &mut Errors) {
    for (index, (inner, span)) in layers.iter().enumerate() {
        let reasons = layers[..index].iter().filter_map(|(outer, _)| {
            FORBIDDEN.iter().find(|pair| pair.outer == *outer && pair.inner == *inner)
        });
        if let Some(forbidden) = reasons.min_by_key(|forbidden| forbidden.cure) {
            errors.at(*span, forbidden.message());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn pairs() -> impl Iterator<Item = (Kind, Kind)> {
        Kind::ALL.iter().flat_map(|&outer| Kind::ALL.iter().map(move |&inner| (outer, inner)))
    }

    fn forbidden(outer: Kind, inner: Kind) -> Vec<&'static Forbidden> {
        FORBIDDEN.iter().filter(|pair| (pair.outer, pair.inner) == (outer, inner)).collect()
    }

    fn allowed(outer: Kind, inner: Kind) -> Vec<&'static str> {
        let pairs = ALLOWED.iter().filter(|pair| (pair.0, pair.1) == (outer, inner));
        pairs.map(|(.., meaning)| *meaning).collect()
    }

    #[test]
    fn every_pair_has_exactly_one_row() {
        let mut wrong = String::new();
        for (outer, inner) in pairs() {
            let rows = forbidden(outer, inner).len() + allowed(outer, inner).len();
            if rows != 1 {
                writeln!(wrong, "{inner} below {outer}: {rows} rows").expect("a string");
            }
        }
        assert!(wrong.is_empty(), "each pair needs one row in FORBIDDEN or ALLOWED:\n{wrong}");
    }

    #[test]
    fn a_reason_for_twice_is_about_one_layer() {
        for Forbidden { outer, inner, cure, .. } in FORBIDDEN {
            assert_eq!(outer == inner, matches!(cure, Cure::KeepOne), "{inner} below {outer}");
        }
    }

    #[test]
    fn each_misplaced_layer_has_one_message() {
        let messages = |kinds: &[Kind]| {
            let layers: Vec<_> = kinds.iter().map(|kind| (*kind, Span::call_site())).collect();
            let mut errors = Errors::default();
            check(&layers, &mut errors);
            errors.into_compile_errors().to_string()
        };
        let count = |kinds: &[Kind]| messages(kinds).matches("compile_error").count();
        assert_eq!(count(&[Boundary, Degrade, Timeout, Retry, CircuitBreaker, Timeout]), 0);
        assert_eq!(count(&[Boundary, Degrade, Retry, CircuitBreaker, Timeout, Transaction]), 0);
        assert_eq!(count(&[Retry, Transaction, Degrade, Boundary]), 2);
        for (kinds, reason) in [
            (&[Retry, CircuitBreaker, Degrade][..], "below `#[retry]` hides"),
            (&[CircuitBreaker, Retry, Degrade], "below `#[circuit_breaker]` hides"),
            (&[Retry, Transaction, Degrade], "although its body failed"),
            (&[Retry, Transaction, Boundary], "reports every attempt"),
            (&[Transaction, Retry, Retry], "a second `#[retry]`"),
        ] {
            let messages = messages(kinds);
            assert!(messages.contains(reason), "{messages}");
        }
    }

    /// `UPDATE_EXPECT=1 cargo test -p resilience-macros` writes the table anew.
    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let mut table = String::from("| above ↓ below → |");
        for inner in Kind::ALL {
            write!(table, " `{inner}` |").expect("a string");
        }
        table.push_str("\n|---|");
        table.push_str(&"---|".repeat(Kind::ALL.len()));
        for outer in Kind::ALL {
            write!(table, "\n| `{outer}` |").expect("a string");
            for inner in Kind::ALL {
                let cell = match (allowed(*outer, *inner).first(), outer == inner) {
                    (Some(_), false) => "yes",
                    (Some(_), true) => "twice",
                    (None, true) => "once",
                    (None, false) => "no",
                };
                write!(table, " {cell} |").expect("a string");
            }
        }
        table.push_str("\n\n| above | below | what it means |\n|---|---|---|");
        for (outer, inner, meaning) in ALLOWED {
            write!(table, "\n| `{outer}` | `{inner}` | {meaning} |").expect("a string");
        }
        table.push_str("\n\n| above | below | why it doesn't compile |\n|---|---|---|");
        for Forbidden { outer, inner, why, .. } in FORBIDDEN {
            write!(table, "\n| `{outer}` | `{inner}` | the lower one {why} |").expect("a string");
        }
        table.push('\n');
        expect_test::expect_file!["../../../resilience/src/docs/order.md"].assert_eq(&table);
    }
}
