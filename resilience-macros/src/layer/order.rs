//! Which layer is allowed above which: one table, which the checks and the documentation are made
//! from.

use proc_macro2::Span;

use super::Kind;
use super::Kind::{Boundary, CircuitBreaker, DeadLetter, Degrade, Retry, Timeout, Transaction};
use crate::diagnostics::Errors;

/// A layer that isn't allowed below another.
pub(crate) struct Forbidden {
    outer: Kind,
    inner: Kind,
    /// What would go wrong.
    why: &'static str,
    cure: Cure,
}

/// What to do with the inner layer. If several apply, the first is suggested.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cure {
    /// The function has it twice.
    KeepOne,
    /// The two don't go together.
    Choose,
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
    twice(Boundary, "would report errors in place of the first"),
    twice(DeadLetter, "would leave no failures for the first"),
    twice(Degrade, "would leave no failures for the first"),
    twice(Retry, "would multiply the attempts"),
    twice(CircuitBreaker, "would count every call twice"),
    twice(Transaction, "would begin a transaction inside a transaction"),
    below(Boundary, DeadLetter, "misses the failures that become letters", Cure::MoveToTop),
    below(
        DeadLetter,
        Degrade,
        "answers with a fallback although the message isn't processed",
        Cure::Choose,
    ),
    below(Degrade, DeadLetter, "hides the failures that belong in a letter", Cure::Choose),
    below(DeadLetter, Retry, "stores the message before it is tried again", Cure::MoveAbove),
    below(DeadLetter, CircuitBreaker, "hides every failure from it", Cure::MoveAbove),
    below(DeadLetter, Timeout, "may be cut off before the letter is stored", Cure::MoveAbove),
    below(
        DeadLetter,
        Transaction,
        "would commit the transaction although its body failed",
        Cure::MoveAbove,
    ),
    below(Boundary, Degrade, "reports failures that the fallback handles", Cure::MoveToTop),
    below(Boundary, Retry, "reports every failed attempt", Cure::MoveToTop),
    below(
        Boundary,
        CircuitBreaker,
        "misses the errors that `#[circuit_breaker]` itself returns",
        Cure::MoveToTop,
    ),
    below(Boundary, Timeout, "misses the errors that `#[timeout]` itself returns", Cure::MoveToTop),
    below(
        Boundary,
        Transaction,
        "misses the errors that `#[transaction]` itself returns",
        Cure::MoveToTop,
    ),
    below(Degrade, Retry, "hides every failure from it", Cure::MoveToTop),
    below(Degrade, CircuitBreaker, "hides every failure from it", Cure::MoveToTop),
    below(
        Degrade,
        Transaction,
        "would commit the transaction although its body failed",
        Cure::MoveAbove,
    ),
    below(
        Retry,
        Transaction,
        "would repeat statements in a transaction that has already failed",
        Cure::MoveAbove,
    ),
    below(CircuitBreaker, Transaction, "would not see BEGIN or COMMIT fail", Cure::MoveAbove),
    below(Timeout, Transaction, "would not cover BEGIN and COMMIT", Cure::MoveAbove),
];

/// The other pairs, as outer and inner layer, with what each means.
#[cfg(test)]
const ALLOWED: &[(Kind, Kind, &str)] = &[
    (Boundary, DeadLetter, "gives the letter the request's id, and reports what isn't stored"),
    (DeadLetter, Retry, "stores the message after the last attempt"),
    (DeadLetter, CircuitBreaker, "an open circuit stores nothing, and the message goes back"),
    (DeadLetter, Timeout, "a call that times out counts as transient"),
    (DeadLetter, Transaction, "stores the message after the rollback"),
    (Boundary, Degrade, "reports what the fallback doesn't handle"),
    (Boundary, Retry, "reports the error of the last attempt, once"),
    (Boundary, CircuitBreaker, "also reports a rejected call"),
    (Boundary, Timeout, "also reports a timeout"),
    (Boundary, Transaction, "also reports a failed `BEGIN` or `COMMIT`"),
    (Degrade, Retry, "the fallback runs after the last attempt"),
    (Degrade, CircuitBreaker, "the fallback also runs while the circuit is open"),
    (Degrade, Timeout, "the fallback runs after a timeout, and isn't limited by it"),
    (Degrade, Transaction, "the fallback runs after the rollback"),
    (Retry, CircuitBreaker, "each attempt counts, and an open circuit stops the retry"),
    (Retry, Timeout, "limits each attempt"),
    (Retry, Transaction, "each attempt is a transaction of its own"),
    (CircuitBreaker, Retry, "only the outcome of all attempts counts"),
    (CircuitBreaker, Timeout, "a timeout counts as a failure"),
    (CircuitBreaker, Transaction, "a failed `BEGIN` or `COMMIT` counts too"),
    (Timeout, Degrade, "also limits the fallback"),
    (Timeout, Retry, "limits all attempts together, including the delays"),
    (Timeout, CircuitBreaker, "a call that times out counts as a failure"),
    (
        Timeout,
        Timeout,
        "only with `#[retry]` between them: one limit for all attempts, one for each",
    ),
    (Timeout, Transaction, "covers `BEGIN`, the body, `COMMIT` and all repetitions"),
];

impl Forbidden {
    fn message(&self) -> String {
        let Self { outer, inner, why, cure } = self;
        match cure {
            Cure::MoveToTop => {
                format!("`{inner}` below `{outer}` {why}; move `{inner}` to the top")
            }
            Cure::Choose => format!("`{inner}` below `{outer}` {why}; keep one of them"),
            Cure::MoveAbove => format!("`{inner}` below `{outer}` {why}; move it above"),
            Cure::KeepOne => format!(
                "only one `{inner}` is allowed per function; remove this one, or move it to \
                 another function"
            ),
        }
    }
}

/// Whether `inner` may stand below `outer`.
pub(crate) fn is_allowed(outer: Kind, inner: Kind) -> bool {
    !FORBIDDEN.iter().any(|pair| pair.outer == outer && pair.inner == inner)
}

/// Rejects each misplaced layer, with a single reason: the first by the order of [`Cure`], then the
/// one with the outermost layer. The outermost of `layers` is the first.
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
    fn only_pairs_of_one_layer_have_the_cure_keep_one() {
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
            (&[Retry, Transaction, Boundary], "reports every failed attempt"),
            (&[Transaction, Retry, Retry], "only one `#[retry]`"),
        ] {
            let messages = messages(kinds);
            assert!(messages.contains(reason), "{messages}");
        }
    }

    /// `UPDATE_EXPECT=1 cargo test -p resilience-macros` updates the table.
    #[test]
    fn documented_table_is_up_to_date() {
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
