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

/// Variants and fields of each kind that the derive names.
#[derive(Debug, thiserror::Error, ServiceError)]
enum WithOldVariants {
    #[deprecated = "use Taken"]
    #[error("old")]
    #[service(conflict, code = "OLD_UNIT")]
    OldUnit,
    #[deprecated]
    #[error("old {0}")]
    #[service(unavailable)]
    OldTuple(u8),
    #[deprecated(since = "2.0.0", note = "use another")]
    #[error(transparent)]
    #[service(transparent)]
    OldSource(#[from] std::io::Error),
    #[error("taken by {user}")]
    #[service(conflict, public = "Taken by {user}")]
    Taken {
        #[deprecated]
        #[service(expose)]
        user: u64,
        #[deprecated = "unused"]
        hint: u8,
    },
    #[error("slow down")]
    #[service(rate_limited)]
    Busy {
        #[deprecated = "the header says it"]
        #[service(retry_after)]
        wait: Option<std::time::Duration>,
    },
    #[error("secret")]
    #[service(unauthenticated)]
    Secret {
        #[deprecated]
        #[service(sensitive)]
        token: String,
    },
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("taken by {user}")]
#[service(conflict, public = "Taken by {user}")]
struct WithOldField {
    #[deprecated]
    #[service(expose)]
    user: u64,
    #[deprecated]
    hint: u8,
}

#[test]
#[expect(deprecated, reason = "that is what is tested")]
fn deprecated_variants_and_fields_are_derived_without_a_warning() {
    let io = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(WithOldVariants::OldUnit.classify().code(), "OLD_UNIT");
    assert_eq!(WithOldVariants::OldTuple(1).classify().status(), 503);
    assert_eq!(WithOldVariants::from(io()).classify().code(), "CONNECT_FAILED");
    assert_eq!(WithOldVariants::Taken { user: 7, hint: 1 }.public_message(), "Taken by 7");
    let wait = Some(std::time::Duration::from_secs(7));
    assert_eq!(WithOldVariants::Busy { wait }.classify().retry_after(), wait);
    assert_eq!(WithOldVariants::Secret { token: "t".into() }.classify().status(), 401);
    let old = WithOldField { user: 7, hint: 1 };
    assert_eq!((old.public_message(), old.classify().status()), ("Taken by 7".into(), 409));
    assert_eq!(WithOldVariants::CATALOG.len(), 5);
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
