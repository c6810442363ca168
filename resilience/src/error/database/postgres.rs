//! PostgreSQL's SQLSTATEs, from appendix A of its manual, versions up to 18.
//!
//! Classes 00 (success) and 01 (warnings) aren't failures and aren't included.

use super::{SqlCondition, SqlKind as Kind};

/// Returns the meaning of a SQLSTATE. `None` for success, warnings, unknown classes and invalid
/// codes.
///
/// A code that isn't in the table, from a newer version or a compatible server, is classified by
/// its class. Codes in other classes (`RAISE … USING ERRCODE = 'MY001'`) are defined by the
/// application; their meaning is unknown.
///
/// Doesn't allocate.
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

/// Converts a code of five upper-case letters and digits to a number with the same order.
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
        keys[row] = key(ROWS[row].0).expect("a code must be five upper-case letters and digits");
        assert!(row == 0 || keys[row - 1] < keys[row], "the codes must be sorted and unique");
        row += 1;
    }
    keys
};

static CONDITIONS: [SqlCondition; ROWS.len()] = {
    let mut conditions = [SqlCondition::new(Kind::ServerError, ""); ROWS.len()];
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

/// Classes and codes whose message may quote a value, or contain the text of a function or of
/// another server.
const QUOTING: &[&str] =
    &["09", "22", "23000", "2F", "38", "39", "42601", "42602", "44", "HV", "P0", "XX"];
/// Codes of these classes whose message never does.
const NOT_QUOTING: &[&str] =
    &["22001", "22012", "44000", "HV00N", "P0002", "P0003", "XX001", "XX002"];

/// Class, name and meaning, for codes that aren't in the table. The class is the first two
/// characters.
const CLASSES: &[(&str, &str, Kind)] = &[
    ("02", "no_data", Kind::NoData),
    ("03", "sql_statement_not_yet_complete", Kind::InvalidStatement),
    ("08", "connection_exception", Kind::ConnectionLost),
    ("09", "triggered_action_exception", Kind::InvalidStatement),
    ("0A", "feature_not_supported", Kind::InvalidStatement),
    ("0B", "invalid_transaction_initiation", Kind::InvalidStatement),
    ("0F", "locator_exception", Kind::InvalidStatement),
    ("0L", "invalid_grantor", Kind::InvalidStatement),
    ("0P", "invalid_role_specification", Kind::InvalidStatement),
    ("0Z", "diagnostics_exception", Kind::InvalidStatement),
    ("10", "xquery_error", Kind::InvalidStatement),
    ("20", "case_not_found", Kind::InvalidStatement),
    ("21", "cardinality_violation", Kind::InvalidStatement),
    ("22", "data_exception", Kind::InvalidValue),
    ("23", "integrity_constraint_violation", Kind::ConstraintViolation),
    ("24", "invalid_cursor_state", Kind::InvalidStatement),
    ("25", "invalid_transaction_state", Kind::InvalidStatement),
    ("26", "invalid_sql_statement_name", Kind::InvalidStatement),
    ("27", "triggered_data_change_violation", Kind::InvalidStatement),
    ("28", "invalid_authorization_specification", Kind::AuthenticationFailed),
    ("2B", "dependent_privilege_descriptors_still_exist", Kind::InvalidStatement),
    ("2D", "invalid_transaction_termination", Kind::InvalidStatement),
    ("2F", "sql_routine_exception", Kind::InvalidStatement),
    ("34", "invalid_cursor_name", Kind::InvalidStatement),
    ("38", "external_routine_exception", Kind::InvalidStatement),
    ("39", "external_routine_invocation_exception", Kind::InvalidStatement),
    ("3B", "savepoint_exception", Kind::InvalidStatement),
    ("3D", "invalid_catalog_name", Kind::DatabaseMissing),
    ("3F", "invalid_schema_name", Kind::InvalidStatement),
    ("40", "transaction_rollback", Kind::SerializationFailure),
    ("42", "syntax_error_or_access_rule_violation", Kind::InvalidStatement),
    ("44", "with_check_option_violation", Kind::CheckViolation),
    ("53", "insufficient_resources", Kind::ResourceExhausted),
    ("54", "program_limit_exceeded", Kind::LimitExceeded),
    ("55", "object_not_in_prerequisite_state", Kind::InvalidStatement),
    ("57", "operator_intervention", Kind::QueryCanceled),
    ("58", "system_error", Kind::StorageError),
    ("72", "snapshot_failure", Kind::SerializationFailure),
    ("F0", "config_file_error", Kind::ServerError),
    ("HV", "fdw_error", Kind::InvalidStatement),
    ("P0", "plpgsql_error", Kind::InvalidStatement),
    ("XX", "internal_error", Kind::ServerError),
];

/// Code, PostgreSQL's name and meaning, sorted by code. The only place to correct a meaning.
///
/// In class 22, errors that an input value can cause are `InvalidValue`. Errors that only the
/// statement's own expressions or the driver can cause are `InvalidStatement`.
const ROWS: &[(&str, &str, Kind)] = &[
    ("02000", "no_data", Kind::NoData),
    ("02001", "no_additional_dynamic_result_sets_returned", Kind::NoData),
    ("03000", "sql_statement_not_yet_complete", Kind::InvalidStatement),
    ("08000", "connection_exception", Kind::ConnectionLost),
    ("08001", "sqlclient_unable_to_establish_sqlconnection", Kind::ConnectFailed),
    ("08003", "connection_does_not_exist", Kind::ConnectionLost),
    ("08004", "sqlserver_rejected_establishment_of_sqlconnection", Kind::ConnectFailed),
    ("08006", "connection_failure", Kind::ConnectionLost),
    ("08007", "transaction_resolution_unknown", Kind::OutcomeUnknown),
    ("08P01", "protocol_violation", Kind::ConnectionLost),
    ("09000", "triggered_action_exception", Kind::InvalidStatement),
    ("0A000", "feature_not_supported", Kind::InvalidStatement),
    ("0B000", "invalid_transaction_initiation", Kind::InvalidStatement),
    ("0F000", "locator_exception", Kind::InvalidStatement),
    ("0F001", "invalid_locator_specification", Kind::InvalidStatement),
    ("0L000", "invalid_grantor", Kind::InvalidStatement),
    ("0LP01", "invalid_grant_operation", Kind::InvalidStatement),
    ("0P000", "invalid_role_specification", Kind::InvalidStatement),
    ("0Z000", "diagnostics_exception", Kind::InvalidStatement),
    ("0Z002", "stacked_diagnostics_accessed_without_active_handler", Kind::InvalidStatement),
    ("10608", "invalid_argument_for_xquery", Kind::InvalidStatement),
    ("20000", "case_not_found", Kind::InvalidStatement),
    ("21000", "cardinality_violation", Kind::InvalidStatement),
    ("22000", "data_exception", Kind::InvalidValue),
    ("22001", "string_data_right_truncation", Kind::InvalidValue),
    ("22002", "null_value_no_indicator_parameter", Kind::InvalidStatement),
    ("22003", "numeric_value_out_of_range", Kind::InvalidValue),
    ("22004", "null_value_not_allowed", Kind::InvalidStatement),
    ("22005", "error_in_assignment", Kind::InvalidStatement),
    ("22007", "invalid_datetime_format", Kind::InvalidValue),
    ("22008", "datetime_field_overflow", Kind::InvalidValue),
    ("22009", "invalid_time_zone_displacement_value", Kind::InvalidValue),
    ("2200B", "escape_character_conflict", Kind::InvalidStatement),
    ("2200C", "invalid_use_of_escape_character", Kind::InvalidStatement),
    ("2200D", "invalid_escape_octet", Kind::InvalidStatement),
    ("2200F", "zero_length_character_string", Kind::InvalidValue),
    ("2200G", "most_specific_type_mismatch", Kind::InvalidStatement),
    ("2200H", "sequence_generator_limit_exceeded", Kind::LimitExceeded),
    ("2200L", "not_an_xml_document", Kind::InvalidValue),
    ("2200M", "invalid_xml_document", Kind::InvalidValue),
    ("2200N", "invalid_xml_content", Kind::InvalidValue),
    ("2200S", "invalid_xml_comment", Kind::InvalidValue),
    ("2200T", "invalid_xml_processing_instruction", Kind::InvalidValue),
    ("22010", "invalid_indicator_parameter_value", Kind::InvalidStatement),
    ("22011", "substring_error", Kind::InvalidStatement),
    ("22012", "division_by_zero", Kind::InvalidStatement),
    ("22013", "invalid_preceding_or_following_size", Kind::InvalidStatement),
    ("22014", "invalid_argument_for_ntile_function", Kind::InvalidStatement),
    ("22015", "interval_field_overflow", Kind::InvalidValue),
    ("22016", "invalid_argument_for_nth_value_function", Kind::InvalidStatement),
    ("22018", "invalid_character_value_for_cast", Kind::InvalidValue),
    ("22019", "invalid_escape_character", Kind::InvalidStatement),
    ("2201B", "invalid_regular_expression", Kind::InvalidValue),
    ("2201E", "invalid_argument_for_logarithm", Kind::InvalidStatement),
    ("2201F", "invalid_argument_for_power_function", Kind::InvalidStatement),
    ("2201G", "invalid_argument_for_width_bucket_function", Kind::InvalidStatement),
    ("2201W", "invalid_row_count_in_limit_clause", Kind::InvalidValue),
    ("2201X", "invalid_row_count_in_result_offset_clause", Kind::InvalidValue),
    ("22021", "character_not_in_repertoire", Kind::InvalidValue),
    ("22022", "indicator_overflow", Kind::InvalidStatement),
    ("22023", "invalid_parameter_value", Kind::InvalidValue),
    ("22024", "unterminated_c_string", Kind::InvalidStatement),
    ("22025", "invalid_escape_sequence", Kind::InvalidValue),
    ("22026", "string_data_length_mismatch", Kind::InvalidValue),
    ("22027", "trim_error", Kind::InvalidStatement),
    ("2202E", "array_subscript_error", Kind::InvalidStatement),
    ("2202G", "invalid_tablesample_repeat", Kind::InvalidStatement),
    ("2202H", "invalid_tablesample_argument", Kind::InvalidStatement),
    ("22030", "duplicate_json_object_key_value", Kind::InvalidValue),
    ("22031", "invalid_argument_for_sql_json_datetime_function", Kind::InvalidStatement),
    ("22032", "invalid_json_text", Kind::InvalidValue),
    ("22033", "invalid_sql_json_subscript", Kind::InvalidStatement),
    ("22034", "more_than_one_sql_json_item", Kind::InvalidStatement),
    ("22035", "no_sql_json_item", Kind::InvalidStatement),
    ("22036", "non_numeric_sql_json_item", Kind::InvalidStatement),
    ("22037", "non_unique_keys_in_a_json_object", Kind::InvalidValue),
    ("22038", "singleton_sql_json_item_required", Kind::InvalidStatement),
    ("22039", "sql_json_array_not_found", Kind::InvalidStatement),
    ("2203A", "sql_json_member_not_found", Kind::InvalidStatement),
    ("2203B", "sql_json_number_not_found", Kind::InvalidStatement),
    ("2203C", "sql_json_object_not_found", Kind::InvalidStatement),
    ("2203D", "too_many_json_array_elements", Kind::InvalidValue),
    ("2203E", "too_many_json_object_members", Kind::InvalidValue),
    ("2203F", "sql_json_scalar_required", Kind::InvalidStatement),
    ("2203G", "sql_json_item_cannot_be_cast_to_target_type", Kind::InvalidValue),
    ("22P01", "floating_point_exception", Kind::InvalidValue),
    ("22P02", "invalid_text_representation", Kind::InvalidValue),
    ("22P03", "invalid_binary_representation", Kind::InvalidStatement),
    ("22P04", "bad_copy_file_format", Kind::InvalidStatement),
    ("22P05", "untranslatable_character", Kind::InvalidValue),
    ("22P06", "nonstandard_use_of_escape_character", Kind::InvalidStatement),
    ("23000", "integrity_constraint_violation", Kind::ConstraintViolation),
    ("23001", "restrict_violation", Kind::ForeignKeyViolation),
    ("23502", "not_null_violation", Kind::NotNullViolation),
    ("23503", "foreign_key_violation", Kind::ForeignKeyViolation),
    ("23505", "unique_violation", Kind::UniqueViolation),
    ("23514", "check_violation", Kind::CheckViolation),
    ("23P01", "exclusion_violation", Kind::ExclusionViolation),
    ("24000", "invalid_cursor_state", Kind::InvalidStatement),
    ("25000", "invalid_transaction_state", Kind::InvalidStatement),
    ("25001", "active_sql_transaction", Kind::InvalidStatement),
    ("25002", "branch_transaction_already_active", Kind::InvalidStatement),
    ("25003", "inappropriate_access_mode_for_branch_transaction", Kind::InvalidStatement),
    ("25004", "inappropriate_isolation_level_for_branch_transaction", Kind::InvalidStatement),
    ("25005", "no_active_sql_transaction_for_branch_transaction", Kind::InvalidStatement),
    ("25006", "read_only_sql_transaction", Kind::ReadOnlyServer),
    ("25007", "schema_and_data_statement_mixing_not_supported", Kind::InvalidStatement),
    ("25008", "held_cursor_requires_same_isolation_level", Kind::InvalidStatement),
    ("25P01", "no_active_sql_transaction", Kind::InvalidStatement),
    ("25P02", "in_failed_sql_transaction", Kind::InFailedTransaction),
    ("25P03", "idle_in_transaction_session_timeout", Kind::TransactionTimeout),
    ("25P04", "transaction_timeout", Kind::TransactionTimeout),
    ("26000", "invalid_sql_statement_name", Kind::InvalidStatement),
    ("27000", "triggered_data_change_violation", Kind::InvalidStatement),
    ("28000", "invalid_authorization_specification", Kind::AuthenticationFailed),
    ("28P01", "invalid_password", Kind::AuthenticationFailed),
    ("2B000", "dependent_privilege_descriptors_still_exist", Kind::InvalidStatement),
    ("2BP01", "dependent_objects_still_exist", Kind::InvalidStatement),
    ("2D000", "invalid_transaction_termination", Kind::InvalidStatement),
    ("2F000", "sql_routine_exception", Kind::InvalidStatement),
    ("2F002", "modifying_sql_data_not_permitted", Kind::InvalidStatement),
    ("2F003", "prohibited_sql_statement_attempted", Kind::InvalidStatement),
    ("2F004", "reading_sql_data_not_permitted", Kind::InvalidStatement),
    ("2F005", "function_executed_no_return_statement", Kind::InvalidStatement),
    ("34000", "invalid_cursor_name", Kind::InvalidStatement),
    ("38000", "external_routine_exception", Kind::InvalidStatement),
    ("38001", "containing_sql_not_permitted", Kind::InvalidStatement),
    ("38002", "modifying_sql_data_not_permitted", Kind::InvalidStatement),
    ("38003", "prohibited_sql_statement_attempted", Kind::InvalidStatement),
    ("38004", "reading_sql_data_not_permitted", Kind::InvalidStatement),
    ("39000", "external_routine_invocation_exception", Kind::InvalidStatement),
    ("39001", "invalid_sqlstate_returned", Kind::InvalidStatement),
    ("39004", "null_value_not_allowed", Kind::InvalidStatement),
    ("39P01", "trigger_protocol_violated", Kind::InvalidStatement),
    ("39P02", "srf_protocol_violated", Kind::InvalidStatement),
    ("39P03", "event_trigger_protocol_violated", Kind::InvalidStatement),
    ("3B000", "savepoint_exception", Kind::InvalidStatement),
    ("3B001", "invalid_savepoint_specification", Kind::InvalidStatement),
    ("3D000", "invalid_catalog_name", Kind::DatabaseMissing),
    ("3F000", "invalid_schema_name", Kind::InvalidStatement),
    ("40000", "transaction_rollback", Kind::SerializationFailure),
    ("40001", "serialization_failure", Kind::SerializationFailure),
    ("40002", "transaction_integrity_constraint_violation", Kind::ConstraintViolation),
    ("40003", "statement_completion_unknown", Kind::OutcomeUnknown),
    ("40P01", "deadlock_detected", Kind::Deadlock),
    ("42000", "syntax_error_or_access_rule_violation", Kind::InvalidStatement),
    ("42501", "insufficient_privilege", Kind::InsufficientPrivilege),
    ("42601", "syntax_error", Kind::InvalidStatement),
    ("42602", "invalid_name", Kind::InvalidStatement),
    ("42611", "invalid_column_definition", Kind::InvalidStatement),
    ("42622", "name_too_long", Kind::InvalidStatement),
    ("42701", "duplicate_column", Kind::InvalidStatement),
    ("42702", "ambiguous_column", Kind::InvalidStatement),
    ("42703", "undefined_column", Kind::InvalidStatement),
    ("42704", "undefined_object", Kind::InvalidStatement),
    ("42710", "duplicate_object", Kind::InvalidStatement),
    ("42712", "duplicate_alias", Kind::InvalidStatement),
    ("42723", "duplicate_function", Kind::InvalidStatement),
    ("42725", "ambiguous_function", Kind::InvalidStatement),
    ("42803", "grouping_error", Kind::InvalidStatement),
    ("42804", "datatype_mismatch", Kind::InvalidStatement),
    ("42809", "wrong_object_type", Kind::InvalidStatement),
    ("42830", "invalid_foreign_key", Kind::InvalidStatement),
    ("42846", "cannot_coerce", Kind::InvalidStatement),
    ("42883", "undefined_function", Kind::InvalidStatement),
    ("428C9", "generated_always", Kind::InvalidStatement),
    ("42939", "reserved_name", Kind::InvalidStatement),
    ("42P01", "undefined_table", Kind::InvalidStatement),
    ("42P02", "undefined_parameter", Kind::InvalidStatement),
    ("42P03", "duplicate_cursor", Kind::InvalidStatement),
    ("42P04", "duplicate_database", Kind::InvalidStatement),
    ("42P05", "duplicate_prepared_statement", Kind::InvalidStatement),
    ("42P06", "duplicate_schema", Kind::InvalidStatement),
    ("42P07", "duplicate_table", Kind::InvalidStatement),
    ("42P08", "ambiguous_parameter", Kind::InvalidStatement),
    ("42P09", "ambiguous_alias", Kind::InvalidStatement),
    ("42P10", "invalid_column_reference", Kind::InvalidStatement),
    ("42P11", "invalid_cursor_definition", Kind::InvalidStatement),
    ("42P12", "invalid_database_definition", Kind::InvalidStatement),
    ("42P13", "invalid_function_definition", Kind::InvalidStatement),
    ("42P14", "invalid_prepared_statement_definition", Kind::InvalidStatement),
    ("42P15", "invalid_schema_definition", Kind::InvalidStatement),
    ("42P16", "invalid_table_definition", Kind::InvalidStatement),
    ("42P17", "invalid_object_definition", Kind::InvalidStatement),
    ("42P18", "indeterminate_datatype", Kind::InvalidStatement),
    ("42P19", "invalid_recursion", Kind::InvalidStatement),
    ("42P20", "windowing_error", Kind::InvalidStatement),
    ("42P21", "collation_mismatch", Kind::InvalidStatement),
    ("42P22", "indeterminate_collation", Kind::InvalidStatement),
    ("44000", "with_check_option_violation", Kind::CheckViolation),
    ("53000", "insufficient_resources", Kind::ResourceExhausted),
    ("53100", "disk_full", Kind::DiskFull),
    ("53200", "out_of_memory", Kind::ResourceExhausted),
    ("53300", "too_many_connections", Kind::TooManyConnections),
    ("53400", "configuration_limit_exceeded", Kind::LimitExceeded),
    ("54000", "program_limit_exceeded", Kind::InvalidValue),
    ("54001", "statement_too_complex", Kind::LimitExceeded),
    ("54011", "too_many_columns", Kind::LimitExceeded),
    ("54023", "too_many_arguments", Kind::LimitExceeded),
    ("55000", "object_not_in_prerequisite_state", Kind::InvalidStatement),
    ("55006", "object_in_use", Kind::Busy),
    ("55P02", "cant_change_runtime_param", Kind::InvalidStatement),
    ("55P03", "lock_not_available", Kind::LockNotAvailable),
    ("55P04", "unsafe_new_enum_value_usage", Kind::InvalidStatement),
    ("57000", "operator_intervention", Kind::QueryCanceled),
    ("57014", "query_canceled", Kind::QueryCanceled),
    ("57P01", "admin_shutdown", Kind::ServerShutdown),
    ("57P02", "crash_shutdown", Kind::ServerShutdown),
    ("57P03", "cannot_connect_now", Kind::ServerNotReady),
    ("57P04", "database_dropped", Kind::DatabaseMissing),
    ("57P05", "idle_session_timeout", Kind::IdleDisconnect),
    ("58000", "system_error", Kind::StorageError),
    ("58030", "io_error", Kind::StorageError),
    ("58P01", "undefined_file", Kind::StorageError),
    ("58P02", "duplicate_file", Kind::StorageError),
    ("58P03", "file_name_too_long", Kind::StorageError),
    ("72000", "snapshot_too_old", Kind::SerializationFailure),
    ("F0000", "config_file_error", Kind::ServerError),
    ("F0001", "lock_file_exists", Kind::ServerError),
    ("HV000", "fdw_error", Kind::InvalidStatement),
    ("HV001", "fdw_out_of_memory", Kind::ResourceExhausted),
    ("HV002", "fdw_dynamic_parameter_value_needed", Kind::InvalidStatement),
    ("HV004", "fdw_invalid_data_type", Kind::InvalidStatement),
    ("HV005", "fdw_column_name_not_found", Kind::InvalidStatement),
    ("HV006", "fdw_invalid_data_type_descriptors", Kind::InvalidStatement),
    ("HV007", "fdw_invalid_column_name", Kind::InvalidStatement),
    ("HV008", "fdw_invalid_column_number", Kind::InvalidStatement),
    ("HV009", "fdw_invalid_use_of_null_pointer", Kind::InvalidStatement),
    ("HV00A", "fdw_invalid_string_format", Kind::InvalidStatement),
    ("HV00B", "fdw_invalid_handle", Kind::InvalidStatement),
    ("HV00C", "fdw_invalid_option_index", Kind::InvalidStatement),
    ("HV00D", "fdw_invalid_option_name", Kind::InvalidStatement),
    ("HV00J", "fdw_option_name_not_found", Kind::InvalidStatement),
    ("HV00K", "fdw_reply_handle", Kind::InvalidStatement),
    ("HV00L", "fdw_unable_to_create_execution", Kind::InvalidStatement),
    ("HV00M", "fdw_unable_to_create_reply", Kind::InvalidStatement),
    ("HV00N", "fdw_unable_to_establish_connection", Kind::ConnectionLost),
    ("HV00P", "fdw_no_schemas", Kind::InvalidStatement),
    ("HV00Q", "fdw_schema_not_found", Kind::InvalidStatement),
    ("HV00R", "fdw_table_not_found", Kind::InvalidStatement),
    ("HV010", "fdw_function_sequence_error", Kind::InvalidStatement),
    ("HV014", "fdw_too_many_handles", Kind::InvalidStatement),
    ("HV021", "fdw_inconsistent_descriptor_information", Kind::InvalidStatement),
    ("HV024", "fdw_invalid_attribute_value", Kind::InvalidStatement),
    ("HV090", "fdw_invalid_string_length_or_buffer_length", Kind::InvalidStatement),
    ("HV091", "fdw_invalid_descriptor_field_identifier", Kind::InvalidStatement),
    ("P0000", "plpgsql_error", Kind::InvalidStatement),
    ("P0001", "raise_exception", Kind::Raised),
    ("P0002", "no_data_found", Kind::NoData),
    ("P0003", "too_many_rows", Kind::InvalidStatement),
    ("P0004", "assert_failure", Kind::InvalidStatement),
    ("XX000", "internal_error", Kind::ServerError),
    ("XX001", "data_corrupted", Kind::Corrupt),
    ("XX002", "index_corrupted", Kind::Corrupt),
];
