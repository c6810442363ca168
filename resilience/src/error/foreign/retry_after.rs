//! Parses the `Retry-After` header, RFC 9110 §10.2.3: a number of seconds, or a date.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How long the response asks us to wait. `None` if the header is missing or invalid.
///
/// A date is relative to the response's `Date`, so the callee's clock needn't agree with ours. If
/// the header is repeated, the longest wait counts.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: &reqwest::header::HeaderValue| {
        value.to_str().ok().map(|text| text.trim().to_owned())
    };
    let sent_at =
        headers.get(DATE).and_then(text).and_then(|date| httpdate::parse_http_date(&date).ok());
    let now = sent_at.unwrap_or_else(SystemTime::now);
    headers
        .get_all(RETRY_AFTER)
        .iter()
        .filter_map(text)
        .filter_map(|value| parse(&value, now))
        .max()
}

fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Fails only on overflow.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date in the past means now.
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(reqwest::header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).fold(
            HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        )
    }

    #[test]
    fn retry_after_in_seconds_is_parsed() {
        let table = [
            ("120", Some(120)),
            (" 5 ", Some(5)),
            ("\t5\t", Some(5)),
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("5s", None),
            ("5, 10", None),
            ("soon", None),
            ("", None),
        ];
        for (value, seconds) in table {
            let wait = retry_after(&headers(&[(RETRY_AFTER, value)]));
            assert_eq!(wait, seconds.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_date_is_relative_to_the_response_date() {
        let date = (DATE, "Fri, 31 Dec 1999 23:59:00 GMT");
        let table = [
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(59)),
            ("Friday, 31-Dec-99 23:59:59 GMT", Some(59)),
            ("Fri Dec 31 23:59:59 1999", Some(59)),
            ("Fri, 31 Dec 1999 23:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_455_616_059)),
            (" Fri, 31 Dec 1999 23:59:59 GMT ", Some(59)),
            ("Fri, 31 Dec 1999 23:59:59 CET", None),
            ("Fri, 32 Dec 1999 23:59:59 GMT", None),
            ("Fri, 31 Dec 1999", None),
        ];
        for (value, seconds) in table {
            let wait = retry_after(&headers(&[date.clone(), (RETRY_AFTER, value)]));
            assert_eq!(wait, seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn retry_after_date_without_response_date_uses_our_clock() {
        let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        for more in [&[][..], &[(DATE, "garbage")]] {
            let all = [more, &[(RETRY_AFTER, in_an_hour.as_str())]].concat();
            let wait = retry_after(&headers(&all)).unwrap();
            assert!((3590..=3600).contains(&wait.as_secs()), "{wait:?}");
        }
    }

    #[test]
    fn longest_of_repeated_retry_after_headers_counts() {
        let all = [
            (RETRY_AFTER, "3"),
            (RETRY_AFTER, "nonsense"),
            (RETRY_AFTER, "30"),
            (RETRY_AFTER, "10"),
        ];
        assert_eq!(retry_after(&headers(&all)), Some(Duration::from_secs(30)));
    }

    proptest::proptest! {
        #[test]
        fn any_retry_after_is_read(
            value in r"[ -~]{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT|[0-9]{1,40}",
            date in r"[ -~]{0,40}|[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        ) {
            let wait = retry_after(&headers(&[(DATE, &date), (RETRY_AFTER, &value)]));
            if !value.trim().is_empty() && value.trim().bytes().all(|byte| byte.is_ascii_digit()) {
                proptest::prop_assert!(wait.is_some());
            }
        }
    }

    #[test]
    fn retry_after_that_is_not_text_is_ignored() {
        let mut map = HeaderMap::new();
        map.append(RETRY_AFTER, reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        assert_eq!(retry_after(&map), None);
    }
}
