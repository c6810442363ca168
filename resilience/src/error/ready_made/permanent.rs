use super::{Text, define::ready_made};
use crate::{Classification, FieldError};

ready_made! {
    /// The request is invalid; the client sees why. Permanent, `VALIDATION_ERROR`, 422.
    ///
    /// ```
    /// use resilience::{Classify, errors::ValidationError};
    ///
    /// let error = ValidationError::new("quantity", "must be at least 1");
    /// assert_eq!(error.public_message(), "validation failed on quantity: must be at least 1");
    /// assert_eq!(error.classify().status(), 422);
    /// ```
    ValidationError(
        /// The invalid field. Shown to clients.
        field: impl Into<Text> => Text,
        /// What is wrong with it. Shown to clients.
        reason: impl Into<Text> => Text
    ),
    "validation failed on {field}: {reason}",
    |_| Classification::permanent("VALIDATION_ERROR"),
    public = ToString::to_string,
    field_errors = |this| vec![FieldError::new(this.field.clone(), this.reason.clone())]
}

ready_made! {
    /// The requested resource doesn't exist; the client sees which. Permanent, `NOT_FOUND`, 404.
    ///
    /// ```
    /// use resilience::{Classify, errors::NotFound};
    ///
    /// let error = NotFound::new("user", "42");
    /// assert_eq!(error.public_message(), "user 42 not found");
    /// assert_eq!(error.classify().status(), 404);
    /// ```
    NotFound(
        /// The kind of resource. Shown to clients.
        resource: impl Into<Text> => Text,
        /// Identifies the resource. Shown to clients.
        identifier: impl Into<Text> => Text
    ),
    "{resource} {identifier} not found",
    |_| Classification::permanent("NOT_FOUND"),
    public = ToString::to_string
}

ready_made! {
    /// The client's credentials are missing or wrong. Permanent, `AUTH_FAILED`, 401.
    ///
    /// ```
    /// use resilience::{Classify, errors::AuthFailed};
    ///
    /// assert_eq!(AuthFailed::new().classify().status(), 401);
    /// assert_eq!(AuthFailed::new().public_message(), "Authentication failed");
    /// ```
    AuthFailed(),
    "authentication failed",
    |_| Classification::permanent("AUTH_FAILED")
}

ready_made! {
    /// The request conflicts with the current state. Permanent, `CONFLICT`, 409.
    ///
    /// ```
    /// use resilience::{Classify, errors::Conflict};
    ///
    /// let error = Conflict::new("order 7 is already shipped");
    /// assert_eq!(error.classify().status(), 409);
    /// assert_eq!(error.public_message(), "Conflict with the current state");
    /// ```
    Conflict(
        /// The conflict. For the log only.
        reason: impl Into<Text> => Text
    ),
    "conflict: {reason}",
    |_| Classification::permanent("CONFLICT")
}

ready_made! {
    /// A callee refused our request, which is our mistake and not the client's. Permanent,
    /// `UPSTREAM_CLIENT_ERROR`, 500.
    ///
    /// [`UpstreamError`](crate::http::UpstreamError) classifies any status of a callee.
    ///
    /// ```
    /// use resilience::{Classify, Severity, errors::UpstreamClientError};
    ///
    /// let error = UpstreamClientError::new("inventory", 404);
    /// assert_eq!(error.to_string(), "inventory refused our request with 404");
    /// assert_eq!((error.classify().status(), error.classify().severity()), (500, Severity::Unexpected));
    /// ```
    UpstreamClientError(
        /// The callee.
        service: impl Into<Text> => Text,
        /// The status of the callee's answer.
        status: u16 => u16
    ),
    "{service} refused our request with {status}",
    |_| Classification::permanent("UPSTREAM_CLIENT_ERROR")
}

ready_made! {
    /// An error of no more specific kind. Permanent, `INTERNAL_ERROR`, 500.
    ///
    /// ```
    /// use resilience::{Classify, errors::Internal};
    ///
    /// let error = Internal::new("the index has no such shard");
    /// assert_eq!(error.public_message(), "An internal error occurred");
    /// ```
    Internal(
        /// What went wrong. For the log only.
        detail: impl Into<Text> => Text
    ),
    "internal error: {detail}",
    |_| Classification::permanent("INTERNAL_ERROR")
}
