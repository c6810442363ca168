use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit};

use super::degrade::value;
use super::{Code, Fragment, Scope};
use crate::diagnostics::Errors;
use crate::foreign::contains_ident;
use crate::function::Function;
use crate::options::{self, Arguments, Grammar, Setting, Value};
use crate::units;

pub(super) const GRAMMAR: Grammar = Grammar {
    owner: "#[transaction]",
    keys: &["tx", "begin", "attempts", "base", "max_delay"],
    flags: &[],
    lists: &["clone"],
    foreign: &[
        ("pool", "write `tx = …`; `tx` is the name of the connection in the body"),
        ("db", "write `tx = …`; `tx` is the name of the connection in the body"),
        ("conn", "write `tx = …`; `tx` is the name of the connection in the body"),
        ("connection", "write `tx = …`; `tx` is the name of the connection in the body"),
        ("executor", "write `tx = …`; `tx` is the name of the connection in the body"),
        (
            "isolation",
            "write the whole statement: `begin = \"BEGIN ISOLATION LEVEL SERIALIZABLE\"`",
        ),
        (
            "isolation_level",
            "write the whole statement: `begin = \"BEGIN ISOLATION LEVEL SERIALIZABLE\"`",
        ),
        (
            "serializable",
            "write the whole statement: `begin = \"BEGIN ISOLATION LEVEL SERIALIZABLE\"`",
        ),
        ("read_only", "write the whole statement: `begin = \"BEGIN READ ONLY\"`"),
        ("readonly", "write the whole statement: `begin = \"BEGIN READ ONLY\"`"),
        ("immediate", "write the whole statement: `begin = \"BEGIN IMMEDIATE\"`"),
        ("exclusive", "write the whole statement: `begin = \"BEGIN EXCLUSIVE\"`"),
        ("mode", "write the whole statement: `begin = \"BEGIN IMMEDIATE\"`"),
        ("begin_with", "it is `begin`"),
        (
            "propagation",
            "each function begins its own; one that joins takes `tx: &mut PgConnection` as an argument",
        ),
        ("rollback_for", "any error rolls back"),
        ("no_rollback_for", "any error rolls back; return it inside of `Ok` to commit"),
        ("rollback_on", "any error rolls back"),
        (
            "retries",
            "it is `attempts`, which counts the first execution too: 3 retries are `attempts = 4`",
        ),
        (
            "max_retries",
            "it is `attempts`, which counts the first execution too: 3 retries are `attempts = 4`",
        ),
        ("max_attempts", "it is `attempts`"),
        ("retry", "it is a layer of its own: write `#[retry(idempotent)]` above"),
        ("timeout", "it is a layer of its own: write `#[timeout(\"5s\")]` above"),
        ("name", "write `service = \"…\"` for the label"),
    ],
};

const DEFAULT_BASE: Duration = Duration::from_millis(10);
const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(1);

pub(crate) struct Transaction {
    /// `tx`, with the span that makes it the body's.
    name: Ident,
    pool: Expr,
    begin: Option<Expr>,
    attempts: Option<Setting<u32>>,
    base: Option<Setting<Duration>>,
    max_delay: Option<Setting<Duration>>,
}

impl Transaction {
    pub(super) fn parse(
        at: Span,
        arguments: &mut Arguments,
        function: &Function,
        errors: &mut Errors,
    ) -> Option<Self> {
        for positional in std::mem::take(&mut arguments.positional) {
            let written = positional.to_token_stream().to_string().replace(' ', "");
            let message = match &positional {
                Expr::Lit(_) => {
                    "`#[transaction]` takes a pool; write for example `#[transaction(tx = self.pool)]`".to_owned()
                }
                _ => format!("the pool needs the name that the body uses for its connection; write `tx = {written}`"),
            };
            errors.on(&positional, message);
        }
        let begin = arguments.expr("begin", errors).and_then(|expr| begin(expr, errors));
        let attempts = arguments.number(
            "attempts",
            1..=u32::MAX,
            "; `attempts = 1` means no repetition",
            errors,
        );
        let (base, max_delay) =
            (arguments.duration("base", errors), arguments.duration("max_delay", errors));
        let Some(option) = arguments.take("tx") else {
            if errors.is_empty() {
                errors.at(
                    at,
                    "`#[transaction]` needs a pool to begin with; write for example `#[transaction(tx = self.pool)]`, and use `&mut *tx` in the body",
                );
            }
            return None;
        };
        let Value::Expr(pool) = option.value else { return None };
        if let Some(argument) =
            function.argument_names().into_iter().find(|argument| *argument == option.key)
        {
            errors.on(
                argument,
                "`tx` is what `#[transaction]` calls its connection in the body; give this argument another name",
            );
        }
        if let Some(objection) = objection(&pool) {
            errors.on(&pool, objection);
        }
        let layer = Self { name: option.key, pool: *pool, begin, attempts, base, max_delay };
        layer.check(errors);
        Some(layer)
    }

    fn check(&self, errors: &mut Errors) {
        let known = |setting: &Option<Setting<Duration>>, default| match setting {
            None => Some((default, " by default")),
            Some(setting) => setting.known().map(|known| (known, "")),
        };
        let (Some((base, how)), Some((max, max_how))) =
            (known(&self.base, DEFAULT_BASE), known(&self.max_delay, DEFAULT_MAX_DELAY))
        else {
            return;
        };
        if base <= max {
            return;
        }
        if let Some(Setting::Known(_, blamed)) = self.base.as_ref().or(self.max_delay.as_ref()) {
            errors.at(
                *blamed,
                format!(
                    "`base` is {}{how} and `max_delay` is {}{max_how}; the first delay must not be longer than the longest",
                    units::show(base),
                    units::show(max)
                ),
            );
        }
    }

    /// What is evaluated once per call: `let pool = pool(&self.pool);`, and the policy if it isn't
    /// constant.
    pub(crate) fn setup(&self, error: &TokenStream, scope: &Scope<'_>) -> TokenStream {
        let (krate, site) = (scope.krate, &scope.site);
        let [pool, begin, policy, argument, from_sqlx] =
            ["pool", "begin", "repeats_policy", "argument", "from_sqlx"].map(Scope::local);
        let written = scope.user(&self.pool);
        // What is no pool is said of the expression.
        let reference = quote_spanned!(self.pool.span()=> &#written);
        let begin = self.begin.as_ref().map(|statement| {
            let statement = scope.user(statement);
            quote!(let #begin: &'static str = #statement;)
        });
        let policy = (!self.is_literal()).then(|| {
            let steps = self.steps(scope);
            quote! {
                let #policy = &#krate::__private::clamp::Policy::new(#krate::sql::TransactionAttempts::POLICY, &#site)#(#steps)*.done();
            }
        });
        quote! {
            let #pool = #krate::__private::sql::pool(#reference);
            let #from_sqlx = |#argument| #krate::__private::sql::from_sqlx::<#error>(#argument);
            #begin
            #policy
        }
    }

    /// `let tx = transaction.connection();`, which comes first in the body.
    pub(crate) fn start(&self, function: &Function) -> TokenStream {
        let (name, transaction) = (&self.name, Scope::local("transaction"));
        // We warn of it ourselves: rustc's advice would be to rename the option.
        let unused = self.is_unused(function).then(|| quote!(let _ = &#name;));
        quote!(let #name = #transaction.connection(); #unused)
    }

    /// Whether the body has nothing that could run in the transaction.
    pub(crate) fn is_unused(&self, function: &Function) -> bool {
        !contains_ident(&function.body, &|name| self.name == name)
    }

    /// Where `tx` is written.
    pub(crate) fn name_at(&self) -> Span {
        self.name.span()
    }

    fn is_literal(&self) -> bool {
        let is_later =
            |setting: &Option<Setting<Duration>>| matches!(setting, Some(Setting::Later(_)));
        !is_later(&self.base)
            && !is_later(&self.max_delay)
            && !matches!(self.attempts, Some(Setting::Later(_)))
    }

    /// One method call per setting.
    fn steps(&self, scope: &Scope<'_>) -> Vec<TokenStream> {
        let settings = [
            ("attempts", self.attempts.as_ref().map(ToTokens::to_token_stream)),
            ("base", self.base.as_ref().map(ToTokens::to_token_stream)),
            ("max_delay", self.max_delay.as_ref().map(ToTokens::to_token_stream)),
        ];
        let step = |(name, setting): (&str, Option<TokenStream>)| {
            let (name, setting) = (Ident::new(name, Span::mixed_site()), scope.user(setting?));
            Some(quote!(.#name(#setting)))
        };
        settings.into_iter().filter_map(step).collect()
    }

    fn policy_in_use(&self, scope: &Scope<'_>) -> TokenStream {
        if !self.is_literal() {
            return Scope::local("repeats_policy").to_token_stream();
        }
        let (krate, steps) = (scope.krate, self.steps(scope));
        quote!(&const { #krate::sql::TransactionAttempts::POLICY #(#steps)* .checked() })
    }

    // Input:  the body
    // Output: 'transactions: loop {
    //             let error = 'transaction: {
    //                 let mut checkout = match Checkout::of(&pool).await {
    //                     Ok(checkout) => checkout,
    //                     Err(error) => break 'transaction from_sqlx(error),
    //                 };
    //                 let mut transaction = match checkout.begin(None).await {
    //                     Ok(transaction) => transaction,
    //                     Err(error) => break 'transaction from_sqlx(error),
    //                 };
    //                 let outcome = body.await;
    //                 match transaction.finish(outcome, from_sqlx, &SITE).await {
    //                     Ok(value) => break 'transactions Ok(value),
    //                     Err(error) => error,
    //                 }
    //             };
    //             match repeats.judge(error, classify) {
    //                 Ok(wait) => wait.pause().await,
    //                 Err(error) => break Err(error),
    //             }
    //         }
    pub(crate) fn wrap(
        &self,
        deadline: Option<&Ident>,
        classify: &Ident,
        inner: Fragment,
        scope: &Scope<'_>,
    ) -> Fragment {
        let (krate, site) = (scope.krate, &scope.site);
        let [pool, repeats, checkout, transaction, outcome, error, succeeded, wait, from_sqlx] = [
            "pool",
            "repeats",
            "checkout",
            "transaction",
            "outcome",
            "error",
            "value",
            "wait",
            "from_sqlx",
        ]
        .map(Scope::local);
        let [repeated, label] = ["'transactions", "'transaction"].map(Scope::label);
        let policy = self.policy_in_use(scope);
        let deadline = deadline.map(|deadline| quote!(.deadline(&#deadline)));
        let begin = if self.begin.is_some() {
            let begin = Scope::local("begin");
            quote!(::core::option::Option::Some(#begin))
        } else {
            quote!(::core::option::Option::None)
        };
        let Fragment { before, code } = inner;
        let call = value(code);
        Fragment {
            before: quote!(let mut #repeats = #krate::sql::TransactionAttempts::new(#policy, &#site)#deadline;),
            code: Code::Value(quote! {
                #repeated: loop {
                    let #error = #label: {
                        let mut #checkout = match #krate::sql::Checkout::of(&#pool).await {
                            ::core::result::Result::Ok(#checkout) => #checkout,
                            ::core::result::Result::Err(#error) => break #label #from_sqlx(#error),
                        };
                        let mut #transaction = match #checkout.begin(#begin).await {
                            ::core::result::Result::Ok(#transaction) => #transaction,
                            ::core::result::Result::Err(#error) => break #label #from_sqlx(#error),
                        };
                        #before
                        let #outcome = #call;
                        match #transaction.finish(#outcome, #from_sqlx, &#site).await {
                            ::core::result::Result::Ok(#succeeded) => {
                                break #repeated ::core::result::Result::Ok(#succeeded);
                            }
                            ::core::result::Result::Err(#error) => #error,
                        }
                    };
                    let #wait = match #repeats.judge(#error, #classify) {
                        ::core::result::Result::Ok(#wait) => #wait,
                        ::core::result::Result::Err(#error) => break ::core::result::Result::Err(#error),
                    };
                    #wait.pause().await;
                }
            }),
        }
    }
}

/// `begin = "BEGIN IMMEDIATE"`, or a constant.
fn begin(expr: Expr, errors: &mut Errors) -> Option<Expr> {
    let message = match options::literal(&expr) {
        Some(Lit::Str(text)) if text.value().trim().is_empty() => {
            "`begin` is empty; take it off for a plain `BEGIN`".to_owned()
        }
        Some(Lit::Str(text)) => match whole(text.value().trim()) {
            Some(statement) => {
                format!("`begin` is the whole statement; write `begin = \"{statement}\"`")
            }
            None => return Some(expr),
        },
        None => return Some(expr),
        Some(_) => {
            "`begin` is a statement; write for example `begin = \"BEGIN IMMEDIATE\"`".to_owned()
        }
    };
    errors.on(&expr, message);
    None
}

/// The statement of which only the mode is written.
fn whole(mode: &str) -> Option<String> {
    let upper = mode.to_ascii_uppercase();
    let mut words = upper.split_ascii_whitespace();
    match (words.next()?, words.next()) {
        ("IMMEDIATE" | "EXCLUSIVE" | "DEFERRED" | "ISOLATION", _)
        | ("READ", Some("ONLY" | "WRITE")) => Some(format!("BEGIN {upper}")),
        ("SERIALIZABLE", _)
        | ("REPEATABLE", Some("READ"))
        | ("READ", Some("COMMITTED" | "UNCOMMITTED")) => {
            Some(format!("BEGIN ISOLATION LEVEL {upper}"))
        }
        _ => None,
    }
}

/// Why an expression is obviously no pool.
fn objection(pool: &Expr) -> Option<String> {
    match pool {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => {
                let text = text.value();
                let name = if text.is_empty() { "self.pool" } else { &text };
                Some(format!("`tx` takes the pool itself, and no text; write `tx = {name}`"))
            }
            _ => Some(
                "`tx` takes the pool to begin with; write for example `tx = self.pool`".to_owned(),
            ),
        },
        Expr::Await(awaited) => objection(&awaited.base),
        Expr::Try(tried) => objection(&tried.expr),
        Expr::Paren(paren) => objection(&paren.expr),
        Expr::Group(group) => objection(&group.expr),
        Expr::MethodCall(call) => {
            let receiver = call.receiver.to_token_stream().to_string().replace(' ', "");
            let method = call.method.to_string();
            match &*method {
                "begin" | "acquire" | "try_begin" | "try_acquire" => Some(format!(
                    "`#[transaction]` calls `{method}` itself, for each execution; write `tx = {receiver}`"
                )),
                "begin_with" => Some(format!(
                    "`#[transaction]` begins by itself, for each execution; write `tx = {receiver}, begin = \"…\"`"
                )),
                _ => None,
            }
        }
        _ => None,
    }
}
