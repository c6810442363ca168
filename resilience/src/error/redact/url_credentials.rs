//! Redacts credentials in URLs, and the URLs in reqwest's messages, by their syntax.

use std::borrow::Cow;

use super::replace::Replaced;

/// Replaces credentials.
const MASK: &str = "***";

/// What precedes the URL in reqwest's `Display`, `… for url (https://host/path)`, and in its
/// `Debug`, each with the byte that follows the URL.
const REQWEST: [(&str, u8); 2] = [(" for url (", b')'), ("url: \"", b'"')];

/// Reduces reqwest's URLs to their origin, and masks the credentials in all other URLs. Takes
/// linear time.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    // Every URL contains a colon.
    if !text.contains(':') {
        return Cow::Borrowed(text);
    }
    let mut text = Cow::Borrowed(text);
    for (before, last) in REQWEST {
        if text.contains(before) {
            text = Cow::Owned(shorten(&text, before, last));
        }
    }
    match mask(&text) {
        Some(masked) => Cow::Owned(masked),
        None => text,
    }
}

/// `https://user:password@host:8443/path?query` → `https://host:8443`. Only the scheme if there is
/// no host.
pub(super) fn origin(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        let scheme = |text: &&str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        return url
            .split_once(':')
            .map(|(before, _)| before)
            .filter(scheme)
            .unwrap_or(MASK)
            .to_owned();
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    // Credentials that contain a slash end the authority too early. What is left doesn't look like
    // a host then.
    let host = if rest.contains('@') && !ends_in_a_port(host) { MASK } else { host };
    format!("{scheme}://{host}")
}

/// Replaces each URL that follows `before` by its origin.
fn shorten(text: &str, before: &str, last: u8) -> String {
    let mut shortened = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (copied, url) = rest.split_at(at + before.len());
        shortened.push_str(copied);
        // A URL contains no whitespace. The last bracket in the word is reqwest's.
        let word = &url[..url.find(char::is_whitespace).unwrap_or(url.len())];
        let end = if last == b'"' { word.find('"') } else { word.rfind(char::from(last)) }
            .unwrap_or(word.len());
        shortened.push_str(&origin(&url[..end]));
        rest = &url[end..];
    }
    shortened.push_str(rest);
    shortened
}

/// `scheme://user:password@host` → `scheme://***@host`, anywhere in the text. `None` if there is
/// nothing to mask.
fn mask(text: &str) -> Option<String> {
    let mut masked = Replaced::new(text);
    let mut word = Word::default();
    let mut at = 0;
    while let Some(found) = text[at..].find("://") {
        let start = at + found + "://".len();
        at = start;
        if start == "://".len() || !text.as_bytes()[start - "://".len() - 1].is_ascii_alphanumeric()
        {
            continue;
        }
        word = word.around(text, start);
        let authority = &text[start..word.end];
        let authority =
            &authority[..authority.find(['/', '?', '#', '\\']).unwrap_or(authority.len())];
        let host = match authority.rfind('@') {
            Some(sign) => Some(start + sign),
            // The password contains a slash: the part before it isn't a host with a port then.
            None if !ends_in_a_port(authority) => word.last_sign.filter(|sign| *sign > start),
            None => None,
        };
        if let Some(host) = host {
            masked.replace(start..host, MASK);
            at = host;
        }
    }
    masked.finish()
}

/// Whether the text can be a host, optionally with a port number.
fn ends_in_a_port(authority: &str) -> bool {
    let port = authority
        .rsplit_once(':')
        .filter(|_| !authority.ends_with(']'))
        .map_or("", |(_, port)| port);
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A run of characters without whitespace or quotes. Found once for all URLs in it, so that the
/// time stays linear.
#[derive(Default)]
struct Word {
    end: usize,
    /// The position of the last `@`.
    last_sign: Option<usize>,
}

impl Word {
    fn around(self, text: &str, start: usize) -> Self {
        if start < self.end {
            return self;
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`');
        let end = text[start..].find(ends).map_or(text.len(), |length| start + length);
        Self { end, last_sign: text[start..end].rfind('@').map(|sign| start + sign) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_credentials_are_masked_anywhere_in_the_text() {
        let table = [
            ("postgres://app:hunter2@db:5432/shop", "postgres://***@db:5432/shop"),
            (
                "can't reach redis://:hunter2@cache/0: refused",
                "can't reach redis://***@cache/0: refused",
            ),
            ("https://hunter2@git.example.com/a", "https://***@git.example.com/a"),
            ("amqp://a:hunter2@b, amqp://c:hunter2@d", "amqp://***@b, amqp://***@d"),
            ("mongodb://a:hunter2@h1,h2:27017/x", "mongodb://***@h1,h2:27017/x"),
            ("a://u:hunter2@b://v:hunter2@c", "a://***@b://***@c"),
            ("postgres://app:hunter2/x@db/shop", "postgres://***@db/shop"),
            ("postgres://app:hunter2?x#y@db/shop", "postgres://***@db/shop"),
            ("postgres://app:hunt@er2@db/shop", "postgres://***@db/shop"),
            (
                "{\"url\":\"http://a:hunter2@b\",\"user\":\"c@d\"}",
                "{\"url\":\"http://***@b\",\"user\":\"c@d\"}",
            ),
            ("grüße://ü:hunter2@ö", "grüße://***@ö"),
            ("http://[::1]:80/a", "http://[::1]:80/a"),
            ("http://h:80/a@b", "http://h:80/a@b"),
            ("http://h/a?to=b@c.d", "http://h/a?to=b@c.d"),
            ("ada@example.com: no such user", "ada@example.com: no such user"),
            ("://@", "://@"),
            ("a://@", "a://***@"),
            ("a://", "a://"),
            ("", ""),
        ];
        for (text, redacted) in table {
            assert_eq!(redact(text), redacted, "{text:?}");
            assert!(!redact(text).contains("hunter2"), "{text:?}");
        }
    }

    #[test]
    fn text_without_credentials_is_not_copied() {
        assert!(matches!(redact("connection refused: 127.0.0.1:80 http://h/a"), Cow::Borrowed(_)));
    }

    #[test]
    fn reqwest_urls_are_reduced_to_their_origin() {
        let table = [
            ("x for url (http://h:1/p?q#f)", "x for url (http://h:1)"),
            ("x for url (http://h/a(b)c?d=(e))", "x for url (http://h)"),
            ("x for url (http://h/p): refused", "x for url (http://h): refused"),
            ("y (x for url (http://h/p)), z (w)", "y (x for url (http://h), z (w)"),
            ("x for url (http://u:p/w@h/p)", "x for url (http://***)"),
            (
                "x for url (http://u:p@h/p) for url (https://i/q)",
                "x for url (http://h) for url (https://i)",
            ),
            ("x for url (http://[::1]:8/p)", "x for url (http://[::1]:8)"),
            ("x for url (data:text/plain,secret)", "x for url (data)"),
            ("x: y for url (/path)", "x: y for url (***)"),
            ("x for url (http://h/p", "x for url (http://h"),
            ("x: y for url (", "x: y for url (***"),
            (
                "reqwest::Error { kind: Request, url: \"http://u:p@h/p?q\", source: x }",
                "reqwest::Error { kind: Request, url: \"http://h\", source: x }",
            ),
        ];
        for (text, redacted) in table {
            assert_eq!(redact(text), redacted, "{text:?}");
        }
    }

    #[test]
    fn redacting_urls_takes_linear_time() {
        for piece in [
            "a:b://",
            "a://u:p/",
            "a://@",
            " for url (",
            " for url (a://b)",
            "url: \"",
            "://",
            "é://é:é@",
        ] {
            let text = piece.repeat(200_000 / piece.len());
            let started = std::time::Instant::now();
            let redacted = redact(&text);
            assert!(
                started.elapsed().as_secs() < 2,
                "{piece:?}: {:?}, {}",
                started.elapsed(),
                redacted.len()
            );
        }
    }
}
