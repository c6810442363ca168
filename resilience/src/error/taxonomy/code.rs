//! Maps codes to HTTP statuses, and statuses to texts for clients.

/// The HTTP status of a code; 500 for a code that implies none.
pub(super) const fn status_of(code: &str) -> u16 {
    const MAP: &[(&str, u16)] = &[
        ("NOT_FOUND", 404),
        ("VALIDATION_ERROR", 422),
        ("AUTH_FAILED", 401),
        ("RATE_LIMITED", 429),
        ("SERVICE_UNAVAILABLE", 503),
        ("CONFLICT", 409),
        ("QUERY_TIMEOUT", 504),
        ("NETWORK_TIMEOUT", 504),
        ("CONNECT_FAILED", 503),
        ("CIRCUIT_OPEN", 503),
        ("FORBIDDEN", 403),
    ];
    let mut row = 0;
    while row < MAP.len() {
        if equal(MAP[row].0, code) {
            return MAP[row].1;
        }
        row += 1;
    }
    500
}

/// The text for clients when an error has no public message. It depends on the status alone.
///
/// ```
/// assert_eq!(resilience::http::generic_message(404), "Not found");
/// assert_eq!(resilience::http::generic_message(500), "An internal error occurred");
/// assert_eq!(resilience::http::generic_message(503), "The service is temporarily unavailable");
/// ```
pub const fn generic_message(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        401 => "Authentication failed",
        403 => "Forbidden",
        404 => "Not found",
        405 => "Method not allowed",
        408 => "Request timed out",
        409 => "Conflict with the current state",
        410 => "Gone",
        412 => "Precondition failed",
        413 => "Request too large",
        415 => "Unsupported media type",
        422 => "Validation failed",
        429 => "Too many requests",
        503 => "The service is temporarily unavailable",
        402 | 406 | 407 | 411 | 414 | 416..=421 | 423..=428 | 430..=499 => {
            "The request can't be served"
        }
        _ => "An internal error occurred",
    }
}

const fn equal(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_map_to_statuses_and_unknown_codes_to_500() {
        let map = [
            ("NOT_FOUND", 404),
            ("VALIDATION_ERROR", 422),
            ("AUTH_FAILED", 401),
            ("RATE_LIMITED", 429),
            ("SERVICE_UNAVAILABLE", 503),
            ("CONFLICT", 409),
            ("QUERY_TIMEOUT", 504),
            ("NETWORK_TIMEOUT", 504),
            ("UPSTREAM_CLIENT_ERROR", 500),
            ("ANYTHING_ELSE", 500),
        ];
        for (code, status) in map {
            assert_eq!(status_of(code), status, "{code}");
        }
    }

    #[test]
    fn server_errors_share_one_generic_text_except_when_unavailable() {
        for status in (500..600).filter(|status| *status != 503) {
            assert_eq!(generic_message(status), "An internal error occurred");
        }
        assert_eq!(generic_message(503), "The service is temporarily unavailable");
        for status in 400..500 {
            assert_ne!(generic_message(status), "An internal error occurred", "{status}");
        }
    }
}
