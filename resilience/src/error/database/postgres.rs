//! PostgreSQL's codes: the SQLSTATEs of its appendix A, versions up to 18.
//!
//! The codes of success and of warnings, classes 00 and 01, aren't failures and aren't here.

use super::SqlKind as Is;
use super::{SqlCondition, SqlKind};

/// What a SQLSTATE means; `None` of a code that isn't one, of success and warnings, and of a class
/// that PostgreSQL doesn't have.
///
/// A code that isn't in the table, from a newer version or from a compatible server, is what its
/// class says. Codes in a class of their own (`RAISE … USING ERRCODE = 'MY001'`) are the
/// application's; nothing is known of them.
///
/// Costs no allocation.
///
/// ```
/// use resilience::{Advice, sql::postgres};
///
/// // With tokio-postgres: `error.code().and_then(|state| postgres::classify(state.code()))`.
/// let failure = postgres::classify("40001").unwrap().classification();
/// assert_eq!((failure.status(), failure.advice()), (503, Advice::RetryTransaction));
/// ```
pub fn classify(code: &str) -> Option<SqlCondition> {
    let key = key(code)?;
    if let Ok(row) = KEYS.binary_search(&key) {
        return Some(CONDITIONS[row]);
    }
    let class = CLASSES.binary_search_by_key(&&code[..2], |(class, ..)| class).ok()?;
    let (class, name, kind) = CLASSES[class];
    Some(
        SqlCondition::new(kind, name)
            .quoting(kind.quotes_values() || begins_with_any(class, QUOTING)),
    )
}

/// Five upper-case letters and digits as a number that sorts like the text.
const fn key(code: &str) -> Option<u64> {
    let bytes = code.as_bytes();
    if bytes.len() != 5 {
        return None;
    }
    let mut key = 0;
    let mut at = 0;
    while at < 5 {
        if !(bytes[at].is_ascii_digit() || bytes[at].is_ascii_uppercase()) {
            return None;
        }
        key = key << 8 | bytes[at] as u64;
        at += 1;
    }
    Some(key)
}

static KEYS: [u64; ROWS.len()] = {
    let mut keys = [0; ROWS.len()];
    let mut row = 0;
    while row < ROWS.len() {
        keys[row] = key(ROWS[row].0).expect("every code has five letters and digits");
        assert!(row == 0 || keys[row - 1] < keys[row], "the codes are sorted, each is there once");
        row += 1;
    }
    keys
};

static CONDITIONS: [SqlCondition; ROWS.len()] = {
    let mut conditions = [SqlCondition::new(Is::ServerError, ""); ROWS.len()];
    let mut row = 0;
    while row < ROWS.len() {
        let (code, name, kind) = ROWS[row];
        let quotes = begins_with_any(code, QUOTING) && !begins_with_any(code, NOT_QUOTING);
        conditions[row] = SqlCondition::new(kind, name).quoting(quotes);
        row += 1;
    }
    conditions
};

const fn begins_with_any(code: &str, prefixes: &[&str]) -> bool {
    let mut at = 0;
    while at < prefixes.len() {
        if begins_with(code.as_bytes(), prefixes[at].as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn begins_with(code: &[u8], prefix: &[u8]) -> bool {
    let mut at = 0;
    while at < prefix.len() {
        if at == code.len() || code[at] != prefix[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The classes and codes whose message may quote a value, or pass on the text of a function or of
/// another server …
const QUOTING: &[&str] =
    &["09", "22", "23000", "2F", "38", "39", "42601", "42602", "44", "HV", "P0", "XX"];
/// … and those among them that never do.
const NOT_QUOTING: &[&str] =
    &["22001", "22012", "44000", "HV00N", "P0002", "P0003", "XX001", "XX002"];

/// What a code that isn't in the table is, by its first two characters.
const CLASSES: &[(&str, &str, SqlKind)] = &[
    ("02", "no_data", Is::NoData),
    ("03", "sql_statement_not_yet_complete", Is::InvalidStatement),
    ("08", "connection_exception", Is::ConnectionLost),
    ("09", "triggered_action_exception", Is::InvalidStatement),
    ("0A", "feature_not_supported", Is::InvalidStatement),
    ("0B", "invalid_transaction_initiation", Is::InvalidStatement),
    ("0F", "locator_exception", Is::InvalidStatement),
    ("0L", "invalid_grantor", Is::InvalidStatement),
    ("0P", "invalid_role_specification", Is::InvalidStatement),
    ("0Z", "diagnostics_exception", Is::InvalidStatement),
    ("10", "xquery_error", Is::InvalidStatement),
    ("20", "case_not_found", Is::InvalidStatement),
    ("21", "cardinality_violation", Is::InvalidStatement),
    ("22", "data_exception", Is::InvalidValue),
    ("23", "integrity_constraint_violation", Is::ConstraintViolation),
    ("24", "invalid_cursor_state", Is::InvalidStatement),
    ("25", "invalid_transaction_state", Is::InvalidStatement),
    ("26", "invalid_sql_statement_name", Is::InvalidStatement),
    ("27", "triggered_data_change_violation", Is::InvalidStatement),
    ("28", "invalid_authorization_specification", Is::AuthenticationFailed),
    ("2B", "dependent_privilege_descriptors_still_exist", Is::InvalidStatement),
    ("2D", "invalid_transaction_termination", Is::InvalidStatement),
    ("2F", "sql_routine_exception", Is::InvalidStatement),
    ("34", "invalid_cursor_name", Is::InvalidStatement),
    ("38", "external_routine_exception", Is::InvalidStatement),
    ("39", "external_routine_invocation_exception", Is::InvalidStatement),
    ("3B", "savepoint_exception", Is::InvalidStatement),
    ("3D", "invalid_catalog_name", Is::DatabaseMissing),
    ("3F", "invalid_schema_name", Is::InvalidStatement),
    ("40", "transaction_rollback", Is::SerializationFailure),
    ("42", "syntax_error_or_access_rule_violation", Is::InvalidStatement),
    ("44", "with_check_option_violation", Is::CheckViolation),
    ("53", "insufficient_resources", Is::ResourceExhausted),
    ("54", "program_limit_exceeded", Is::LimitExceeded),
    ("55", "object_not_in_prerequisite_state", Is::InvalidStatement),
    ("57", "operator_intervention", Is::QueryCanceled),
    ("58", "system_error", Is::StorageError),
    ("72", "snapshot_failure", Is::SerializationFailure),
    ("F0", "config_file_error", Is::ServerError),
    ("HV", "fdw_error", Is::InvalidStatement),
    ("P0", "plpgsql_error", Is::InvalidStatement),
    ("XX", "internal_error", Is::ServerError),
];

/// Code, PostgreSQL's name of it, and what it means. Sorted by code. Correct it here and nowhere
/// else.
///
/// Of class 22, what a value that came in can cause is `InvalidValue`; what only the statement's
/// own expressions or the driver can cause is `InvalidStatement`.
const ROWS: &[(&str, &str, SqlKind)] = &[
    ("02000", "no_data", Is::NoData),
    ("02001", "no_additional_dynamic_result_sets_returned", Is::NoData),
    ("03000", "sql_statement_not_yet_complete", Is::InvalidStatement),
    ("08000", "connection_exception", Is::ConnectionLost),
    ("08001", "sqlclient_unable_to_establish_sqlconnection", Is::ConnectFailed),
    ("08003", "connection_does_not_exist", Is::ConnectionLost),
    ("08004", "sqlserver_rejected_establishment_of_sqlconnection", Is::ConnectFailed),
    ("08006", "connection_failure", Is::ConnectionLost),
    ("08007", "transaction_resolution_unknown", Is::OutcomeUnknown),
    ("08P01", "protocol_violation", Is::ConnectionLost),
    ("09000", "triggered_action_exception", Is::InvalidStatement),
    ("0A000", "feature_not_supported", Is::InvalidStatement),
    ("0B000", "invalid_transaction_initiation", Is::InvalidStatement),
    ("0F000", "locator_exception", Is::InvalidStatement),
    ("0F001", "invalid_locator_specification", Is::InvalidStatement),
    ("0L000", "invalid_grantor", Is::InvalidStatement),
    ("0LP01", "invalid_grant_operation", Is::InvalidStatement),
    ("0P000", "invalid_role_specification", Is::InvalidStatement),
    ("0Z000", "diagnostics_exception", Is::InvalidStatement),
    ("0Z002", "stacked_diagnostics_accessed_without_active_handler", Is::InvalidStatement),
    ("10608", "invalid_argument_for_xquery", Is::InvalidStatement),
    ("20000", "case_not_found", Is::InvalidStatement),
    ("21000", "cardinality_violation", Is::InvalidStatement),
    ("22000", "data_exception", Is::InvalidValue),
    ("22001", "string_data_right_truncation", Is::InvalidValue),
    ("22002", "null_value_no_indicator_parameter", Is::InvalidStatement),
    ("22003", "numeric_value_out_of_range", Is::InvalidValue),
    ("22004", "null_value_not_allowed", Is::InvalidStatement),
    ("22005", "error_in_assignment", Is::InvalidStatement),
    ("22007", "invalid_datetime_format", Is::InvalidValue),
    ("22008", "datetime_field_overflow", Is::InvalidValue),
    ("22009", "invalid_time_zone_displacement_value", Is::InvalidValue),
    ("2200B", "escape_character_conflict", Is::InvalidStatement),
    ("2200C", "invalid_use_of_escape_character", Is::InvalidStatement),
    ("2200D", "invalid_escape_octet", Is::InvalidStatement),
    ("2200F", "zero_length_character_string", Is::InvalidValue),
    ("2200G", "most_specific_type_mismatch", Is::InvalidStatement),
    ("2200H", "sequence_generator_limit_exceeded", Is::LimitExceeded),
    ("2200L", "not_an_xml_document", Is::InvalidValue),
    ("2200M", "invalid_xml_document", Is::InvalidValue),
    ("2200N", "invalid_xml_content", Is::InvalidValue),
    ("2200S", "invalid_xml_comment", Is::InvalidValue),
    ("2200T", "invalid_xml_processing_instruction", Is::InvalidValue),
    ("22010", "invalid_indicator_parameter_value", Is::InvalidStatement),
    ("22011", "substring_error", Is::InvalidStatement),
    ("22012", "division_by_zero", Is::InvalidStatement),
    ("22013", "invalid_preceding_or_following_size", Is::InvalidStatement),
    ("22014", "invalid_argument_for_ntile_function", Is::InvalidStatement),
    ("22015", "interval_field_overflow", Is::InvalidValue),
    ("22016", "invalid_argument_for_nth_value_function", Is::InvalidStatement),
    ("22018", "invalid_character_value_for_cast", Is::InvalidValue),
    ("22019", "invalid_escape_character", Is::InvalidStatement),
    ("2201B", "invalid_regular_expression", Is::InvalidValue),
    ("2201E", "invalid_argument_for_logarithm", Is::InvalidStatement),
    ("2201F", "invalid_argument_for_power_function", Is::InvalidStatement),
    ("2201G", "invalid_argument_for_width_bucket_function", Is::InvalidStatement),
    ("2201W", "invalid_row_count_in_limit_clause", Is::InvalidValue),
    ("2201X", "invalid_row_count_in_result_offset_clause", Is::InvalidValue),
    ("22021", "character_not_in_repertoire", Is::InvalidValue),
    ("22022", "indicator_overflow", Is::InvalidStatement),
    ("22023", "invalid_parameter_value", Is::InvalidValue),
    ("22024", "unterminated_c_string", Is::InvalidStatement),
    ("22025", "invalid_escape_sequence", Is::InvalidValue),
    ("22026", "string_data_length_mismatch", Is::InvalidValue),
    ("22027", "trim_error", Is::InvalidStatement),
    ("2202E", "array_subscript_error", Is::InvalidStatement),
    ("2202G", "invalid_tablesample_repeat", Is::InvalidStatement),
    ("2202H", "invalid_tablesample_argument", Is::InvalidStatement),
    ("22030", "duplicate_json_object_key_value", Is::InvalidValue),
    ("22031", "invalid_argument_for_sql_json_datetime_function", Is::InvalidStatement),
    ("22032", "invalid_json_text", Is::InvalidValue),
    ("22033", "invalid_sql_json_subscript", Is::InvalidStatement),
    ("22034", "more_than_one_sql_json_item", Is::InvalidStatement),
    ("22035", "no_sql_json_item", Is::InvalidStatement),
    ("22036", "non_numeric_sql_json_item", Is::InvalidStatement),
    ("22037", "non_unique_keys_in_a_json_object", Is::InvalidValue),
    ("22038", "singleton_sql_json_item_required", Is::InvalidStatement),
    ("22039", "sql_json_array_not_found", Is::InvalidStatement),
    ("2203A", "sql_json_member_not_found", Is::InvalidStatement),
    ("2203B", "sql_json_number_not_found", Is::InvalidStatement),
    ("2203C", "sql_json_object_not_found", Is::InvalidStatement),
    ("2203D", "too_many_json_array_elements", Is::InvalidValue),
    ("2203E", "too_many_json_object_members", Is::InvalidValue),
    ("2203F", "sql_json_scalar_required", Is::InvalidStatement),
    ("2203G", "sql_json_item_cannot_be_cast_to_target_type", Is::InvalidValue),
    ("22P01", "floating_point_exception", Is::InvalidValue),
    ("22P02", "invalid_text_representation", Is::InvalidValue),
    ("22P03", "invalid_binary_representation", Is::InvalidStatement),
    ("22P04", "bad_copy_file_format", Is::InvalidStatement),
    ("22P05", "untranslatable_character", Is::InvalidValue),
    ("22P06", "nonstandard_use_of_escape_character", Is::InvalidStatement),
    ("23000", "integrity_constraint_violation", Is::ConstraintViolation),
    ("23001", "restrict_violation", Is::ForeignKeyViolation),
    ("23502", "not_null_violation", Is::NotNullViolation),
    ("23503", "foreign_key_violation", Is::ForeignKeyViolation),
    ("23505", "unique_violation", Is::UniqueViolation),
    ("23514", "check_violation", Is::CheckViolation),
    ("23P01", "exclusion_violation", Is::ExclusionViolation),
    ("24000", "invalid_cursor_state", Is::InvalidStatement),
    ("25000", "invalid_transaction_state", Is::InvalidStatement),
    ("25001", "active_sql_transaction", Is::InvalidStatement),
    ("25002", "branch_transaction_already_active", Is::InvalidStatement),
    ("25003", "inappropriate_access_mode_for_branch_transaction", Is::InvalidStatement),
    ("25004", "inappropriate_isolation_level_for_branch_transaction", Is::InvalidStatement),
    ("25005", "no_active_sql_transaction_for_branch_transaction", Is::InvalidStatement),
    ("25006", "read_only_sql_transaction", Is::ReadOnlyServer),
    ("25007", "schema_and_data_statement_mixing_not_supported", Is::InvalidStatement),
    ("25008", "held_cursor_requires_same_isolation_level", Is::InvalidStatement),
    ("25P01", "no_active_sql_transaction", Is::InvalidStatement),
    ("25P02", "in_failed_sql_transaction", Is::InFailedTransaction),
    ("25P03", "idle_in_transaction_session_timeout", Is::TransactionTimeout),
    ("25P04", "transaction_timeout", Is::TransactionTimeout),
    ("26000", "invalid_sql_statement_name", Is::InvalidStatement),
    ("27000", "triggered_data_change_violation", Is::InvalidStatement),
    ("28000", "invalid_authorization_specification", Is::AuthenticationFailed),
    ("28P01", "invalid_password", Is::AuthenticationFailed),
    ("2B000", "dependent_privilege_descriptors_still_exist", Is::InvalidStatement),
    ("2BP01", "dependent_objects_still_exist", Is::InvalidStatement),
    ("2D000", "invalid_transaction_termination", Is::InvalidStatement),
    ("2F000", "sql_routine_exception", Is::InvalidStatement),
    ("2F002", "modifying_sql_data_not_permitted", Is::InvalidStatement),
    ("2F003", "prohibited_sql_statement_attempted", Is::InvalidStatement),
    ("2F004", "reading_sql_data_not_permitted", Is::InvalidStatement),
    ("2F005", "function_executed_no_return_statement", Is::InvalidStatement),
    ("34000", "invalid_cursor_name", Is::InvalidStatement),
    ("38000", "external_routine_exception", Is::InvalidStatement),
    ("38001", "containing_sql_not_permitted", Is::InvalidStatement),
    ("38002", "modifying_sql_data_not_permitted", Is::InvalidStatement),
    ("38003", "prohibited_sql_statement_attempted", Is::InvalidStatement),
    ("38004", "reading_sql_data_not_permitted", Is::InvalidStatement),
    ("39000", "external_routine_invocation_exception", Is::InvalidStatement),
    ("39001", "invalid_sqlstate_returned", Is::InvalidStatement),
    ("39004", "null_value_not_allowed", Is::InvalidStatement),
    ("39P01", "trigger_protocol_violated", Is::InvalidStatement),
    ("39P02", "srf_protocol_violated", Is::InvalidStatement),
    ("39P03", "event_trigger_protocol_violated", Is::InvalidStatement),
    ("3B000", "savepoint_exception", Is::InvalidStatement),
    ("3B001", "invalid_savepoint_specification", Is::InvalidStatement),
    ("3D000", "invalid_catalog_name", Is::DatabaseMissing),
    ("3F000", "invalid_schema_name", Is::InvalidStatement),
    ("40000", "transaction_rollback", Is::SerializationFailure),
    ("40001", "serialization_failure", Is::SerializationFailure),
    ("40002", "transaction_integrity_constraint_violation", Is::ConstraintViolation),
    ("40003", "statement_completion_unknown", Is::OutcomeUnknown),
    ("40P01", "deadlock_detected", Is::Deadlock),
    ("42000", "syntax_error_or_access_rule_violation", Is::InvalidStatement),
    ("42501", "insufficient_privilege", Is::InsufficientPrivilege),
    ("42601", "syntax_error", Is::InvalidStatement),
    ("42602", "invalid_name", Is::InvalidStatement),
    ("42611", "invalid_column_definition", Is::InvalidStatement),
    ("42622", "name_too_long", Is::InvalidStatement),
    ("42701", "duplicate_column", Is::InvalidStatement),
    ("42702", "ambiguous_column", Is::InvalidStatement),
    ("42703", "undefined_column", Is::InvalidStatement),
    ("42704", "undefined_object", Is::InvalidStatement),
    ("42710", "duplicate_object", Is::InvalidStatement),
    ("42712", "duplicate_alias", Is::InvalidStatement),
    ("42723", "duplicate_function", Is::InvalidStatement),
    ("42725", "ambiguous_function", Is::InvalidStatement),
    ("42803", "grouping_error", Is::InvalidStatement),
    ("42804", "datatype_mismatch", Is::InvalidStatement),
    ("42809", "wrong_object_type", Is::InvalidStatement),
    ("42830", "invalid_foreign_key", Is::InvalidStatement),
    ("42846", "cannot_coerce", Is::InvalidStatement),
    ("42883", "undefined_function", Is::InvalidStatement),
    ("428C9", "generated_always", Is::InvalidStatement),
    ("42939", "reserved_name", Is::InvalidStatement),
    ("42P01", "undefined_table", Is::InvalidStatement),
    ("42P02", "undefined_parameter", Is::InvalidStatement),
    ("42P03", "duplicate_cursor", Is::InvalidStatement),
    ("42P04", "duplicate_database", Is::InvalidStatement),
    ("42P05", "duplicate_prepared_statement", Is::InvalidStatement),
    ("42P06", "duplicate_schema", Is::InvalidStatement),
    ("42P07", "duplicate_table", Is::InvalidStatement),
    ("42P08", "ambiguous_parameter", Is::InvalidStatement),
    ("42P09", "ambiguous_alias", Is::InvalidStatement),
    ("42P10", "invalid_column_reference", Is::InvalidStatement),
    ("42P11", "invalid_cursor_definition", Is::InvalidStatement),
    ("42P12", "invalid_database_definition", Is::InvalidStatement),
    ("42P13", "invalid_function_definition", Is::InvalidStatement),
    ("42P14", "invalid_prepared_statement_definition", Is::InvalidStatement),
    ("42P15", "invalid_schema_definition", Is::InvalidStatement),
    ("42P16", "invalid_table_definition", Is::InvalidStatement),
    ("42P17", "invalid_object_definition", Is::InvalidStatement),
    ("42P18", "indeterminate_datatype", Is::InvalidStatement),
    ("42P19", "invalid_recursion", Is::InvalidStatement),
    ("42P20", "windowing_error", Is::InvalidStatement),
    ("42P21", "collation_mismatch", Is::InvalidStatement),
    ("42P22", "indeterminate_collation", Is::InvalidStatement),
    ("44000", "with_check_option_violation", Is::CheckViolation),
    ("53000", "insufficient_resources", Is::ResourceExhausted),
    ("53100", "disk_full", Is::DiskFull),
    ("53200", "out_of_memory", Is::ResourceExhausted),
    ("53300", "too_many_connections", Is::TooManyConnections),
    ("53400", "configuration_limit_exceeded", Is::LimitExceeded),
    ("54000", "program_limit_exceeded", Is::LimitExceeded),
    ("54001", "statement_too_complex", Is::LimitExceeded),
    ("54011", "too_many_columns", Is::LimitExceeded),
    ("54023", "too_many_arguments", Is::LimitExceeded),
    ("55000", "object_not_in_prerequisite_state", Is::InvalidStatement),
    ("55006", "object_in_use", Is::Busy),
    ("55P02", "cant_change_runtime_param", Is::InvalidStatement),
    ("55P03", "lock_not_available", Is::LockNotAvailable),
    ("55P04", "unsafe_new_enum_value_usage", Is::InvalidStatement),
    ("57000", "operator_intervention", Is::QueryCanceled),
    ("57014", "query_canceled", Is::QueryCanceled),
    ("57P01", "admin_shutdown", Is::ServerShutdown),
    ("57P02", "crash_shutdown", Is::ServerShutdown),
    ("57P03", "cannot_connect_now", Is::ServerNotReady),
    ("57P04", "database_dropped", Is::DatabaseMissing),
    ("57P05", "idle_session_timeout", Is::IdleDisconnect),
    ("58000", "system_error", Is::StorageError),
    ("58030", "io_error", Is::StorageError),
    ("58P01", "undefined_file", Is::StorageError),
    ("58P02", "duplicate_file", Is::StorageError),
    ("58P03", "file_name_too_long", Is::StorageError),
    ("72000", "snapshot_too_old", Is::SerializationFailure),
    ("F0000", "config_file_error", Is::ServerError),
    ("F0001", "lock_file_exists", Is::ServerError),
    ("HV000", "fdw_error", Is::InvalidStatement),
    ("HV001", "fdw_out_of_memory", Is::ResourceExhausted),
    ("HV002", "fdw_dynamic_parameter_value_needed", Is::InvalidStatement),
    ("HV004", "fdw_invalid_data_type", Is::InvalidStatement),
    ("HV005", "fdw_column_name_not_found", Is::InvalidStatement),
    ("HV006", "fdw_invalid_data_type_descriptors", Is::InvalidStatement),
    ("HV007", "fdw_invalid_column_name", Is::InvalidStatement),
    ("HV008", "fdw_invalid_column_number", Is::InvalidStatement),
    ("HV009", "fdw_invalid_use_of_null_pointer", Is::InvalidStatement),
    ("HV00A", "fdw_invalid_string_format", Is::InvalidStatement),
    ("HV00B", "fdw_invalid_handle", Is::InvalidStatement),
    ("HV00C", "fdw_invalid_option_index", Is::InvalidStatement),
    ("HV00D", "fdw_invalid_option_name", Is::InvalidStatement),
    ("HV00J", "fdw_option_name_not_found", Is::InvalidStatement),
    ("HV00K", "fdw_reply_handle", Is::InvalidStatement),
    ("HV00L", "fdw_unable_to_create_execution", Is::InvalidStatement),
    ("HV00M", "fdw_unable_to_create_reply", Is::InvalidStatement),
    ("HV00N", "fdw_unable_to_establish_connection", Is::ConnectionLost),
    ("HV00P", "fdw_no_schemas", Is::InvalidStatement),
    ("HV00Q", "fdw_schema_not_found", Is::InvalidStatement),
    ("HV00R", "fdw_table_not_found", Is::InvalidStatement),
    ("HV010", "fdw_function_sequence_error", Is::InvalidStatement),
    ("HV014", "fdw_too_many_handles", Is::InvalidStatement),
    ("HV021", "fdw_inconsistent_descriptor_information", Is::InvalidStatement),
    ("HV024", "fdw_invalid_attribute_value", Is::InvalidStatement),
    ("HV090", "fdw_invalid_string_length_or_buffer_length", Is::InvalidStatement),
    ("HV091", "fdw_invalid_descriptor_field_identifier", Is::InvalidStatement),
    ("P0000", "plpgsql_error", Is::InvalidStatement),
    ("P0001", "raise_exception", Is::Raised),
    ("P0002", "no_data_found", Is::NoData),
    ("P0003", "too_many_rows", Is::InvalidStatement),
    ("P0004", "assert_failure", Is::InvalidStatement),
    ("XX000", "internal_error", Is::ServerError),
    ("XX001", "data_corrupted", Is::Corrupt),
    ("XX002", "index_corrupted", Is::Corrupt),
];
