//! `#[derive(ServiceError)]`.

mod catalog;
mod deprecated;
pub mod lints;

use std::backtrace::Backtrace;
use std::error::Error as _;
use std::fmt::{Debug, Display};
use std::panic::Location;
use std::time::Duration;

use resilience::{
    Advice, Alert, Category, Classification, Classify, FieldError, Rejected, Sent, ServiceError,
    Severity, catalog::PublicMessage, errors,
};

/// An enum with every option.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "orders")]
enum OrderError {
    /// The catalogue doesn't list it.
    ///
    /// Second paragraph.
    #[error("{sku} of {tenant}")]
    #[service(not_found, public = "No {sku} here, {{sorry}}")]
    UnknownSku {
        #[service(expose)]
        sku: String,
        tenant: String,
    },
    #[error("slow down")]
    #[service(transient, code = "RATE_LIMITED", status = 429)]
    RateLimited {
        #[service(retry_after)]
        wait: Option<Duration>,
    },
    #[error("busy for {0:?}")]
    #[service(unavailable)]
    Busy(#[service(retry_after)] Duration),
    #[error("the ledger doesn't add up")]
    #[service(fatal)]
    LedgerBroken,
    #[error("no recommendations")]
    #[service(partial, severity = unexpected)]
    NoRecommendations,
    #[error("version {0} is gone")]
    #[service(conflict, code = "VERSION_GONE", public = "Version {0:>3} is gone")]
    Version(#[service(expose)] u32),
    #[error("serialization failure")]
    #[service(transient, code = "SERIALIZATION", retry = transaction, sent = never, severity = "critical")]
    Serialization,
    #[error("one shot")]
    #[service(unavailable, code = "ONE_SHOT", retry = never)]
    OneShot,
    #[error("HTTP")]
    #[service(permanent, status = 418, public = "Short and stout")]
    HTTPTeapot,
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] Rejected),
    #[error("reading: {source}")]
    #[service(transparent)]
    Io { path: String, source: std::io::Error },
    #[error("user")]
    #[service(transparent)]
    User {
        id: u64,
        #[service(source)]
        inner: errors::NotFound,
    },
}

fn unknown() -> OrderError {
    OrderError::UnknownSku { sku: "S-7".into(), tenant: "acme".into() }
}

#[test]
fn each_variant_is_classified_by_its_options() {
    let ten = Duration::from_secs(10);
    let table = [
        (unknown(), Classification::permanent("NOT_FOUND")),
        (OrderError::RateLimited { wait: None }, Classification::transient("RATE_LIMITED")),
        (
            OrderError::RateLimited { wait: Some(ten) },
            Classification::transient_with("RATE_LIMITED", Advice::RetryAfter(ten)),
        ),
        (
            OrderError::Busy(ten),
            Classification::transient_with("SERVICE_UNAVAILABLE", Advice::RetryAfter(ten)),
        ),
        (OrderError::Busy(Duration::ZERO), Classification::transient("SERVICE_UNAVAILABLE")),
        (OrderError::LedgerBroken, Classification::fatal("LEDGER_BROKEN")),
        (
            OrderError::NoRecommendations,
            Classification::partial("NO_RECOMMENDATIONS").with_severity(Severity::Unexpected),
        ),
        (OrderError::Version(7), Classification::permanent("VERSION_GONE").with_status(409)),
        (
            OrderError::Serialization,
            Classification::transient_with("SERIALIZATION", Advice::RetryTransactionOnce)
                .with_sent(Sent::Never)
                .with_severity(Severity::Critical),
        ),
        (
            OrderError::OneShot,
            Classification::transient_with("ONE_SHOT", Advice::DoNotRetry).with_status(503),
        ),
        (OrderError::HTTPTeapot, Classification::permanent("HTTP_TEAPOT").with_status(418)),
    ];
    for (error, expected) in table {
        assert_eq!(error.classify(), expected, "{error:?}");
    }
}

#[test]
fn transparent_variant_is_classified_by_its_source() {
    let rejected = Rejected::circuit_open("inventory", Some(Duration::from_secs(3)));
    let is = OrderError::from(rejected).classify();
    assert_eq!(is, rejected.classify());
    assert_eq!(is.rejected(), Some(rejected));
    assert_eq!((is.retry_after(), is.sent()), (Some(Duration::from_secs(3)), Sent::Never));

    let io =
        OrderError::Io { path: "x".into(), source: std::io::ErrorKind::ConnectionRefused.into() };
    assert_eq!((io.classify().code(), io.classify().sent()), ("CONNECT_FAILED", Sent::Never));

    let user = OrderError::User { id: 42, inner: errors::NotFound::new("user", "42") };
    assert_eq!(user.public_message(), "user 42 not found");
    assert!(user.source().is_none(), "the choice is the derive's, not the chain's");
}

#[test]
fn public_message_shows_exposed_fields_only() {
    assert_eq!(unknown().public_message(), "No S-7 here, {sorry}");
    assert_eq!(OrderError::Version(7).public_message(), "Version   7 is gone");
    assert_eq!(OrderError::HTTPTeapot.public_message(), "Short and stout");
    assert_eq!(OrderError::LedgerBroken.public_message(), "An internal error occurred");
    assert_eq!(OrderError::RateLimited { wait: None }.public_message(), "Too many requests");
}

/// A fixed text reaches clients at any status, even if the error is wrapped.
#[test]
fn fixed_public_text_of_a_server_error_is_shown() {
    #[derive(Debug, thiserror::Error, ServiceError)]
    enum ShopError {
        #[error("closed by {0}")]
        #[service(unavailable, public = "We are back at {{nine}}")]
        Closed(String),
        #[error("corrupt")]
        #[service(corrupt_state, public = "Please call us")]
        Corrupt,
        #[error("busy")]
        #[service(transient, code = "BUSY", public = "Come back later")]
        Busy,
        #[error(transparent)]
        #[service(transparent)]
        Inner(Box<ShopError>),
    }
    let closed = || ShopError::Closed("ada".to_owned());
    let text = Some("We are back at {nine}");
    assert_eq!((closed().classify().status(), closed().classify().public_text()), (503, text));
    assert_eq!(ShopError::Inner(closed().into()).classify().public_text(), text);
    assert_eq!(std::io::Error::other(closed()).classify().public_text(), text);
    assert_eq!(anyhow::Error::new(closed()).context("x").classify().public_text(), text);
    let problem = resilience::http::Problem::of(&anyhow::Error::new(closed()));
    assert_eq!((problem.status(), problem.detail()), (503, "We are back at {nine}"));
    for (error, text) in
        [(ShopError::Corrupt, "Please call us"), (ShopError::Busy, "Come back later")]
    {
        assert_eq!(error.public_message(), text);
        assert_eq!(resilience::http::Problem::of(&error).detail(), text);
    }
    assert_eq!(ShopError::CATALOG[0].public, PublicMessage::Template("We are back at {{nine}}"));
}

#[test]
fn catalog_lists_every_variant() {
    let codes: Vec<_> = OrderError::CATALOG.iter().map(|entry| entry.code).collect();
    assert_eq!(
        codes,
        [
            "NOT_FOUND",
            "RATE_LIMITED",
            "SERVICE_UNAVAILABLE",
            "LEDGER_BROKEN",
            "NO_RECOMMENDATIONS",
            "VERSION_GONE",
            "SERIALIZATION",
            "ONE_SHOT",
            "HTTP_TEAPOT"
        ]
    );
    let first = &OrderError::CATALOG[0];
    assert_eq!((first.variant, first.domain, first.status), ("UnknownSku", Some("orders"), 404));
    assert_eq!((first.category, first.severity), (Category::Permanent, Severity::Expected));
    assert_eq!(first.public, PublicMessage::Template("No {sku} here, {{sorry}}"));
    assert_eq!(first.doc, "The catalogue doesn't list it.\n\nSecond paragraph.");
    assert_eq!(OrderError::CATALOG[1].public, PublicMessage::Generic("Too many requests"));
    assert_eq!(OrderError::CATALOG[1].doc, "");
    for entry in OrderError::CATALOG {
        assert_eq!(entry.domain, Some("orders"));
    }
}

#[test]
fn each_kind_sets_category_code_and_status() {
    macro_rules! kinds {
        ($($kind:ident: $expected:expr;)*) => {$({
            #[derive(Debug, thiserror::Error, ServiceError)]
            #[error("x")]
            #[service($kind)]
            struct OfKind;

            #[derive(Debug, thiserror::Error, ServiceError)]
            #[error("x")]
            #[service($kind, code = "OWN_CODE")]
            struct OwnCode;

            assert_eq!(OfKind.classify(), $expected);
            // A custom code keeps the status.
            assert_eq!(OwnCode.classify().code(), "OWN_CODE");
            assert_eq!(OwnCode.classify().status(), $expected.status(), stringify!($kind));
            assert_eq!(OwnCode.classify().sent(), $expected.sent());
        })*};
    }
    kinds! {
        validation: Classification::permanent("VALIDATION_ERROR").with_status(422);
        not_found: Classification::permanent("NOT_FOUND").with_status(404);
        conflict: Classification::permanent("CONFLICT").with_status(409);
        unauthenticated: Classification::permanent("AUTH_FAILED").with_status(401);
        forbidden: Classification::permanent("FORBIDDEN").with_status(403);
        upstream_client: Classification::permanent("UPSTREAM_CLIENT_ERROR").with_status(500);
        internal: Classification::permanent("INTERNAL_ERROR").with_status(500);
        rate_limited: Classification::transient("RATE_LIMITED").with_status(429);
        unavailable: Classification::transient("SERVICE_UNAVAILABLE").with_status(503);
        timeout: Classification::transient("NETWORK_TIMEOUT").with_status(504);
        connect: Classification::transient("CONNECT_FAILED").with_status(503).with_sent(Sent::Never);
        connection_lost: Classification::transient("CONNECTION_LOST").with_status(503);
        query_timeout: Classification::transient_with("QUERY_TIMEOUT", Advice::DoNotRetry).with_status(504);
        deadlock: Classification::transient_with("DEADLOCK", Advice::RetryTransactionOnce).with_status(503);
        serialization: Classification::transient_with("SERIALIZATION_FAILURE", Advice::RetryTransaction).with_status(503);
        lock_timeout: Classification::transient_with("LOCK_TIMEOUT", Advice::RetryCallOrTransaction).with_status(503);
        pool_exhausted: Classification::transient("POOL_EXHAUSTED").with_status(503).with_sent(Sent::Never);
        cache_miss: Classification::partial("CACHE_MISS").with_status(500);
        non_critical: Classification::partial("NON_CRITICAL_FAILURE").with_status(500);
        missing_config: Classification::fatal("MISSING_CONFIG");
        corrupt_state: Classification::fatal("CORRUPT_STATE");
        storage_full: Classification::fatal("STORAGE_FULL");
        out_of_memory: Classification::fatal("OUT_OF_MEMORY");
    }
}

#[test]
fn derived_kinds_agree_with_the_ready_made_errors() {
    let ready_made: [(&dyn ServiceError, Classification); 4] = [
        (&errors::NotFound::new("a", "b"), unknown().classify()),
        (&errors::RateLimited::new("a"), OrderError::RateLimited { wait: None }.classify()),
        (&errors::ServiceUnavailable::new("a"), OrderError::Busy(Duration::ZERO).classify()),
        (
            &errors::NetworkTimeout::new("a", Duration::ZERO),
            Classification::transient("NETWORK_TIMEOUT"),
        ),
    ];
    for (error, expected) in ready_made {
        assert_eq!(error.classify(), expected, "{error}");
    }
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("{what} is missing")]
#[service(not_found, code = "ROW_MISSING", public = "No {what}", domain = "db", crate = ::resilience)]
struct RowMissing {
    #[service(expose)]
    what: &'static str,
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("wrapped: {0}")]
#[service(transparent)]
struct Wrapped(#[from] RowMissing);

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("unit")]
#[service(internal)]
struct Unit;

#[test]
fn struct_is_classified_by_its_own_options() {
    let error = Wrapped(RowMissing { what: "row" });
    assert_eq!((error.classify().code(), error.classify().status()), ("ROW_MISSING", 404));
    assert_eq!(error.public_message(), "No row");
    assert_eq!(
        (RowMissing::CATALOG[0].variant, RowMissing::CATALOG[0].domain),
        ("RowMissing", Some("db"))
    );
    assert_eq!(Wrapped::CATALOG, &[]);
    assert_eq!(Unit.classify(), Classification::permanent("INTERNAL_ERROR"));
}

/// `T` has to be classified and `U` shown; `V` needs no trait.
#[derive(Debug, thiserror::Error, ServiceError)]
enum Generic<'a, T, U: Clone, V, const N: usize>
where
    T: std::error::Error + 'static,
{
    #[error("source")]
    #[service(transparent)]
    Source(T),
    #[error("shown {text}")]
    #[service(validation, public = "{text}: {shown}")]
    Shown {
        #[service(expose)]
        text: &'a str,
        #[service(expose)]
        shown: U,
    },
    #[error("{N} bytes")]
    #[service(transient)]
    Silent([V; N]),
}

struct NoTraits;

impl Debug for NoTraits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NoTraits")
    }
}

#[test]
fn type_parameters_get_only_the_bounds_they_need() {
    type Concrete<'a> = Generic<'a, Unit, u8, NoTraits, 2>;
    let text = String::from("borrowed");
    let shown: Concrete<'_> = Generic::Shown { text: &text, shown: 7 };
    assert_eq!(shown.public_message(), "borrowed: 7");
    assert_eq!(Concrete::Source(Unit).classify(), Unit.classify());
    assert_eq!(Concrete::Silent([NoTraits, NoTraits]).classify().code(), "SILENT");
    assert_eq!(Concrete::CATALOG.len(), 2);
    let shown: &dyn ServiceError = &shown;
    assert_eq!(shown.classify().status(), 422);
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("{0}")]
#[service(permanent, code = "SHOWN_AS_IS", status = 400, public = "{0:?}")]
struct DebugOnly<T: Display + Debug>(#[service(expose)] T);

#[test]
fn bounds_of_the_item_are_kept() {
    assert_eq!(DebugOnly("x").public_message(), "\"x\"");
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Never {}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Raw {
    #[error("{}", .r#type)]
    #[service(validation, public = "bad {type}")]
    r#Match {
        #[service(expose)]
        r#type: u8,
    },
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Recursive<T: std::error::Error + Classify + 'static> {
    #[error("leaf")]
    #[service(transparent)]
    Leaf(T),
    #[error("boxed")]
    #[service(transparent)]
    Boxed(Box<Recursive<T>>),
}

#[test]
fn recursive_type_is_supported() {
    let error = Recursive::Boxed(Box::new(Recursive::Leaf(errors::NotFound::new("user", "42"))));
    assert_eq!(
        (error.classify().code(), error.public_message().as_ref()),
        ("NOT_FOUND", "user 42 not found")
    );
}

#[test]
fn empty_enum_and_raw_identifiers_are_supported() {
    assert_eq!(Never::CATALOG, &[]);
    let raw = Raw::r#Match { r#type: 3 };
    assert_eq!(raw.public_message(), "bad 3");
    assert_eq!(Raw::CATALOG[0].variant, "Match");
    assert_eq!(raw.classify().code(), "VALIDATION_ERROR");
}

#[test]
fn derived_error_can_be_a_trait_object() {
    let errors: Vec<Box<dyn ServiceError + Send + Sync>> =
        vec![Box::new(unknown()), Box::new(Unit)];
    let codes: Vec<_> = errors.iter().map(|error| error.classify().code()).collect();
    assert_eq!(codes, ["NOT_FOUND", "INTERNAL_ERROR"]);
}

/// An error with options for logs, alerts and clients.
#[derive(Debug, thiserror::Error, ServiceError)]
enum SignUpError {
    #[error("the form is wrong")]
    #[service(validation, public = "Please correct the form")]
    Form(#[service(errors)] Vec<FieldError>),
    #[error("the mailer of {tenant} broke")]
    #[service(permanent, alert = at_once)]
    Mailer {
        tenant: &'static str,
        source: std::io::Error,
        #[service(backtrace)]
        backtrace: Box<Backtrace>,
        #[service(location)]
        location: &'static Location<'static>,
        #[service(sensitive)]
        token: String,
    },
    #[error(transparent)]
    #[service(transparent)]
    Address(#[from] errors::ValidationError),
}

impl SignUpError {
    #[track_caller]
    fn mailer() -> Self {
        Self::Mailer {
            tenant: "acme",
            source: std::io::Error::other("EHLO"),
            backtrace: Box::new(Backtrace::force_capture()),
            location: Location::caller(),
            token: "s3cret".into(),
        }
    }
}

fn chain(error: &impl Classify) -> Vec<String> {
    error.evidence().chain().map(ToString::to_string).collect()
}

#[test]
fn evidence_has_chain_backtrace_and_location() {
    let line = line!() + 1;
    let error = SignUpError::mailer();
    assert_eq!(chain(&error), ["the mailer of acme broke", "EHLO"]);
    let evidence = error.evidence();
    assert_eq!(
        evidence.location.map(|location| (location.file(), location.line())),
        Some((file!(), line))
    );
    assert!(evidence.backtrace.is_some());
    assert!(evidence.error.unwrap().is::<SignUpError>());

    let plain = SignUpError::Form(Vec::new());
    assert_eq!(chain(&plain), ["the form is wrong"]);
    assert!(plain.evidence().backtrace.is_none() && plain.evidence().location.is_none());
}

#[test]
fn evidence_of_a_transparent_variant_is_that_of_its_source() {
    let cause = "x".parse::<u8>().unwrap_err();
    let error =
        SignUpError::from(errors::ValidationError::new("age", "no number").with_source(cause));
    assert_eq!(
        chain(&error),
        ["validation failed on age: no number", "invalid digit found in string"]
    );
    assert!(error.evidence().error.unwrap().is::<errors::ValidationError>());
}

/// A type with parameters may not be `'static`, so its chain starts at its source.
#[derive(Debug, thiserror::Error, ServiceError)]
enum Borrowed<'a, T: Debug> {
    #[error("reading {path}")]
    #[service(internal)]
    Reading { path: &'a str, source: std::io::Error },
    #[error("of {0:?}")]
    #[service(permanent)]
    Other(T),
}

#[test]
fn chain_of_a_generic_type_starts_at_its_source() {
    let path = String::from("a.toml");
    let reading: Borrowed<'_, u8> =
        Borrowed::Reading { path: &path, source: std::io::Error::other("torn") };
    assert_eq!(chain(&reading), ["torn"]);
    assert_eq!(chain(&Borrowed::Other(7)), [""; 0]);
}

#[test]
fn field_errors_come_from_the_variant_or_its_source() {
    let given = vec![
        FieldError::new("email", "must contain an @"),
        FieldError::new("age", "must be a number"),
    ];
    assert_eq!(*SignUpError::Form(given.clone()).field_errors(), given);
    let from_source = SignUpError::from(errors::ValidationError::new("age", "no number"));
    assert_eq!(*from_source.field_errors(), [FieldError::new("age", "no number")]);
    assert!(SignUpError::mailer().field_errors().is_empty());
    assert!(unknown().field_errors().is_empty());
}

#[test]
fn alert_option_sets_the_alert() {
    assert_eq!(SignUpError::mailer().classify().alert(), Alert::AtOnce);
    assert_eq!(SignUpError::Form(Vec::new()).classify().alert(), Alert::Never, "by default");
}

#[test]
fn exit_code_option_sets_the_exit_code() {
    #[derive(Debug, thiserror::Error, ServiceError)]
    enum Import {
        #[error("the file is empty")]
        #[service(validation, exit_code = 3)]
        Empty,
        #[error(transparent)]
        #[service(transparent, exit_code = 255)]
        Config(#[from] errors::MissingConfig),
        #[error("the file is too long")]
        #[service(validation, code = "TOO_LONG")]
        Long,
    }
    let code = |error: Import| error.classify().exit_code();
    assert_eq!(code(Import::Empty), Some(3));
    assert_eq!(code(errors::MissingConfig::new("PORT").into()), Some(255));
    assert_eq!(code(Import::Long), None);
}

#[test]
fn alert_option_can_be_said_of_a_source() {
    #[derive(Debug, thiserror::Error, ServiceError)]
    enum Nightly {
        #[error(transparent)]
        #[service(transparent, alert = never)]
        Down(#[from] errors::ServiceUnavailable),
        #[error(transparent)]
        #[service(transparent, alert = at_once)]
        Absent(#[from] errors::NotFound),
        #[error(transparent)]
        #[service(transparent, alert = never)]
        Fatal(#[from] errors::MissingConfig),
    }
    let alert = |error: Nightly| error.classify().alert();
    assert_eq!(alert(errors::ServiceUnavailable::new("reports").into()), Alert::Never);
    assert_eq!(alert(errors::NotFound::new("report", "7").into()), Alert::AtOnce);
    assert_eq!(alert(errors::MissingConfig::new("PORT").into()), Alert::AtOnce);
    let class = Nightly::from(errors::NotFound::new("report", "7")).classify();
    assert_eq!((class.code(), class.status()), ("NOT_FOUND", 404), "the rest is the source's");
}

#[test]
fn sensitive_field_appears_in_no_text() {
    let error = SignUpError::mailer();
    let SignUpError::Mailer { token, .. } = &error else { panic!("{error}") };
    let written = [error.to_string(), error.public_message().into_owned(), chain(&error).join(" ")];
    assert!(written.iter().all(|text| !text.contains(token)), "{written:?}");
}
