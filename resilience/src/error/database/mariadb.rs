//! MariaDB's error numbers, versions 10.2 to 12, where they aren't MySQL's.

use super::SqlKind as Is;
use super::{SqlCondition, SqlKind, mysql};

/// What an error number of MariaDB means; `None` of a number that no MariaDB sends.
///
/// Below 1900, from 2000 to 2999 and from 3000 to 3060 the numbers are MySQL's; [`mysql::classify`]
/// reads them. A server error that isn't in the table is a [`ServerError`](SqlKind::ServerError):
/// permanent, 500.
///
/// Costs no allocation.
///
/// ```
/// use resilience::sql::{SqlKind, mariadb, mysql};
///
/// // The same number, of two servers.
/// assert_eq!(mariadb::classify(4025).unwrap().kind(), SqlKind::CheckViolation);
/// assert_eq!(mysql::classify(4025).unwrap().kind(), SqlKind::ServerError);
/// // MySQL's 3024, for what takes too long.
/// assert_eq!(mariadb::classify(1969).unwrap().classification().status(), 504);
/// ```
pub fn classify(number: u16) -> Option<SqlCondition> {
    match number {
        1900..=1999 | 4000.. => own(number),
        _ => mysql::classify(number),
    }
}

/// A number that MySQL doesn't have, or has with another meaning.
pub(in crate::error) fn own(number: u16) -> Option<SqlCondition> {
    let Ok(row) = ROWS.binary_search_by_key(&number, |(number, ..)| *number) else {
        return mysql::is_server_error(number).then_some(mysql::UNLISTED);
    };
    let (_, name, kind) = ROWS[row];
    Some(SqlCondition::new(kind, name))
}

pub(in crate::error) fn has(number: u16) -> bool {
    ROWS.binary_search_by_key(&number, |(number, ..)| *number).is_ok()
}

/// The SQLSTATE of a number that MySQL has with another one.
pub(in crate::error) fn state_of(number: u16) -> Option<&'static str> {
    match number {
        4025 => Some("23000"),
        4080 | 4159 => Some("42000"),
        4089..=4092 => Some("42S02"),
        4192 => Some("70100"),
        _ => None,
    }
}

const _: () = {
    let mut row = 1;
    while row < ROWS.len() {
        assert!(ROWS[row - 1].0 < ROWS[row].0, "the numbers are sorted, each is there once");
        row += 1;
    }
};

/// Number, MariaDB's name of it, and what it means. Sorted by number. Correct it here and nowhere
/// else.
const ROWS: &[(u16, &str, SqlKind)] = &[
    (1901, "ER_GENERATED_COLUMN_FUNCTION_IS_NOT_ALLOWED", Is::InvalidStatement),
    (1906, "ER_WARNING_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN", Is::InvalidStatement),
    (1907, "ER_UNSUPPORTED_ACTION_ON_GENERATED_COLUMN", Is::InvalidStatement),
    (1911, "ER_UNKNOWN_OPTION", Is::InvalidStatement),
    (1912, "ER_BAD_OPTION_VALUE", Is::InvalidStatement),
    (1916, "ER_DATA_OVERFLOW", Is::InvalidValue),
    (1917, "ER_DATA_TRUNCATED", Is::InvalidValue),
    (1918, "ER_BAD_DATA", Is::InvalidValue),
    (1919, "ER_DYN_COL_WRONG_FORMAT", Is::InvalidValue),
    (1920, "ER_DYN_COL_IMPLEMENTATION_LIMIT", Is::InvalidStatement),
    (1921, "ER_DYN_COL_DATA", Is::InvalidValue),
    (1922, "ER_DYN_COL_WRONG_CHARSET", Is::InvalidValue),
    (1927, "ER_CONNECTION_KILLED", Is::ConnectionLost),
    (1929, "ER_INSIDE_TRANSACTION_PREVENTS_SWITCH_SKIP_REPLICATION", Is::InvalidStatement),
    (1932, "ER_NO_SUCH_TABLE_IN_ENGINE", Is::Corrupt),
    (1957, "ER_NO_SUCH_QUERY", Is::InvalidStatement),
    (1958, "ER_BAD_BASE64_DATA", Is::InvalidValue),
    (1959, "ER_INVALID_ROLE", Is::InvalidStatement),
    (1960, "ER_INVALID_CURRENT_USER", Is::InvalidStatement),
    (1961, "ER_CANNOT_GRANT_ROLE", Is::InsufficientPrivilege),
    (1962, "ER_CANNOT_REVOKE_ROLE", Is::InsufficientPrivilege),
    (1964, "ER_PRIOR_COMMIT_FAILED", Is::SerializationFailure),
    (1965, "ER_IT_IS_A_VIEW", Is::InvalidStatement),
    (1967, "ER_TABLE_DEFINITION_TOO_BIG", Is::InvalidStatement),
    (1969, "ER_STATEMENT_TIMEOUT", Is::QueryCanceled),
    (1970, "ER_SUBQUERIES_NOT_SUPPORTED", Is::InvalidStatement),
    (1971, "ER_SET_STATEMENT_NOT_SUPPORTED", Is::InvalidStatement),
    (1977, "ER_CANNOT_CONVERT_CHARACTER", Is::InvalidValue),
    (1979, "ER_KILL_QUERY_DENIED_ERROR", Is::InsufficientPrivilege),
    (4002, "ER_WITH_COL_WRONG_LIST", Is::InvalidStatement),
    (4003, "ER_TOO_MANY_DEFINITIONS_IN_WITH_CLAUSE", Is::InvalidStatement),
    (4004, "ER_DUP_QUERY_NAME", Is::InvalidStatement),
    (4005, "ER_RECURSIVE_WITHOUT_ANCHORS", Is::InvalidStatement),
    (4006, "ER_UNACCEPTABLE_MUTUAL_RECURSION", Is::InvalidStatement),
    (4007, "ER_REF_TO_RECURSIVE_WITH_TABLE_IN_DERIVED", Is::InvalidStatement),
    (4008, "ER_NOT_STANDARD_COMPLIANT_RECURSIVE", Is::InvalidStatement),
    (4009, "ER_WRONG_WINDOW_SPEC_NAME", Is::InvalidStatement),
    (4015, "ER_WRONG_PLACEMENT_OF_WINDOW_FUNCTION", Is::InvalidStatement),
    (4025, "ER_CONSTRAINT_FAILED", Is::CheckViolation),
    (4026, "ER_EXPRESSION_IS_TOO_BIG", Is::InvalidStatement),
    (4027, "ER_ERROR_EVALUATING_EXPRESSION", Is::InvalidStatement),
    (4028, "ER_CALCULATING_DEFAULT_VALUE", Is::InvalidStatement),
    (4031, "ER_REFERENCED_TRG_DOES_NOT_EXIST", Is::InvalidStatement),
    (4032, "ER_INVALID_DEFAULT_PARAM", Is::InvalidStatement),
    (4035, "ER_JSON_BAD_CHR", Is::InvalidValue),
    (4036, "ER_JSON_NOT_JSON_CHR", Is::InvalidValue),
    (4037, "ER_JSON_EOS", Is::InvalidValue),
    (4038, "ER_JSON_SYNTAX", Is::InvalidValue),
    (4039, "ER_JSON_ESCAPING", Is::InvalidValue),
    (4040, "ER_JSON_DEPTH", Is::InvalidValue),
    (4041, "ER_JSON_PATH_EOS", Is::InvalidStatement),
    (4042, "ER_JSON_PATH_SYNTAX", Is::InvalidStatement),
    (4043, "ER_JSON_PATH_DEPTH", Is::InvalidStatement),
    (4044, "ER_JSON_PATH_NO_WILDCARD", Is::InvalidStatement),
    (4045, "ER_JSON_PATH_ARRAY", Is::InvalidStatement),
    (4046, "ER_JSON_ONE_OR_ALL", Is::InvalidStatement),
    (4048, "ER_GEOJSON_INCORRECT", Is::InvalidValue),
    (4049, "ER_GEOJSON_TOO_FEW_POINTS", Is::InvalidValue),
    (4050, "ER_GEOJSON_NOT_CLOSED", Is::InvalidValue),
    (4051, "ER_JSON_PATH_EMPTY", Is::InvalidStatement),
    (4057, "ER_ISOLATION_MODE_NOT_SUPPORTED", Is::InvalidStatement),
    (4058, "ER_ON_DUPLICATE_DISABLED", Is::InvalidStatement),
    (4059, "ER_UPDATES_WITH_CONSISTENT_SNAPSHOT", Is::InvalidStatement),
    (4060, "ER_ROLLBACK_ONLY", Is::InFailedTransaction),
    (4061, "ER_ROLLBACK_TO_SAVEPOINT", Is::InvalidStatement),
    (4062, "ER_ISOLATION_LEVEL_WITH_CONSISTENT_SNAPSHOT", Is::InvalidStatement),
    (4064, "ER_METADATA_INCONSISTENCY", Is::Corrupt),
    (4067, "ER_RDB_STATUS_GENERAL", Is::ServerError),
    (4068, "ER_RDB_STATUS_MSG", Is::ServerError),
    (4076, "ER_GEOJSON_EMPTY_COORDINATES", Is::InvalidValue),
    (4078, "ER_ILLEGAL_PARAMETER_DATA_TYPES2_FOR_OPERATION", Is::InvalidStatement),
    (4079, "ER_ILLEGAL_PARAMETER_DATA_TYPE_FOR_OPERATION", Is::InvalidStatement),
    (4080, "ER_WRONG_PARAMCOUNT_TO_CURSOR", Is::InvalidStatement),
    (4084, "ER_SEQUENCE_RUN_OUT", Is::LimitExceeded),
    (4086, "ER_SEQUENCE_INVALID_TABLE_STRUCTURE", Is::InvalidStatement),
    (4087, "ER_SEQUENCE_ACCESS_ERROR", Is::InsufficientPrivilege),
    (4089, "ER_NOT_SEQUENCE", Is::InvalidStatement),
    (4090, "ER_NOT_SEQUENCE2", Is::InvalidStatement),
    (4091, "ER_UNKNOWN_SEQUENCES", Is::InvalidStatement),
    (4092, "ER_UNKNOWN_VIEW", Is::InvalidStatement),
    (4093, "ER_WRONG_INSERT_INTO_SEQUENCE", Is::InvalidStatement),
    (4099, "ER_WRONG_NUMBER_OF_VALUES_IN_TVC", Is::InvalidStatement),
    (4100, "ER_FIELD_REFERENCE_IN_TVC", Is::InvalidStatement),
    (4102, "ER_ARGUMENT_NOT_CONSTANT", Is::InvalidStatement),
    (4103, "ER_ARGUMENT_OUT_OF_RANGE", Is::InvalidValue),
    (4104, "ER_WRONG_TYPE_OF_ARGUMENT", Is::InvalidStatement),
    (4107, "ER_INVALID_VALUE_TO_LIMIT", Is::InvalidValue),
    (4124, "ER_VERS_NOT_VERSIONED", Is::InvalidStatement),
    (4135, "ER_VERS_ALREADY_VERSIONED", Is::InvalidStatement),
    (4139, "ER_INDEX_FILE_FULL", Is::LimitExceeded),
    (4140, "ER_UPDATED_COLUMN_ONLY_ONCE", Is::InvalidStatement),
    (4141, "ER_EMPTY_ROW_IN_TVC", Is::InvalidStatement),
    (4145, "ER_BACKUP_LOCK_IS_ACTIVE", Is::InvalidStatement),
    (4150, "ER_USER_IS_BLOCKED", Is::AuthenticationFailed),
    (4151, "ER_ACCOUNT_HAS_BEEN_LOCKED", Is::AuthenticationFailed),
    (4159, "ER_TOO_LONG_KEYPART", Is::InvalidStatement),
    (4161, "ER_UNKNOWN_DATA_TYPE", Is::InvalidStatement),
    (4162, "ER_UNKNOWN_OPERATOR", Is::InvalidStatement),
    (4172, "ER_NOT_ALLOWED_IN_THIS_CONTEXT", Is::InvalidStatement),
    (4176, "ER_JSON_TABLE_ERROR_ON_FIELD", Is::InvalidValue),
    (4178, "ER_JSON_TABLE_SCALAR_EXPECTED", Is::InvalidValue),
    (4179, "ER_JSON_TABLE_MULTIPLE_MATCHES", Is::InvalidValue),
    (4180, "ER_WITH_TIES_NEEDS_ORDER", Is::InvalidStatement),
    (4187, "ER_SF_OUT_INOUT_ARG_NOT_ALLOWED", Is::InvalidStatement),
    (4192, "ER_SLAVE_STATEMENT_TIMEOUT", Is::QueryCanceled),
    (4201, "ER_INCORRECT_COLUMN_NAME_COUNT", Is::InvalidStatement),
    (4203, "ER_VECTOR_BINARY_FORMAT_INVALID", Is::InvalidValue),
    (4204, "ER_VECTOR_FORMAT_INVALID", Is::InvalidValue),
    (4206, "ER_VEC_DISTANCE_TYPE", Is::InvalidStatement),
];
