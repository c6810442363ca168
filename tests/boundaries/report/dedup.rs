use resilience::errors::{NetworkTimeout, ServiceUnavailable};
use resilience::{
    Classification, Classify, RequestContext, ServiceError,
    report::{Report, ReportOutcome},
    secs,
};
use resilience_test_support::Records;

/// One wrapper of each kind.
#[derive(Debug, thiserror::Error, ServiceError)]
enum OrderError {
    #[error(transparent)]
    #[service(transparent)]
    Transparent(#[from] NetworkTimeout),
    #[error("order failed: {0}")]
    #[service(unavailable, code = "ORDER_FAILED")]
    Quoting(#[source] NetworkTimeout),
    #[error("order failed")]
    #[service(permanent, code = "ORDER_BROKEN")]
    Opaque(#[source] Box<OrderError>),
}

fn timeout() -> NetworkTimeout {
    NetworkTimeout::new("inventory", secs(5))
}

/// Reports as three nested boundaries do.
fn inner<E: Classify + ?Sized>(error: &E) -> bool {
    Report::new(error).operation("inner").emit().is_fresh()
}

fn outer<E: Classify + ?Sized>(error: &E) -> bool {
    Report::new(error).operation("outer").emit().is_fresh()
}

fn outermost<E: Classify + ?Sized>(error: &E) -> bool {
    Report::new(error).operation("outermost").emit().is_fresh()
}

fn in_request<T>(run: impl FnOnce() -> T) -> T {
    RequestContext::new().sync_scope(run)
}

#[test]
fn error_passing_two_boundaries_is_one_record() {
    let records = Records::capture();
    in_request(|| assert!(inner(&timeout()) && !outer(&timeout())));
    assert_eq!(records.names(), ["expected_error", "already_reported"]);
    let passed = &records.reports()[1];
    assert_eq!(
        ["level", "operation", "error.type"].map(|field| passed.text(field)),
        ["DEBUG", "outer", "NETWORK_TIMEOUT"]
    );
}

#[test]
fn wrapped_error_is_the_same_failure() {
    let _records = Records::capture();
    let wrapped: [Box<dyn Fn() -> Box<dyn Classify>>; 5] = [
        Box::new(|| Box::new(OrderError::from(timeout()))),
        Box::new(|| Box::new(OrderError::Quoting(timeout()))),
        Box::new(|| Box::new(OrderError::Opaque(Box::new(OrderError::Quoting(timeout()))))),
        Box::new(|| Box::new(OrderError::Opaque(Box::new(OrderError::Transparent(timeout()))))),
        Box::new(|| {
            Box::new(anyhow::Error::new(timeout()).context("the order").context("the cart"))
        }),
    ];
    for (kind, wrap) in wrapped.iter().enumerate() {
        in_request(|| {
            assert!(inner(&timeout()), "{kind}");
            assert!(!outer(&*wrap()), "{kind}");
        });
    }
}

#[test]
fn same_message_with_another_code_is_the_same_failure() {
    struct Recoded(NetworkTimeout);

    impl std::fmt::Display for Recoded {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    impl Classify for Recoded {
        fn classify(&self) -> Classification {
            Classification::permanent("RECODED")
        }
    }

    let _records = Records::capture();
    in_request(|| assert!(inner(&timeout()) && !outer(&Recoded(timeout()))));
}

#[test]
fn wrapper_that_drops_its_cause_is_recognized_by_its_own_message() {
    let _records = Records::capture();
    in_request(|| {
        assert!(inner(&timeout()));
        let wrapped = OrderError::Quoting(timeout());
        assert!(!outer(&wrapped));
        assert!(!outermost(&anyhow::anyhow!("{wrapped}")));
    });
}

#[test]
fn second_report_at_the_same_location_is_another_occurrence() {
    let records = Records::capture();
    in_request(|| {
        assert!(inner(&timeout()) && inner(&timeout()), "two items of a loop");
        assert!(!outer(&timeout()) && !outer(&timeout()), "both on their way out");
        assert!(!outermost(&timeout()), "an aggregate of them");
        assert!(outer(&timeout()), "a third has never been inside");
        assert!(!outermost(&timeout()));
    });
    assert_eq!(records.names().iter().filter(|name| *name == "expected_error").count(), 3);
}

#[test]
fn different_failures_with_a_common_cause_are_both_reported() {
    let _records = Records::capture();
    in_request(|| {
        let users = anyhow::Error::new(timeout()).context("no users");
        let orders = anyhow::Error::new(timeout()).context("no orders");
        assert!(inner(&users));
        assert!(outer(&orders));
        assert!(!outermost(&orders), "the second is known as well");
        assert!(!outermost(&users));
    });
}

#[test]
fn different_message_is_another_failure() {
    let _records = Records::capture();
    in_request(|| {
        assert!(inner(&timeout()));
        assert!(outer(&NetworkTimeout::new("payments", secs(5))));
    });
}

#[test]
fn errors_without_text_are_always_reported() {
    struct Silent;

    impl std::fmt::Display for Silent {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Ok(())
        }
    }

    impl Classify for Silent {
        fn classify(&self) -> Classification {
            Classification::permanent("SILENT")
        }
    }

    let _records = Records::capture();
    in_request(|| {
        assert!(inner(&Silent));
        assert!(outer(&Silent));
    });
}

#[test]
fn nothing_is_deduplicated_outside_a_context() {
    let _records = Records::capture();
    assert!(inner(&timeout()) && outer(&timeout()));
}

#[test]
fn requests_do_not_share_reported_failures() {
    let _records = Records::capture();
    in_request(|| assert!(inner(&timeout())));
    in_request(|| assert!(outer(&timeout())));
}

#[test]
fn request_remembers_sixteen_failures() {
    let _records = Records::capture();
    let error = |number: usize| ServiceUnavailable::new(format!("service {number}"));
    in_request(|| {
        for number in 0..17 {
            assert!(inner(&error(number)));
        }
        for number in 1..17 {
            assert!(!outer(&error(number)), "{number}");
        }
        assert!(outer(&error(0)), "the oldest is forgotten");
    });
}

#[test]
fn location_of_a_report_is_file_and_line() {
    let _records = Records::capture();
    let at = |file, line| -> ReportOutcome { Report::new(&timeout()).at(file, line).emit() };
    in_request(|| {
        assert!(at("a.rs", 1).is_fresh());
        assert!(!at("a.rs", 2).is_fresh());
        assert!(!at("b.rs", 1).is_fresh());
        assert!(at("a.rs", 1).is_fresh());
    });
}
