//! The statuses of responses.

/// Whether a response may end with this status. All others are bugs: those from 600 on don't exist,
/// and those below 200 announce a response. 101 hands the connection over.
pub(super) const fn is_final(status: u16) -> bool {
    matches!(status, 101 | 200..=599)
}

/// The code for a status that has none of its own.
pub(super) const fn code_for(status: u16) -> &'static str {
    match status {
        400 => "BAD_REQUEST",
        401 => "AUTH_FAILED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        406 => "NOT_ACCEPTABLE",
        408 => "REQUEST_TIMEOUT",
        409 => "CONFLICT",
        410 => "GONE",
        412 => "PRECONDITION_FAILED",
        413 => "REQUEST_TOO_LARGE",
        415 => "UNSUPPORTED_MEDIA_TYPE",
        422 => "VALIDATION_ERROR",
        429 => "RATE_LIMITED",
        _ if matches!(status, 400..=499) => "REQUEST_REJECTED",
        503 => "SERVICE_UNAVAILABLE",
        504 => "NETWORK_TIMEOUT",
        _ => "INTERNAL_ERROR",
    }
}
