//! Which dependency a failure is about.

use super::downcast::downcast;
use super::upstream::UpstreamError;
use crate::{Classification, errors, taxonomy::Evidence};

/// The maximum number of errors visited in a chain, which may be cyclic.
const MAX_LINKS: usize = 32;

/// The label of the dependency: of the layer that rejected the call, or of the first error in the
/// chain that names its callee.
pub(crate) fn dependency<'e>(class: &Classification, evidence: &Evidence<'e>) -> Option<&'e str> {
    if let Some(rejected) = class.rejected() {
        return Some(rejected.service());
    }
    evidence.chain().take(MAX_LINKS).find_map(named)
}

/// The callee that an error of this crate names.
fn named<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e str> {
    macro_rules! first_of {
        ($($error:ty),*) => {
            None $(.or_else(|| downcast::<$error>(error).map(|error| &*error.service)))*
        };
    }
    if let Some(rejected) = downcast::<crate::Rejected>(error) {
        return Some(rejected.service());
    }
    downcast::<UpstreamError>(error).map(UpstreamError::service).or_else(|| {
        first_of!(
            errors::NetworkTimeout,
            errors::ServiceUnavailable,
            errors::RateLimited,
            errors::ConnectFailed,
            errors::UpstreamClientError,
            errors::NonCriticalFailure
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Classify;
    use crate::errors::{Internal, NotFound, ServiceUnavailable};

    fn of(error: &dyn Classify) -> Option<String> {
        dependency(&error.classify(), &error.evidence()).map(ToOwned::to_owned)
    }

    #[test]
    fn errors_of_a_callee_name_it() {
        let wait = std::time::Duration::from_secs(1);
        let named: [&dyn Classify; 8] = [
            &crate::Rejected::circuit_open("inventory", None),
            &crate::Rejected::timed_out("inventory", wait),
            &UpstreamError::new("inventory", 503),
            &errors::NetworkTimeout::new("inventory", wait),
            &ServiceUnavailable::new("inventory"),
            &errors::RateLimited::new("inventory"),
            &errors::ConnectFailed::new("inventory"),
            &errors::UpstreamClientError::new("inventory", 404),
        ];
        for error in named {
            assert_eq!(of(error).as_deref(), Some("inventory"), "{error}");
        }
        assert_eq!(of(&NotFound::new("user", "42")), None);
    }

    #[test]
    fn the_outermost_name_in_the_chain_is_taken() {
        let outer = Internal::new("no stock").with_source(
            ServiceUnavailable::new("inventory").with_source(UpstreamError::new("warehouse", 503)),
        );
        assert_eq!(of(&outer).as_deref(), Some("inventory"));
    }
}
