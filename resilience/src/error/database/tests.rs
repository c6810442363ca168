use std::collections::HashSet;

use super::SqlKind as Kind;
use super::*;
use crate::{Advice, Alert, Category, Sent, Severity};

fn postgres_condition(code: &str) -> SqlCondition {
    postgres::classify(code).unwrap_or_else(|| panic!("{code}"))
}

fn mysql_condition(number: u16) -> SqlCondition {
    mysql::classify(number).unwrap_or_else(|| panic!("{number}"))
}

fn mariadb_condition(number: u16) -> SqlCondition {
    mariadb::classify(number).unwrap_or_else(|| panic!("{number}"))
}

fn sqlite_condition(code: i32) -> SqlCondition {
    sqlite::classify(code).unwrap_or_else(|| panic!("{code}"))
}

/// The conditions of these codes in all systems.
fn conditions(
    postgres: &[&str],
    mysql: &[u16],
    mariadb: &[u16],
    sqlite: &[i32],
) -> Vec<SqlCondition> {
    let mut all: Vec<SqlCondition> = postgres.iter().map(|code| postgres_condition(code)).collect();
    all.extend(mysql.iter().map(|&number| mysql_condition(number)));
    all.extend(mariadb.iter().map(|&number| mariadb_condition(number)));
    all.extend(sqlite.iter().map(|&code| sqlite_condition(code)));
    all
}

#[test]
fn s1_exhausted_pool_is_503_retried_and_alerts_when_repeated() {
    let class = Kind::PoolExhausted.classification();
    assert_eq!(
        (class.code(), class.status(), class.sent(), class.alert()),
        ("POOL_EXHAUSTED", 503, Sent::Never, Alert::WhenRepeated)
    );
    assert!(class.is_retryable());
    for full in conditions(&["53300"], &[1040, 1203, 1226], &[1040, 1203, 1226], &[]) {
        let class = full.classification();
        assert_eq!(
            (class.code(), class.status(), class.sent()),
            ("TOO_MANY_CONNECTIONS", 503, Sent::Never),
            "{full:?}"
        );
        assert!(class.is_retryable() && class.alert() == Alert::WhenRepeated, "{full:?}");
    }
}

#[test]
fn s2_deadlock_is_503_and_repeats_the_transaction_once() {
    for deadlock in conditions(&["40P01"], &[1213, 1614, 3058, 3132], &[1213, 1614], &[]) {
        let class = deadlock.classification();
        assert_eq!((class.code(), class.status()), ("DEADLOCK", 503), "{deadlock:?}");
        assert_eq!(
            (class.category(), class.advice()),
            (Some(Category::Transient), Advice::RetryTransactionOnce)
        );
    }
}

#[test]
fn serialization_failure_is_503_and_repeats_the_transaction() {
    for failure in
        conditions(&["40001", "40000", "72000"], &[1020, 1412, 3101], &[1020], &[517, 769])
    {
        let class = failure.classification();
        assert_eq!((class.code(), class.status()), ("SERIALIZATION_FAILURE", 503), "{failure:?}");
        assert_eq!(class.advice(), Advice::RetryTransaction, "{failure:?}");
    }
}

#[test]
fn s3_unique_violation_is_409_and_not_retried() {
    let unique = conditions(
        &["23505", "23P01"],
        &[1022, 1062, 1169, 1586, 1859],
        &[1062],
        &[1555, 2067, 2579],
    );
    for violation in unique {
        let class = violation.classification();
        assert_eq!((class.code(), class.status()), ("CONFLICT", 409), "{violation:?}");
        assert_eq!(
            (class.category(), class.severity()),
            (Some(Category::Permanent), Severity::Expected)
        );
    }
    assert_eq!(postgres_condition("23P01").kind(), Kind::ExclusionViolation);
}

#[test]
fn s4_cancelled_query_is_504_and_not_retried() {
    for stopped in
        conditions(&["57014", "25P03", "25P04"], &[1317, 3024, 1613], &[1317, 1969], &[9])
    {
        let class = stopped.classification();
        assert_eq!((class.code(), class.status()), ("QUERY_TIMEOUT", 504), "{stopped:?}");
        assert_eq!(
            (class.category(), class.advice()),
            (Some(Category::Transient), Advice::DoNotRetry),
            "{stopped:?}"
        );
    }
}

#[test]
fn s5_refused_connection_is_503_retried_and_alerts_at_once() {
    for refused in conditions(
        &["08001", "08004", "57P03"],
        &[1129, 2002, 2003, 2005, 3032],
        &[2002, 2003],
        &[],
    ) {
        let class = refused.classification();
        assert_eq!(
            (class.code(), class.status(), class.sent()),
            ("CONNECT_FAILED", 503, Sent::Never),
            "{refused:?}"
        );
        assert!(class.is_retryable() && class.alert() == Alert::AtOnce, "{refused:?}");
    }
}

#[test]
fn s6_constraint_violation_or_invalid_value_is_422_and_not_retried() {
    let table = [
        (
            Kind::ForeignKeyViolation,
            conditions(&["23503", "23001"], &[1216, 1217, 1451, 1452], &[1451, 1452], &[787]),
        ),
        (Kind::CheckViolation, conditions(&["23514", "44000"], &[3819, 1369], &[4025], &[275])),
        (Kind::NotNullViolation, conditions(&["23502"], &[1048, 1364], &[1048, 1364], &[1299])),
        (Kind::ConstraintViolation, conditions(&["23000", "40002"], &[1526], &[1526], &[19, 2323])),
        (
            Kind::InvalidValue,
            conditions(
                &["22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "54000"],
                &[],
                &[],
                &[],
            ),
        ),
        (
            Kind::InvalidValue,
            conditions(
                &[],
                &[1118, 1153, 1264, 1265, 1292, 1366, 1406, 1713, 3140],
                &[1406, 4038],
                &[18, 20, 3091],
            ),
        ),
    ];
    for (kind, conditions) in table {
        for violation in conditions {
            let class = violation.classification();
            assert_eq!(violation.kind(), kind, "{violation:?}");
            assert_eq!((class.code(), class.status()), ("VALIDATION_ERROR", 422), "{violation:?}");
            assert_eq!(
                (class.category(), class.severity()),
                (Some(Category::Permanent), Severity::Expected)
            );
        }
    }
}

#[test]
fn invalid_statement_or_missing_privilege_is_500() {
    let ours = conditions(
        &[
            "22012", "2202E", "42601", "42P01", "42703", "25P02", "0A000", "P0001", "21000",
            "26000", "25001",
        ],
        &[1054, 1064, 1146, 1365, 1644, 1792],
        &[1054, 1064, 1146],
        &[1, 21, 25, 516, 1811],
    );
    for error in ours {
        let class = error.classification();
        assert_eq!((class.code(), class.status()), ("INTERNAL_ERROR", 500), "{error:?}");
        assert_eq!(
            (class.category(), class.severity()),
            (Some(Category::Permanent), Severity::Unexpected),
            "{error:?}"
        );
    }
    for missing in conditions(&["42501"], &[1142, 1143, 1227, 1370], &[1142], &[23]) {
        let class = missing.classification();
        assert_eq!((class.code(), class.status()), ("INSUFFICIENT_PRIVILEGE", 500), "{missing:?}");
        assert_eq!(
            (class.category(), class.severity()),
            (Some(Category::Permanent), Severity::Unexpected),
            "{missing:?}"
        );
    }
}

#[test]
fn lock_timeout_is_503_and_repeats_the_call_or_the_transaction() {
    for held in conditions(&["55P03"], &[3572], &[], &[5, 6, 15, 261, 262, 518, 773]) {
        let class = held.classification();
        assert_eq!(
            (class.code(), class.status(), class.advice()),
            ("LOCK_TIMEOUT", 503, Advice::RetryCallOrTransaction),
            "{held:?}"
        );
    }
    // Whether the transaction was rolled back depends on the server's `innodb_rollback_on_timeout`.
    for held in conditions(&[], &[1205, 1206, 1689, 3177], &[1205], &[]) {
        let class = held.classification();
        assert_eq!(
            (class.code(), class.status(), class.advice()),
            ("LOCK_WAIT_TIMEOUT", 503, Advice::RetryTransaction),
            "{held:?}"
        );
    }
}

#[test]
fn lost_connection_may_have_executed_the_statement() {
    let lost = conditions(
        &["08000", "08003", "08006", "08P01", "57P01", "57P02"],
        &[1053, 1152, 1158, 1159, 1160, 1161, 2006, 2013, 2055, 3169],
        &[1053, 1927, 2006, 2013],
        &[],
    );
    for lost in lost {
        let class = lost.classification();
        assert_eq!(
            (class.code(), class.status(), class.sent()),
            ("CONNECTION_LOST", 503, Sent::Maybe),
            "{lost:?}"
        );
        assert!(class.is_retryable(), "{lost:?}");
    }
    for unknown in conditions(&["08007", "40003"], &[], &[], &[]) {
        let class = unknown.classification();
        assert_eq!(
            (class.code(), class.status(), class.sent()),
            ("OUTCOME_UNKNOWN", 503, Sent::Maybe),
            "{unknown:?}"
        );
    }
    // The server had already closed the connection, so the statement can't have arrived.
    for idle in conditions(&["57P05"], &[4031], &[], &[]) {
        let class = idle.classification();
        assert_eq!(
            (class.code(), class.sent(), class.is_retryable()),
            ("CONNECTION_LOST", Sent::Never, true),
            "{idle:?}"
        );
    }
}

#[test]
fn configuration_and_corruption_errors_are_fatal_and_500() {
    let table = [
        (
            "DATABASE_AUTH_FAILED",
            conditions(&["28000", "28P01"], &[1044, 1045, 1698, 1862, 3118], &[1045, 4151], &[]),
        ),
        ("DATABASE_MISSING", conditions(&["3D000", "57P04"], &[1049], &[1049], &[14, 526, 1550])),
        (
            "CORRUPT_STATE",
            conditions(
                &["XX001", "XX002"],
                &[1034, 1194, 1712, 1877],
                &[1932],
                &[11, 26, 267, 523, 779],
            ),
        ),
        ("STORAGE_FULL", conditions(&[], &[], &[], &[13])),
        ("OUT_OF_MEMORY", conditions(&[], &[2008], &[], &[7, 3082])),
    ];
    for (code, conditions) in table {
        for fatal in conditions {
            let class = fatal.classification();
            assert_eq!(
                (class.code(), class.status(), class.category()),
                (code, 500, Some(Category::Fatal)),
                "{fatal:?}"
            );
            assert_eq!(
                (class.severity(), class.alert()),
                (Severity::Critical, Alert::AtOnce),
                "{fatal:?}"
            );
        }
    }
}

#[test]
fn full_server_disk_or_memory_is_not_fatal() {
    for full in conditions(&["53100"], &[1021, 1114, 3675], &[1021, 1114], &[]) {
        let class = full.classification();
        assert_eq!(
            (class.code(), class.status(), class.category()),
            ("DATABASE_FULL", 503, Some(Category::Transient)),
            "{full:?}"
        );
        assert_eq!(
            (class.advice(), class.severity(), class.alert()),
            (Advice::DoNotRetry, Severity::Critical, Alert::AtOnce)
        );
    }
    for short in conditions(&["53000", "53200"], &[1037, 1041, 1135, 1461], &[1041], &[]) {
        let class = short.classification();
        assert_eq!(
            (class.code(), class.status(), class.is_retryable()),
            ("DATABASE_OVERLOADED", 503, true),
            "{short:?}"
        );
    }
    // A retry of the same statement would exceed the limit again.
    for large in conditions(&["53400", "54001", "54011"], &[1038, 1104, 1436], &[], &[]) {
        assert_eq!(large.kind(), Kind::LimitExceeded, "{large:?}");
    }
}

#[test]
fn read_only_server_is_retryable_but_read_only_file_is_permanent() {
    for demoted in conditions(&["25006"], &[1290, 1836], &[1290, 1836], &[]) {
        let class = demoted.classification();
        assert_eq!(
            (class.code(), class.status(), class.is_retryable()),
            ("READ_ONLY", 503, true),
            "{demoted:?}"
        );
        assert_eq!(class.severity(), Severity::Unexpected);
    }
    for file in [8, 264, 520, 776, 1032, 1288, 1544] {
        let class = sqlite_condition(file).classification();
        assert_eq!(
            (class.code(), class.status(), class.category()),
            ("STORAGE_READ_ONLY", 500, Some(Category::Permanent)),
            "{file}"
        );
    }
}

#[test]
fn numbers_shared_by_mysql_and_mariadb_are_distinguished() {
    assert_eq!(mysql_condition(4025).kind(), Kind::ServerError);
    assert_eq!(mariadb_condition(4025).kind(), Kind::CheckViolation);
    assert_eq!(mysql_condition(4031).kind(), Kind::IdleDisconnect);
    assert_eq!(mariadb_condition(4031).kind(), Kind::InvalidStatement);
    let either = |number, state| mysql::classify_either(number, state).unwrap().kind();
    assert_eq!(either(4025, Some("23000")), Kind::CheckViolation);
    assert_eq!(either(4025, Some("HY000")), Kind::ServerError);
    assert_eq!(either(4025, None), Kind::CheckViolation);
    assert_eq!(either(4031, Some("HY000")), Kind::IdleDisconnect);
    assert_eq!(either(4151, Some("HY000")), Kind::AuthenticationFailed);
    assert_eq!(either(1969, Some("70100")), Kind::QueryCanceled);
    assert_eq!(either(3024, None), Kind::QueryCanceled);
    assert!(mysql::is_mariadb_only(4025, Some("23000")) && mysql::is_mariadb_only(1969, None));
    for number in [4025, 4151] {
        assert!(!mysql::is_mariadb_only(number, Some("HY000")), "{number}");
    }
    // The SQLSTATE of MySQL's deadlock is that of a serialization failure, so the number decides.
    assert_eq!(either(1213, Some("40001")), Kind::Deadlock);
    for number in 0..=u16::MAX {
        if let (Some(mysql), Some(mariadb)) = (mysql::classify(number), mariadb::classify(number)) {
            assert!(number >= 4000 || mysql == mariadb, "{number}");
        }
    }
}

#[test]
fn unlisted_codes_are_classified_by_their_class() {
    assert_eq!(postgres_condition("08ZZZ").kind(), Kind::ConnectionLost);
    assert_eq!(postgres_condition("22ZZZ").kind(), Kind::InvalidValue);
    assert_eq!(postgres_condition("23ZZZ").kind(), Kind::ConstraintViolation);
    assert_eq!(postgres_condition("53ZZZ").own_name(), "insufficient_resources");
    assert_eq!(sqlite_condition(0x6305).kind(), Kind::LockNotAvailable);
    assert_eq!(sqlite_condition(0x6313).kind(), Kind::ConstraintViolation);
    assert_eq!(mysql_condition(3999).kind(), Kind::ServerError);
    assert!(
        postgres_condition("22ZZZ").message_has_values()
            && sqlite_condition(0x6313).message_has_values()
    );
    assert!(
        mysql_condition(3999).message_has_values() && mariadb_condition(4999).message_has_values()
    );
}

#[test]
fn successes_warnings_and_unknown_codes_have_no_condition() {
    for code in [
        "00000",
        "01000",
        "01P01",
        "MY001",
        "ZZ000",
        "",
        "2350",
        "235055",
        "23 05",
        "2350x",
        "é350",
        "🦀1",
        "\0\0\0\0\0",
    ] {
        assert_eq!(postgres::classify(code), None, "{code:?}");
    }
    for code in [0, 27, 28, 100, 101, 255, -1, -251, i32::MIN, i32::MAX] {
        assert_eq!(sqlite::classify(code), None, "{code}");
    }
    for number in [0, 1, 999, 2000, 2999, 10_000, u16::MAX] {
        assert_eq!(
            (mysql::classify(number), mysql::classify_either(number, None)),
            (None, None),
            "{number}"
        );
    }
}

#[test]
fn classify_never_panics() {
    for number in 0..=u16::MAX {
        for state in [None, Some(""), Some("HY000"), Some("23000")] {
            let _ = (
                mysql::classify_either(number, state),
                mysql::classify(number),
                mariadb::classify(number),
            );
        }
    }
    for bits in 0..32 {
        for low in -300_i32..300 {
            let _ = sqlite::classify(low.wrapping_shl(bits).wrapping_add(low));
        }
    }
    let letters = ['0', '2', 'P', 'Z', 'a', ' ', 'é', '🦀', '\0'];
    let mut codes = vec![String::new()];
    for _ in 0..5 {
        let longer = codes
            .iter()
            .flat_map(|code| letters.map(|letter| format!("{code}{letter}")))
            .collect::<Vec<_>>();
        for code in &longer {
            let _ = postgres::classify(code);
        }
        codes = longer;
    }
}

/// All kinds: those with a code, and those that only a driver reports.
fn every_kind() -> HashSet<Kind> {
    let mut kinds: HashSet<Kind> = [
        Kind::PoolExhausted,
        Kind::PoolClosed,
        Kind::TlsFailed,
        Kind::ProtocolViolation,
        Kind::Misconfigured,
        Kind::ConnectFailed,
    ]
    .into();
    kinds.extend((0..=u16::MAX).filter_map(mysql::classify).map(|condition| condition.kind()));
    kinds.extend((0..=u16::MAX).filter_map(mariadb::classify).map(|condition| condition.kind()));
    kinds.extend((0..70_000).filter_map(sqlite::classify).map(|condition| condition.kind()));
    for code in ["23P01", "25P02", "P0002", "57P03", "57P05", "40003"] {
        kinds.insert(postgres_condition(code).kind());
    }
    kinds
}

#[test]
fn every_sql_kind_has_a_unique_name_and_a_category() {
    let kinds = every_kind();
    let names: HashSet<&str> = kinds.iter().map(|kind| kind.name()).collect();
    // The number of variants. A kind without a code would be missing.
    assert_eq!((names.len(), kinds.len()), (44, 44));
    for kind in kinds {
        assert!(
            kind.name().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()),
            "{kind}"
        );
        let class = kind.classification();
        assert!(
            class.category().is_some() && class.status() != 401 && class.status() != 403,
            "{kind}"
        );
        assert_eq!(class.rejected(), None);
    }
}

#[test]
fn messages_that_may_quote_values_are_marked() {
    for quoting in conditions(
        &["22P02", "22007", "P0001", "42601", "XX000"],
        &[1062, 1586, 1366, 1292, 1064],
        &[1062],
        &[1, 1811],
    ) {
        assert!(quoting.message_has_values(), "{quoting:?}");
    }
    let plain = conditions(
        &["23505", "23503", "23502", "23514", "23P01", "22001", "42P01", "40P01", "57014", "53300"],
        &[1048, 1451, 1452, 1406, 1264, 3819, 1213, 1205, 1146, 1054],
        &[4025, 1969],
        &[5, 20, 275, 517, 787, 1299, 1555, 2067, 3091],
    );
    for plain in plain {
        assert!(!plain.message_has_values(), "{plain:?}");
    }
}

#[test]
fn constraint_name_is_never_taken_from_a_quoted_value() {
    use super::message::{mysql_constraint, sqlite_constraint};

    let duplicate = |message| mysql_constraint(1062, message);
    assert_eq!(duplicate("Duplicate entry 'a@b.c' for key 'users.email'"), Some("users.email"));
    assert_eq!(
        duplicate("Duplicate entry 'x' for key 'evil' for key 'users.email'"),
        Some("users.email")
    );
    assert_eq!(duplicate("Duplicate entry '' for key 'PRIMARY'"), Some("PRIMARY"));
    // Truncated, from an old server, in German.
    assert_eq!(duplicate("Duplicate entry 'secret' for key 'use"), None);
    assert_eq!(duplicate("Duplicate entry 'secret' for key 2"), None);
    assert_eq!(duplicate("Doppelter Eintrag 'secret' für Schlüssel 'users.email'"), None);
    let child = "Cannot add or update a child row: a foreign key constraint fails (`d`.`t`, CONSTRAINT `fk_a` FOREIGN KEY (`a`) REFERENCES `u` (`id`))";
    assert_eq!(
        (mysql_constraint(1452, child), mysql_constraint(1451, child)),
        (Some("fk_a"), Some("fk_a"))
    );
    assert_eq!(
        mysql_constraint(3819, "Check constraint 'positive' is violated."),
        Some("positive")
    );
    assert_eq!(
        mysql_constraint(4025, "CONSTRAINT `positive` failed for `d`.`t`"),
        Some("positive")
    );
    assert_eq!(mysql_constraint(1366, "Duplicate entry 'a' for key 'b'"), None);

    assert_eq!(sqlite_constraint(2067, "UNIQUE constraint failed: t.a, t.b"), Some("t.a, t.b"));
    assert_eq!(sqlite_constraint(1299, "NOT NULL constraint failed: t.a"), Some("t.a"));
    assert_eq!(sqlite_constraint(275, "CHECK constraint failed: positive"), Some("positive"));
    assert_eq!(sqlite_constraint(787, "FOREIGN KEY constraint failed"), None);
    assert_eq!(sqlite_constraint(1811, "UNIQUE constraint failed: t.a"), None);
}

#[test]
fn each_code_has_one_advice() {
    for kind in every_kind() {
        let class = kind.classification();
        for other in every_kind() {
            let theirs = other.classification();
            if theirs.code() == class.code() {
                assert_eq!(theirs.advice(), class.advice(), "{kind} and {other}");
            }
        }
    }
}

#[test]
fn documented_table_matches_the_code() {
    let documented = include_str!("../../docs/conditions.md");
    let expected: Vec<String> = every_kind().into_iter().map(documented_row).collect();
    let missing: Vec<&str> =
        expected.iter().map(String::as_str).filter(|row| !documented.contains(row)).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    assert_eq!(documented.lines().filter(|line| line.starts_with("| `")).count(), expected.len());
}

fn documented_row(kind: Kind) -> String {
    let class = kind.classification();
    let retried = match class.advice() {
        Advice::Retry => "yes",
        Advice::RetryTransactionOnce => "the transaction, once",
        Advice::RetryTransaction => "the transaction",
        Advice::RetryCallOrTransaction => "yes, or the transaction",
        _ => "no",
    };
    let sent = if class.sent() == Sent::Never { "never" } else { "maybe" };
    let alert = match class.alert() {
        Alert::AtOnce => "at once",
        Alert::WhenRepeated => "when repeated",
        Alert::WhenFrequent => "when frequent",
        Alert::LowPriority => "low priority",
        Alert::Never => "never",
    };
    let category = class.category().unwrap();
    format!(
        "| `{kind}` | {category} | `{}` | {} | {retried} | {sent} | {alert} |",
        class.code(),
        class.status()
    )
}
