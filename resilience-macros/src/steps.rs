//! How many steps a body has that the runtime doesn't see.

use proc_macro2::{Group, TokenStream, TokenTree};

use crate::tokens::{is_ident, is_punct};

/// Methods that read the answer to an earlier step, and so do nothing that matters twice.
const READS: [&str; 6] = ["bytes", "chunk", "json", "message", "text", "text_with_charset"];

/// Functions and macros that make one future of several, which all begin.
const JOINS: [&str; 11] = [
    "join",
    "join3",
    "join4",
    "join5",
    "join_all",
    "select_ok",
    "try_join",
    "try_join3",
    "try_join4",
    "try_join5",
    "try_join_all",
];

/// Types whose values are several futures.
const SETS: [&str; 3] = ["FuturesOrdered", "FuturesUnordered", "JoinSet"];

/// Methods that make several steps of the future or stream on which they are awaited.
const STEPS: [&str; 14] = [
    "and_then",
    "buffer_unordered",
    "buffered",
    "for_each",
    "for_each_concurrent",
    "join",
    "or_else",
    "race",
    "then",
    "try_buffer_unordered",
    "try_buffered",
    "try_for_each",
    "try_for_each_concurrent",
    "try_join",
];

/// Functions that begin something which goes on by itself.
const SPAWNS: [&str; 4] = ["spawn", "spawn_blocking", "spawn_local", "spawn_on"];

/// Whether the body goes on after a step that the runtime doesn't see.
///
/// A step is an `.await`, except of a method that reads an answer, and the start of a task that isn't
/// awaited there. One `.await` is several steps if it is that of several futures. The runtime sees a step whose
/// outcome is passed to `.checked(…)`. Nothing follows the last step, unless it is in a loop.
pub(crate) fn goes_on_unseen(body: &TokenStream) -> bool {
    let mut steps = Steps::default();
    steps.count(body.clone(), false);
    steps.unseen_before_another
}

#[derive(Default)]
struct Steps {
    /// Whether there was a step that the runtime doesn't see.
    unseen: bool,
    /// Whether another followed it.
    unseen_before_another: bool,
}

impl Steps {
    fn step(&mut self, is_seen: bool, in_loop: bool) {
        self.unseen_before_another |= self.unseen || in_loop && !is_seen;
        self.unseen |= !is_seen;
    }

    fn count(&mut self, tokens: TokenStream, in_loop: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Until the block of a `for`, `while` or `loop` has been read.
        let mut before_loop = false;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let is_block = before_loop && is_block(group);
                    self.count(group.stream(), in_loop || before_loop);
                    before_loop &= !is_block;
                }
                TokenTree::Ident(ident) => {
                    let (before, after) = (&tokens[..at], &tokens[at + 1..]);
                    if ident == "for" || ident == "while" || ident == "loop" {
                        before_loop = true;
                    } else if ident == "await" && is_punct(before.last(), '.') {
                        let call = &before[..at - 1];
                        if !is_read(call) {
                            let in_loop = in_loop || before_loop || has_several_steps(call);
                            self.step(is_checked(after), in_loop);
                        }
                    } else if SETS.iter().any(|set| ident == set)
                        || JOINS.iter().any(|join| ident == join) && calls(before, after)
                    {
                        self.step(false, true);
                    } else if ident == "select" && is_punct(after.first(), '!')
                        || SPAWNS.iter().any(|spawn| ident == spawn) && is_left_alone(after)
                    {
                        self.step(false, in_loop || before_loop);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

fn is_block(group: &Group) -> bool {
    group.delimiter() == proc_macro2::Delimiter::Brace
}

/// Whether a function or macro is called by its path: `join_all(…)`, `futures::join!(…)`. But not a
/// method: `names.join(", ")`.
fn calls(before: &[TokenTree], after: &[TokenTree]) -> bool {
    !is_punct(before.last(), '.')
        && match after.first() {
            Some(TokenTree::Group(arguments)) => {
                arguments.delimiter() == proc_macro2::Delimiter::Parenthesis
            }
            next => is_punct(next, '!'),
        }
}

/// Whether a task is started and not awaited at once: `spawn(…)`, and not `spawn(…).await`.
fn is_left_alone(after: &[TokenTree]) -> bool {
    matches!(after.first(), Some(TokenTree::Group(_)))
        && !(is_punct(after.get(1), '.') && is_ident(after.get(2), "await"))
}

/// Whether a method of the awaited call makes several steps of it: `charge(order).and_then(tell)`.
fn has_several_steps(call: &[TokenTree]) -> bool {
    let mut rest = call;
    loop {
        let [before @ .., TokenTree::Group(_)] = rest else { return false };
        let before = without_type_arguments(before);
        let [before @ .., TokenTree::Ident(method)] = before else { return false };
        if !is_punct(before.last(), '.') {
            return false;
        }
        if STEPS.iter().any(|step| method == step) {
            return true;
        }
        rest = &before[..before.len() - 1];
        // `charge(order)?.mail().await`
        if is_punct(rest.last(), '?') {
            rest = &rest[..rest.len() - 1];
        }
    }
}

/// Whether the call that ends here reads an answer: `….json::<Stock>()`.
fn is_read(call: &[TokenTree]) -> bool {
    let [before @ .., TokenTree::Group(_)] = call else { return false };
    let before = without_type_arguments(before);
    READS.iter().any(|read| is_ident(before.last(), read))
        && before.len() > 1
        && is_punct(before.get(before.len() - 2), '.')
}

/// `.json::<Stock>` without `::<Stock>`.
fn without_type_arguments(tokens: &[TokenTree]) -> &[TokenTree] {
    if !is_punct(tokens.last(), '>') {
        return tokens;
    }
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().rev() {
        if is_punct(Some(token), '>') {
            depth += 1;
        } else if is_punct(Some(token), '<') {
            depth -= 1;
            if depth == 0 {
                let colons = tokens[..at].iter().rev().take(2);
                let are_there = colons.clone().count() == 2
                    && colons.clone().all(|token| is_punct(Some(token), ':'));
                return if are_there { &tokens[..at - 2] } else { tokens };
            }
        }
    }
    tokens
}

/// Whether the outcome is passed to `.checked(…)`: `?.checked("payments")`.
fn is_checked(after: &[TokenTree]) -> bool {
    let after = match after {
        [first, rest @ ..] if is_punct(Some(first), '?') => rest,
        _ => after,
    };
    is_punct(after.first(), '.') && is_ident(after.get(1), "checked")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_on(body: &str) -> bool {
        goes_on_unseen(&body.parse().expect("tokens"))
    }

    #[test]
    fn single_step_is_the_last_one() {
        for body in [
            "",
            "Ok(7)",
            "charge(order).await",
            "http.post(url).send().await?.error_for_status()?.json::<Vec<Vec<u8>>>().await",
            "let answer = http.post(url).send().await?; answer.text().await",
            "let key = context(); for header in headers {} http.post(url).send().await",
            "http.post([base, names.join(\"/\")].concat()).send().await",
            "tokio::task::spawn_blocking(move || charge(order)).await?",
            "tokio::spawn(charge(order)).await?",
            "charge(order).await.and_then(|receipt| receipt.check()).or_else(|error| give_up(error))",
            "let then = order.and_then(Order::next); charge(then).await",
        ] {
            assert!(!goes_on(body), "{body}");
        }
    }

    #[test]
    fn step_that_is_seen_may_be_followed_by_another() {
        for body in [
            "http.post(a).send().await?.checked(\"a\")?; http.post(b).send().await?.checked(\"b\")?;",
            "http.post(a).send().await?.checked(\"a\")?.json::<A>().await?; tell(b).await",
            "stock.take(request).await.checked()?; tell(b).await",
            "for url in urls { http.post(url).send().await?.checked(\"a\")?; }",
        ] {
            assert!(!goes_on(body), "{body}");
        }
    }

    #[test]
    fn body_goes_on_after_an_unseen_step() {
        for body in [
            "insert(pool).await?; look(other).await",
            "http.post(a).send().await?.error_for_status()?; http.post(b).send().await",
            "if let Some(x) = find(id).await? { charge(x).await } else { Ok(()) }",
            "for order in orders { charge(order).await?; }",
            "while let Some(order) = next() { charge(order).await?; }",
            "loop { charge(order).await? }",
            "tokio::try_join!(charge(a), charge(b))",
            "charge(order).await?.json(); tell().await",
            "json().await?; tell().await",
            "futures::future::try_join_all(orders.iter().map(charge)).await",
            "future::join(charge(a), charge(b)).await",
            "charges.into_iter().map(charge).collect::<FuturesUnordered<_>>().collect().await",
            "let mut charges = FuturesUnordered::new(); charges.push(charge(a)); charges.next().await",
            "stream::iter(orders).map(charge).buffer_unordered(4).try_collect::<Vec<_>>().await",
            "stream::iter(orders).try_for_each(charge).await",
            "charge(order).and_then(|receipt| mail(receipt)).await",
            "charge(order).or_else(|_| charge_elsewhere(order)).await",
            "(charge(a), charge(b)).join().await",
            "tokio::spawn(tell(order)); charge(order).await",
            "let charged = tokio::task::spawn_blocking(charge); tell(order).await",
            "select! { done = charge(order) => done?, () = cancelled() => {} }; tell(order).await",
        ] {
            assert!(goes_on(body), "{body}");
        }
    }

    #[test]
    fn any_tokens_are_read() {
        for body in ["await", ". await", "> . await", "x > () . await", ":: < > () . await . await"]
        {
            goes_on(body);
        }
    }
}
