//! A deprecated type, variant or field: only its user is warned, not the derive.

#![deny(warnings)]

use std::convert::Infallible;

use resilience::{Classify as _, ServiceError};

#[deprecated = "use another"]
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("old")]
#[service(conflict)]
struct Old;

#[deprecated = "use another"]
#[derive(Debug, thiserror::Error, ServiceError)]
enum OldEnum {
    #[error("busy")]
    #[service(unavailable, public = "Come back later")]
    Busy,
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Partly {
    #[error("of {user}")]
    #[service(conflict, public = "No {user}")]
    Taken {
        #[service(expose)]
        user: u64,
    },
    #[error(transparent)]
    #[service(transparent)]
    Never(#[from] Infallible),
}

#[test]
#[expect(deprecated, reason = "that is what is tested")]
fn deprecated_error_is_derived_without_a_warning() {
    assert_eq!(Old.classify().code(), "CONFLICT");
    assert_eq!(OldEnum::Busy.public_message(), "Come back later");
    assert_eq!((Old::CATALOG.len(), OldEnum::CATALOG.len()), (1, 1));
    let boxed: Box<dyn std::error::Error + Send + Sync> = Old.into();
    assert_eq!(boxed.classify().code(), "CONFLICT");
}

#[test]
fn infallible_may_be_transparent() {
    fn ends<E: Into<Partly>>(result: Result<u8, E>) -> u8 {
        result.map_err(Into::into).map_or(0, |value| value)
    }
    assert_eq!(ends::<Infallible>(Ok(7)), 7);
    assert_eq!(Partly::Taken { user: 7 }.public_message(), "No 7");
}
