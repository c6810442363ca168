//! What the attributes expand to, one minimal input each. Bless a change with `UPDATE_EXPECT=1
//! cargo test -p resilience-macros`, and read it.

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::layer::Kind;

/// Expands the attribute `first` with `arguments` on `item`, and compares what comes out:
/// formatted, with the runtime's paths shortened.
fn check(first: Kind, arguments: TokenStream, item: &TokenStream, expected: &Expect) {
    let expansion = expand::attribute(first, arguments, item).to_string();
    let expansion = expansion
        .replace(":: resilience :: __private :: ", "__private :: ")
        .replace(":: resilience :: ", "")
        .replace(":: core :: result :: Result :: ", "")
        .replace(":: core :: option :: Option :: ", "")
        .replace(":: core :: time :: ", "");
    let shown = syn::parse_str(&expansion).map_or(expansion, |file| prettyplease::unparse(&file));
    expected.assert_eq(&shown);
}

#[test]
fn retry() {
    check(
        Kind::Retry,
        quote!(idempotent, attempts = 4, external_timeout),
        &quote! {
            async fn stock(&self, sku: &str) -> Result<u32, StockError> {
                self.client.stock(sku).await
            }
        },
        &expect![[r#"
            async fn stock(&self, sku: &str) -> Result<u32, StockError> {
                static __RESILIENCE_SITE: Site = Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                let classify = |argument: &StockError| __private::classify::<StockError>(argument);
                let mut retry = Attempts::new();
                loop {
                    let wait = match __private::Frame::new(retry.number())
                        .scope(async {
                            if false {
                                let unreached: Result<u32, StockError> = __private::unreached();
                                return unreached;
                            }
                            '__resilience_body: { self.client.stock(sku).await }
                        })
                        .await
                    {
                        Err(error) => {
                            match retry
                                .judge(
                                    error,
                                    classify,
                                    RetryRules::new(
                                        &const {
                                            Retry::new().attempts(4u32).idempotent().checked()
                                        },
                                        __RESILIENCE_SITE.budget(),
                                        &__RESILIENCE_SITE,
                                    ),
                                )
                            {
                                Ok(wait) => wait,
                                Err(error) => break Err(error),
                            }
                        }
                        Ok(value) => {
                            retry.succeeded(__RESILIENCE_SITE.budget());
                            break Ok(value);
                        }
                    };
                    wait.pause().await;
                }
            }
        "#]],
    );
}

#[test]
fn circuit_breaker() {
    check(
        Kind::CircuitBreaker,
        quote!(INVENTORY),
        &quote! {
            fn stock(sku: &str) -> Result<u32, StockError> {
                look_up(sku)
            }
        },
        &expect![[r#"
            fn stock(sku: &str) -> Result<u32, StockError> {
                static __RESILIENCE_SITE: Site = Site::new(
                        "stock",
                        "stock",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    )
                    .named_by(|| CircuitBreaker::name(__resilience_breaker()));
                #[inline]
                fn __resilience_breaker() -> &'static CircuitBreaker {
                    __private::breaker(__private::of_static(&INVENTORY))
                }
                let classify = |argument: &StockError| __private::classify::<StockError>(argument);
                let reject = |argument| __private::reject::<StockError>(argument);
                'guarded: {
                    let permit = match __resilience_breaker().acquire_static(None) {
                        Ok(permit) => permit,
                        Err(rejected) => {
                            break 'guarded Err(reject(rejected));
                        }
                    };
                    match __private::run(|| {
                        if false {
                            let unreached: Result<u32, StockError> = __private::unreached();
                            return unreached;
                        }
                        '__resilience_body: { look_up(sku) }
                    }) {
                        Ok(value) if permit.is_current() => {
                            permit.done();
                            Ok(value)
                        }
                        outcome => {
                            permit.settle_at(&__RESILIENCE_SITE, &outcome, classify);
                            outcome
                        }
                    }
                }
            }
        "#]],
    );
}

#[test]
fn timeout() {
    check(
        Kind::Timeout,
        quote!("5s"),
        &quote! {
            /// How many there are.
            pub async fn stock(sku: String) -> Result<u32, StockError> {
                look_up(sku).await
            }
        },
        &expect![[r#"
            /// How many there are.
            pub async fn stock(sku: String) -> Result<u32, StockError> {
                static __RESILIENCE_SITE: Site = Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                let reject = |argument| __private::reject::<StockError>(argument);
                let deadline_0 = __private::Deadline::new(Duration::new(5u64, 0u32));
                __private::Timed::new(
                        &deadline_0,
                        &__RESILIENCE_SITE,
                        reject,
                        async move {
                            if false {
                                let unreached: Result<u32, StockError> = __private::unreached();
                                return unreached;
                            }
                            '__resilience_body: { look_up(sku).await }
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn boundary() {
    check(
        Kind::Boundary,
        quote!(operation = "get_user", request_id = header, user = self.user),
        &quote! {
            async fn get(&self, header: Option<&str>) -> Result<User, UserError> {
                self.rows.get().await
            }
        },
        &expect![[r#"
            async fn get(&self, header: Option<&str>) -> Result<User, UserError> {
                static __RESILIENCE_SITE: Site = Site::new(
                    "get",
                    "get",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                let boundary = Boundary::new("get_user").request_id(&(header)).user(&(self.user));
                let report = |argument: &UserError, at| __private::boundary::report::<
                    UserError,
                >(argument, at);
                __private::boundary::run(
                        boundary,
                        report,
                        async move {
                            if false {
                                let unreached: Result<User, UserError> = __private::unreached();
                                return unreached;
                            }
                            '__resilience_body: { self.rows.get().await }
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn boundary_above_a_layer_of_a_function_that_is_not_async() {
    check(
        Kind::Boundary,
        quote!(classify = UserError::class),
        &quote! {
            #[circuit_breaker(USERS)]
            fn get(id: u64) -> Result<User, UserError> {
                look_up(id)
            }
        },
        &expect![[r#"
            fn get(id: u64) -> Result<User, UserError> {
                static __RESILIENCE_SITE: Site = Site::new(
                        "get",
                        "get",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    )
                    .named_by(|| CircuitBreaker::name(__resilience_breaker()));
                #[inline]
                fn __resilience_breaker() -> &'static CircuitBreaker {
                    __private::breaker(__private::of_static(&USERS))
                }
                #[circuit_breaker(__touch)]
                const _: () = ();
                let boundary = Boundary::new("get");
                let look = {
                    use __private::FindEvidence as _;
                    (&&&&&__private::AutorefEvidence::<UserError>::NEW).look_at_causes()
                };
                let classify = __private::classify_by::<UserError, _>(UserError::class, look);
                let report = |argument: &_, at| __private::boundary::report_by::<
                    UserError,
                >(argument, classify, at);
                let reject = |argument| __private::reject::<UserError>(argument);
                __private::boundary::call(
                    boundary,
                    report,
                    || {
                        'guarded: {
                            let permit = match __resilience_breaker().acquire_static(None) {
                                Ok(permit) => permit,
                                Err(rejected) => {
                                    break 'guarded Err(reject(rejected));
                                }
                            };
                            match __private::run(|| {
                                if false {
                                    let unreached: Result<User, UserError> = __private::unreached();
                                    return unreached;
                                }
                                '__resilience_body: { look_up(id) }
                            }) {
                                Ok(value) if permit.is_current() => {
                                    permit.done();
                                    Ok(value)
                                }
                                outcome => {
                                    permit.settle_at(&__RESILIENCE_SITE, &outcome, classify);
                                    outcome
                                }
                            }
                        }
                    },
                )
            }
        "#]],
    );
}

#[test]
fn degrade() {
    check(
        Kind::Degrade,
        quote!(fallback = |error| guess(sku, error).await?),
        &quote! {
            async fn stock(sku: &str) -> Result<u32, StockError> {
                look_up(sku).await
            }
        },
        &expect![[r#"
            async fn stock(sku: &str) -> Result<u32, StockError> {
                static __RESILIENCE_SITE: Site = Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                let classify = |argument: &StockError| __private::classify::<StockError>(argument);
                'degraded: {
                    let error = match async {
                        if false {
                            let unreached: Result<u32, StockError> = __private::unreached();
                            return unreached;
                        }
                        '__resilience_body: { look_up(sku).await }
                    }
                        .await
                    {
                        Err(error) => error,
                        Ok(value) => break 'degraded Ok(value),
                    };
                    if Degrade::Critical
                        .activate(&error, classify, "guess(sku, error).await?", &__RESILIENCE_SITE)
                    {
                        let settled = {
                            let error = &error;
                            async {
                                if false {
                                    let unreached: Result<u32, StockError> = __private::unreached();
                                    return unreached;
                                }
                                let value: <Result<u32, StockError> as __private::Outcome>::Value = guess(
                                        sku,
                                        error,
                                    )
                                    .await?;
                                Ok(value)
                            }
                                .await
                        };
                        Degrade::settle(
                            settled,
                            error,
                            classify,
                            "guess(sku, error).await?",
                            &__RESILIENCE_SITE,
                        )
                    } else {
                        Err(error)
                    }
                }
            }
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is as long as it is")]
fn the_full_nest() {
    check(
        Kind::Degrade,
        quote!(fallback = 0),
        &quote! {
            #[timeout("20s")]
            #[retry(STANDARD)]
            #[circuit_breaker(self.breaker)]
            #[timeout(self.limit)]
            async fn stock(&mut self, sku: &str) -> Result<u32, StockError> {
                self.client.stock(sku).await
            }
        },
        &expect![[r#"
            async fn stock(&mut self, sku: &str) -> Result<u32, StockError> {
                static __RESILIENCE_SITE: Site = Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                #[timeout(__touch)]
                const _: () = ();
                #[retry(__touch)]
                const _: () = ();
                #[circuit_breaker(__touch)]
                const _: () = ();
                #[timeout(__touch)]
                const _: () = ();
                let _ = __private::PolicySaysWhetherToRepeat::<
                    {
                        let named: Retry = STANDARD;
                        named.says_whether_to_repeat()
                    },
                >::CHECK;
                let breaker_handle = __private::clone_handle(&self.breaker);
                let breaker = __private::breaker(&breaker_handle);
                Site::uses_breaker(&__RESILIENCE_SITE, CircuitBreaker::name(breaker));
                let timeout_4 = __private::clamp::timeout(self.limit, &__RESILIENCE_SITE);
                let classify = |argument: &StockError| __private::classify::<StockError>(argument);
                let reject = |argument| __private::reject::<StockError>(argument);
                let deadline_1 = __private::Deadline::new(Duration::new(20u64, 0u32));
                'degraded: {
                    let error = match __private::Timed::new(
                            &deadline_1,
                            &__RESILIENCE_SITE,
                            reject,
                            async {
                                let mut retry = Attempts::new();
                                loop {
                                    let deadline_4 = __private::Deadline::under(
                                        timeout_4,
                                        &deadline_1,
                                    );
                                    let wait = match 'guarded: {
                                        let permit = match breaker.acquire_for(Some(timeout_4)) {
                                            Ok(permit) => permit,
                                            Err(rejected) => {
                                                break 'guarded Err(reject(rejected));
                                            }
                                        };
                                        let permit = permit.under(&deadline_1);
                                        match __private::Timed::new(
                                                &deadline_4,
                                                &__RESILIENCE_SITE,
                                                reject,
                                                __private::Frame::new(retry.number())
                                                    .deadline(&deadline_4)
                                                    .scope(async {
                                                        if false {
                                                            let unreached: Result<u32, StockError> = __private::unreached();
                                                            return unreached;
                                                        }
                                                        '__resilience_body: { self.client.stock(sku).await }
                                                    }),
                                            )
                                            .await
                                        {
                                            Ok(value) if permit.is_current() => {
                                                permit.done();
                                                Ok(value)
                                            }
                                            outcome => {
                                                permit.settle_at(&__RESILIENCE_SITE, &outcome, classify);
                                                outcome
                                            }
                                        }
                                    } {
                                        Err(error) => {
                                            match retry
                                                .judge(
                                                    error,
                                                    classify,
                                                    RetryRules::new(
                                                            &const {
                                                                let named: Retry = STANDARD;
                                                                named.checked()
                                                            },
                                                            __RESILIENCE_SITE.budget(),
                                                            &__RESILIENCE_SITE,
                                                        )
                                                        .breaker(breaker)
                                                        .deadline(&deadline_1)
                                                        .attempt(&deadline_4),
                                                )
                                            {
                                                Ok(wait) => wait,
                                                Err(error) => break Err(error),
                                            }
                                        }
                                        Ok(value) => {
                                            retry.succeeded(__RESILIENCE_SITE.budget());
                                            break Ok(value);
                                        }
                                    };
                                    wait.pause().await;
                                }
                            },
                        )
                        .await
                    {
                        Err(error) => error,
                        Ok(value) => break 'degraded Ok(value),
                    };
                    if Degrade::Critical.activate(&error, classify, "0", &__RESILIENCE_SITE) {
                        let settled = {
                            __private::run(|| {
                                if false {
                                    let unreached: Result<u32, StockError> = __private::unreached();
                                    return unreached;
                                }
                                let value: <Result<u32, StockError> as __private::Outcome>::Value = 0;
                                Ok(value)
                            })
                        };
                        Degrade::settle(settled, error, classify, "0", &__RESILIENCE_SITE)
                    } else {
                        Err(error)
                    }
                }
            }
        "#]],
    );
}

#[test]
fn a_method_of_async_trait() {
    check(
        Kind::Timeout,
        quote!(self.limit),
        &quote! {
            fn stock<'life0, 'async_trait>(
                &'life0 self,
                sku: String,
            ) -> ::core::pin::Pin<
                Box<dyn ::core::future::Future<Output = Result<u32, StockError>> + ::core::marker::Send + 'async_trait>,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let __self = self;
                    let sku = sku;
                    let __ret: Result<u32, StockError> = { __self.client.stock(sku).await };
                    #[allow(unreachable_code)]
                    __ret
                })
            }
        },
        &expect![[r#"
            fn stock<'life0, 'async_trait>(
                &'life0 self,
                sku: String,
            ) -> ::core::pin::Pin<
                Box<
                    dyn ::core::future::Future<
                        Output = Result<u32, StockError>,
                    > + ::core::marker::Send + 'async_trait,
                >,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let __self = self;
                    let sku = sku;
                    static __RESILIENCE_SITE: Site = Site::new(
                        "stock",
                        "stock",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    );
                    let timeout_0 = __private::clamp::timeout(__self.limit, &__RESILIENCE_SITE);
                    let reject = |argument| __private::reject::<StockError>(argument);
                    let __ret: Result<u32, StockError> = {
                        let deadline_0 = __private::Deadline::new(timeout_0);
                        __private::Timed::new(
                                &deadline_0,
                                &__RESILIENCE_SITE,
                                reject,
                                async move {
                                    if false {
                                        let unreached: Result<u32, StockError> = __private::unreached();
                                        return unreached;
                                    }
                                    '__resilience_body: { __self.client.stock(sku).await }
                                },
                            )
                            .await
                    };
                    #[allow(unreachable_code)] __ret
                })
            }
        "#]],
    );
}

/// An incomplete body, as in an editor, is passed on unchanged.
#[test]
fn an_incomplete_body() {
    check(
        Kind::Timeout,
        quote!("5s"),
        &quote! {
            async fn stock(v: Client) -> Result<u32, StockError> { v. }
        },
        &expect![[
            r#"async fn stock (v : Client) -> Result < u32 , StockError > { static __RESILIENCE_SITE : Site = Site :: new ("stock" , "stock" , :: core :: module_path ! () , :: core :: file ! () , :: core :: line ! ()) ; let reject = | argument | __private :: reject :: < StockError > (argument) ; let deadline_0 = __private :: Deadline :: new (Duration :: new (5u64 , 0u32)) ; __private :: Timed :: new (& deadline_0 , & __RESILIENCE_SITE , reject , async move { if false { let unreached : Result < u32 , StockError > = __private :: unreached () ; return unreached ; } '__resilience_body : { v . } }) . await }"#
        ]],
    );
}

/// The function is kept without the attributes, and each mistake is reported.
#[test]
fn wrong_arguments() {
    check(
        Kind::Retry,
        quote!(atempts = 3, base = 5),
        &quote! {
            #[timeout]
            async fn stock(sku: &str) -> Result<u32, StockError> {
                look_up(sku).await
            }
        },
        &expect![[r#"
            async fn stock(sku: &str) -> Result<u32, StockError> {
                #[timeout(__touch)]
                const _: () = ();
                let _ = (&sku,);
                look_up(sku).await
            }
            ::core::compile_error! {
                "unknown `#[retry]` option `atempts`; did you mean `attempts`?"
            }
            ::core::compile_error! {
                "a duration needs a unit; write `\"5s\"` or `\"5ms\"`"
            }
            ::core::compile_error! {
                "`#[timeout]` needs a duration; write `#[timeout(\"5s\")]`"
            }
        "#]],
    );
}

#[test]
fn transaction() {
    check(
        Kind::Transaction,
        quote!(tx = self.pool, begin = "BEGIN IMMEDIATE", attempts = 3),
        &quote! {
            async fn rename(&self, id: i64, name: &str) -> Result<(), UserError> {
                update(tx, id, name).await
            }
        },
        &expect![[r#"
            async fn rename(&self, id: i64, name: &str) -> Result<(), UserError> {
                static __RESILIENCE_SITE: Site = Site::new(
                    "rename",
                    "rename",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                let pool = __private::sql::pool(&self.pool);
                let from_sqlx = |argument| __private::sql::from_sqlx::<UserError>(argument);
                let begin: &'static str = "BEGIN IMMEDIATE";
                let classify = |argument: &UserError| __private::classify::<UserError>(argument);
                let mut repeats = sql::TransactionAttempts::new(
                    &const { sql::TransactionAttempts::POLICY.attempts(3u32).checked() },
                    &__RESILIENCE_SITE,
                );
                'transactions: loop {
                    let error = 'transaction: {
                        let mut checkout = match sql::Checkout::of(&pool).await {
                            Ok(checkout) => checkout,
                            Err(error) => break 'transaction from_sqlx(error),
                        };
                        let mut transaction = match checkout.begin(Some(begin)).await {
                            Ok(transaction) => transaction,
                            Err(error) => break 'transaction from_sqlx(error),
                        };
                        let outcome = async {
                            if false {
                                let unreached: Result<(), UserError> = __private::unreached();
                                return unreached;
                            }
                            let tx = transaction.connection();
                            '__resilience_body: { update(tx, id, name).await }
                        }
                            .await;
                        match transaction.finish(outcome, from_sqlx, &__RESILIENCE_SITE).await {
                            Ok(value) => {
                                break 'transactions Ok(value);
                            }
                            Err(error) => error,
                        }
                    };
                    let wait = match repeats.judge(error, classify) {
                        Ok(wait) => wait,
                        Err(error) => break Err(error),
                    };
                    wait.pause().await;
                }
            }
        "#]],
    );
}
