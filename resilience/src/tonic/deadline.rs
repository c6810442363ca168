//! The deadline of an incoming call.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::timeout::Deadline;

/// The deadline that the client has set with `grpc-timeout`.
pub(super) fn of(headers: &HeaderMap) -> Option<Arc<Deadline<'static>>> {
    let timeout = parse(headers.get("grpc-timeout")?.to_str().ok()?)?;
    Some(Arc::new(Deadline::starting_now(timeout)))
}

/// At most 8 digits and a unit, as the gRPC specification has it.
fn parse(timeout: &str) -> Option<Duration> {
    let (digits, unit) = timeout.split_at(timeout.len().checked_sub(1)?);
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts_are_parsed() {
        let table = [
            ("5S", Some(Duration::from_secs(5))),
            ("0n", Some(Duration::ZERO)),
            ("1500m", Some(Duration::from_millis(1500))),
            ("7u", Some(Duration::from_micros(7))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100000000H", None),
            ("+5S", None),
            ("-5S", None),
            ("5", None),
            ("S", None),
            ("5s", None),
            ("5 S", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
