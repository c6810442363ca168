//! The error numbers that only MariaDB uses, or uses with another meaning than MySQL.

use super::numbers::{UNLISTED, is_server_error};
use super::{SqlCondition, SqlKind as Kind};

/// The meaning of such a number.
pub(super) fn condition(number: u16) -> Option<SqlCondition> {
    let Ok(row) = ROWS.binary_search_by_key(&number, |(number, ..)| *number) else {
        return is_server_error(number).then_some(UNLISTED);
    };
    let (_, name, kind) = ROWS[row];
    Some(SqlCondition::new(kind, name))
}

/// Whether the table lists this number.
pub(super) fn has(number: u16) -> bool {
    ROWS.binary_search_by_key(&number, |(number, ..)| *number).is_ok()
}

/// MariaDB's SQLSTATE for a number that MySQL uses with another SQLSTATE.
pub(super) fn sqlstate(number: u16) -> Option<&'static str> {
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
        assert!(ROWS[row - 1].0 < ROWS[row].0, "the numbers must be sorted and unique");
        row += 1;
    }
};

/// Number, MariaDB's name and meaning, sorted by number. The only place to correct a meaning.
const ROWS: &[(u16, &str, Kind)] = &[
    (1901, "ER_GENERATED_COLUMN_FUNCTION_IS_NOT_ALLOWED", Kind::InvalidStatement),
    (1906, "ER_WARNING_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN", Kind::InvalidStatement),
    (1907, "ER_UNSUPPORTED_ACTION_ON_GENERATED_COLUMN", Kind::InvalidStatement),
    (1911, "ER_UNKNOWN_OPTION", Kind::InvalidStatement),
    (1912, "ER_BAD_OPTION_VALUE", Kind::InvalidStatement),
    (1916, "ER_DATA_OVERFLOW", Kind::InvalidValue),
    (1917, "ER_DATA_TRUNCATED", Kind::InvalidValue),
    (1918, "ER_BAD_DATA", Kind::InvalidValue),
    (1919, "ER_DYN_COL_WRONG_FORMAT", Kind::InvalidValue),
    (1920, "ER_DYN_COL_IMPLEMENTATION_LIMIT", Kind::InvalidStatement),
    (1921, "ER_DYN_COL_DATA", Kind::InvalidValue),
    (1922, "ER_DYN_COL_WRONG_CHARSET", Kind::InvalidValue),
    (1927, "ER_CONNECTION_KILLED", Kind::ConnectionLost),
    (1929, "ER_INSIDE_TRANSACTION_PREVENTS_SWITCH_SKIP_REPLICATION", Kind::InvalidStatement),
    (1932, "ER_NO_SUCH_TABLE_IN_ENGINE", Kind::Corrupt),
    (1957, "ER_NO_SUCH_QUERY", Kind::InvalidStatement),
    (1958, "ER_BAD_BASE64_DATA", Kind::InvalidValue),
    (1959, "ER_INVALID_ROLE", Kind::InvalidStatement),
    (1960, "ER_INVALID_CURRENT_USER", Kind::InvalidStatement),
    (1961, "ER_CANNOT_GRANT_ROLE", Kind::InsufficientPrivilege),
    (1962, "ER_CANNOT_REVOKE_ROLE", Kind::InsufficientPrivilege),
    (1964, "ER_PRIOR_COMMIT_FAILED", Kind::SerializationFailure),
    (1965, "ER_IT_IS_A_VIEW", Kind::InvalidStatement),
    (1967, "ER_TABLE_DEFINITION_TOO_BIG", Kind::InvalidStatement),
    (1969, "ER_STATEMENT_TIMEOUT", Kind::QueryCanceled),
    (1970, "ER_SUBQUERIES_NOT_SUPPORTED", Kind::InvalidStatement),
    (1971, "ER_SET_STATEMENT_NOT_SUPPORTED", Kind::InvalidStatement),
    (1977, "ER_CANNOT_CONVERT_CHARACTER", Kind::InvalidValue),
    (1979, "ER_KILL_QUERY_DENIED_ERROR", Kind::InsufficientPrivilege),
    (4002, "ER_WITH_COL_WRONG_LIST", Kind::InvalidStatement),
    (4003, "ER_TOO_MANY_DEFINITIONS_IN_WITH_CLAUSE", Kind::InvalidStatement),
    (4004, "ER_DUP_QUERY_NAME", Kind::InvalidStatement),
    (4005, "ER_RECURSIVE_WITHOUT_ANCHORS", Kind::InvalidStatement),
    (4006, "ER_UNACCEPTABLE_MUTUAL_RECURSION", Kind::InvalidStatement),
    (4007, "ER_REF_TO_RECURSIVE_WITH_TABLE_IN_DERIVED", Kind::InvalidStatement),
    (4008, "ER_NOT_STANDARD_COMPLIANT_RECURSIVE", Kind::InvalidStatement),
    (4009, "ER_WRONG_WINDOW_SPEC_NAME", Kind::InvalidStatement),
    (4015, "ER_WRONG_PLACEMENT_OF_WINDOW_FUNCTION", Kind::InvalidStatement),
    (4025, "ER_CONSTRAINT_FAILED", Kind::CheckViolation),
    (4026, "ER_EXPRESSION_IS_TOO_BIG", Kind::InvalidStatement),
    (4027, "ER_ERROR_EVALUATING_EXPRESSION", Kind::InvalidStatement),
    (4028, "ER_CALCULATING_DEFAULT_VALUE", Kind::InvalidStatement),
    (4031, "ER_REFERENCED_TRG_DOES_NOT_EXIST", Kind::InvalidStatement),
    (4032, "ER_INVALID_DEFAULT_PARAM", Kind::InvalidStatement),
    (4035, "ER_JSON_BAD_CHR", Kind::InvalidValue),
    (4036, "ER_JSON_NOT_JSON_CHR", Kind::InvalidValue),
    (4037, "ER_JSON_EOS", Kind::InvalidValue),
    (4038, "ER_JSON_SYNTAX", Kind::InvalidValue),
    (4039, "ER_JSON_ESCAPING", Kind::InvalidValue),
    (4040, "ER_JSON_DEPTH", Kind::InvalidValue),
    (4041, "ER_JSON_PATH_EOS", Kind::InvalidStatement),
    (4042, "ER_JSON_PATH_SYNTAX", Kind::InvalidStatement),
    (4043, "ER_JSON_PATH_DEPTH", Kind::InvalidStatement),
    (4044, "ER_JSON_PATH_NO_WILDCARD", Kind::InvalidStatement),
    (4045, "ER_JSON_PATH_ARRAY", Kind::InvalidStatement),
    (4046, "ER_JSON_ONE_OR_ALL", Kind::InvalidStatement),
    (4048, "ER_GEOJSON_INCORRECT", Kind::InvalidValue),
    (4049, "ER_GEOJSON_TOO_FEW_POINTS", Kind::InvalidValue),
    (4050, "ER_GEOJSON_NOT_CLOSED", Kind::InvalidValue),
    (4051, "ER_JSON_PATH_EMPTY", Kind::InvalidStatement),
    (4057, "ER_ISOLATION_MODE_NOT_SUPPORTED", Kind::InvalidStatement),
    (4058, "ER_ON_DUPLICATE_DISABLED", Kind::InvalidStatement),
    (4059, "ER_UPDATES_WITH_CONSISTENT_SNAPSHOT", Kind::InvalidStatement),
    (4060, "ER_ROLLBACK_ONLY", Kind::InFailedTransaction),
    (4061, "ER_ROLLBACK_TO_SAVEPOINT", Kind::InvalidStatement),
    (4062, "ER_ISOLATION_LEVEL_WITH_CONSISTENT_SNAPSHOT", Kind::InvalidStatement),
    (4064, "ER_METADATA_INCONSISTENCY", Kind::Corrupt),
    (4067, "ER_RDB_STATUS_GENERAL", Kind::ServerError),
    (4068, "ER_RDB_STATUS_MSG", Kind::ServerError),
    (4076, "ER_GEOJSON_EMPTY_COORDINATES", Kind::InvalidValue),
    (4078, "ER_ILLEGAL_PARAMETER_DATA_TYPES2_FOR_OPERATION", Kind::InvalidStatement),
    (4079, "ER_ILLEGAL_PARAMETER_DATA_TYPE_FOR_OPERATION", Kind::InvalidStatement),
    (4080, "ER_WRONG_PARAMCOUNT_TO_CURSOR", Kind::InvalidStatement),
    (4084, "ER_SEQUENCE_RUN_OUT", Kind::LimitExceeded),
    (4086, "ER_SEQUENCE_INVALID_TABLE_STRUCTURE", Kind::InvalidStatement),
    (4087, "ER_SEQUENCE_ACCESS_ERROR", Kind::InsufficientPrivilege),
    (4089, "ER_NOT_SEQUENCE", Kind::InvalidStatement),
    (4090, "ER_NOT_SEQUENCE2", Kind::InvalidStatement),
    (4091, "ER_UNKNOWN_SEQUENCES", Kind::InvalidStatement),
    (4092, "ER_UNKNOWN_VIEW", Kind::InvalidStatement),
    (4093, "ER_WRONG_INSERT_INTO_SEQUENCE", Kind::InvalidStatement),
    (4099, "ER_WRONG_NUMBER_OF_VALUES_IN_TVC", Kind::InvalidStatement),
    (4100, "ER_FIELD_REFERENCE_IN_TVC", Kind::InvalidStatement),
    (4102, "ER_ARGUMENT_NOT_CONSTANT", Kind::InvalidStatement),
    (4103, "ER_ARGUMENT_OUT_OF_RANGE", Kind::InvalidValue),
    (4104, "ER_WRONG_TYPE_OF_ARGUMENT", Kind::InvalidStatement),
    (4107, "ER_INVALID_VALUE_TO_LIMIT", Kind::InvalidValue),
    (4124, "ER_VERS_NOT_VERSIONED", Kind::InvalidStatement),
    (4135, "ER_VERS_ALREADY_VERSIONED", Kind::InvalidStatement),
    (4139, "ER_INDEX_FILE_FULL", Kind::LimitExceeded),
    (4140, "ER_UPDATED_COLUMN_ONLY_ONCE", Kind::InvalidStatement),
    (4141, "ER_EMPTY_ROW_IN_TVC", Kind::InvalidStatement),
    (4145, "ER_BACKUP_LOCK_IS_ACTIVE", Kind::InvalidStatement),
    (4150, "ER_USER_IS_BLOCKED", Kind::AuthenticationFailed),
    (4151, "ER_ACCOUNT_HAS_BEEN_LOCKED", Kind::AuthenticationFailed),
    (4159, "ER_TOO_LONG_KEYPART", Kind::InvalidStatement),
    (4161, "ER_UNKNOWN_DATA_TYPE", Kind::InvalidStatement),
    (4162, "ER_UNKNOWN_OPERATOR", Kind::InvalidStatement),
    (4172, "ER_NOT_ALLOWED_IN_THIS_CONTEXT", Kind::InvalidStatement),
    (4176, "ER_JSON_TABLE_ERROR_ON_FIELD", Kind::InvalidValue),
    (4178, "ER_JSON_TABLE_SCALAR_EXPECTED", Kind::InvalidValue),
    (4179, "ER_JSON_TABLE_MULTIPLE_MATCHES", Kind::InvalidValue),
    (4180, "ER_WITH_TIES_NEEDS_ORDER", Kind::InvalidStatement),
    (4187, "ER_SF_OUT_INOUT_ARG_NOT_ALLOWED", Kind::InvalidStatement),
    (4192, "ER_SLAVE_STATEMENT_TIMEOUT", Kind::QueryCanceled),
    (4201, "ER_INCORRECT_COLUMN_NAME_COUNT", Kind::InvalidStatement),
    (4203, "ER_VECTOR_BINARY_FORMAT_INVALID", Kind::InvalidValue),
    (4204, "ER_VECTOR_FORMAT_INVALID", Kind::InvalidValue),
    (4206, "ER_VEC_DISTANCE_TYPE", Kind::InvalidStatement),
];
