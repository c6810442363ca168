//! What a body does with `tx` and with the pool, as far as its tokens show.
//!
//! The body isn't parsed, so these are searches for what a user would write. Each has a way to say
//! that it is meant: a clone of the pool under another name.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

use crate::tokens::{contains_ident, is_ident, is_punct};

/// Methods of a query that take an executor, and of an executor that take a query.
const EXECUTE: [&str; 7] =
    ["execute", "execute_many", "fetch", "fetch_all", "fetch_many", "fetch_one", "fetch_optional"];
const BEGIN: [&str; 3] = ["begin", "begin_with", "try_begin"];

/// A place in the body, and what is said of it.
pub(crate) struct Finding {
    pub(crate) span: Span,
    pub(crate) name: &'static str,
    pub(crate) message: &'static str,
}

impl Finding {
    /// The body doesn't mention `tx` at all.
    pub(super) fn unused(span: Span) -> Self {
        Self { span, name: "transaction_without_statement", message: UNUSED }
    }
}

const UNUSED: &str = "the body doesn't use `tx`, so none of it runs in the transaction; pass \
                      `&mut *tx` to the statements, as in `.execute(&mut *tx)`";

const ON_THE_POOL: &str = "this statement runs on the pool, outside the transaction; write \
                           `&mut *tx`, or, if that is intended, use a clone of the pool with \
                           another name";

const BEGINS_ANOTHER: &str = "this begins another transaction, on another connection; use \
                              `&mut *tx`, or `tx.begin()` for a savepoint";

const HIDES_TX: &str = "this hides the transaction's `tx`, which the body hasn't used yet, so none \
                        of it runs in the transaction; give it another name";

/// Statements that run on the pool, and other transactions: where the body uses the expression that
/// the attribute has for its pool.
pub(super) fn of_the_pool(body: &TokenStream, pool: &TokenStream) -> Vec<Finding> {
    let pool: Vec<TokenTree> = flat(pool.clone());
    let pool = stripped(&pool).to_vec();
    let Some(TokenTree::Ident(root)) = pool.first() else { return Vec::new() };
    // Another value may have the name.
    if root != "self" && binds(body, root) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    each_level(body, &mut |tokens| {
        for (index, token) in tokens.iter().enumerate() {
            let Some((method, arguments)) = method_call(tokens, index, token) else { continue };
            let receiver = receiver_is(&tokens[..index - 1], &pool);
            if BEGIN.contains(&&*method) && receiver {
                findings.push((
                    last_ident(&tokens[..index - 1]),
                    "another_transaction",
                    BEGINS_ANOTHER,
                ));
            } else if EXECUTE.contains(&&*method) {
                let arguments: Vec<TokenTree> = flat(arguments);
                let argument = arguments
                    .split(|token| is_punct(Some(token), ','))
                    .find(|argument| is_pool(stripped(argument), &pool));
                let place = if receiver { Some(&tokens[..index - 1]) } else { argument };
                if let Some(place) = place {
                    findings.push((last_ident(place), "statement_on_the_pool", ON_THE_POOL));
                }
            }
        }
    });
    findings.into_iter().map(|(span, name, message)| Finding { span, name, message }).collect()
}

/// Whether the first thing that the body does with the name is to give it to another value.
pub(super) fn hidden(body: &TokenStream, tx: &Ident) -> Option<Finding> {
    let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    let first = tokens.iter().position(|token| mentions(token, tx))?;
    let start = tokens[..first].iter().rposition(|token| is_ident(Some(token), "let"))?;
    let rest = &tokens[start + 1..];
    let equals = rest.iter().position(|token| is_punct(Some(token), '='))?;
    let end = rest.iter().position(|token| is_punct(Some(token), ';'))?;
    // The name is in the pattern of the `let`, and not in its value.
    let is_hidden = start + 1 + equals > first
        && end > equals
        && !rest[equals..end].iter().any(|token| mentions(token, tx));
    is_hidden.then(|| Finding {
        span: ident_in(&tokens[first], tx)
            .map_or_else(|| tokens[first].span(), |ident| ident.span()),
        name: "hidden_transaction",
        message: HIDES_TX,
    })
}

/// `tx` where it would outlive the transaction: in the return value, or in a spawned task.
pub(super) fn escapes(
    body: &TokenStream,
    output: Option<&TokenStream>,
    tx: &Ident,
) -> Option<(Span, &'static str)> {
    if binds(body, tx) {
        return None;
    }
    let borrows = |token: &TokenTree| is_punct(Some(token), '&') || is_punct(Some(token), '\'');
    let returns_a_borrow = output.is_some_and(|output| flat(output.clone()).iter().any(borrows));
    let mut found = None;
    each_level(body, &mut |tokens| {
        for (index, token) in tokens.iter().enumerate() {
            let (TokenTree::Ident(name), Some(TokenTree::Group(group))) =
                (token, tokens.get(index + 1))
            else {
                continue;
            };
            if group.delimiter() != Delimiter::Parenthesis || found.is_some() {
                continue;
            }
            let inside: Vec<TokenTree> = flat(group.stream());
            let spawns = match &*name.to_string() {
                "spawn" => !is_scoped(&tokens[..index]),
                "spawn_local" | "spawn_blocking" => true,
                _ => false,
            };
            let is_done = contains_ident(group.stream(), |ident| ident == "await");
            if name == "Ok" && returns_a_borrow && !is_done && is_a_value(&inside, tx) {
                let span = ident_in(&TokenTree::Group(group.clone()), tx).map(|ident| ident.span());
                found = span.map(|span| (span, RETURNED));
            } else if spawns && is_used_in(&inside, tx) {
                let span = ident_in(&TokenTree::Group(group.clone()), tx).map(|ident| ident.span());
                found = span.map(|span| (span, SPAWNED));
            }
        }
    });
    found
}

/// Whether the method belongs to a scope, whose tasks end with it: `scope.spawn(…)`.
fn is_scoped(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(receiver), dot] if is_punct(Some(dot), '.') => {
            let receiver = receiver.to_string();
            receiver == "s" || receiver.contains("scope")
        }
        _ => false,
    }
}

const RETURNED: &str = "the transaction of `tx` ends with the body, so `tx` can't be returned; \
                        return what you read with it";

const SPAWNED: &str = "the transaction of `tx` ends with the body, so a spawned task can't use \
                       `tx`; `.await` the statements here, or put `#[transaction]` on the task's \
                       function";

/// Calls `look` with the tokens of each level: the body, and each group in it.
fn each_level(tokens: &TokenStream, look: &mut dyn FnMut(&[TokenTree])) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    look(&tokens);
    for token in &tokens {
        if let TokenTree::Group(group) = token {
            each_level(&group.stream(), look);
        }
    }
}

/// `.execute(pool)` at its name: the method and its arguments.
fn method_call(
    tokens: &[TokenTree],
    index: usize,
    token: &TokenTree,
) -> Option<(String, TokenStream)> {
    let TokenTree::Ident(method) = token else { return None };
    if index == 0 || !is_punct(tokens.get(index - 1), '.') {
        return None;
    }
    match tokens.get(index + 1) {
        Some(TokenTree::Group(arguments)) if arguments.delimiter() == Delimiter::Parenthesis => {
            Some((method.to_string(), arguments.stream()))
        }
        _ => None,
    }
}

/// Whether the tokens before a method's dot end with the pool, and with all of that expression.
fn receiver_is(before: &[TokenTree], pool: &[TokenTree]) -> bool {
    let Some(start) = before.len().checked_sub(pool.len()) else { return false };
    let (before, receiver) = before.split_at(start);
    let continues =
        before.last().is_some_and(|token| is_punct(Some(token), '.') || is_punct(Some(token), ':'));
    !continues && same(receiver, pool)
}

/// `&mut *tx` or `(&tx)` without what is around the name.
fn stripped(mut tokens: &[TokenTree]) -> &[TokenTree] {
    while let [first, rest @ ..] = tokens {
        if is_punct(Some(first), '&') || is_punct(Some(first), '*') || is_ident(Some(first), "mut")
        {
            tokens = rest;
        } else {
            break;
        }
    }
    tokens
}

/// Without the parentheses around the whole, and without invisible groups.
fn flat(tokens: impl ToTokens) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_token_stream().into_iter().collect();
    match &tokens[..] {
        [TokenTree::Group(group)]
            if matches!(group.delimiter(), Delimiter::Parenthesis | Delimiter::None) =>
        {
            flat(group.stream())
        }
        _ => tokens,
    }
}

fn same(one: &[TokenTree], other: &[TokenTree]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.to_string() == other.to_string())
}

/// The pool, or a connection that is taken from it on the spot.
fn is_pool(tokens: &[TokenTree], pool: &[TokenTree]) -> bool {
    let (start, rest) = tokens.split_at(pool.len().min(tokens.len()));
    let acquires = || is_punct(rest.first(), '.') && is_ident(rest.get(1), "acquire");
    same(start, pool) && (rest.is_empty() || acquires())
}

/// Whether the name itself is a value: `tx`, `&mut *tx`, or one in a list, such as `Repo { tx }`.
fn is_a_value(tokens: &[TokenTree], tx: &Ident) -> bool {
    tokens.iter().enumerate().any(|(index, token)| match token {
        TokenTree::Ident(ident) if ident == tx => {
            let after = tokens.get(index + 1);
            !is_field(tokens, index) && (after.is_none() || is_punct(after, ','))
        }
        TokenTree::Group(group) => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            is_a_value(&inside, tx)
        }
        _ => false,
    })
}

/// Whether the token at `index` is the name of a field or method.
fn is_field(tokens: &[TokenTree], index: usize) -> bool {
    index.checked_sub(1).is_some_and(|before| is_punct(tokens.get(before), '.'))
}

/// Whether the tokens use the name other than as a field or method.
fn is_used_in(tokens: &[TokenTree], tx: &Ident) -> bool {
    tokens.iter().enumerate().any(|(index, token)| match token {
        TokenTree::Ident(ident) => ident == tx && !is_field(tokens, index),
        TokenTree::Group(group) => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            is_used_in(&inside, tx)
        }
        _ => false,
    })
}

/// Whether the body gives the name to a value of its own: by `let`, `for`, a closure's parameter or
/// a match arm.
fn binds(body: &TokenStream, name: &Ident) -> bool {
    let mut found = false;
    each_level(body, &mut |tokens| {
        for (index, token) in tokens.iter().enumerate() {
            let next = |at: usize| tokens.get(index + at);
            found |= match token {
                TokenTree::Ident(keyword) if keyword == "let" || keyword == "for" => tokens
                    [index + 1..]
                    .iter()
                    .take_while(|token| {
                        !is_punct(Some(token), '=')
                            && !is_punct(Some(token), ';')
                            && !is_ident(Some(token), "in")
                    })
                    .any(|token| mentions(token, name)),
                TokenTree::Punct(bar) if bar.as_char() == '|' => {
                    tokens[index + 1..]
                        .iter()
                        .take_while(|token| !is_punct(Some(token), '|'))
                        .all(|token| !is_punct(Some(token), ';'))
                        && (next(1).is_some_and(|token| mentions(token, name))
                            || is_ident(next(1), "mut")
                                && next(2).is_some_and(|token| mentions(token, name)))
                }
                other => is_punct(next(1), '=') && is_punct(next(2), '>') && mentions(other, name),
            };
        }
    });
    found
}

fn mentions(token: &TokenTree, name: &Ident) -> bool {
    ident_in(token, name).is_some()
}

fn ident_in(token: &TokenTree, name: &Ident) -> Option<Ident> {
    crate::tokens::find_ident(token.to_token_stream(), &mut |ident| ident == name)
}

/// Where the expression is best pointed at: `pool` in `&self.pool`.
fn last_ident(tokens: &[TokenTree]) -> Span {
    tokens
        .iter()
        .rev()
        .find(|token| matches!(token, TokenTree::Ident(_)))
        .map_or_else(Span::call_site, TokenTree::span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> TokenStream {
        text.parse().expect("tokens")
    }

    fn on_the_pool(pool: &str, body: &str) -> Vec<&'static str> {
        of_the_pool(&tokens(body), &tokens(pool)).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn statements_on_the_pool_are_found() {
        let statement = ["statement_on_the_pool"];
        for body in [
            "query(sql).execute(pool).await?;",
            "query(sql).fetch_all(&*pool).await?;",
            "if x { query!(sql, 1).fetch_one((&pool)).await? }",
            "pool.execute(sql).await?;",
            "query(sql).execute(&mut *pool.acquire().await?).await?;",
            "join!(query(sql).execute(pool), other)",
        ] {
            assert_eq!(on_the_pool("pool", body), statement, "{body}");
        }
        for body in ["query(sql).execute(&self.pool)", "self.pool.fetch_one(sql)"] {
            assert_eq!(on_the_pool("self.pool", body), statement, "{body}");
            assert_eq!(on_the_pool("&self.pool", body), statement, "{body}");
        }
        assert_eq!(on_the_pool("self.db.pool()", "q.execute(self.db.pool())"), statement);
        assert_eq!(on_the_pool("POOL", "q.execute(&*POOL)"), statement);
        assert_eq!(
            on_the_pool("pool", "let mut x = pool.begin().await?;"),
            ["another_transaction"]
        );
    }

    #[test]
    fn other_uses_of_the_pool_are_not() {
        for body in [
            "query(sql).execute(&mut *tx).await?;",
            "let audit = pool.clone(); query(sql).execute(&audit).await?;",
            "let audit = pool; query(sql).execute(audit).await?;",
            "query(sql).execute(&pool.clone()).await?;",
            "query(sql).execute(&other.pool).await?;",
            "other.pool.execute(sql).await?;",
            "let pool = &self.replica; query(sql).execute(pool).await?;",
            "for pool in pools { query(sql).execute(pool).await?; }",
            "pools.map(|pool| query(sql).execute(pool))",
            "pool.size()",
            "log(pool); tx.execute(sql).await?;",
        ] {
            assert_eq!(on_the_pool("pool", body), [""; 0], "{body}");
        }
        assert_eq!(on_the_pool("self.pool", "q.execute(&self.replica)"), [""; 0]);
    }

    #[test]
    fn name_that_is_given_away_before_its_use_is_found() {
        let tx: Ident = syn::parse_str("tx").expect("a name");
        let is_hidden = |body: &str| hidden(&tokens(body), &tx).is_some();
        for body in [
            "let mut tx = pool.begin().await?; a(&mut *tx).await",
            "let (tx, rx) = channel(); tx.send(1)",
            "let x = 1; let tx: Tx<'_> = other(); tx",
        ] {
            assert!(is_hidden(body), "{body}");
        }
        for body in [
            "let mut tx = tx.begin().await?; a(&mut *tx).await",
            "a(tx).await?; let (tx, rx) = channel();",
            "let x = a(tx).await?;",
            "if b { let (tx, rx) = channel(); } a(tx)",
            "let x = 1; a(tx)",
        ] {
            assert!(!is_hidden(body), "{body}");
        }
    }

    #[test]
    fn escaping_transaction_is_found() {
        let tx: Ident = syn::parse_str("tx").expect("a name");
        let borrow = tokens("Result<&mut SqliteConnection, E>");
        let plain = tokens("Result<u32, E>");
        let escapes = |body: &str, output| escapes(&tokens(body), Some(output), &tx).is_some();
        assert!(escapes("Ok(tx)", &borrow));
        assert!(escapes("if x { return Ok(&mut *tx); } Err(e)", &borrow));
        let lifetime = tokens("Result<Repo<'_>, E>");
        for body in ["Ok(Repo { tx })", "Ok(Repo::new(1, &mut *tx))", "Ok((tx, 1))"] {
            assert!(escapes(body, &lifetime), "{body}");
        }
        for body in ["Ok(tx.id)", "Ok(load(tx).await?)", "Ok(other.tx)"] {
            assert!(!escapes(body, &borrow) && !escapes(body, &lifetime), "{body}");
        }
        assert!(!escapes("Ok(tx)", &plain));
        for body in [
            "tokio::spawn(async move { a(&mut *tx).await });",
            "spawn(work(tx))",
            "let mut set = JoinSet::new(); set.spawn(async { a(tx).await })",
            "self.tasks.spawn(async move { a(tx).await })",
            "tokio::task::spawn_local(a(tx))",
        ] {
            assert!(escapes(body, &plain), "{body}");
        }
        for body in [
            "let (tx, rx) = channel(); tokio::spawn(async move { tx.send(1).await })",
            "a(tx).await?; tokio::spawn(async move { log.tx })",
            "scope.spawn(async { a(tx).await })",
            "tokio::spawn(work(pool.clone()))",
            "tokio::spawn(async move { while let Some(tx) = next() { a(tx) } })",
        ] {
            assert!(!escapes(body, &plain), "{body}");
        }
    }
}
