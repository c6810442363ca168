use std::error::Error;
use std::fmt;

use anyhow::Context as _;
use resilience::errors::Internal;
use resilience::{Classification, Classify, RequestContext, report, taxonomy::Evidence};
use resilience_test_support::Records;

/// A chain of texts, the outermost first; it may be endless.
#[derive(Debug)]
struct Link {
    text: String,
    source: Option<Box<Link>>,
    endless: bool,
}

impl Link {
    fn chain(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let link =
            |source: Option<Box<Self>>, text| Some(Box::new(Self { text, source, endless: false }));
        *texts.into_iter().rev().fold(None, link).unwrap()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Link {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if self.endless { Some(self) } else { self.source.as_ref().map(|source| &**source as _) }
    }
}

impl Classify for Link {
    fn classify(&self) -> Classification {
        Classification::permanent("LINK")
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

#[test]
fn chain_lists_causes_without_message_and_repeats() {
    let records = Records::capture();
    report(&Link::chain(["outer", "outer", "middle", "middle", "outer", "inner", "middle"]));
    let record = records.only();
    assert_eq!(record.text("exception.message"), "outer");
    assert_eq!(record.list("error.chain"), ["middle", "inner"]);
}

#[test]
fn error_without_cause_has_no_chain() {
    let records = Records::capture();
    report(&Link::chain(["alone"]));
    assert!(!records.only().has("error.chain"));
}

#[test]
fn long_chain_is_truncated_after_eight_causes() {
    let texts = |last: usize| (0..=last).map(|number| number.to_string());
    let records = Records::capture();
    report(&Link::chain(texts(8)));
    report(&Link::chain(texts(9)));
    let [eight, nine] = [0, 1].map(|index| records.reports()[index].list("error.chain"));
    assert_eq!(eight, texts(8).skip(1).collect::<Vec<_>>());
    assert_eq!(nine, texts(8).skip(1).chain(["…".to_owned()]).collect::<Vec<_>>());
}

#[test]
fn endless_chain_terminates() {
    let records = Records::capture();
    let error = Link { text: "again".to_owned(), source: None, endless: true };
    RequestContext::new().sync_scope(|| report(&error));
    assert!(!records.only().has("error.chain"));
}

#[test]
fn long_texts_are_truncated_at_a_character_boundary() {
    let records = Records::capture();
    // Three bytes each, and neither 4096 nor 1024 is a multiple of three.
    report(&Link::chain(["€".repeat(5000), "₤".repeat(2000)]));
    let record = records.only();
    assert_eq!(record.text("exception.message"), format!("{}…", "€".repeat(1365)));
    assert_eq!(record.list("error.chain"), [format!("{}…", "₤".repeat(341))]);
}

#[test]
fn texts_of_maximum_length_are_kept() {
    let records = Records::capture();
    let (message, cause) = ("m".repeat(4096), "c".repeat(1024));
    report(&Link::chain([&message, &cause]));
    let record = records.only();
    assert_eq!(record.text("exception.message"), message);
    assert_eq!(record.list("error.chain"), [cause]);
}

#[test]
fn line_breaks_and_control_characters_are_escaped() {
    let nasty = "a\nb\r\"c\"\\d\t\u{1b}[31m\u{0}\u{7f}\u{9b}\u{202e}{\"level\":\"INFO\"}";
    let escaped = r#"a\nb\r"c"\d\t\u{1b}[31m\u{0}\u{7f}\u{9b}\u{202e}{"level":"INFO"}"#;
    let records = Records::capture();
    report(&Link::chain([nasty, &format!("cause {nasty}")]));
    let record = records.only();
    assert_eq!(record.text("exception.message"), escaped);
    assert_eq!(record.list("error.chain"), [format!("cause {escaped}")]);
}

#[test]
fn message_and_chain_are_redacted() {
    let records = Records::capture();
    report(&Link::chain([
        "no cache at redis://ada:hunter2@cache:6379",
        "can't reach amqp://ada:hunter2@queue",
    ]));
    let record = records.only();
    assert_eq!(record.text("exception.message"), "no cache at redis://***@cache:6379");
    assert_eq!(record.list("error.chain"), ["can't reach amqp://***@queue"]);
    assert!(!record.to_string().contains("hunter2"));
}

#[test]
fn secret_at_the_truncation_limit_is_redacted() {
    let records = Records::capture();
    // The message is truncated in the middle of the password.
    report(&Link::chain([format!("{}redis://ada:hunter2@cache", "x".repeat(4096 - 16))]));
    let record = records.only();
    assert!(!record.text("exception.message").contains("hunt"), "{record:?}");
}

/// A text without an end.
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("on and ")?;
        }
    }
}

impl Classify for Endless {
    fn classify(&self) -> Classification {
        Classification::permanent("ENDLESS")
    }
}

#[test]
fn endless_display_terminates_with_and_without_context() {
    let records = Records::capture();
    report(&Endless);
    RequestContext::new().sync_scope(|| report(&Endless));
    for record in records.reports() {
        let message = record.text("exception.message");
        assert!(message.len() < 5000 && message.ends_with('…'), "{}", message.len());
    }
    assert_eq!(records.reports().len(), 2);
}

#[derive(Debug)]
struct Broken {
    panics: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!self.panics, "what a text");
        f.write_str("half a te")?;
        Err(fmt::Error)
    }
}

impl Error for Broken {}

impl Classify for Broken {
    fn classify(&self) -> Classification {
        Classification::permanent("BROKEN")
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

#[test]
fn failing_or_panicking_display_does_not_fail_the_call() {
    let records = Records::capture();
    RequestContext::new().sync_scope(|| {
        assert!(report(&Broken { panics: true }).is_fresh());
        assert!(report(&Broken { panics: false }).is_fresh());
        assert!(report(&Internal::new("a bug").with_source(Broken { panics: true })).is_fresh());
    });
    let records = records.reports();
    assert!(records[0].text("exception.message").contains("`Display` panicked"), "{records:#?}");
    assert_eq!(records[1].text("exception.message"), "half a te");
    assert_eq!(records[2].text("exception.message"), "internal error: a bug");
    assert!(records[2].list("error.chain")[0].contains("`Display` panicked"), "{records:#?}");
}

#[test]
fn contexts_and_causes_of_anyhow_are_listed() {
    let records = Records::capture();
    let error = "x".parse::<u8>().context("the port").context("the settings").unwrap_err();
    report(&error);
    let record = records.only();
    assert_eq!(record.text("exception.type"), "anyhow::Error");
    assert_eq!(record.text("exception.message"), "the settings");
    assert_eq!(record.list("error.chain"), ["the port", "invalid digit found in string"]);
}

#[test]
fn span_trace_is_redacted() {
    let records = Records::capture();
    let span =
        tracing::info_span!(target: "test", "connect", url = "postgres://app:hunter2@db/shop");
    span.in_scope(|| _ = report(&Internal::new("refused")));
    let trace = records.only().text("span_trace").to_owned();
    assert!(trace.contains("postgres://***@db/shop") && !trace.contains("hunter2"), "{trace}");
}

#[test]
fn values_that_validator_rejected_are_not_logged() {
    let mut rule = validator::ValidationError::new("email");
    rule.add_param("value".into(), &"hunter2");
    let mut errors = validator::ValidationErrors::new();
    errors.add("email", rule);
    assert!(errors.to_string().contains("hunter2"), "else there is nothing to redact");
    let records = Records::capture();
    report(&errors);
    let record = records.only();
    assert_eq!(record.text("error.fields"), "email");
    assert_eq!(record.text("exception.message"), "invalid fields");
    assert!(!format!("{record:?}").contains("hunter2"), "{record:?}");
}
