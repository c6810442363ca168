//! What the attributes expand to, one minimal input each. Bless a change with `UPDATE_EXPECT=1
//! cargo test -p resilience-macros`, and read it.

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

use crate::item;
use crate::layer::Kind;

/// Expands the attribute `first` with `arguments` on `item`, and compares what comes out:
/// formatted, with the runtime's paths shortened.
fn check(first: Kind, arguments: TokenStream, item: &TokenStream, expected: &Expect) {
    let expansion = item::attribute(first, arguments, item).to_string();
    let expansion = expansion
        .replace(":: resilience :: __private :: ", "__private :: ")
        .replace(":: resilience :: ", "")
        .replace(":: core :: result :: Result :: ", "")
        .replace(":: core :: option :: Option :: ", "")
        .replace(":: core :: time :: ", "")
        .replace("__resilience_", "");
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                let mut retry = __resilience::Attempts::new();
                loop {
                    let wait = match __resilience::scoped(
                            __resilience::current(&retry),
                            (),
                            async {
                                if false {
                                    let unreached: Result<u32, StockError> = __resilience::unreached();
                                    return unreached;
                                }
                                'body: { self.client.stock(sku).await }
                            },
                        )
                        .await
                    {
                        __resilience::Err(error) => {
                            match __resilience::judge::<
                                <Result<u32, StockError> as __resilience::Outcome>::Error,
                            >(
                                &mut retry,
                                error,
                                __resilience::rules(
                                    &const {
                                        __resilience::Retry::new()
                                            .attempts(4u32)
                                            .idempotent()
                                            .checked()
                                    },
                                    __resilience::Site::budget(&__RESILIENCE_SITE),
                                    &__RESILIENCE_SITE,
                                    __resilience::None,
                                    __resilience::None,
                                    __resilience::None,
                                    false,
                                ),
                            ) {
                                __resilience::Ok(wait) => wait,
                                __resilience::Err(error) => break __resilience::Err(error),
                            }
                        }
                        __resilience::Ok(value) => {
                            __resilience::retry_succeeded(
                                &retry,
                                __resilience::Site::budget(&__RESILIENCE_SITE),
                                &__RESILIENCE_SITE,
                            );
                            break __resilience::Ok(value);
                        }
                    };
                    wait.pause().await;
                }
            }
        "#]],
    );
}

#[test]
fn retry_with_conditions() {
    check(
        Kind::Retry,
        quote!(idempotent, external_timeout, when = |error| error.is_busy(), retry_ok = is_pending),
        &quote! {
            async fn export(id: u64) -> Result<Export, ExportError> {
                client().export(id).await
            }
        },
        &expect![[r#"
            async fn export(id: u64) -> Result<Export, ExportError> {
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "export",
                    "export",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                let mut retry = __resilience::Attempts::new();
                loop {
                    let wait = match __resilience::scoped(
                            __resilience::current(&retry),
                            (),
                            async {
                                if false {
                                    let unreached: Result<Export, ExportError> = __resilience::unreached();
                                    return unreached;
                                }
                                'body: { client().export(id).await }
                            },
                        )
                        .await
                    {
                        __resilience::Err(error) => {
                            match __resilience::judge_when::<
                                <Result<Export, ExportError> as __resilience::Outcome>::Error,
                            >(
                                &mut retry,
                                error,
                                __resilience::rules(
                                    &const { __resilience::Retry::new().idempotent().checked() },
                                    __resilience::Site::budget(&__RESILIENCE_SITE),
                                    &__RESILIENCE_SITE,
                                    __resilience::None,
                                    __resilience::None,
                                    __resilience::None,
                                    false,
                                ),
                                |error| error.is_busy(),
                            ) {
                                __resilience::Ok(wait) => wait,
                                __resilience::Err(error) => break __resilience::Err(error),
                            }
                        }
                        __resilience::Ok(value) if __resilience::satisfies(&value, is_pending) => {
                            match __resilience::Attempts::judge_value(
                                &mut retry,
                                __resilience::rules(
                                    &const { __resilience::Retry::new().idempotent().checked() },
                                    __resilience::Site::budget(&__RESILIENCE_SITE),
                                    &__RESILIENCE_SITE,
                                    __resilience::None,
                                    __resilience::None,
                                    __resilience::None,
                                    false,
                                ),
                            ) {
                                __resilience::Some(wait) => wait,
                                __resilience::None => break __resilience::Ok(value),
                            }
                        }
                        __resilience::Ok(value) => {
                            __resilience::retry_succeeded(
                                &retry,
                                __resilience::Site::budget(&__RESILIENCE_SITE),
                                &__RESILIENCE_SITE,
                            );
                            break __resilience::Ok(value);
                        }
                    };
                    wait.pause().await;
                }
            }
        "#]],
    );
}

#[test]
fn circuit_breaker_of_a_key() {
    check(
        Kind::CircuitBreaker,
        quote!(PARTNERS, key = (partner, region)),
        &quote! {
            fn order(partner: Partner, region: u8) -> Result<u32, OrderError> {
                send(partner)
            }
        },
        &expect![[r#"
            fn order(partner: Partner, region: u8) -> Result<u32, OrderError> {
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "order",
                    "order",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                let breaker = __resilience::breaker_set(__resilience::of_static(&PARTNERS));
                __resilience::uses_set(&__RESILIENCE_SITE, breaker);
                let breaker_key = __resilience::key_of_2(breaker, &partner, &region);
                'guarded: {
                    let permit = match __resilience::acquire(
                        __resilience::keyed(breaker, breaker_key, &__RESILIENCE_SITE),
                        (),
                        __resilience::None,
                    ) {
                        __resilience::Ok(permit) => permit,
                        __resilience::Err(rejected) => {
                            break 'guarded __resilience::Err(
                                __resilience::reject::<
                                    <Result<u32, OrderError> as __resilience::Outcome>::Error,
                                >(rejected),
                            );
                        }
                    };
                    match __resilience::run(|| {
                        if false {
                            let unreached: Result<u32, OrderError> = __resilience::unreached();
                            return unreached;
                        }
                        'body: { send(partner) }
                    }) {
                        __resilience::Ok(value) => {
                            __resilience::succeeded(permit);
                            __resilience::Ok(value)
                        }
                        __resilience::Err(error) => {
                            __resilience::failed::<
                                <Result<u32, OrderError> as __resilience::Outcome>::Error,
                            >(permit, &__RESILIENCE_SITE, &error);
                            __resilience::Err(error)
                        }
                    }
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::site_of_breaker(
                    &breaker,
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                #[inline]
                fn breaker() -> (
                    &'static __resilience::CircuitBreaker,
                    &'static __resilience::Site,
                ) {
                    (__resilience::breaker(__resilience::of_static(&INVENTORY)), &__RESILIENCE_SITE)
                }
                'guarded: {
                    let permit = match __resilience::acquire(breaker, (), __resilience::None) {
                        __resilience::Ok(permit) => permit,
                        __resilience::Err(rejected) => {
                            break 'guarded __resilience::Err(
                                __resilience::reject::<
                                    <Result<u32, StockError> as __resilience::Outcome>::Error,
                                >(rejected),
                            );
                        }
                    };
                    match __resilience::run(|| {
                        if false {
                            let unreached: Result<u32, StockError> = __resilience::unreached();
                            return unreached;
                        }
                        'body: { look_up(sku) }
                    }) {
                        __resilience::Ok(value) => {
                            __resilience::succeeded(permit);
                            __resilience::Ok(value)
                        }
                        __resilience::Err(error) => {
                            __resilience::failed::<
                                <Result<u32, StockError> as __resilience::Outcome>::Error,
                            >(permit, &__RESILIENCE_SITE, &error);
                            __resilience::Err(error)
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                let deadline_0 = __resilience::Deadline::new(Duration::new(5u64, 0u32));
                __resilience::timed(
                        (),
                        deadline_0,
                        || &__RESILIENCE_SITE,
                        async move {
                            if false {
                                let unreached: Result<u32, StockError> = __resilience::unreached();
                                return unreached;
                            }
                            'body: { look_up(sku).await }
                        },
                        |argument| __resilience::reject::<
                            <Result<u32, StockError> as __resilience::Outcome>::Error,
                        >(argument),
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "get",
                    "get",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                let boundary = __resilience::Boundary::new("get_user")
                    .request_id(&(header))
                    .user(&(self.user));
                let report = |
                    argument: &<Result<User, UserError> as __resilience::Outcome>::Error,
                    at|
                __resilience::boundary::report::<
                    <Result<User, UserError> as __resilience::Outcome>::Error,
                >(argument, at);
                __resilience::boundary::run(
                        boundary,
                        || &__RESILIENCE_SITE,
                        report,
                        async move {
                            if false {
                                let unreached: Result<User, UserError> = __resilience::unreached();
                                return unreached;
                            }
                            'body: { self.rows.get().await }
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::site_of_breaker(
                    &breaker,
                    "get",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                #[inline]
                fn breaker() -> (
                    &'static __resilience::CircuitBreaker,
                    &'static __resilience::Site,
                ) {
                    (__resilience::breaker(__resilience::of_static(&USERS)), &__RESILIENCE_SITE)
                }
                #[circuit_breaker(__touch)]
                const _: () = ();
                let boundary = __resilience::Boundary::new("get");
                let look = {
                    use __resilience::FindEvidence as _;
                    (&&&&&__resilience::AutorefEvidence::<
                        <Result<User, UserError> as __resilience::Outcome>::Error,
                    >::NEW)
                        .look_at_causes()
                };
                let classify = __resilience::classify_by::<
                    <Result<User, UserError> as __resilience::Outcome>::Error,
                    _,
                >(UserError::class, look);
                let report = |argument: &_, at| __resilience::boundary::report_by::<
                    <Result<User, UserError> as __resilience::Outcome>::Error,
                >(argument, classify, at);
                __resilience::boundary::call(
                    boundary,
                    || &__RESILIENCE_SITE,
                    report,
                    || {
                        'guarded: {
                            let permit = match __resilience::acquire(
                                breaker,
                                (),
                                __resilience::None,
                            ) {
                                __resilience::Ok(permit) => permit,
                                __resilience::Err(rejected) => {
                                    break 'guarded __resilience::Err(
                                        __resilience::reject::<
                                            <Result<User, UserError> as __resilience::Outcome>::Error,
                                        >(rejected),
                                    );
                                }
                            };
                            match __resilience::run(|| {
                                if false {
                                    let unreached: Result<User, UserError> = __resilience::unreached();
                                    return unreached;
                                }
                                'body: { look_up(id) }
                            }) {
                                __resilience::Ok(value) => {
                                    __resilience::succeeded(permit);
                                    __resilience::Ok(value)
                                }
                                __resilience::Err(error) => {
                                    __resilience::failed_by(
                                        permit,
                                        &__RESILIENCE_SITE,
                                        &error,
                                        classify,
                                    );
                                    __resilience::Err(error)
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                'degraded: {
                    let error = match async {
                        if false {
                            let unreached: Result<u32, StockError> = __resilience::unreached();
                            return unreached;
                        }
                        'body: { look_up(sku).await }
                    }
                        .await
                    {
                        __resilience::Err(error) => error,
                        __resilience::Ok(value) => break 'degraded __resilience::Ok(value),
                    };
                    if __resilience::activate::<
                        <Result<u32, StockError> as __resilience::Outcome>::Error,
                    >(
                        __resilience::Degrade::Critical,
                        &error,
                        "guess(sku, error).await?",
                        &__RESILIENCE_SITE,
                    ) {
                        match {
                            let error = &error;
                            async {
                                if false {
                                    let unreached: Result<u32, StockError> = __resilience::unreached();
                                    return unreached;
                                }
                                let value: <Result<
                                    u32,
                                    StockError,
                                > as __resilience::Outcome>::Value = guess(sku, error).await?;
                                __resilience::Ok(value)
                            }
                                .await
                        } {
                            __resilience::Ok(value) => __resilience::Ok(value),
                            __resilience::Err(failed) => {
                                __resilience::fallback_failed::<
                                    <Result<u32, StockError> as __resilience::Outcome>::Error,
                                >(&failed, "guess(sku, error).await?", &__RESILIENCE_SITE);
                                __resilience::Err(error)
                            }
                        }
                    } else {
                        __resilience::Err(error)
                    }
                }
            }
        "#]],
    );
}

#[test]
fn an_impl_block() {
    check(
        Kind::CircuitBreaker,
        quote!(failure_threshold = 3),
        &quote! {
            impl Orders {
                const LIMIT: u32 = 3;

                async fn find(&self, id: u64) -> Result<u32, OrderError> {
                    self.client.find(id).await
                }

                #[circuit_breaker(PAYMENTS)]
                fn not_async(&self) -> Result<u32, OrderError> {
                    self.client.blocking()
                }

                async fn health(&self) -> Health {
                    self.client.health().await
                }

                #[resilience(skip)]
                async fn export(&self) -> Result<u32, OrderError> {
                    self.client.export().await
                }
            }
        },
        &expect![[r#"
            const _: () = {
                static __RESILIENCE_BREAKER: __private::CircuitBreaker = __private::CircuitBreaker::new(
                        "Orders",
                    )
                    .failure_threshold(3u32);
                impl Orders {
                    const LIMIT: u32 = 3;
                    async fn find(&self, id: u64) -> Result<u32, OrderError> {
                        static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                            "find",
                            "find",
                            ::core::module_path!(),
                            ::core::file!(),
                            ::core::line!(),
                        );
                        use __private as __resilience;
                        #[inline]
                        fn breaker() -> (
                            &'static __resilience::CircuitBreaker,
                            &'static __resilience::Site,
                        ) {
                            (&__RESILIENCE_BREAKER, &__RESILIENCE_SITE)
                        }
                        __resilience::guarded(
                                (),
                                (),
                                breaker,
                                async move {
                                    if false {
                                        let unreached: Result<u32, OrderError> = __resilience::unreached();
                                        return unreached;
                                    }
                                    'body: { self.client.find(id).await }
                                },
                                __resilience::by_itself(|| __resilience::conversions::<
                                    <Result<u32, OrderError> as __resilience::Outcome>::Error,
                                >()),
                            )
                            .await
                    }
                    #[circuit_breaker(PAYMENTS)]
                    fn not_async(&self) -> Result<u32, OrderError> {
                        self.client.blocking()
                    }
                    async fn health(&self) -> Health {
                        {
                            use __private::LeftOutByType as _;
                            let _ = __private::LeftOut::<Health>::check;
                        }
                        self.client.health().await
                    }
                    async fn export(&self) -> Result<u32, OrderError> {
                        self.client.export().await
                    }
                }
            };
        "#]],
    );
}

/// The compiler decides by the type whether it is a `Sourced`.
#[test]
fn fallback_of_a_type_that_the_tokens_do_not_tell() {
    check(
        Kind::Degrade,
        quote!(fallback = Stock::assume_available(sku)),
        &quote! {
            async fn stock(sku: &str) -> Result<Stock, StockError> {
                look_up(sku).await
            }
        },
        &expect![[r#"
            async fn stock(sku: &str) -> Result<Stock, StockError> {
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                'degraded: {
                    let error = match async {
                        if false {
                            let unreached: Result<Stock, StockError> = __resilience::unreached();
                            return unreached;
                        }
                        'body: { look_up(sku).await }
                    }
                        .await
                    {
                        __resilience::Err(error) => error,
                        __resilience::Ok(value) => break 'degraded __resilience::Ok(value),
                    };
                    if let __resilience::Some(code) = __resilience::activated::<
                        <Result<Stock, StockError> as __resilience::Outcome>::Error,
                    >(
                        __resilience::Degrade::Critical,
                        &error,
                        "Stock::assume_available(sku)",
                        &__RESILIENCE_SITE,
                    ) {
                        {
                            {
                                let answer = __resilience::Answers::<Result<Stock, StockError>>::NEW
                                    .make_of_fallback();
                                let value = answer(Stock::assume_available(sku), code);
                                __resilience::Ok(value)
                            }
                        }
                    } else {
                        __resilience::Err(error)
                    }
                }
            }
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is as long as it is")]
fn degrade_with_stale_values_and_a_flag() {
    check(
        Kind::Degrade,
        quote!(
            fallback = Stock::assume_available(sku),
            stale(max_age = "10m", max_entries = 1_000, key = sku, shared(self)),
            flag = INVENTORY,
            on = [transient, rejected],
            alert_above = "5/1m"
        ),
        &quote! {
            async fn stock(&self, sku: &str) -> Result<Sourced<Stock>, StockError> {
                look_up(sku).await
            }
        },
        &expect![[r#"
            async fn stock(&self, sku: &str) -> Result<Sourced<Stock>, StockError> {
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                __resilience::stale! {
                    stale static __RESILIENCE_STALE : __resilience::StaleValues =
                    __resilience::StaleValues::with_max_entries(1_000); let stale_values = &
                    __RESILIENCE_STALE; let find = __resilience::Answers:: < Result < Sourced < Stock
                    >, StockError > > ::NEW.find_last_good(); let stale = find(stale_values,
                    __resilience::stale_key(& __RESILIENCE_SITE, (::core::any::type_name:: < Self >
                    (),), & (sku)), Duration::new(600u64, 0u32));
                }
                'degraded: {
                    let flag = __resilience::flag(__resilience::of_static(&INVENTORY));
                    let off = !__resilience::is_on(flag);
                    let error = 'called: {
                        if off {
                            break 'called {
                                let rejected = __resilience::switched_off(flag);
                                __resilience::reject::<
                                    <Result<
                                        Sourced<Stock>,
                                        StockError,
                                    > as __resilience::Outcome>::Error,
                                >(rejected)
                            };
                        }
                        match async {
                            if false {
                                let unreached: Result<Sourced<Stock>, StockError> = __resilience::unreached();
                                return unreached;
                            }
                            'body: { look_up(sku).await }
                        }
                            .await
                        {
                            __resilience::Err(error) => error,
                            __resilience::Ok(value) => {
                                __resilience::Stale::keep(&stale, &value, |_| 1);
                                break 'degraded __resilience::Ok(value);
                            }
                        }
                    };
                    let cause = match __resilience::cause::<
                        <Result<Sourced<Stock>, StockError> as __resilience::Outcome>::Error,
                    >(
                        off,
                        __resilience::Degrade::On(__resilience::Causes::NONE.transient().rejected()),
                        &error,
                        &__RESILIENCE_SITE,
                    ) {
                        __resilience::Some(cause) => cause,
                        __resilience::None => break 'degraded __resilience::Err(error),
                    };
                    let cause = __resilience::alert_above!(cause, 5u32, 60u64, 0u32);
                    if let __resilience::Some(value) = __resilience::Stale::recall(
                        &stale,
                        &cause,
                        &error,
                        &__RESILIENCE_SITE,
                    ) {
                        break 'degraded __resilience::Ok(value);
                    }
                    let code = __resilience::falls_back(
                        cause,
                        &error,
                        "Stock::assume_available(sku)",
                        &__RESILIENCE_SITE,
                    );
                    {
                        {
                            let answer = __resilience::Answers::<
                                Result<Sourced<Stock>, StockError>,
                            >::NEW
                                .make_of_fallback();
                            let value = answer(Stock::assume_available(sku), code);
                            __resilience::Ok(value)
                        }
                    }
                }
            }
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is as long as it is")]
fn stale_values_that_a_task_refreshes() {
    check(
        Kind::Degrade,
        quote!(
            fallback = 0,
            stale(
                max_age = "10m",
                key = sku,
                shared(self),
                fresh = "30s",
                refresh = background,
                coalesce
            )
        ),
        &quote! {
            #[timeout(self.limit)]
            async fn stock(&self, sku: &str) -> Result<u32, StockError> {
                self.client.stock(sku).await
            }
        },
        &expect![[r#"
            async fn stock(&self, sku: &str) -> Result<u32, StockError> {
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                #[timeout(__touch)]
                const _: () = ();
                __resilience::stale! {
                    stale static __RESILIENCE_STALE : __resilience::StaleValues =
                    __resilience::StaleValues::new(); let stale_values = & __RESILIENCE_STALE; let
                    find = __resilience::Answers:: < Result < u32, StockError > > ::NEW
                    .find_last_good(); let stale = find(stale_values, __resilience::stale_key(&
                    __RESILIENCE_SITE, (::core::any::type_name:: < Self > (),), & (sku)),
                    Duration::new(600u64, 0u32));
                }
                'degraded: {
                    let off = false;
                    let mut shared = __resilience::Stale::not_shared(&stale);
                    let error = {
                        let call = {
                            let served = match __resilience::Stale::serve(
                                &stale,
                                Duration::new(30u64, 0u32),
                            ) {
                                __resilience::Served::Value(value) => {
                                    break 'degraded __resilience::Ok(value);
                                }
                                __resilience::Served::Outdated(value, refresh) => {
                                    __resilience::Some((value, refresh))
                                }
                                __resilience::Served::Nothing => __resilience::None,
                            };
                            let place = __resilience::Stale::place(&stale);
                            let copy_0 = __resilience::detach(self);
                            let copy_1 = __resilience::detach(sku);
                            let call = async move {
                                let __self = __resilience::Detached::get(&copy_0);
                                let _ = __self;
                                let sku = __resilience::Detached::get(&copy_1);
                                let _ = sku;
                                let timeout_1 = __resilience::clamp::timeout(
                                    __self.limit,
                                    &__RESILIENCE_SITE,
                                );
                                let deadline_1 = __resilience::Deadline::new(timeout_1);
                                match __resilience::timed(
                                        (),
                                        deadline_1,
                                        || &__RESILIENCE_SITE,
                                        async {
                                            if false {
                                                let unreached: Result<u32, StockError> = __resilience::unreached();
                                                return unreached;
                                            }
                                            'body: { __self.client.stock(sku).await }
                                        },
                                        |argument| __resilience::reject::<
                                            <Result<u32, StockError> as __resilience::Outcome>::Error,
                                        >(argument),
                                    )
                                    .await
                                {
                                    __resilience::Ok(value) => {
                                        __resilience::KeptPlace::keep(&place, &value, |_| 1);
                                        __resilience::Ok(value)
                                    }
                                    __resilience::Err(error) => __resilience::Err(error),
                                }
                            };
                            if let __resilience::Some((value, refresh)) = served {
                                __resilience::refresh(
                                    refresh,
                                    call,
                                    move |error| __resilience::refresh_failed::<
                                        <Result<u32, StockError> as __resilience::Outcome>::Error,
                                    >(
                                        error,
                                        __resilience::Degrade::Critical,
                                        __resilience::None,
                                        &__RESILIENCE_SITE,
                                    ),
                                );
                                break 'degraded __resilience::Ok(value);
                            }
                            call
                        };
                        if let __resilience::Some(value) = __resilience::Stale::share(
                                &stale,
                                &mut shared,
                                &__RESILIENCE_SITE,
                            )
                            .await
                        {
                            break 'degraded __resilience::Ok(value);
                        }
                        match call.await {
                            __resilience::Err(error) => error,
                            __resilience::Ok(value) => {
                                __resilience::SharedCall::succeeded(&mut shared, &value);
                                break 'degraded __resilience::Ok(value);
                            }
                        }
                    };
                    let cause = match {
                        let cause = __resilience::cause::<
                            <Result<u32, StockError> as __resilience::Outcome>::Error,
                        >(off, __resilience::Degrade::Critical, &error, &__RESILIENCE_SITE);
                        __resilience::SharedCall::failed(&mut shared, as_ref(&cause));
                        cause
                    } {
                        __resilience::Some(cause) => cause,
                        __resilience::None => break 'degraded __resilience::Err(error),
                    };
                    if let __resilience::Some(value) = __resilience::Stale::recall(
                        &stale,
                        &cause,
                        &error,
                        &__RESILIENCE_SITE,
                    ) {
                        break 'degraded __resilience::Ok(value);
                    }
                    __resilience::falls_back(cause, &error, "0", &__RESILIENCE_SITE);
                    {
                        {
                            let value: <Result<u32, StockError> as __resilience::Outcome>::Value = 0;
                            __resilience::Ok(value)
                        }
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "stock",
                    "stock",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                #[timeout(__touch)]
                const _: () = ();
                #[retry(__touch)]
                const _: () = ();
                #[circuit_breaker(__touch)]
                const _: () = ();
                #[timeout(__touch)]
                const _: () = ();
                let _ = __resilience::PolicySaysWhetherToRepeat::<
                    {
                        let named: __resilience::Retry = STANDARD;
                        __resilience::says_whether_to_repeat(&named)
                    },
                >::CHECK;
                let breaker_handle = __resilience::clone_handle(&self.breaker);
                let breaker = __resilience::breaker(&breaker_handle);
                let breaker = __resilience::listed(breaker, &__RESILIENCE_SITE);
                let timeout_4 = __resilience::clamp::timeout(self.limit, &__RESILIENCE_SITE);
                let deadline_1 = __resilience::Deadline::new(Duration::new(20u64, 0u32));
                'degraded: {
                    let error = match __resilience::timed(
                            (),
                            &deadline_1,
                            || &__RESILIENCE_SITE,
                            async {
                                let mut retry = __resilience::Attempts::new();
                                loop {
                                    let deadline_4 = __resilience::Deadline::under(
                                        timeout_4,
                                        &deadline_1,
                                    );
                                    match __resilience::guarded_and_timed(
                                            __resilience::waiting(&retry),
                                            &deadline_4,
                                            __resilience::held(breaker, &__RESILIENCE_SITE),
                                            async {
                                                if false {
                                                    let unreached: Result<u32, StockError> = __resilience::unreached();
                                                    return unreached;
                                                }
                                                'body: { self.client.stock(sku).await }
                                            },
                                            __resilience::by_itself(|| __resilience::conversions::<
                                                <Result<u32, StockError> as __resilience::Outcome>::Error,
                                            >()),
                                        )
                                        .await
                                    {
                                        __resilience::Err(error) => {
                                            match __resilience::judge::<
                                                <Result<u32, StockError> as __resilience::Outcome>::Error,
                                            >(
                                                &mut retry,
                                                error,
                                                __resilience::rules(
                                                    &const {
                                                        let named: __resilience::Retry = STANDARD;
                                                        named.checked()
                                                    },
                                                    __resilience::Site::budget(&__RESILIENCE_SITE),
                                                    &__RESILIENCE_SITE,
                                                    __resilience::Some(breaker),
                                                    __resilience::Some(&deadline_1),
                                                    __resilience::Some(&deadline_4),
                                                    false,
                                                ),
                                            ) {
                                                __resilience::Ok(_) => {}
                                                __resilience::Err(error) => break __resilience::Err(error),
                                            }
                                        }
                                        __resilience::Ok(value) => {
                                            __resilience::retry_succeeded_under(
                                                &retry,
                                                __resilience::Site::budget(&__RESILIENCE_SITE),
                                                &__RESILIENCE_SITE,
                                                &const {
                                                    let named: __resilience::Retry = STANDARD;
                                                    named.checked()
                                                },
                                            );
                                            break __resilience::Ok(value);
                                        }
                                    }
                                }
                            },
                            |argument| __resilience::reject::<
                                <Result<u32, StockError> as __resilience::Outcome>::Error,
                            >(argument),
                        )
                        .await
                    {
                        __resilience::Err(error) => error,
                        __resilience::Ok(value) => break 'degraded __resilience::Ok(value),
                    };
                    if __resilience::activate::<
                        <Result<u32, StockError> as __resilience::Outcome>::Error,
                    >(__resilience::Degrade::Critical, &error, "0", &__RESILIENCE_SITE) {
                        {
                            {
                                let value: <Result<
                                    u32,
                                    StockError,
                                > as __resilience::Outcome>::Value = 0;
                                __resilience::Ok(value)
                            }
                        }
                    } else {
                        __resilience::Err(error)
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
                    static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                        "stock",
                        "stock",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    );
                    use __private as __resilience;
                    let timeout_0 = __resilience::clamp::timeout(__self.limit, &__RESILIENCE_SITE);
                    let __ret: Result<u32, StockError> = {
                        let deadline_0 = __resilience::Deadline::new(timeout_0);
                        __resilience::timed(
                                (),
                                deadline_0,
                                || &__RESILIENCE_SITE,
                                async move {
                                    if false {
                                        let unreached: Result<u32, StockError> = __resilience::unreached();
                                        return unreached;
                                    }
                                    'body: { __self.client.stock(sku).await }
                                },
                                |argument| __resilience::reject::<
                                    <Result<u32, StockError> as __resilience::Outcome>::Error,
                                >(argument),
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
            r#"async fn stock (v : Client) -> Result < u32 , StockError > { static __RESILIENCE_SITE : __resilience :: Site = __resilience :: Site :: new ("stock" , "stock" , :: core :: module_path ! () , :: core :: file ! () , :: core :: line ! ()) ; use __private as __resilience ; let deadline_0 = __resilience :: Deadline :: new (Duration :: new (5u64 , 0u32)) ; __resilience :: timed (() , deadline_0 , || & __RESILIENCE_SITE , async move { if false { let unreached : Result < u32 , StockError > = __resilience :: unreached () ; return unreached ; } 'body : { v . } } , | argument | __resilience :: reject :: < < Result < u32 , StockError > as __resilience :: Outcome > :: Error > (argument)) . await }"#
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
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "rename",
                    "rename",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                let pool = __resilience::sql::pool(&self.pool);
                let from_sqlx = |argument| __resilience::sql::from_sqlx::<
                    <Result<(), UserError> as __resilience::Outcome>::Error,
                >(argument);
                let begin: &'static str = "BEGIN IMMEDIATE";
                let mut repeats = __resilience::sql::TransactionAttempts::new(
                    &const {
                        __resilience::sql::TransactionAttempts::POLICY.attempts(3u32).checked()
                    },
                    &__RESILIENCE_SITE,
                );
                'transactions: loop {
                    let error = 'transaction: {
                        let mut checkout = match __resilience::sql::Checkout::of(&pool).await {
                            __resilience::Ok(checkout) => checkout,
                            __resilience::Err(error) => break 'transaction from_sqlx(error),
                        };
                        let mut transaction = match __resilience::sql::TransactionAttempts::begin(
                                &mut repeats,
                                &mut checkout,
                                __resilience::Some(begin),
                            )
                            .await
                        {
                            __resilience::Ok(transaction) => transaction,
                            __resilience::Err(error) => break 'transaction from_sqlx(error),
                        };
                        let outcome = async {
                            if false {
                                let unreached: Result<(), UserError> = __resilience::unreached();
                                return unreached;
                            }
                            let tx = __resilience::sql::connection(&mut transaction);
                            let _ = &tx;
                            'body: { update(tx, id, name).await }
                        }
                            .await;
                        match __resilience::sql::finish(
                                transaction,
                                outcome,
                                from_sqlx,
                                &__RESILIENCE_SITE,
                            )
                            .await
                        {
                            __resilience::Ok(value) => {
                                __resilience::log_repeats(&repeats);
                                break 'transactions __resilience::Ok(value);
                            }
                            __resilience::Err(error) => error,
                        }
                    };
                    let wait = match __resilience::repeat::<
                        <Result<(), UserError> as __resilience::Outcome>::Error,
                    >(&mut repeats, error) {
                        __resilience::Ok(wait) => wait,
                        __resilience::Err(error) => break __resilience::Err(error),
                    };
                    wait.pause().await;
                }
            }
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of them are the expansion")]
fn dead_letter() {
    check(
        Kind::DeadLetter,
        quote!(queue = "orders", store = self.letters, dedupe_key = order.id),
        &quote! {
            #[retry(idempotent, external_timeout)]
            async fn on_order(
                &self,
                order: &Order,
                #[redact] card: &str,
                #[skip] now: Instant,
            ) -> Result<(), OrderError> {
                self.process(order, card, now).await
            }
        },
        &expect![[r#"
            async fn on_order(
                &self,
                order: &Order,
                card: &str,
                now: Instant,
            ) -> Result<(), OrderError> {
                static __RESILIENCE_SITE: __resilience::Site = __resilience::Site::new(
                    "on_order",
                    "on_order",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                );
                use __private as __resilience;
                #[retry(__touch)]
                const _: () = ();
                let mut retry = __resilience::Attempts::new();
                'dead_letter: {
                    let error = match loop {
                        let wait = match __resilience::scoped(
                                __resilience::current(&retry),
                                (),
                                async {
                                    if false {
                                        let unreached: Result<(), OrderError> = __resilience::unreached();
                                        return unreached;
                                    }
                                    'body: { self.process(order, card, now).await }
                                },
                            )
                            .await
                        {
                            __resilience::Err(error) => {
                                match __resilience::judge::<
                                    <Result<(), OrderError> as __resilience::Outcome>::Error,
                                >(
                                    &mut retry,
                                    error,
                                    __resilience::rules(
                                        &const { __resilience::Retry::new().idempotent().checked() },
                                        __resilience::Site::budget(&__RESILIENCE_SITE),
                                        &__RESILIENCE_SITE,
                                        __resilience::None,
                                        __resilience::None,
                                        __resilience::None,
                                        false,
                                    ),
                                ) {
                                    __resilience::Ok(wait) => wait,
                                    __resilience::Err(error) => break __resilience::Err(error),
                                }
                            }
                            __resilience::Ok(value) => {
                                __resilience::retry_succeeded(
                                    &retry,
                                    __resilience::Site::budget(&__RESILIENCE_SITE),
                                    &__RESILIENCE_SITE,
                                );
                                break __resilience::Ok(value);
                            }
                        };
                        wait.pause().await;
                    } {
                        __resilience::Err(error) => error,
                        __resilience::Ok(value) => break 'dead_letter __resilience::Ok(value),
                    };
                    let mut draft = match __resilience::draft::<
                        <Result<(), OrderError> as __resilience::Outcome>::Error,
                    >(
                        &error,
                        __resilience::handler_call(
                            __resilience::queue(&"orders"),
                            __resilience::Some(&retry),
                            __resilience::None,
                            &__RESILIENCE_SITE,
                        ),
                    ) {
                        __resilience::Some(draft) => draft,
                        __resilience::None => {
                            __resilience::report_fatal::<
                                <Result<(), OrderError> as __resilience::Outcome>::Error,
                            >(&error, &__RESILIENCE_SITE);
                            break 'dead_letter __resilience::Err(error);
                        }
                    };
                    {
                        let argument = &*order;
                        __resilience::argument(&mut draft, "order", argument);
                    }
                    __resilience::Draft::redacted(&mut draft, "card");
                    __resilience::Draft::dedupe_key(&mut draft, &(order.id));
                    let stored = __resilience::Draft::store(
                            __resilience::Draft::of_arguments(draft),
                            __resilience::letter_store(&self.letters),
                            "self.letters",
                        )
                        .await;
                    match stored {
                        __resilience::Some(id) => {
                            __resilience::report_letter::<
                                <Result<(), OrderError> as __resilience::Outcome>::Error,
                            >(&error, &__RESILIENCE_SITE);
                            __resilience::Ok(
                                __resilience::dead_lettered::<
                                    <Result<(), OrderError> as __resilience::Outcome>::Value,
                                >(id),
                            )
                        }
                        __resilience::None => __resilience::Err(error),
                    }
                }
            }
            /**Processes a letter of `on_order` again. A failure stores no new letter.

            # Errors

            The handler's error, or that the letter lacks an argument.*/
            #[allow(dead_code)]
            async fn on_order_replay(
                &self,
                letter: &__private::Letter,
                card: &str,
                now: Instant,
            ) -> ::core::result::Result<(), __private::ReplayError<OrderError>> {
                use __private as __resilience;
                let opened = __resilience::Opened::new(letter);
                let argument_0: Order = __resilience::restore(opened, "order")?;
                __resilience::replaying(
                        __resilience::Handler {
                            function: "on_order",
                            file: ::core::file!(),
                            line: ::core::line!(),
                        },
                        Self::on_order(self, &argument_0, card, now),
                    )
                    .await
                    .map_err(__resilience::ReplayError::Handler)
            }
        "#]],
    );
}
