//! The options of other libraries, and what to write instead.
//!
//! One section for each attribute. A row has names, in any style of writing, and an advice.
//! `*word*word` matches every name that contains these words; such rows are asked last.
//!
//! The libraries: Polly, Resilience4j, Hystrix, Sentinel, Spring Retry, `MicroProfile`, Failsafe,
//! tenacity, backoff, urllib3, Celery, stamina, pybreaker, p-retry, got, axios-retry, opossum,
//! cockatiel, gobreaker, retry-go, retryablehttp, Semian, Stoplight, retriable, gRPC, Envoy, Akka,
//! and in Rust backon, backoff, tokio-retry, tokio-retry2, failsafe, tower, seatbelt.
//!
//! An advice may contain the value as it was written: `{=3}`, `{+1}` for the number after it,
//! `{d=5s}` for a duration, and `{%=50}` for a percentage. The part after `=` is used if the value
//! doesn't fit.

/// Names, and the advice.
pub(crate) type Rows = &'static [(&'static str, &'static str)];

const CLASSIFIED: &str = "the error's classification decides; write `#[derive(ServiceError)]`, or \
    `classify = path::to::function`";
const NARROWED: &str = "the error's classification decides; write `when = |error| …` to narrow it, \
    or `classify = …`";
const EXCLUDED: &str = "permanent errors are never retried; write `when = |error| !…` to exclude \
    others";
const VALUES: &str = "write `retry_ok = |value| …` for a value that means \"not yet\"";
const RETRY_EVENTS: &str =
    "remove it, since `tracing` gets the events `retry_scheduled` and `retry_stopped`";
const BREAKER_EVENTS: &str = "call `INVENTORY.on_state_change(…)` on a breaker in a `static`";
const TOTAL: &str =
    "write `#[timeout(\"{d=30s}\")]` above `#[retry]` to limit all attempts together";
const PER_ATTEMPT: &str = "write `#[timeout(\"{d=5s}\")]` below `#[retry]` to limit each attempt";
const LABEL: &str = "write `service = \"…\"` for the label";
const RATE: &str = "write `failure_rate = \"{%=50}%\"`, the share of failures in the window";
const WINDOW_CALLS: &str = "write `window = {=100}`, the number of calls, beside `failure_rate`";
const WINDOW_TIME: &str = "write `window = \"{d=10s}\"` beside `failure_rate`";
const MIN_CALLS: &str = "write `min_calls = {=20}` beside `failure_rate`";
const SLOW_CALL: &str = "write `slow_call = \"{d=2s}\"` beside `slow_rate` and `failure_rate`";
const SLOW_RATE: &str = "write `slow_rate = \"{%=80}%\"` beside `slow_call` and `failure_rate`";
const BUCKETS: &str = "a window of time has ten buckets; write only `window = \"10s\"`";
const IGNORES: &str = "permanent errors never count; write `ignore = |error| …` for others";

/// `#[dead_letter]`
pub(crate) const DEAD_LETTER: Rows = &[
    (
        "queue_name topic stream source_queue queue_url subject source channel from",
        "write `queue = {=\"orders\"}`, the queue that the messages come from",
    ),
    (
        "dlq dead_letter_queue dead_letter_topic dlt dlx dead_letter_exchange target_queue \
         dead_letter_target_arn dead_letters letters pool db table to sink destination",
        "write `store = LETTERS` with a store of letters",
    ),
    (
        "attempts max_attempts retries max_retries max_receive_count max_delivery_count \
         max_deliver max_delivery_attempts retry backoff delay",
        "write `#[retry(…)]` below `#[dead_letter]`, which makes the attempts",
    ),
    (
        "dedup_key dedup deduplication_id message_id message_deduplication_id key id unique_key \
         idempotency_key",
        "write `dedupe_key = …` to store repeats of a message once",
    ),
    ("mime media_type mime_type", "write `content_type = {=\"application/xml\"}`"),
    ("redact redacted sensitive mask", "write `#[redact]` before the argument"),
    ("skip ignore exclude without", "write `#[skip]` before the argument"),
    ("payload body message raw", "write `#[payload]` before the argument"),
];

/// `#[retry]`
pub(crate) const RETRY: Rows = &[
    (
        "max_retries max_retry retries num_retries number_of_retries retry_count max_retry_count \
         retry_attempts max_retry_attempts retry_max retry_limit retry_times max_retry_times \
         max_retries_count retries_count limit take max_times with_max_retries with_max_times total \
         max_number_of_retries max_restarts infinite_retry_attempts max_redeliveries",
        "write `attempts = {+1}`, which counts the first execution too",
    ),
    (
        "max_attempts attempt max_attempt tries max_tries stop_after_attempt \
         stop_max_attempt_number attempt_count num_attempts number_of_attempts attempts_count \
         max_attempt_number max_attempts_count with_max_attempts max_attempts_expression \
         attempts_max total_attempts max_executions max_try_count times count max_try \
         host_selection_retry_max_attempts max_delivery_attempts max_reconnects",
        "write `attempts = {=3}`, which counts the first execution too",
    ),
    (
        "forever stop_never unlimited infinite retry_forever",
        "an unlimited retry isn't possible; write `attempts = {=10}`",
    ),
    (
        "delay base_delay initial_delay initial_backoff min_backoff interval min_delay \
         initial_interval min_timeout wait wait_duration wait_fixed wait_initial fixed_delay \
         retry_delay default_retry_delay retry_interval base_interval backoff_base backoff_delay \
         retry_backoff retry_wait retry_wait_min wait_min wait_random_min wait_exponential \
         wait_random wait_random_exponential wait_exponential_jitter wait_incrementing wait_chain \
         from_millis sleep sleep_duration sleep_time pause delay_ms delay_expression \
         median_first_retry_delay initial first_delay start_delay backoff_initial min_wait \
         min_interval lower_bound countdown delay_duration fixed_interval period with_delay \
         with_min_delay spaced retry_after_delay min",
        "write `base = \"{d=500ms}\"`, the first delay",
    ),
    (
        "max_timeout max_interval max_backoff max_wait wait_max retry_wait_max wait_random_max \
         wait_exponential_max retry_backoff_max max_retry_delay backoff_max max_retry_interval \
         backoff_limit max_backoff_delay delay_max cap backoff_cap upper_bound max_value \
         exponential_max_wait_duration maximum_delay max_delay_duration max_delay_expression \
         with_max_delay max_sleep",
        "write `max_delay = \"{d=30s}\"`",
    ),
    (
        "max_elapsed_time max_elapsed total_delay stop_after_delay stop_before_delay \
         stop_max_delay max_time max_duration max_retry_time total_timeout total_time \
         max_total_time overall_timeout overall_time time_limit soft_time_limit with_max_duration \
         retry_timeout call_timeout until retry_until max_retry_duration total_retry_duration \
         build_with_total_retry_duration with_total_delay max_total_delay delivery_timeout \
         deadline expiry budget_time time_budget max_retry_period give_up_after",
        TOTAL,
    ),
    (
        "timeout per_try_timeout attempt_timeout per_attempt per_attempt_timeout \
         per_attempt_recv_timeout per_retry_timeout timeout_per_attempt timeout_per_try \
         try_timeout request_timeout per_try_idle_timeout timeout_ms should_reset_timeout \
         call_timeout_per_attempt read_timeout connect_timeout",
        PER_ATTEMPT,
    ),
    (
        "factor multiplier backoff_factor backoff_multiplier exponent exp_base exponential_base \
         delay_factor growth growth_factor backoff_rate rate backoff_coefficient wait_exp_base \
         exponential_backoff_multiplier multiplier_expression wait_exponential_multiplier \
         backoff_exponent exponential_factor power step increment with_factor \
         with_delay_factor",
        "delays always double; write `base` and `max_delay` to limit them",
    ),
    (
        "backoff exponential exponential_backoff enable_exponential_backoff backoff_type \
         backoff_strategy delay_type interval_function interval_bi_function delay_generator \
         calculate_delay sleep_duration_provider sleep_durations custom_backoff delay_fn \
         delay_strategy wait_strategy strategy fixed linear constant schedule intervals delays \
         retry_delay_options backoff_policy  fibonacci wait_generator with_backoff \
         retry_strategy wait_gen ",
        "delays double from `base` to `max_delay`; write `base = \"500ms\", max_delay = \"30s\"`",
    ),
    (
        "use_jitter randomize jittered retry_jitter random enable_randomized_wait randomized \
         with_jitter full_jitter jitter_enabled enable_jitter jitter_type jitter_strategy \
         jitter_mode",
        "write `jitter = \"full\"`",
    ),
    (
        "jitter_factor randomization_factor random_factor randomized_wait_factor jitter_ratio \
         backoff_jitter rand_factor interval_randomness noise jitter_percent jitter_percentage \
         randomness jitter_multiplier jitter_max max_jitter wait_jitter jitter_delay \
         jitter_delay_unit jitter_range jitter_duration randomizer rng",
        "write `jitter = \"{d=200ms}\"` for the most that is added to a delay",
    ),
    (
        "stop",
        "write `attempts = 3` for a number of executions, or `#[timeout(\"30s\")]` above `#[retry]` \
         for a time",
    ),
    (
        "max",
        "write `attempts = {+1}` for a number of repetitions, or `max_delay = \"{d=30s}\"` for the \
         longest delay",
    ),
    ("decorrelated decorrelated_jitter", "write `jitter = \"decorrelated\"`"),
    ("no_jitter without_jitter disable_jitter", "write `jitter = \"none\"`"),
    (
        "retry retry_if on predicate condition retry_on retry_when should_retry should_handle \
         retry_condition retry_predicate handle handle_if handle_when handle_type handle_all \
         or_when filter check_retry if_ retry_for include includes exceptions exception errors \
         retry_exceptions retry_on_exception retry_exception_predicate \
         retry_on_exception_predicate retry_if_exception retry_if_exception_type autoretry_for \
         should_consume_retry exception_expression retryable is_retryable retryable_errors \
         transient recovery recovery_with rescue_only classifier policy_fn handle_unavailable \
         exceptions_to_retry retry_on_timeout",
        NARROWED,
    ),
    (
        "no_retry_for not_recoverable exclude excludes ignore_exceptions ignore abort_on abort_if \
         abort_when give_up retry_if_not_exception_type retry_unless_exception_type \
         dont_autoretry_for fail_on skip_on should_abort fatal_errors permanent_errors",
        EXCLUDED,
    ),
    (
        "handle_result or_result retry_on_result retry_on_result_predicate retry_if_result \
         retry_if_not_result retry_on_value retry_ok_if validate_response value",
        VALUES,
    ),
    (
        "status_codes error_codes status_forcelist retry_statuses retriable_status_codes \
         retryable_status_codes non_fatal_status_codes retry_if_exception_message retry_mode",
        CLASSIFIED,
    ),
    (
        "methods allowed_methods method_whitelist",
        "say it for the function: write `idempotent` or `non_idempotent`",
    ),
    (
        "on_retry notify before after before_sleep before_retry after_retry on_failed_attempt \
         on_failure on_success on_backoff on_give_up  on_retries_exceeded on_abort \
         on_max_retry_times_exceeded on_retry_scheduled callback listener listeners \
         retry_error_callback retry_listener interceptor recover on_error logger log_level \
         retry_block on_exhausted hook instrument after_attempt retries_exhausted event_handler \
         on_retry_exhausted error_handler",
        RETRY_EVENTS,
    ),
    (
        "reraise raise_on_giveup wrap_exception retry_error_cls raise_on_status last_error_only \
         fail_after_max_attempts throw_last_exception_on_exhausted throw raise_on_redirect \
         wrap_context_error_with_last_error return_last_error",
        "remove it, since the last error is always returned",
    ),
    (
        "respect_retry_after respect_retry_after_header retry_after use_retry_after \
         honor_retry_after rate_limit_retry_header rate_limited_retry_back_off \
         should_retry_after_header",
        "remove it, since `Retry-After` is always followed, up to `max_retry_after`",
    ),
    ("after_status_codes", "remove it, since the callee's status decides"),
    ("policy config base_config", "pass the policy without a name: `#[retry(STANDARD)]`"),
    ("not_idempotent  unsafe_to_retry once", "write `non_idempotent`"),
    ("safe safe_to_retry is_idempotent idempotence idempotency", "write `idempotent`"),
    (
        "key request_key idempotent_key  idempotency_token dedup_key",
        "write `idempotency_key = {=…}`",
    ),
    (
        "retry_budget retry_throttling max_tokens token_ratio tps_budget min_per_sec \
         retry_percent retry_ratio budget_percent quota throttle",
        "write `budget = BUDGET` with `static BUDGET: RetryBudget = RetryBudget::standard();`",
    ),
    ("no_budget", "write `budget = \"off\"`"),
    (
        "clone_input clone_attempt clone_args",
        "write `clone(argument)` with the arguments that the body moves",
    ),
    (
        "sleep_fn sleep_disabled sleeper timer clock context signal abort_signal unref \
         dangerously_unref abort_controller cancellation_token cancel",
        "remove it: dropping the call's future stops the retry, and tests pause tokio's clock",
    ),
    (
        "retry_immediately immediate no_delay wait_none first_fast",
        "a delay is always waited for; write `base = \"{d=1ms}\"`",
    ),
    (
        "enabled enable disabled disable enable_if",
        "remove it, since `attempts = 1` turns retrying off",
    ),
    (
        "timed_elsewhere has_timeout no_timeout client_timeout own_timeout",
        "write `external_timeout`",
    ),
    (
        "fallback default fallback_method recover_with or_else rescue",
        "write `#[degrade(fallback = …)]` at the top",
    ),
    (
        "name label instance_name id group operation_key retry_name resource tag command_key service_name dependency",
        LABEL,
    ),
    ("stateful state", "remove it, since every call has its own attempts"),
];

/// `#[circuit_breaker]`
pub(crate) const CIRCUIT_BREAKER: Rows = &[
    (
        "breaker circuit_breaker circuit instance handle policy config base_config",
        "pass the breaker without a name: `#[circuit_breaker(INVENTORY)]`",
    ),
    (
        "name label instance_name breaker_id id group group_key command_key circuit_name \
         resource service_name tag dependency breaker_name",
        "write `service = \"…\"` for the label, or pass a shared breaker: \
         `#[circuit_breaker(INVENTORY)]`",
    ),
    (
        "fail_max failures threshold consecutive_failures max_failures failure_count \
         failures_threshold error_threshold errors_threshold exceptions_allowed_before_breaking \
         handled_events_allowed_before_breaking failure_limit trip_after consecutive_errors \
         consecutive_5xx consecutive_5xx_errors consecutive_gateway_errors allowed_failures \
         max_consecutive_failures failure_execution_threshold error_count max_errors \
         with_failure_threshold count failure_policy attempts max_attempts failure_max tickets \
         open_after fail_threshold failures_before_open max_exceptions exception_threshold",
        "write `failure_threshold = {=5}`, the number of consecutive failures",
    ),
    (
        "failure_rate_threshold failure_ratio error_threshold_percentage \
         error_percent_threshold error_rate error_rate_threshold error_ratio \
         failure_percentage failure_percentage_threshold error_percentage \
         with_failure_rate_threshold failure_percent max_ejection_percent error_percent \
         failure_threshold_percent failure_threshold_ratio grade rate ratio percentage",
        RATE,
    ),
    (
        "success_rate required_success_rate success_rate_over_time_window",
        "write `failure_rate = \"50%\"`, the share of failures and not of successes",
    ),
    (
        "slow_call_duration_threshold slow_call_duration max_allowed_rt_ms max_response_time \
         slow_threshold latency_threshold slow_call_threshold",
        SLOW_CALL,
    ),
    ("slow_call_rate_threshold slow_call_rate slow_ratio_threshold", SLOW_RATE),
    (
        "sliding_window_size sliding_window window_size ring_buffer closed_len \
         failure_thresholding_capacity",
        WINDOW_CALLS,
    ),
    (
        "sliding_window_type",
        "write `window = 100` for calls, or `window = \"10s\"` for time, beside `failure_rate`",
    ),
    (
        "sampling_duration rolling_count_timeout rolling_window rolling_duration interval \
         time_window window_time window_duration stat_interval_ms stat_interval \
         metrics_rolling_stats_time_in_milliseconds error_timeout_window \
         failure_thresholding_period evaluation_window measurement_period",
        WINDOW_TIME,
    ),
    (
        "minimum_number_of_calls minimum_calls minimum_throughput min_throughput \
         request_volume_threshold volume_threshold minimum_rps min_request_amount \
         min_request_threshold minimum_requests min_requests request_threshold",
        MIN_CALLS,
    ),
    (
        "rolling_count_buckets num_buckets bucket_period buckets \
         stat_sliding_window_bucket_count",
        BUCKETS,
    ),
    (
        "rolling_percentiles_enabled allow_warm_up",
        "remove it, since `min_calls` says how many calls there must be",
    ),
    ("half_open_len", "write `probes = {=1}`, whose rate decides beside `failure_rate`"),
    (
        "reset_timeout wait_duration wait_duration_in_open_state wait_duration_in_open \
         open_duration break_duration duration_of_break cooldown cool_off_time \
         cooldown_period sleep_window open_timeout open_wait half_open_after base_ejection_time \
         error_timeout retry_timeout recovery_time recovery recovery_period recovery_duration \
         retry_timeout_ms retry_after delay duration reset_after timeout_duration backoff_duration \
         sleep_window_in_milliseconds circuit_breaker_sleep_window_in_milliseconds open_interval \
         wait wait_time half_open_timeout half_open_resource_timeout open_time reset_time \
         break_time time_in_open_state wait_interval_function_in_open_state with_delay \
         recovery_timeout_ms heal_after break_for max_wait_duration_in_half_open_state",
        "write `recovery_timeout = \"{d=30s}\"`, how long the circuit stays open",
    ),
    (
        "max_reset_timeout max_break_duration max_open_duration max_delay max_backoff \
         max_cooldown max_ejection_time max_sleep_window max_wait_duration max_recovery",
        "write `max_recovery_timeout = \"{d=5m}\"`",
    ),
    (
        "backoff exponential_backoff exponential_backoff_factor backoff_multiplier factor \
         multiplier break_duration_generator backoff_factor growth enable_exponential_backoff \
         with_delay_fn recovery_factor",
        "write `recovery_growth = {=2}` and `max_recovery_timeout = \"5m\"`",
    ),
    (
        "jitter random_factor randomized_wait_factor recovery_jitter_factor use_jitter",
        "write `recovery_jitter = \"20%\"`",
    ),
    (
        "half_open_requests half_open_calls permitted_calls_in_half_open \
         permitted_number_of_calls_in_half_open_state half_open_max_calls success_threshold \
         max_requests successes probe_num trial_calls half_open_limit half_open_max_requests \
         max_half_open_calls max_half_open_requests consecutive_successes probe_count \
         max_probes half_open_attempts with_success_threshold half_open_success_threshold \
         success_count half_open_permits half_open_mode half_open test_calls number_of_probes \
         success_threshold_capacity successes_to_close required_successes probe",
        "write `probes = {=1}`, all of which must succeed",
    ),
    (
        "exclude ignore_errors ignore_exceptions ignore_exception ignored_errors excluded \
         excluded_exceptions exceptions_to_ignore is_excluded skip_on skipped_errors \
         error_filter no_trip_on ignored_exceptions exclude_errors",
        IGNORES,
    ),
    (
        "record_exceptions record_exception record_failure_predicate is_failure is_successful \
         should_handle fail_on exceptions exceptions_to_trace expected_exception error_predicate \
         ready_to_trip tracked_errors failure_predicate handle_if handle_when handle_all \
         handle_result when record_result_predicate predicate include on errors \
         failure_condition should_trip throw_new_error_on_trip recovery_with classifier \
         record_on is_error",
        "the error's classification decides what counts; write `ignore = |error| …` for exceptions",
    ),
    (
        "on_open on_opened on_break on_close on_closed on_reset on_half_open on_half_opened \
         on_state_change on_probing listeners listener event_consumer_buffer_size on_success \
         on_error on_failure callback notify state_provider register_health_indicator \
         allow_health_indicator_to_fail on_trip event_handler instrument logger \
         writable_stack_trace_enabled on_transition",
        BREAKER_EVENTS,
    ),
    (
        "force_open force_closed force_close manual_control isolated initial_state enabled \
         disabled circuit_breaker_force_open circuit_breaker_enabled disable enable",
        "call `INVENTORY.force_open()`, `.force_closed()` or `.disable()` on a breaker in a `static`",
    ),
    (
        "automatic_transition_from_open_to_half_open_enabled automatic_transition auto_reset \
         rotate_bucket_controller auto_renew_abort_controller enable_snapshots",
        "remove it, since the first call after `recovery_timeout` tests the callee",
    ),
    (
        "state_storage storage redis data_store backend persistence traffic_control",
        "remove it: a breaker's state is in this process",
    ),
    (
        "per_key keyed partition key_fn by tenant",
        "keep a set of breakers, and select one: `#[circuit_breaker(PARTNERS, key = partner)]`",
    ),
    (
        "timeout call_timeout execution_timeout timeout_in_milliseconds request_timeout \
         cancel_running_future deadline \
         execution_isolation_thread_timeout_in_milliseconds timeout_interval timeout_ms",
        "write `#[timeout(\"{d=5s}\")]` below for a limit of the call, or `recovery_timeout` for \
         how long the circuit stays open",
    ),
    (
        "fallback fallback_method fallback_function fallback_class block_handler \
         default_fallback block_handler_class rejected_input rejected_input_error on_fallback",
        "write `#[degrade(fallback = …)]` at the top",
    ),
    ("retry retries max_retries", "write `#[retry(idempotent, attempts = {+1})]` above"),
    ("share is_shared global", "write `shared`"),
];

/// `#[timeout]`
pub(crate) const TIMEOUT: Rows = &[
    (
        "duration after limit timeout time value timeout_duration time_limit timeout_limit max \
         max_duration within of with_timeout timeout_generator wait expires execution_timeout \
         call_timeout timeout_value period soft_time_limit response_timeout request_timeout \
         seconds secs sec s millis milliseconds ms minutes mins timeout_ms timeout_secs \
         timeout_seconds timeout_in_milliseconds duration_ms duration_secs unit duration_unit \
         time_unit chrono_unit timeout_millis nanos micros us delay_unit from_secs from_millis",
        "pass the duration without a name: `#[timeout(\"{d=5s}\")]`",
    ),
    (
        "deadline total overall total_timeout max_elapsed_time max_time",
        "write `#[timeout(\"{d=30s}\")]` above `#[retry]` to limit all attempts together",
    ),
    (
        "per_attempt per_try per_try_timeout attempt attempt_timeout per_attempt_timeout",
        "write `#[timeout(\"{d=5s}\")]` below `#[retry]` to limit each attempt",
    ),
    (
        "connect connect_timeout read read_timeout write_timeout idle_timeout pool_timeout",
        "it is the client's; write `#[timeout(\"{d=5s}\")]` for the whole call",
    ),
    (
        "cancel_running_future interrupt cancel with_interrupt use_signals timeout_strategy \
         strategy cooperative optimistic pessimistic abort",
        "remove it, since the call's future is always dropped",
    ),
    (
        "on_timeout callback on_cancel listener",
        "remove it, since `tracing` gets the event `call_timed_out`",
    ),
    (
        "error timeout_error exception timeout_exception timeout_output raise message error_message",
        "write `rejected = |rejected| …` to make the error",
    ),
    ("fallback default", "write `#[degrade(fallback = …)]` at the top"),
    ("name label id instance_name timeout_name key", LABEL),
    (
        "retry retries retry_on_timeout",
        "write `#[retry(idempotent)]` above, since a timeout is transient",
    ),
];

/// `#[degrade]`
pub(crate) const DEGRADE: Rows = &[
    (
        "fallback_value default default_value default_fallback value with or or_else or_default \
         return_value fallback_to fallback_with then result use_value on_failure alternative \
         static_value unwrap_or unwrap_or_else stub",
        "write `fallback = {=…}` with any expression of the `Ok` type",
    ),
    (
        "fallback_fn fallback_method fallback_function fallback_action fallback_class on_error \
         handler method func default_method block_handler fallback_executor function recover \
         rescue catch",
        "write `fallback = {f=function}(…)`, the call of a function",
    ),
    ("critical is_critical", "it is the default; remove `critical`"),
    (
        " always best_effort optional ignore_errors all_errors any not_critical swallow",
        "write `non_critical` to fall back on every error",
    ),
    (
        "apply_on skip_on when should_handle should_fallback handle handle_if predicate \
         exceptions exceptions_to_ignore exceptions_to_trace condition ignore_exceptions \
          if_ handle_when handle_result fallback_if",
        "the error's classification decides; write `on = [transient, rejected]`, or `non_critical` \
         for every error",
    ),
    (
        "on_fallback before_fallback after_fallback callback log notify listener",
        "remove it, since `tracing` gets the event `graceful_degradation_activated`",
    ),
    (
        "cache cached ttl max_age max_entries stale_while_revalidate stale_if_error cache_ttl \
         cache_key key last_good last_value",
        "write `stale(…)`, which answers with the last good value",
    ),
    (
        "enabled disabled enabled_if is_enabled toggle feature feature_flag kill_switch switch \
         feature_toggle",
        "write `flag = RECOMMENDATIONS` with a `static` of type `Flag`",
    ),
    (
        "alert alert_on alert_rate alert_threshold alert_after alarm threshold",
        "write `alert_above = \"5/1m\"`",
    ),
    ("service_name name label id dependency", LABEL),
];

/// `stale(…)` in `#[degrade]`
pub(crate) const STALE: Rows = &[
    (
        "ttl time_to_live expiry expires expires_in expiration expire_after max_stale stale_for \
         lifetime age duration time_to_idle validity",
        "write `max_age = \"{d=10m}\"`",
    ),
    (
        "size capacity max_size max_capacity cache_size limit entries max_keys",
        "write `max_entries = {=10_000}`",
    ),
    ("cache_key by key_by keys per convert vary", "write `key = {=…}`"),
    ("cache values map handle in_ into", "write `store = {=self.last}`"),
    ("weigher weigh cost value_size", "write `weight = {=…}` with `max_weight`"),
    (
        "soft_ttl fresh_for refresh_after refresh_after_write revalidate_after stale_after",
        "write `fresh = \"{d=30s}\"` with `refresh = background`",
    ),
    (
        "stale_while_revalidate swr revalidate refresh_ahead background async_refresh prefetch",
        "write `refresh = background`",
    ),
    (
        "single_flight singleflight collapse collapsing dedup deduplicate lock synchronized sync",
        "write `coalesce`",
    ),
    (
        "ignore except skip exclude",
        "write `shared(…)` with arguments that the value doesn't depend on",
    ),
];

/// `#[boundary]`
pub(crate) const BOUNDARY: Rows = &[
    (
        "name op span operation_name span_name action label target title transaction op_name",
        "write `operation = {=…}`",
    ),
    (
        "id trace_id correlation_id  req_id request correlation message_id job_id run_id",
        "write `request_id = {=…}`",
    ),
    (
        "user_id  uid principal subject account account_id customer user_name actor",
        "write `user = {=…}`",
    ),
    ("tenant_id  org organization organisation workspace org_id company", "write `tenant = {=…}`"),
    (
        "level severity log_level err_level",
        "the error's severity decides the log level; write `#[service(severity = …)]` on the \
         variant",
    ),
    ("err log_errors report error", "remove it, since errors are always reported"),
    ("ret log_return", "remove it, since only errors are reported"),
    ("skip skip_all args parent follows_from", "remove it, since arguments are never recorded"),
    (
        "fields context attributes extra tags data",
        "arguments are never recorded; write `#[instrument(fields(…))]` below",
    ),
    (
        "map map_err convert on_error handler transform",
        "the error is returned unchanged; write `.map_err(…)` on the call",
    ),
    ("clone", "remove it, since the options are evaluated before the body"),
    ("catch_panic panic catch_unwind", "remove it, since a panic is reported and goes on"),
    ("timeout", "write `#[timeout(\"{d=5s}\")]` below"),
    ("fallback default", "write `#[degrade(fallback = …)]` below"),
    ("retry retries max_retries attempts", "write `#[retry(idempotent, attempts = {+1})]` below"),
];

/// `#[transaction]`
pub(crate) const TRANSACTION: Rows = &[
    (
        "pool db conn connection executor database transaction datasource session client handle \
         database_pool connection_pool db_pool transaction_manager manager tx_manager using on \
         with name_of_pool pg sqlite mysql entity_manager",
        "write `tx = {=self.pool}`, which the body then uses as its connection",
    ),
    (
        "isolation isolation_level level serializable repeatable_read read_committed",
        "write the whole statement: `begin = \"BEGIN ISOLATION LEVEL SERIALIZABLE\"`",
    ),
    ("read_only  access_mode read", "write the whole statement: `begin = \"BEGIN READ ONLY\"`"),
    (
        "immediate mode behavior behaviour transaction_type type_",
        "write the whole statement: `begin = \"BEGIN IMMEDIATE\"`",
    ),
    ("exclusive", "write the whole statement: `begin = \"BEGIN EXCLUSIVE\"`"),
    (
        "deferrable",
        "write the whole statement: `begin = \"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE\"`",
    ),
    ("begin_with begin_statement statement sql start", "write `begin = {=\"BEGIN IMMEDIATE\"}`"),
    (
        "propagation requires_new required nested savepoint savepoints join",
        "each function begins its own; to join one, take `tx: &mut PgConnection` as an argument",
    ),
    (
        "rollback_for rollback_on rollback rollback_on_error",
        "remove it, since every error rolls back",
    ),
    (
        "no_rollback_for no_rollback_on dont_rollback_on commit_on",
        "every error rolls back; to commit, return it inside `Ok`",
    ),
    ("commit auto_commit ", "remove it, since `Ok` commits and every error rolls back"),
    (
        "retries max_retries retry_count max_retry max_retry_attempts num_retries \
         number_of_retries retry_limit",
        "write `attempts = {+1}`, which counts the first execution too",
    ),
    (
        "max_attempts tries max_tries times",
        "write `attempts = {=3}`, which counts the first execution too",
    ),
    (
        "delay base_delay initial_delay retry_delay backoff min_delay interval wait initial_backoff",
        "write `base = \"{d=10ms}\"`, the first delay",
    ),
    ("max_backoff max_wait max_interval max_retry_delay", "write `max_delay = \"{d=1s}\"`"),
    ("retry idempotent retry_on", "write `#[retry(idempotent)]` above"),
    (
        "max_statement_time max_execution_time query_timeout",
        "write `statement_timeout`, whose time is that of `#[timeout]`",
    ),
    ("timeout transaction_timeout lock_timeout max_time", "write `#[timeout(\"{d=5s}\")]` above"),
    ("name label value qualifier", LABEL),
];

/// Names that no attribute has an option for, by words, and what to write. Asked last.
pub(crate) const BY_WORDS: Rows = &[
    (
        "*bulkhead *concurren *paralleli *semaphore *queue *threadpool *coresize *poolsize \
         *inflight *shed *permitlimit *capacity *buffer",
        "no attribute limits concurrent calls; write a `tokio::sync::Semaphore` in the body",
    ),
    (
        "*ratelimit *limitforperiod *limitrefresh *burst *tokens *persecond *rps *warmup \
         *throttl *quota",
        "no attribute limits the rate of calls; write a limiter of your own in the body",
    ),
    ("*hedg *speculat", "no attribute starts a second call; write `#[retry]` and `#[timeout]`"),
    (
        "*cache *coalesc *ttl *dedup",
        "no attribute keeps results; write a cache of your own in the body",
    ),
];

/// Names by words, for `#[retry]`.
pub(crate) const RETRY_BY_WORDS: Rows = &[
    ("*jitter *random", "write `jitter = \"full\"`"),
    ("*attempttimeout *trytimeout *timeoutper", PER_ATTEMPT),
    ("*elapsed *total *overall *deadline *timelimit", TOTAL),
    ("*on*retry *before *callback *listener *hook *notify *handler *event", RETRY_EVENTS),
    ("*result", VALUES),
    ("*unless *abort *exclude", EXCLUDED),
    ("*statuscode", CLASSIFIED),
    ("*retryif *retryon *exception *predicate *should *filter *condition", NARROWED),
    (
        "*multipl *factor *exponent *growth",
        "delays always double; write `base` and `max_delay` to limit them",
    ),
    (
        "*max*delay *max*wait *max*backoff *max*interval *max*sleep *delay*cap",
        "write `max_delay = \"{d=30s}\"`",
    ),
    (
        "*delay *wait *backoff *interval *sleep *pause",
        "write `base = \"{d=500ms}\"`, the first delay",
    ),
    ("*timeout", PER_ATTEMPT),
    (
        "*max*retr *retr*max *retr*count *count*retr *num*retr *retr*limit *limit*retr *retr*times *retries",
        "write `attempts = {+1}`, which counts the first execution too",
    ),
    ("*attempt *tries", "write `attempts = {=3}`, which counts the first execution too"),
    ("*fallback", "write `#[degrade(fallback = …)]` at the top"),
];

/// Names by words, for `#[circuit_breaker]`.
pub(crate) const CIRCUIT_BREAKER_BY_WORDS: Rows = &[
    ("*slow*rate *slow*percent *slow*ratio", SLOW_RATE),
    ("*slow", SLOW_CALL),
    ("*rate *percent *ratio", RATE),
    ("*volume *minimum *throughput", MIN_CALLS),
    ("*bucket", BUCKETS),
    ("*window*size *window*count *window*calls", WINDOW_CALLS),
    ("*window *sampl *rolling", WINDOW_TIME),
    ("*fallback", "write `#[degrade(fallback = …)]` at the top"),
    (
        "*halfopen *probe *trial *success *permitted",
        "write `probes = {=1}`, all of which must succeed",
    ),
    ("*max*open *max*reset *max*cool *max*break", "write `max_recovery_timeout = \"{d=5m}\"`"),
    (
        "*onopen *onclose *onhalf *listener *callback *event *hook *notify *statechange",
        BREAKER_EVENTS,
    ),
    ("*ignor *exclu", IGNORES),
    (
        "*exception *predicate *filter *errortype",
        "the error's classification decides what counts; write `ignore = |error| …` for exceptions",
    ),
    (
        "*cool *openduration *reset *sleep *recover *breakduration *openstate *duration *delay *wait",
        "write `recovery_timeout = \"{d=30s}\"`, how long the circuit stays open",
    ),
    (
        "*fail *error *threshold",
        "write `failure_threshold = {=5}`, the number of consecutive failures",
    ),
    (
        "*timeout",
        "write `#[timeout(\"{d=5s}\")]` below for a limit of the call, or `recovery_timeout` for how long the circuit stays open",
    ),
];
