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
