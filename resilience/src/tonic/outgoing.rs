//! What an outgoing request tells the callee about the call that it belongs to.

use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status};

/// Sends along who a request is made for, how long there is for it, and how the callee recognizes
/// its repetition.
///
/// ```
/// use resilience::tonic::RequestExt as _;
/// use tonic::{Request, Status};
///
/// /// In the body of a retried function.
/// fn charge(amount: u64) -> Result<Request<u64>, Status> {
///     Request::new(amount).with_time_left().with_idempotency_key()
/// }
/// ```
pub trait RequestExt: Sized {
    /// Adds the metadata `x-request-id`: that of the current
    /// [`RequestContext`](crate::RequestContext). Replaces what is there; outside
    /// a context adds nothing. [`send_request_id`](crate::tonic::send_request_id) does it for all
    /// requests of a client.
    #[must_use]
    fn with_request_id(self) -> Self;

    /// Adds the metadata `idempotency-key`: that of the retried call around, as
    /// [`context()`](crate::context()) tells it, so that the callee takes a repetition for what
    /// it is. Replaces what is there; adds nothing where the call has no key.
    ///
    /// # Errors
    /// `InvalidArgument`, if the key can't stand in metadata, which takes visible ASCII: rather no
    /// call than one without its key.
    fn with_idempotency_key(self) -> Result<Self, Status>;

    /// Sets the deadline of the request, `grpc-timeout`, to what is left of that of the retried
    /// call around, so that the callee stops when nobody waits any more. Replaces what is
    /// there; adds nothing where there is no deadline.
    #[must_use]
    fn with_time_left(self) -> Self;
}

impl<T> RequestExt for Request<T> {
    fn with_request_id(mut self) -> Self {
        if let Some(context) = crate::RequestContext::current() {
            if let Ok(id) = MetadataValue::try_from(context.request_id().as_str()) {
                self.metadata_mut().insert(super::REQUEST_ID, id);
            }
        }
        self
    }

    fn with_idempotency_key(mut self) -> Result<Self, Status> {
        if let Some(key) = crate::context().idempotency_key {
            let key: MetadataValue<Ascii> = key
                .parse()
                .map_err(|_| Status::invalid_argument("the idempotency key is no metadata"))?;
            self.metadata_mut().insert("idempotency-key", key);
        }
        Ok(self)
    }

    fn with_time_left(mut self) -> Self {
        if let Some(left) = crate::context().time_left {
            self.set_timeout(left);
        }
        self
    }
}
