//! Aliases named `Result` whose second argument is only a part of the error, as in rootcause and
//! error-stack.

use super::support::{Callee, ShopError};

mod reports {
    use std::fmt;

    use resilience::{Classification, Classify, Rejected};

    use super::ShopError;

    #[derive(Debug, PartialEq)]
    pub(super) struct Report<C>(pub(super) C);

    pub(super) type Result<T, C> = std::result::Result<T, Report<C>>;

    impl<C: fmt::Display> fmt::Display for Report<C> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl<C: Classify> Classify for Report<C> {
        fn classify(&self) -> Classification {
            self.0.classify()
        }
    }

    impl<C: From<Rejected>> From<Rejected> for Report<C> {
        fn from(rejected: Rejected) -> Self {
            Self(rejected.into())
        }
    }

    impl From<ShopError> for Report<ShopError> {
        fn from(error: ShopError) -> Self {
            Self(error)
        }
    }
}

mod with_reports {
    use resilience::{boundary, circuit_breaker, degrade, retry, timeout};

    use super::super::support::{Callee, ShopError};
    use super::reports::{Report, Result};

    #[degrade(fallback = 7)]
    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout("5s")]
    pub(super) async fn under_all(callee: &Callee) -> Result<u32, ShopError> {
        Ok(callee.call()?)
    }

    #[boundary]
    #[retry(idempotent)]
    #[timeout("5s")]
    pub(super) async fn by_path(callee: &Callee) -> Result<&str, ShopError> {
        callee.call().map(|_| "called").map_err(Report)
    }

    #[retry(idempotent, blocking)]
    #[circuit_breaker]
    pub(super) fn blocking(callee: &Callee) -> Result<u32, ShopError> {
        callee.call().map_err(Report)
    }
}

#[tokio::test(start_paused = true)]
async fn alias_may_build_its_error_from_an_argument() {
    assert_eq!(with_reports::under_all(&Callee::answering_at(2)).await, Ok(2));
    assert_eq!(with_reports::under_all(&Callee::answering_at(9)).await, Ok(7));
    assert_eq!(with_reports::by_path(&Callee::answering_at(2)).await, Ok("called"));
    let blocking = tokio::task::spawn_blocking(|| with_reports::blocking(&Callee::answering_at(1)));
    assert_eq!(blocking.await.unwrap(), Ok(1));
}

mod in_other_forms {
    use async_trait::async_trait;
    use resilience::degrade::Sourced;
    use resilience::{circuit_breaker, degrade, retry, timeout};

    use super::super::support::{Callee, ShopError};
    use super::reports::{Report, Result};

    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout("5s")]
    pub(super) async fn hidden_value(
        callee: &Callee,
    ) -> Result<impl Iterator<Item = u32>, ShopError> {
        Ok(std::iter::once(callee.call()?))
    }

    #[degrade(fallback = 7, stale(max_age = "10m", key = sku, shared(callee)))]
    #[retry(idempotent, when = |error: &Report<ShopError>| error.0 == ShopError::Busy, retry_ok = |_: &Sourced<u32>| false)]
    #[timeout("5s")]
    pub(super) async fn with_conditions(
        sku: &str,
        callee: &Callee,
    ) -> Result<Sourced<u32>, ShopError> {
        let _ = sku;
        Ok(Sourced::live(callee.call()?))
    }

    pub(super) struct Shop(pub(super) Callee);

    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout("5s")]
    impl Shop {
        pub(super) async fn stock(&self) -> Result<u32, ShopError> {
            Ok(self.0.call()?)
        }

        #[retry(idempotent, classify = |error| resilience::Classify::classify(&error.0), rejected = |it| Report(it.into()))]
        pub(super) async fn prices(&self) -> Result<u32, ShopError> {
            Ok(self.0.call()?)
        }
    }

    #[async_trait]
    pub(super) trait Find {
        async fn find(&self) -> Result<u32, ShopError>;
    }

    #[async_trait]
    impl Find for Shop {
        #[retry(idempotent)]
        #[circuit_breaker]
        #[timeout("5s")]
        async fn find(&self) -> Result<u32, ShopError> {
            Ok(self.0.call()?)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn alias_may_be_used_in_any_form_of_function() {
    use in_other_forms::{Find as _, Shop, hidden_value, with_conditions};

    let callee = Callee::answering_at(2);
    let values = hidden_value(&callee).await.map(Iterator::collect::<Vec<_>>);
    assert_eq!(values, Ok(vec![2]));
    let value = with_conditions("a", &Callee::answering_at(2)).await;
    assert_eq!(value.map(|value| *value), Ok(2));
    let shop = || Shop(Callee::answering_at(2));
    assert_eq!(shop().stock().await, Ok(2));
    assert_eq!(shop().prices().await, Ok(2));
    assert_eq!(shop().find().await, Ok(2));
}

/// A foreign type can't implement `Classify`, so the attributes say what to do.
mod with_rootcause {
    use resilience::{Classify as _, circuit_breaker, degrade, retry, timeout};
    use rootcause::{Report, Result};

    use super::super::support::{Callee, ShopError};

    #[degrade(
        fallback = 7,
        classify = |error| error.current_context().classify(),
        rejected = |it| Report::new(ShopError::from(it)),
    )]
    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout("5s")]
    pub(super) async fn under_all(callee: &Callee) -> Result<u32, ShopError> {
        Ok(callee.call()?)
    }

    #[retry(
        idempotent, external_timeout,
        classify = |error: &Report<ShopError>| error.current_context().classify(),
        rejected = |it| Report::new(ShopError::from(it)),
    )]
    pub(super) async fn hidden_value(
        callee: &Callee,
    ) -> Result<impl Iterator<Item = u32>, ShopError> {
        Ok(std::iter::once(callee.call()?))
    }
}

mod with_error_stack {
    use error_stack::{Report, ResultExt as _};
    use resilience::{Classify as _, boundary, circuit_breaker, retry, timeout};

    use super::super::support::{Callee, ShopError};

    type Result<T, C> = std::result::Result<T, Report<C>>;

    #[boundary(
        classify = |error| error.current_context().classify(),
        rejected = |it| Report::new(ShopError::from(it)),
    )]
    #[retry(idempotent)]
    #[circuit_breaker]
    #[timeout("5s")]
    pub(super) async fn under_all(callee: &Callee) -> Result<u32, ShopError> {
        callee.call().attach("while calling")
    }
}

#[tokio::test(start_paused = true)]
async fn reports_of_other_crates_are_retried_by_their_context() {
    assert_eq!(with_rootcause::under_all(&Callee::answering_at(2)).await.unwrap(), 2);
    assert_eq!(with_rootcause::under_all(&Callee::answering_at(9)).await.unwrap(), 7);
    let callee = Callee::answering_at(2);
    let values = with_rootcause::hidden_value(&callee).await.unwrap();
    assert_eq!(values.collect::<Vec<_>>(), [2]);
    assert_eq!(with_error_stack::under_all(&Callee::answering_at(3)).await.unwrap(), 3);
    let error = with_error_stack::under_all(&Callee::answering_at(9)).await.unwrap_err();
    assert_eq!(*error.current_context(), ShopError::Busy);
}
