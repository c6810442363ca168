mod uses;

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit, Path};

use super::settings::{RetrySettings, clamped};
use super::{Around, Code, Fragment, Layer, Place, Properties, Scope, Timeout, defaults};
use crate::diagnostics::Errors;
use crate::options::{self, Arguments, Grammar, Value, foreign};
use crate::tokens::contains_ident;

pub(super) const GRAMMAR: Grammar = Grammar {
    attribute: "#[transaction]",
    keys: &["tx", "begin", "attempts", "base", "max_delay"],
    flags: &["statement_timeout"],
    lists: &["clone"],
    foreign: foreign::TRANSACTION,
    foreign_by_words: &[],
};

pub(crate) use uses::Finding;

pub(crate) struct Transaction {
    /// `tx`, with the span that makes it the body's.
    name: Ident,
    pool: Expr,
    /// Whether there is a mistake in `tx = pool` itself.
    is_wrong: bool,
    begin: Option<Expr>,
    /// Where `statement_timeout` is written.
    statement_timeout: Option<Span>,
    settings: RetrySettings,
}

impl Layer for Transaction {
    fn parse(arguments: &mut Arguments, place: &Place<'_>, errors: &mut Errors) -> Option<Self> {
        arguments.reject_positional(errors, |positional| match positional {
            Expr::Lit(_) => {
                "`#[transaction]` takes a pool, such as `#[transaction(tx = self.pool)]`".to_owned()
            }
            _ => format!(
                "the pool must be named: `tx = {}`; the body then uses `tx` as its connection",
                positional.to_token_stream().to_string().replace(' ', "")
            ),
        });
        let begin = arguments.expr("begin", errors).and_then(|expr| begin(expr, errors));
        let statement_timeout = arguments.flag("statement_timeout").map(|flag| flag.span());
        let settings = RetrySettings::parse(arguments, "no repetition", errors);
        let Some(option) = arguments.take("tx") else {
            if errors.is_empty() {
                errors.at(
                    place.span,
                    "`#[transaction]` needs a pool, such as `#[transaction(tx = self.pool)]`; use \
                     `&mut *tx` in the body",
                );
            }
            return None;
        };
        let Value::Expr(pool) = option.value else { return None };
        let mut is_wrong = false;
        if let Some(argument) =
            place.function.argument_names().into_iter().find(|argument| *argument == option.key)
        {
            errors.on(
                argument,
                "`tx` is the name of the transaction's connection in the body; rename this \
                 argument",
            );
            is_wrong = true;
        }
        if let Some(reason) = rejection_reason(&pool) {
            errors.on(&pool, reason);
            is_wrong = true;
        }
        let output = place.function.return_type().map(ToTokens::to_token_stream);
        if let Some((span, message)) =
            uses::escapes(&place.function.body, output.as_ref(), &option.key)
        {
            errors.at(span, message);
        }
        settings.check(Some(defaults::TRANSACTION), errors);
        Some(Self { name: option.key, pool: *pool, is_wrong, begin, statement_timeout, settings })
    }

    fn needs_async(name: &Ident) -> Option<String> {
        Some(format!("`#[transaction]` needs an `async fn`; write `async fn {name}`"))
    }

    fn not_on_impl() -> Option<&'static str> {
        Some(
            "methods that call each other would each begin a transaction of their own; write \
             `#[transaction]` on each method that needs one",
        )
    }

    fn properties(&self) -> Properties {
        Properties { reuses_arguments: true, rejects: false, classifies: true }
    }

    /// `let pool = pool(&self.pool);`, and the policy if it isn't constant.
    fn setup(&self, scope: &Scope<'_>) -> TokenStream {
        let (runtime, error, policy) = (scope.runtime, &scope.error, Self::policy_local());
        let [pool, begin, argument, from_sqlx] =
            ["pool", "begin", "argument", "from_sqlx"].map(Scope::local);
        let written = scope.user(&self.pool);
        // A wrong type is reported at the expression.
        let reference = quote_spanned!(self.pool.span()=> &#written);
        let begin = self.begin.as_ref().map(|statement| {
            let statement = scope.user(statement);
            quote!(let #begin: &'static str = #statement;)
        });
        let policy = (!self.settings.is_literal()).then(|| {
            let start = quote!(#runtime::sql::TransactionAttempts::POLICY);
            let clamped = clamped(&start, &self.settings.steps(scope), scope);
            quote!(let #policy = #clamped;)
        });
        quote! {
            let #pool = #runtime::sql::pool(#reference);
            let #from_sqlx = |#argument| #runtime::sql::from_sqlx::<#error>(#argument);
            #begin
            #policy
        }
    }

    /// `let tx = transaction.connection();`
    fn start_of_body(&self, scope: &Scope<'_>) -> TokenStream {
        let (runtime, name, transaction) = (scope.runtime, &self.name, Self::local());
        // Silences rustc's warning, which would suggest renaming the option. There are some of our
        // own.
        quote!(let #name = #runtime::sql::connection(&mut #transaction); let _ = &#name;)
    }

    // Input:  the body
    // Output: 'transactions: loop {
    //             let error = 'transaction: {
    //                 let mut checkout = match Checkout::of(&pool).await {
    //                     Ok(checkout) => checkout,
    //                     Err(error) => break 'transaction from_sqlx(error),
    //                 };
    //                 let mut transaction = match repeats.begin(&mut checkout, None).await {
    //                     Ok(transaction) => transaction,
    //                     Err(error) => break 'transaction from_sqlx(error),
    //                 };
    //                 let outcome = body.await;
    //                 match finish(transaction, outcome, from_sqlx, &SITE).await {
    //                     Ok(value) => { log_repeats(&repeats); break 'transactions Ok(value) }
    //                     Err(error) => error,
    //                 }
    //             };
    //             match repeat::<E>(&mut repeats, error) {
    //                 Ok(wait) => wait.pause().await,
    //                 Err(error) => break Err(error),
    //             }
    //         }
    fn wrap(&self, around: &Around<'_>, inner: Fragment, scope: &Scope<'_>) -> Fragment {
        let (runtime, site) = (scope.runtime, &scope.site);
        let transaction = Self::local();
        let [pool, repeats, checkout, outcome, error, succeeded, wait, from_sqlx] =
            ["pool", "repeats", "checkout", "outcome", "error", "value", "wait", "from_sqlx"]
                .map(Scope::local);
        let [repeated, label] = ["'transactions", "'transaction"].map(Scope::block_label);
        let policy = self.policy_in_use(scope);
        let deadline = around.above::<Timeout>().map(|(_, timeout)| {
            let deadline = timeout.deadline();
            quote!(.deadline(&#deadline))
        });
        let limit = match (self.statement_timeout, &deadline) {
            (None, _) => TokenStream::new(),
            (Some(_), Some(_)) => quote!(.statement_timeout()),
            (Some(span), None) => quote_spanned! {span=>;
                ::core::compile_error!(
                    "`statement_timeout` limits statements to the time left under a `#[timeout]`; \
                     write one above, such as `#[timeout(\"5s\")]`"
                )
            },
        };
        let begin = self.begin.as_ref().map(|_| Scope::local("begin").to_token_stream());
        let begin = scope.option(begin);
        let judge = scope.classifying("repeat", &quote!(&mut #repeats, #error));
        let Fragment { before, code } = inner;
        let call = code.into_value(scope);
        Fragment {
            before: quote!(let mut #repeats = #runtime::sql::TransactionAttempts::new(#policy, &#site)#deadline #limit;),
            code: Code::Value(quote! {
                #repeated: loop {
                    let #error = #label: {
                        let mut #checkout = match #runtime::sql::Checkout::of(&#pool).await {
                            #runtime::Ok(#checkout) => #checkout,
                            #runtime::Err(#error) => break #label #from_sqlx(#error),
                        };
                        let mut #transaction = match #runtime::sql::TransactionAttempts::begin(&mut #repeats, &mut #checkout, #begin).await {
                            #runtime::Ok(#transaction) => #transaction,
                            #runtime::Err(#error) => break #label #from_sqlx(#error),
                        };
                        #before
                        let #outcome = #call;
                        match #runtime::sql::finish(#transaction, #outcome, #from_sqlx, &#site).await {
                            #runtime::Ok(#succeeded) => {
                                #runtime::log_repeats(&#repeats);
                                break #repeated #runtime::Ok(#succeeded);
                            }
                            #runtime::Err(#error) => #error,
                        }
                    };
                    let #wait = match #judge {
                        #runtime::Ok(#wait) => #wait,
                        #runtime::Err(#error) => break #runtime::Err(#error),
                    };
                    #wait.pause().await;
                }
            }),
        }
    }
}

impl Transaction {
    /// The least that the delay before the first repetition can be, and where it is set.
    pub(crate) fn first_delay(&self) -> Option<(Duration, Option<Span>)> {
        self.settings.first_delay(Some(defaults::TRANSACTION))
    }

    /// What in the body likely doesn't run in the transaction.
    pub(crate) fn findings(&self, scope: &Scope<'_>) -> Vec<Finding> {
        let body = match scope.async_trait {
            Some(body) => body.body.stream(),
            None => scope.function.body.clone(),
        };
        if !contains_ident(body.clone(), |ident| *ident == self.name) {
            return vec![Finding::unused(self.name.span())];
        }
        let mut findings = uses::of_the_pool(&body, &scope.user(&self.pool));
        if findings.is_empty() {
            findings.extend(uses::hidden(&body, &self.name));
        }
        findings
    }

    /// `let tx = …;` for a body that isn't expanded, because of an error elsewhere. Otherwise
    /// there would be a second error for each use of `tx`.
    pub(crate) fn stand_in(&self, krate: &Path) -> TokenStream {
        if self.is_wrong {
            return TokenStream::new();
        }
        let (name, pool) = (&self.name, &self.pool);
        quote!(let #name = #krate::__private::sql::no_connection(&#pool); let _ = &#name;)
    }

    fn policy_in_use(&self, scope: &Scope<'_>) -> TokenStream {
        if !self.settings.is_literal() {
            return Self::policy_local().to_token_stream();
        }
        let (runtime, steps) = (scope.runtime, self.settings.steps(scope));
        quote!(&const { #runtime::sql::TransactionAttempts::POLICY #(#steps)* .checked() })
    }

    /// The local that holds the transaction, in the body too.
    fn local() -> Ident {
        Scope::local("transaction")
    }

    fn policy_local() -> Ident {
        Scope::local("repeats_policy")
    }
}

/// `begin = "BEGIN IMMEDIATE"`, or a constant.
fn begin(expr: Expr, errors: &mut Errors) -> Option<Expr> {
    let message = match options::literal(&expr) {
        Some(Lit::Str(text)) if text.value().trim().is_empty() => {
            "`begin` is empty; remove it for a plain `BEGIN`".to_owned()
        }
        Some(Lit::Str(text)) => match whole(text.value().trim()) {
            Some(statement) => {
                format!("`begin` takes the whole statement; write `begin = \"{statement}\"`")
            }
            None => return Some(expr),
        },
        None => return Some(expr),
        Some(_) => "`begin` takes a statement, such as `begin = \"BEGIN IMMEDIATE\"`".to_owned(),
    };
    errors.on(&expr, message);
    None
}

/// The whole statement, if only its mode is written.
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

/// Why an expression is obviously not a pool.
fn rejection_reason(pool: &Expr) -> Option<String> {
    match pool {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => {
                let text = text.value();
                let name = if text.is_empty() { "self.pool" } else { &text };
                Some(format!("`tx` takes the pool itself, not a string; write `tx = {name}`"))
            }
            _ => Some("`tx` takes a pool, such as `tx = self.pool`".to_owned()),
        },
        Expr::Await(awaited) => rejection_reason(&awaited.base),
        Expr::Try(tried) => rejection_reason(&tried.expr),
        Expr::Paren(paren) => rejection_reason(&paren.expr),
        Expr::Group(group) => rejection_reason(&group.expr),
        Expr::MethodCall(call) => {
            let receiver = call.receiver.to_token_stream().to_string().replace(' ', "");
            let method = call.method.to_string();
            match &*method {
                "begin" | "acquire" | "try_begin" | "try_acquire" => Some(format!(
                    "`#[transaction]` calls `{method}` itself for each execution; write `tx = \
                     {receiver}`"
                )),
                "begin_with" => Some(format!(
                    "`#[transaction]` begins the transaction itself for each execution; write `tx \
                     = {receiver}, begin = \"…\"`"
                )),
                _ => None,
            }
        }
        _ => None,
    }
}
