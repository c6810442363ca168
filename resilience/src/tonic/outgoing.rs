//! Request id, idempotency key and deadline on outgoing requests.

use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status};

/// Adds the request id, the idempotency key and the deadline to an outgoing request.
///
/// ```
/// use resilience::tonic::RequestExt as _;
/// use tonic::{Request, Status};
///
/// /// Called inside a retried function.
/// fn charge(amount: u64) -> Result<Request<u64>, Status> {
///     Request::new(amount).with_time_left().with_idempotency_key()
/// }
/// ```
pub trait RequestExt: Sized {
    /// Sets the metadata `x-request-id` to the id of the current
    /// [`RequestContext`](crate::RequestContext). Replaces an existing value. Does nothing outside
    /// a context.
    ///
    /// [`send_request_id`](crate::tonic::send_request_id) does this for all requests of a client.
    #[must_use]
    fn with_request_id(self) -> Self;

    /// Sets the metadata `idempotency-key` to the key of the enclosing retried call (see
    /// [`context()`](crate::context())), so that the callee can detect a repeated request. Replaces
    /// an existing value.
    ///
    /// # Errors
    /// `InvalidArgument` if the call has no key or an empty one, as outside a
    /// `#[retry(idempotency_key)]` and in tasks that weren't started with
    /// [`resilience::spawn`](crate::spawn). This also logs `idempotency_key_missing`. The same if
    /// the key isn't valid metadata, which is limited to visible ASCII. The call is not made
    /// without its key.
    fn with_idempotency_key(self) -> Result<Self, Status>;

    /// Like [`with_idempotency_key`](Self::with_idempotency_key), but does nothing if the call has
    /// no key.
    ///
    /// # Errors
    /// `InvalidArgument` if the key isn't valid metadata.
    fn with_idempotency_key_if_any(self) -> Result<Self, Status>;

    /// Sets the request's `grpc-timeout` to the time left until the deadline of the enclosing
    /// retried call, so that the callee stops when its result is no longer needed. Replaces an
    /// existing value. Does nothing if there is no deadline.
    #[must_use]
    fn with_time_left(self) -> Self;
}

/// A century: as good as none.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 86_400);

impl<T> RequestExt for Request<T> {
    fn with_request_id(mut self) -> Self {
        if let Some(context) = crate::RequestContext::current() {
            if let Ok(id) = MetadataValue::try_from(context.request_id().as_str()) {
                self.metadata_mut().insert(super::REQUEST_ID, id);
            }
        }
        self
    }

    fn with_idempotency_key(self) -> Result<Self, Status> {
        if crate::context().idempotency_key().is_none_or(|key| key.is_empty()) {
            crate::layer::events::idempotency_key_missing();
            return Err(Status::invalid_argument("the call has no idempotency key"));
        }
        self.with_idempotency_key_if_any()
    }

    fn with_idempotency_key_if_any(mut self) -> Result<Self, Status> {
        if let Some(key) = crate::context().idempotency_key() {
            let key: MetadataValue<Ascii> = key.parse().map_err(|_| {
                Status::invalid_argument("the idempotency key isn't valid metadata")
            })?;
            self.metadata_mut().insert("idempotency-key", key);
        }
        Ok(self)
    }

    fn with_time_left(mut self) -> Self {
        if let Some(left) = crate::context().remaining() {
            // tonic panics on what doesn't fit: more than 11 000 years.
            self.set_timeout(left.min(LONGEST_TIMEOUT));
        }
        self
    }
}
