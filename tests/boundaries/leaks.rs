//! No part of an error's text is in a response with a status of 500 or above: random messages and
//! causes, searched for in whole responses.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;

use axum::body::to_bytes;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use resilience::axum::RequestLayer;
use resilience::errors::{
    Internal, MissingConfig, NonCriticalFailure, ServiceUnavailable, UpstreamClientError,
};
use resilience::http::{BodyFormat, UpstreamError, generic_message};
use resilience::{
    Classification, Classify, FieldError, Problem, Rejected, ServiceError, Severity,
    shutdown::Shutdown,
};
use tower::ServiceExt as _;

/// The number of errors that become responses.
const ERRORS: u32 = 100_000;
/// One in this many also goes through a router.
const ROUTED: u32 = 50;

/// The same numbers each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// A word of letters no four of which occur in English text or in a request id.
    fn secret(&mut self) -> String {
        const LETTERS: &[u8] = b"ghjkmnpqrvwxzGHJKMNPQRVWXZ";
        (0..6 + self.below(6)).map(|_| char::from(LETTERS[self.below(LETTERS.len())])).collect()
    }

    /// A text as errors have it, with secrets.
    fn text(&mut self, secrets: &mut Vec<String>) -> String {
        let secret = self.secret();
        let text = match self.below(12) {
            0 => format!("SELECT {secret} FROM users WHERE email = '{secret}'"),
            1 => format!(
                "https://{secret}:{secret}@{secret}.internal:5432/{secret}?key={secret}#{secret}"
            ),
            2 => format!("/home/{secret}/src/{secret}.rs:12:5"),
            3 => format!("alloc::boxed::Box<dyn {secret}::{secret}>"),
            4 => format!("größe 价格 {secret} \u{202e}\u{0}🦀"),
            5 => format!("\"}},\"{secret}\":{{\"a\":\"\\\n\r\t{secret}"),
            6 => format!("{secret}\r\nset-cookie: {secret}=1\r\n\r\n<script>{secret}</script>"),
            7 => {
                format!(
                    "duplicate key value violates \"{secret}_key\" DETAIL: Key (email)=({secret}) already exists."
                )
            }
            8 => format!("%{secret}%s{{{secret}}}{{0}}"),
            9 => secret.clone(),
            10 => format!("x-{secret}: Bearer {secret}"),
            _ => format!("thread 'main' panicked at src/{secret}.rs:1:1:\n{secret}"),
        };
        secrets.push(secret);
        text
    }
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Derived {
    #[error("busy: {text}")]
    #[service(transient)]
    Busy {
        text: String,
        #[source]
        cause: io::Error,
    },
    #[error("gone: {text}")]
    #[service(internal, public = "Fixed words that clients may read")]
    Broken { text: String },
    #[error("stop: {0}")]
    #[service(fatal)]
    Stop(String, #[source] anyhow::Error),
    #[error(transparent)]
    #[service(transparent)]
    Io(#[from] io::Error),
}

/// A hand-written error that shows everything.
#[derive(Debug)]
struct Talkative {
    text: String,
    status: u16,
}

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Talkative {}

impl Classify for Talkative {
    fn classify(&self) -> Classification {
        Classification::permanent("TALKATIVE")
            .with_status(self.status)
            .with_severity(Severity::Expected)
    }

    fn public_message(&self) -> Cow<'_, str> {
        self.text.clone().into()
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        vec![FieldError::new(self.text.clone(), self.text.clone())].into()
    }
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// A random error, as the problem that `?` makes of it.
fn problem(random: &mut Random, secrets: &mut Vec<String>) -> Problem {
    let text = random.text(secrets);
    let cause = io::Error::other(random.text(secrets));
    match random.below(16) {
        0 => Derived::Busy { text, cause }.into(),
        1 => Derived::Broken { text }.into(),
        2 => {
            Derived::Stop(text, anyhow::anyhow!(random.text(secrets)).context(random.text(secrets)))
                .into()
        }
        3 => Derived::Io(cause).into(),
        4 => anyhow::anyhow!(text).context(cause).context(random.text(secrets)).into(),
        5 => anyhow::Error::new(Derived::Busy { text, cause }).context(random.text(secrets)).into(),
        6 => Boxed::from(text).into(),
        7 => Boxed::from(Derived::Broken { text }).into(),
        8 => io::Error::new(io::ErrorKind::ConnectionReset, text).into(),
        9 => Internal::new(text).with_source(cause).into(),
        10 => ServiceUnavailable::new(text).with_source(cause).into(),
        11 => NonCriticalFailure::new(text, random.text(secrets)).with_source(cause).into(),
        12 => match random.below(3) {
            0 => UpstreamError::new(text, 404).into(),
            1 => UpstreamClientError::new(text, 401).with_source(cause).into(),
            _ => MissingConfig::new(text).with_source(cause).into(),
        },
        13 => reqwest_error(&random.secret_url(secrets)).into(),
        14 => Rejected::circuit_open("inventory", None).into(),
        _ => Talkative { text, status: 500 + u16::try_from(random.below(100)).unwrap() }.into(),
    }
}

impl Random {
    fn secret_url(&mut self, secrets: &mut Vec<String>) -> String {
        let secret = self.secret();
        secrets.push(secret.clone());
        format!("http://{secret}.internal/{secret}?key={secret}")
    }
}

/// An error with a URL, made without a network.
fn reqwest_error(url: &str) -> reqwest::Error {
    thread_local! {
        static CLIENT: reqwest::Client = reqwest::Client::builder().no_proxy().build().unwrap();
    }
    CLIENT
        .with(|client| client.get("not a url").build().unwrap_err())
        .with_url(url.parse().unwrap())
}

/// The whole response as it is sent.
async fn wire(response: Response) -> (u16, String) {
    let (parts, body) = response.into_parts();
    let mut wire = format!("{:?}\n", parts.status);
    for (name, value) in &parts.headers {
        writeln!(wire, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    wire.push_str(&String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()));
    (parts.status.as_u16(), wire)
}

/// The first four letters of a secret that a response contains, in any case.
fn leaked<'s>(wire: &str, secrets: &'s [String]) -> Option<&'s str> {
    let wire = wire.to_ascii_lowercase();
    secrets.iter().find_map(|secret| {
        (0..=secret.len() - 4)
            .map(|at| &secret[at..at + 4])
            .find(|part| wire.contains(&part.to_ascii_lowercase()))
    })
}

#[tokio::test]
async fn no_text_of_a_server_error_leaves_the_process() {
    let app = |layer: RequestLayer| {
        let answer = async |Extension(problem): Extension<Problem>| problem;
        Router::new().route("/", get(answer)).layer(layer)
    };
    let apps = [
        app(RequestLayer::new()),
        app(RequestLayer::new()
            .body_format(BodyFormat::Plain)
            .problem_types("https://example.com/problems/")),
    ];
    let mut random = Random(42);
    let mut looked_at = 0;
    for number in 0..ERRORS {
        let mut secrets = Vec::new();
        // A fatal error must not stop the rest of the test.
        let problem = Shutdown::new().sync_scope(|| problem(&mut random, &mut secrets));
        assert!(problem.status() >= 500, "{problem}");
        let mut wires = vec![
            wire(problem.clone().into_response()).await,
            wire(problem.clone().plain().into_response()).await,
        ];
        if number % ROUTED == 0 {
            for app in &apps {
                let mut request = http::Request::new(axum::body::Body::empty());
                request.extensions_mut().insert(problem.clone());
                wires.push(wire(app.clone().oneshot(request).await.unwrap()).await);
            }
        }
        for (status, wire) in wires {
            assert_eq!(status, problem.status());
            assert_eq!(leaked(&wire, &secrets), None, "{wire}");
            let fixed = [generic_message(problem.status()), "Fixed words that clients may read"];
            assert!(fixed.iter().any(|text| wire.contains(text)), "{wire}");
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 2 * ERRORS + 2 * ERRORS / ROUTED);
}

/// Handlers that don't use problems, and panics.
#[tokio::test]
async fn no_text_or_panic_of_a_handler_leaves_the_process() {
    let handler = async |Extension((kind, text)): Extension<(usize, String)>| -> Response {
        match kind {
            0 => (http::StatusCode::INTERNAL_SERVER_ERROR, text).into_response(),
            1 => http::Response::builder().status(502).body(text.into()).unwrap(),
            2 => panic!("{text}"),
            _ => std::panic::panic_any(text),
        }
    };
    // Thousands of expected panics would be printed.
    std::panic::set_hook(Box::new(|_| ()));
    let app = Router::new().route("/", get(handler)).layer(RequestLayer::new());
    let mut random = Random(43);
    for number in 0..4000 {
        let mut secrets = Vec::new();
        let text = random.text(&mut secrets);
        let mut request = http::Request::new(axum::body::Body::empty());
        request.extensions_mut().insert((number % 4, text));
        let (status, wire) = wire(app.clone().oneshot(request).await.unwrap()).await;
        assert!(status >= 500, "{wire}");
        assert_eq!(leaked(&wire, &secrets), None, "{wire}");
    }
}

/// The tests above can fail: each text is found in a response that shows it.
#[tokio::test]
async fn leak_detector_finds_planted_leaks() {
    let mut random = Random(44);
    for _ in 0..10_000 {
        let mut secrets = Vec::new();
        let text = random.text(&mut secrets);
        let json = serde_json::json!({ "detail": text }).to_string();
        let (_, body) = wire((http::StatusCode::INTERNAL_SERVER_ERROR, json).into_response()).await;
        assert!(leaked(&body, &secrets).is_some(), "{body}");

        let mut header = ().into_response();
        let visible: String = text.chars().filter(char::is_ascii_graphic).collect();
        header.headers_mut().insert("x-debug", visible.parse().unwrap());
        assert!(leaked(&wire(header).await.1, &secrets).is_some());

        // A status below 500 shows the public text.
        let shown = Problem::from(Talkative { text, status: 404 }).into_response();
        assert!(leaked(&wire(shown).await.1, &secrets).is_some());
    }
}
