//! Finds out what was meant by a name that isn't an option of the attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, Lit};

use super::foreign::{BY_WORDS, Rows};
use super::grammar::Grammar;
use super::value::literal;
use crate::diagnostics::distance;
use crate::tokens::source_text;
use crate::units;

/// What to say about a name that isn't an option: how it was written, and with which value.
pub(super) fn explain(
    written: &str,
    value: Option<&Expr>,
    grammar: &Grammar,
    others: &[&Grammar],
) -> String {
    let attribute = grammar.attribute;
    let names = spellings(written);
    let value = Written { name: written, value };
    let options = grammar.options();
    if options.contains(&written) {
        // Only then is it not the option itself.
        let form = value.value.map_or_else(|| "…".to_owned(), shown);
        return format!("an option is written without quotes; write `{written} = {form}`");
    }
    if let Some(option) = find_option(&names, &options) {
        return match (value.duration(), grammar.takes_value(option)) {
            (Some(duration), true) if squash(option) != names[0] => {
                format!(
                    "unknown `{attribute}` option `{written}`; write `{option} = \"{duration}\"`"
                )
            }
            _ => did_you_mean(attribute, written, option),
        };
    }
    if let Some(advice) = find(&names, grammar.foreign) {
        return value.is_no_option(attribute, advice);
    }
    for other in others.iter().filter(|other| other.attribute != attribute) {
        let place = other.attribute;
        if let Some(option) = find_option(&names, &other.own_options()) {
            return format!("`{option}` is an option of `{place}`; write it there");
        }
    }
    if let Some(meant) = nearest(&names[0], &options, grammar.foreign) {
        return match meant {
            Meant::Option(option) => did_you_mean(attribute, written, option),
            Meant::Foreign(advice) => value.is_no_option(attribute, advice),
        };
    }
    if let Some(advice) = find_by_words(&names[0], BY_WORDS)
        .or_else(|| find_by_words(&names[0], grammar.foreign_by_words))
    {
        return value.is_no_option(attribute, advice);
    }
    for other in others.iter().filter(|other| other.attribute != attribute) {
        if let Some(advice) = find(&names, other.foreign) {
            let advice = value.put_into(advice);
            let (why, cure) = match advice.split_once("; ") {
                Some((why, cure)) => (format!(", since {why}"), cure),
                None => (String::new(), &*advice),
            };
            return format!(
                "`{written}` is for `{}`, not for `{attribute}`{why}; there, {cure}",
                other.attribute
            );
        }
    }
    let list = options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ");
    format!("unknown `{attribute}` option `{written}`; expected one of: {list}")
}

/// Whether the name, in this or another style of writing, means something to the attribute.
pub(super) fn is_known(written: &str, grammar: &Grammar) -> bool {
    let names = spellings(written);
    find_option(&names, &grammar.options()).is_some() || find(&names, grammar.foreign).is_some()
}

fn did_you_mean(attribute: &str, written: &str, option: &str) -> String {
    format!("unknown `{attribute}` option `{written}`; did you mean `{option}`?")
}

/// One spelling for `max_delay`, `maxDelay`, `MaxDelay`, `MAX_DELAY`, `max-delay`.
fn squash(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a name in snake case is the squashed one.
fn is_same(listed: &str, squashed: &str) -> bool {
    listed.bytes().filter(|byte| *byte != b'_').eq(squashed.bytes())
}

/// The name itself, and what is left without a path, a prefix or a unit.
fn spellings(written: &str) -> Vec<String> {
    const PREFIXES: &[&str] = &["with", "set", "build"];
    let mut names = vec![squash(written)];
    let mut path = written;
    while let Some((_, rest)) = path.split_once(['.', ':']) {
        path = rest;
        names.push(squash(rest));
    }
    for at in 0..names.len() {
        for prefix in PREFIXES {
            if let Some(rest) = names[at].strip_prefix(prefix) {
                names.push(rest.to_owned());
            }
        }
    }
    for at in 0..names.len() {
        if let Some((rest, _)) = unit(&names[at]) {
            names.push(rest.to_owned());
        }
    }
    names.retain(|name| !name.is_empty());
    if names.is_empty() {
        names.push(String::new());
    }
    names
}

/// Splits the unit off a name such as `timeoutms`.
fn unit(name: &str) -> Option<(&str, &'static str)> {
    const UNITS: &[(&str, &str)] = &[
        ("milliseconds", "ms"),
        ("millis", "ms"),
        ("msec", "ms"),
        ("ms", "ms"),
        ("seconds", "s"),
        ("secs", "s"),
        ("sec", "s"),
        ("minutes", "m"),
        ("mins", "m"),
    ];
    let (rest, unit) =
        UNITS.iter().find_map(|(end, unit)| Some((name.strip_suffix(end)?, *unit)))?;
    let rest = rest.strip_suffix("in").unwrap_or(rest);
    Some((rest, unit))
}

fn find_option<'a>(names: &[String], options: &[&'a str]) -> Option<&'a str> {
    names.iter().find_map(|name| options.iter().find(|option| is_same(option, name))).copied()
}

fn find(names: &[String], rows: Rows) -> Option<&'static str> {
    names.iter().find_map(|name| {
        let is_in = |row: &str| row.split_whitespace().any(|listed| is_same(listed, name));
        rows.iter().find(|(row, _)| is_in(row)).map(|(_, advice)| *advice)
    })
}

fn find_by_words(name: &str, rows: Rows) -> Option<&'static str> {
    let has = |pattern: &str| pattern.split('*').all(|word| name.contains(word));
    rows.iter().find(|(row, _)| row.split_whitespace().any(has)).map(|(_, advice)| *advice)
}

enum Meant<'a> {
    Option(&'a str),
    Foreign(&'static str),
}

/// What the name is most likely a typo of. `None` if several are equally close.
fn nearest<'a>(written: &str, options: &[&'a str], rows: Rows) -> Option<Meant<'a>> {
    let allowed = if written.len() < 10 { written.len() / 3 } else { written.len() / 4 };
    let close = |name: &str| {
        let name = squash(name);
        // Not worth computing, and it could be long.
        if name.len().abs_diff(written.len()) > allowed {
            return None;
        }
        Some(distance(written, &name)).filter(|off| *off <= allowed)
    };
    let mut near: Vec<(usize, &str)> =
        options.iter().filter_map(|option| Some((close(option)?, *option))).collect();
    near.sort_unstable();
    let foreign = rows
        .iter()
        .flat_map(|(row, advice)| row.split_whitespace().map(move |name| (name, *advice)))
        .filter_map(|(name, advice)| Some((close(name)?, advice)))
        .min_by_key(|(off, _)| *off);
    match (near.as_slice(), foreign) {
        ([(off, _), ..], Some((closer, advice))) if closer < *off => Some(Meant::Foreign(advice)),
        ([(off, option), (next, _), ..], _) if off < next => Some(Meant::Option(option)),
        ([(_, option)], _) => Some(Meant::Option(option)),
        ([], Some((_, advice))) => Some(Meant::Foreign(advice)),
        _ => None,
    }
}

/// A name with its value, which an advice shows as it has to be here.
struct Written<'a> {
    name: &'a str,
    value: Option<&'a Expr>,
}

impl Written<'_> {
    /// An advice may give a reason first: `why; what to write`.
    fn is_no_option(&self, attribute: &str, advice: &str) -> String {
        let (written, advice) = (self.name, self.put_into(advice));
        match advice.split_once("; ") {
            Some((why, cure)) => {
                format!("`{written}` is not an option of `{attribute}`, since {why}; {cure}")
            }
            None => format!("`{written}` is not an option of `{attribute}`; {advice}"),
        }
    }

    /// The advice with the value in it.
    fn put_into(&self, advice: &str) -> String {
        let mut text = String::new();
        let mut rest = advice;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((hole, after)) = after.split_once('}') else { break };
            text.push_str(before);
            text.push_str(&match hole.split_once('=') {
                Some(("d", otherwise)) => self.duration().unwrap_or_else(|| otherwise.to_owned()),
                Some(("%", otherwise)) => self.percent().unwrap_or_else(|| otherwise.to_owned()),
                Some(("f", otherwise)) => self.function().unwrap_or_else(|| otherwise.to_owned()),
                Some((_, otherwise)) => self.plain(otherwise),
                None => self.plus_one(),
            });
            rest = after;
        }
        text + rest
    }

    fn number(&self) -> Option<u64> {
        match literal(self.value?)? {
            Lit::Int(number) => number.base10_parse().ok(),
            Lit::Str(text) => text.value().trim().parse().ok(),
            _ => None,
        }
    }

    /// A percentage, also from a share such as `0.5`.
    fn percent(&self) -> Option<String> {
        let percent = match literal(self.value?)? {
            Lit::Int(number) => number.base10_parse().ok()?,
            Lit::Float(number) => match number.base10_parse::<f64>().ok()? {
                share if share <= 1.0 => (share * 100.0).round(),
                percent => percent.round(),
            },
            Lit::Str(text) => text.value().trim_end_matches('%').trim().parse().ok()?,
            _ => return None,
        };
        (1.0..=100.0).contains(&percent).then(|| percent.to_string())
    }

    /// The number of executions that so many repetitions make.
    fn plus_one(&self) -> String {
        match (self.number(), self.value) {
            (Some(number), _) => number.saturating_add(1).to_string(),
            (None, Some(name @ (Expr::Path(_) | Expr::Field(_)))) => format!("{} + 1", shown(name)),
            _ => "4".to_owned(),
        }
    }

    /// The value as it is, if it is of the kind of `otherwise`.
    fn plain(&self, otherwise: &str) -> String {
        let counts = otherwise.parse::<u64>().is_ok();
        match (self.number(), self.value) {
            (Some(number), _) if counts => number.to_string(),
            (None, Some(name @ (Expr::Path(_) | Expr::Field(_)))) => shown(name),
            (_, Some(value)) if !counts && shown(value).len() <= 40 => shown(value),
            _ => otherwise.to_owned(),
        }
    }

    /// The name of a function, also from a text.
    fn function(&self) -> Option<String> {
        let value = self.value?;
        match (value, literal(value)) {
            (_, Some(Lit::Str(text))) => {
                let name = text.value();
                syn::parse_str::<syn::Path>(&name).is_ok().then_some(name)
            }
            (Expr::Path(_) | Expr::Field(_), _) => Some(shown(value)),
            _ => None,
        }
    }

    /// The value as a duration with its unit: by the unit in the name, or as most libraries count.
    fn duration(&self) -> Option<String> {
        let by_name = unit(&squash(self.name)).map(|(_, unit)| unit);
        match self.value? {
            Expr::Call(call) => of_constructor(&call.func.to_token_stream(), call.args.first()?),
            Expr::MethodCall(call) => {
                of_constructor(&call.method.to_token_stream(), call.args.first()?)
            }
            value => match literal(value)? {
                Lit::Str(text) => {
                    let text = text.value();
                    match text.trim().parse::<u64>() {
                        Ok(number) => Some(counted(number, by_name)),
                        Err(_) => units::meant(&text),
                    }
                }
                Lit::Int(number) => {
                    let with_unit = format!("{}{}", number.base10_digits(), number.suffix());
                    match units::duration(&with_unit) {
                        Ok(_) => Some(with_unit),
                        Err(_) => Some(counted(number.base10_parse().ok()?, by_name)),
                    }
                }
                Lit::Float(number) => {
                    let unit = by_name.unwrap_or("s");
                    let text = format!("{}{unit}", number.base10_digits());
                    units::duration(&text).is_ok().then_some(text)
                }
                _ => None,
            },
        }
    }
}

/// `Duration::from_millis(5)`, `Duration.ofSeconds(5)`, `TimeSpan.FromSeconds(5)`, `secs(5)`
fn of_constructor(name: &TokenStream, argument: &Expr) -> Option<String> {
    const UNITS: &[(&str, &str)] = &[
        ("milli", "ms"),
        ("micro", "us"),
        ("nano", "ns"),
        ("sec", "s"),
        ("min", "m"),
        ("hour", "h"),
    ];
    let name = squash(&name.to_string());
    let (_, unit) = UNITS.iter().find(|(word, _)| name.contains(word))?;
    match literal(argument)? {
        Lit::Int(number) => Some(format!("{}{unit}", number.base10_digits())),
        Lit::Float(number) => Some(format!("{}{unit}", number.base10_digits())),
        _ => None,
    }
}

fn counted(number: u64, unit: Option<&str>) -> String {
    let unit = unit.unwrap_or(if number < 100 { "s" } else { "ms" });
    format!("{number}{unit}")
}

fn shown(value: &Expr) -> String {
    source_text(value.to_token_stream())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::layer::Kind;

    fn grammars() -> Vec<&'static Grammar> {
        Kind::ALL.iter().map(|kind| kind.grammar()).collect()
    }

    fn of(attribute: &str, written: &str, value: &str) -> String {
        let grammar = *grammars().iter().find(|it| it.attribute == attribute).expect("a layer");
        let value: Option<Expr> = syn::parse_str(value).ok();
        explain(written, value.as_ref(), grammar, &grammars())
    }

    #[test]
    fn a_name_stands_in_one_row_and_is_no_option() {
        for grammar in grammars() {
            let options: Vec<String> = grammar.options().into_iter().map(squash).collect();
            let mut seen = BTreeSet::new();
            for name in grammar.foreign.iter().flat_map(|(row, _)| row.split_whitespace()) {
                let name = squash(name);
                assert!(!options.contains(&name), "{}: {name} is an option", grammar.attribute);
                assert!(seen.insert(name.clone()), "{}: {name} is there twice", grammar.attribute);
            }
        }
    }

    #[test]
    fn an_advice_names_only_options_that_exist() {
        let known: BTreeSet<&str> = grammars().iter().flat_map(|it| it.options()).collect();
        for grammar in grammars() {
            for (names, advice) in grammar.foreign.iter().chain(grammar.foreign_by_words) {
                let code = advice.split('`').skip(1).step_by(2);
                for part in
                    code.filter(|part| !part.contains("service(") && !part.contains("static"))
                {
                    let Some((option, _)) = part.split_once(" = ") else { continue };
                    let option = option.rsplit(['(', ' ']).next().unwrap_or(option);
                    assert!(known.contains(option), "{names}: `{part}`");
                }
            }
        }
    }

    #[test]
    fn names_of_other_libraries_are_translated() {
        for (attribute, written, value, meant) in [
            ("#[retry]", "max_retry_attempts", "3", "`attempts = 4`"),
            ("#[retry]", "MaxRetryAttempts", "5", "`attempts = 6`"),
            ("#[retry]", "maxRetries", "n", "`attempts = n + 1`"),
            ("#[retry]", "maxAttempts", "3", "`attempts = 3`"),
            ("#[retry]", "resilience4j.retry.maxAttempts", "3", "`attempts = 3`"),
            ("#[retry]", "stop_after_attempt", "7", "`attempts = 7`"),
            ("#[retry]", "minTimeout", "1000", "`base = \"1000ms\"`"),
            ("#[retry]", "initial-interval", "\"2s\"", "`base = \"2s\"`"),
            ("#[retry]", "delay", "Duration::from_millis(50)", "`base = \"50ms\"`"),
            ("#[retry]", "delay", "TimeSpan.FromSeconds(2)", "`base = \"2s\"`"),
            ("#[retry]", "max_delay_ms", "700", "`max_delay = \"700ms\"`"),
            ("#[retry]", "maxDelay", "\"1s\"", "did you mean `max_delay`"),
            ("#[retry]", "MAX_DELAY", "\"1s\"", "did you mean `max_delay`"),
            ("#[retry]", "max_retry_time", "\"1m\"", "`#[timeout(\"1m\")]` above"),
            ("#[retry]", "useJitter", "true", "`jitter = \"full\"`"),
            ("#[retry]", "shouldRetry", "true", "`when = |error| …`"),
            ("#[retry]", "retry_if_exception_type", "true", "`when = |error| …`"),
            ("#[retry]", "ShouldHandle", "predicate", "`when = |error| …`"),
            ("#[retry]", "retryOnResultPredicate", "isPending", "`retry_ok = |value| …`"),
            ("#[retry]", "abortOn", "NotFound", "`when = |error| !…`"),
            ("#[retry]", "retryableStatusCodes", "503", "`classify = path::to::function`"),
            ("#[retry]", "onFailedAttempt", "log", "`retry_scheduled`"),
            ("#[retry]", "backof", "", "delays double from `base`"),
            ("#[retry]", "probes", "1", "an option of `#[circuit_breaker]`"),
            ("#[retry]", "failureRateThreshold", "50", "is for `#[circuit_breaker]`"),
            ("#[retry]", "maxConcurrentCalls", "5", "limits concurrent calls"),
            ("#[retry]", "my_max_retry_number", "5", "`attempts = 6`"),
            ("#[circuit_breaker]", "failureRateThreshold", "50", "`failure_rate = \"50%\"`"),
            ("#[circuit_breaker]", "error-threshold-percentage", "60", "`failure_rate = \"60%\"`"),
            ("#[circuit_breaker]", "FailureRatio", "0.25", "`failure_rate = \"25%\"`"),
            ("#[circuit_breaker]", "slidingWindowSize", "200", "`window = 200`"),
            ("#[circuit_breaker]", "SamplingDuration", "\"30s\"", "`window = \"30s\"`"),
            ("#[circuit_breaker]", "rollingCountTimeout", "10000", "`window = \"10000ms\"`"),
            ("#[circuit_breaker]", "minimumNumberOfCalls", "10", "`min_calls = 10`"),
            ("#[circuit_breaker]", "MinimumThroughput", "8", "`min_calls = 8`"),
            ("#[circuit_breaker]", "slowCallRateThreshold", "70", "`slow_rate = \"70%\"`"),
            ("#[circuit_breaker]", "resetTimeout", "30000", "`recovery_timeout = \"30000ms\"`"),
            (
                "#[circuit_breaker]",
                "sleepWindowInMilliseconds",
                "5000",
                "`recovery_timeout = \"5000ms\"`",
            ),
            ("#[circuit_breaker]", "fail_max", "7", "`failure_threshold = 7`"),
            (
                "#[circuit_breaker]",
                "circuitBreaker.requestVolumeThreshold",
                "20",
                "`min_calls = 20`",
            ),
            ("#[circuit_breaker]", "permittedNumberOfCallsInHalfOpenState", "3", "`probes = 3`"),
            ("#[circuit_breaker]", "OnOpened", "log", "on_state_change"),
            ("#[circuit_breaker]", "slowCallDurationThreshold", "\"2s\"", "`slow_call = \"2s\"`"),
            ("#[circuit_breaker]", "attempts_before_open", "3", "expected one of"),
            ("#[timeout]", "timeoutInMilliseconds", "500", "`#[timeout(\"500ms\")]`"),
            ("#[timeout]", "attempts", "3", "an option of `#[retry]`"),
            ("#[degrade]", "fallbackMethod", "\"stale\"", "`fallback = stale(…)`"),
            ("#[boundary]", "correlationId", "id", "`request_id = id`"),
            ("#[transaction]", "isolationLevel", "x", "ISOLATION LEVEL"),
            ("#[transaction]", "pool", "self.db", "`tx = self.db`"),
        ] {
            let message = of(attribute, written, value);
            assert!(message.contains(meant), "{attribute} {written}: {message}");
        }
    }

    #[test]
    fn typos_are_found_unless_several_options_are_near() {
        for (written, meant) in [
            ("atempts", Some("attempts")),
            ("idempotnt", Some("idempotent")),
            ("idempotencykey", Some("idempotency_key")),
            ("external_timout", Some("external_timeout")),
            ("color", None),
        ] {
            let message = of("#[retry]", written, "1");
            let found =
                message.split("did you mean `").nth(1).and_then(|rest| rest.split('`').next());
            assert_eq!(found, meant, "{message}");
        }
    }
}
