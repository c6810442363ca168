use std::backtrace::Backtrace;
use std::fmt;
use std::panic::Location;

use resilience::errors::{
    CacheMiss, Conflict, Internal, MissingConfig, NetworkTimeout, NotFound, ValidationError,
};
use resilience::{
    Alert, Classification, Classify, FieldError, RequestContext, Severity, report, report::Report,
    request::RequestId, secs, shutdown::Shutdown, taxonomy::Evidence,
};
use resilience_test_support::Records;

#[test]
fn record_has_a_field_for_what_where_when_who_and_severity() {
    let records = Records::capture();
    let context = RequestContext::with_request_id(RequestId::parse("req-1").unwrap());
    context.set_user("u-42");
    context.set_tenant("acme");
    let error = NotFound::new("user", "42").with_source("x".parse::<u8>().unwrap_err());

    let reported = context
        .sync_scope(|| Report::new(&error).operation("get_user").at("src/users.rs", 17).emit());

    assert!(reported.is_fresh());
    let record = records.only();
    let what =
        ["error.type", "exception.type", "exception.message"].map(|field| record.text(field));
    assert_eq!(
        what,
        ["NOT_FOUND", "resilience::error::ready_made::permanent::NotFound", "user 42 not found"]
    );
    assert_eq!(record.list("error.chain"), ["invalid digit found in string"]);
    assert_eq!(
        ["operation", "code.file.path"].map(|field| record.text(field)),
        ["get_user", "src/users.rs"]
    );
    assert_eq!(record["code.line.number"], 17);
    assert!(record.text("timestamp").contains('T'));
    assert_eq!(
        ["request_id", "user_id", "tenant_id"].map(|field| record.text(field)),
        ["req-1", "u-42", "acme"]
    );
    let how_bad =
        ["level", "message", "severity", "category", "alert"].map(|field| record.text(field));
    assert_eq!(how_bad, ["WARN", "expected_error", "expected", "permanent", "never"]);
    assert_eq!(
        (&record["http.response.status_code"], &record["retryable"]),
        (&404.into(), &false.into())
    );
    assert_eq!(record.text("target"), "resilience::report");
}

/// Has more invalid fields, with longer names, than a record has room for.
struct Form;
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two fields are wrong")
    }
}
impl Classify for Form {
    fn classify(&self) -> Classification {
        Classification::permanent("VALIDATION_ERROR")
    }
    fn field_errors(&self) -> std::borrow::Cow<'_, [FieldError]> {
        let long = FieldError::new("x".repeat(10_000), "hunter2");
        let mut fields = vec![FieldError::new("age", "hunter2"), FieldError::new("a\nb", "")];
        fields.resize(1000, long);
        fields.into()
    }
}

#[test]
fn record_names_the_invalid_fields_but_not_their_values() {
    let records = Records::capture();
    report(&ValidationError::new("email", "is taken by hunter2"));
    assert_eq!(records.only().text("error.fields"), "email");

    let records = Records::capture();
    report(&Form);
    let record = records.only();
    assert!(record.text("error.fields").starts_with("age, a\nb, xxx"), "{record:?}");
    assert!(record.text("error.fields").len() < 2_000, "{record:?}");
    assert!(!format!("{record:?}").contains("hunter2"), "{record:?}");
}

#[test]
fn unknown_fields_are_absent() {
    let records = Records::capture();
    report(&Plain(Classification::unclassified().with_severity(Severity::Expected)));

    let record = records.only();
    let mut fields: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let always = [
        "alert",
        "code.file.path",
        "code.line.number",
        "error.type",
        "exception.message",
        "exception.type",
        "http.response.status_code",
        "level",
        "message",
        "retryable",
        "severity",
        "target",
        "timestamp",
    ];
    assert_eq!(fields, always);
}

#[test]
fn severity_decides_level_and_event_name() {
    let records = Records::capture();
    let shutdown = Shutdown::new();
    let all: [&dyn Classify; 6] = [
        &NetworkTimeout::new("inventory", secs(5)),
        &ValidationError::new("age", "is negative"),
        &CacheMiss::new("prices"),
        &Internal::new("a bug"),
        &Plain(Classification::unclassified()),
        &MissingConfig::new("DATABASE_URL"),
    ];
    shutdown.sync_scope(|| all.iter().for_each(|error| assert!(report(*error).is_fresh())));

    let recorded: Vec<_> = records
        .reports()
        .iter()
        .map(|record| ["level", "message", "severity"].map(|field| record.text(field).to_owned()))
        .collect();
    let expected = ["WARN", "expected_error", "expected"];
    let unexpected = ["ERROR", "unexpected_error", "unexpected"];
    let critical = ["ERROR", "critical_error", "critical"];
    assert_eq!(recorded, [expected, expected, expected, unexpected, unexpected, critical]);
}

#[test]
fn default_location_is_the_caller_and_operation_that_of_the_context() {
    let records = Records::capture();
    let context = RequestContext::new();
    context.set_operation("GET /users/{id}");
    let line = line!() + 1;
    context.sync_scope(|| report(&NotFound::new("user", "42")));

    let record = records.only();
    assert!(record.text("code.file.path").ends_with("report/record.rs"), "{record:?}");
    assert_eq!(record["code.line.number"], line);
    assert_eq!(record.text("operation"), "GET /users/{id}");
}

#[test]
fn explicit_operation_overrides_the_context() {
    let records = Records::capture();
    let context = RequestContext::new();
    context.set_operation("GET /users/{id}");
    context.sync_scope(|| Report::new(&NotFound::new("user", "42")).operation("get_user").emit());
    assert_eq!(records.only().text("operation"), "get_user");
}

#[test]
fn record_has_retry_advice_and_alert() {
    let records = Records::capture();
    report(&NetworkTimeout::new("inventory", secs(5)));
    report(&Plain(Classification::transient("BUSY").with_alert(Alert::AtOnce)));
    report(&CacheMiss::new("prices"));
    let recorded: Vec<_> = records
        .reports()
        .iter()
        .map(|record| (record["retryable"].clone(), record.text("alert").to_owned()))
        .collect();
    let expected = |retryable: bool, alert: &str| (retryable.into(), alert.to_owned());
    assert_eq!(
        recorded,
        [
            expected(true, "when_repeated"),
            expected(true, "at_once"),
            expected(false, "low_priority")
        ]
    );
}

#[test]
fn backtrace_is_recorded_for_unexpected_errors_only() {
    let records = Records::capture();
    let (backtrace, location) = (Backtrace::force_capture(), Location::caller());
    for severity in [Severity::Expected, Severity::Unexpected, Severity::Critical] {
        report(&Traced { severity, backtrace: &backtrace, location });
    }

    let records = records.reports();
    assert!(!records[0].has("exception.stacktrace"), "{:?}", records[0]);
    for record in &records[1..] {
        let trace = record.text("exception.stacktrace");
        assert!(trace.contains("backtrace_is_recorded"), "{trace}");
        assert!(trace.len() < 8 * 1024, "{}", trace.len());
        for machinery in ["resilience::", "std::", "core::", "test::", "tokio::"] {
            let begins =
                |line: &str| line.split(": ").nth(1).is_some_and(|f| f.starts_with(machinery));
            assert!(!trace.lines().any(begins), "{machinery}: {trace}");
        }
    }
    for record in &records {
        assert_eq!(record.text("error.location"), location.to_string());
    }
}

#[test]
fn span_trace_is_recorded_for_unexpected_errors_only() {
    let records = Records::capture();
    tracing::info_span!(target: "test", "checkout", cart = 7).in_scope(|| {
        report(&Conflict::new("sold already"));
        report(&Internal::new("a bug"));
    });

    let records = records.reports();
    assert!(!records[0].has("span_trace"), "{:?}", records[0]);
    let trace = records[1].text("span_trace");
    assert!(trace.contains("checkout") && trace.contains("cart=7"), "{trace}");
}

#[test]
fn only_a_fatal_error_requests_shutdown() {
    let _records = Records::capture();
    let shutdown = Shutdown::new();
    shutdown.clone().sync_scope(|| {
        report(&Internal::new("a bug"));
        report(&Plain(Classification::permanent("BROKEN").with_severity(Severity::Critical)));
        assert_eq!(shutdown.reason(), None);
        Report::new(&MissingConfig::new("DATABASE_URL")).operation("start").emit();
        report(&Plain(Classification::fatal("CORRUPT_STATE")));
    });
    let reason = shutdown.reason().unwrap();
    assert_eq!((reason.code, reason.operation.as_deref()), ("MISSING_CONFIG", Some("start")));
}

#[test]
fn shutdown_is_logged_in_one_line() {
    let records = Records::capture();
    let context = RequestContext::new();
    context.clone().sync_scope(|| {
        Shutdown::new().sync_scope(|| {
            Report::new(&MissingConfig::new("DATABASE_URL")).operation("start").emit();
            report(&Plain(Classification::fatal("CORRUPT_STATE")));
        });
    });
    let all = records.all();
    let lines: Vec<_> =
        all.iter().filter(|line| line.text("message") == "shutdown_requested").collect();
    let [line] = lines[..] else { panic!("{all:#?}") };
    assert_eq!(
        ["level", "code", "operation", "request_id"].map(|field| line.text(field)),
        ["WARN", "MISSING_CONFIG", "start", context.request_id().as_str()]
    );
}

#[test]
fn message_has_the_code_and_the_operation() {
    let records = Records::capture();
    report(&NotFound::new("user", "42"));
    Report::new(&Internal::new("a bug")).operation("get_user").emit();
    Report::new(&NotFound::new("user", "42")).operation("a\nb").emit();
    let messages: Vec<_> =
        records.reports().iter().map(|record| record["message"].clone()).collect();
    let expected = [
        "expected_error: NOT_FOUND",
        "unexpected_error: INTERNAL_ERROR in get_user",
        "expected_error: NOT_FOUND in a\\nb",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn spawned_task_inherits_request_and_shutdown() {
    let (shutdown, context) = (Shutdown::new(), RequestContext::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let records = Records::capture();
    runtime.block_on(shutdown.clone().scope(context.clone().scope(async {
        resilience::spawn(async { report(&MissingConfig::new("DATABASE_URL")) }).await.unwrap();
    })));
    assert_eq!(records.only().text("request_id"), context.request_id().as_str());
    assert_eq!(shutdown.reason().unwrap().code, "MISSING_CONFIG");
}

struct Plain(Classification);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain")
    }
}

impl Classify for Plain {
    fn classify(&self) -> Classification {
        self.0
    }
}

struct Traced<'a> {
    severity: Severity,
    backtrace: &'a Backtrace,
    location: &'static Location<'static>,
}

impl fmt::Display for Traced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("traced")
    }
}

impl Classify for Traced<'_> {
    fn classify(&self) -> Classification {
        Classification::permanent("TRACED").with_severity(self.severity)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::default().with_backtrace(self.backtrace).with_location(self.location)
    }
}
