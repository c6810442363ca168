//! Literals with a unit: `"500ms"`, `"1m30s"`, `"20%"`.

use std::time::Duration;

/// Reads `"500ms"`, `"1m30s"`, `"1.5s"`. The message says what to write instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    read(text).map_err(|mistake| mistake.message(text))
}

/// Why a text is no duration.
enum Mistake<'a> {
    Malformed,
    Empty,
    NoUnit(&'a str),
    UnknownUnit(&'a str),
    TooLong,
}

fn read(text: &str) -> Result<Duration, Mistake<'_>> {
    let mut total: u128 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Mistake::Empty);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        if number.is_empty() || unit.is_empty() && !next.is_empty() {
            return Err(Mistake::Malformed);
        }
        let Some(scale) = scale(if unit.is_empty() { "s" } else { unit }) else {
            return Err(Mistake::UnknownUnit(unit));
        };
        let Some(nanos) = scaled(number, scale) else { return Err(Mistake::Malformed) };
        if unit.is_empty() {
            return Err(Mistake::NoUnit(number));
        }
        total = total.saturating_add(nanos);
        rest = next.trim_start();
    }
    let secs = u64::try_from(total / NANOS).map_err(|_| Mistake::TooLong)?;
    Ok(Duration::new(secs, u32::try_from(total % NANOS).unwrap_or_default()))
}

impl Mistake<'_> {
    fn message(&self, text: &str) -> String {
        let meant = meant(text).map(|meant| format!("write `\"{meant}\"`"));
        match (self, meant) {
            (Self::Empty, _) => {
                "a duration needs a number and a unit; write `\"5s\"` or `\"500ms\"`".to_owned()
            }
            (Self::NoUnit(number), _) => {
                format!("a duration needs a unit; write `\"{number}s\"` or `\"{number}ms\"`")
            }
            (Self::TooLong, _) => {
                format!("`{text}` is too long for a `Duration`; write a shorter one")
            }
            (Self::UnknownUnit(unit), Some(meant)) => format!("unknown unit `{unit}`; {meant}"),
            (Self::UnknownUnit(unit), None) => format!(
                "unknown unit `{unit}`; expected one of: `ns`, `us`, `ms`, `s`, `m`, `h`, `d`"
            ),
            (Self::Malformed, Some(meant)) => format!("`{text}` is not a duration; {meant}"),
            (Self::Malformed, None) => format!(
                "`{text}` is not a duration; write a number with a unit, such as `\"5s\"` or \
                 `\"1m30s\"`"
            ),
        }
    }
}

/// A duration in another notation, as it is written here: `1,5s`, `1_000ms`, `5 seconds`, `5S`,
/// `1w`, `PT5S`, `00:01:30`. `None` if it isn't clear.
pub(crate) fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let iso = text.strip_prefix("PT").or_else(|| text.strip_prefix("P"));
    let plain = iso.unwrap_or(text).replace(',', ".").replace('_', "");
    if let Some(clock) = of_clock(&plain) {
        return Some(clock);
    }
    let mut meant = String::new();
    let mut rest = plain.trim_start_matches('+');
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let (unit, next) =
            after.split_at(after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len()));
        let unit = match unit {
            // Minutes in ISO 8601; otherwise it could be months.
            "M" => iso.map(|_| "m")?,
            unit => match &*unit.to_lowercase() {
                "ns" | "nanos" | "nanosecond" | "nanoseconds" => "ns",
                "us" | "micros" | "microsecond" | "microseconds" => "us",
                "ms" | "milli" | "millis" | "msec" | "msecs" | "millisecond" | "milliseconds" => {
                    "ms"
                }
                "s" | "sec" | "secs" | "second" | "seconds" => "s",
                "m" | "min" | "mins" | "minute" | "minutes" => "m",
                "h" | "hr" | "hrs" | "hour" | "hours" => "h",
                "d" | "day" | "days" => "d",
                "w" | "week" | "weeks" => {
                    let weeks: u32 = number.parse().ok()?;
                    meant.push_str(&weeks.checked_mul(7)?.to_string());
                    meant.push('d');
                    rest = next.trim_start();
                    continue;
                }
                _ => return None,
            },
        };
        meant.push_str(number);
        meant.push_str(unit);
        rest = next.trim_start();
    }
    read(&meant).is_ok().then_some(meant)
}

/// `00:01:30`
fn of_clock(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = parts[..] else { return None };
    let mut meant = String::new();
    for (number, unit) in [(hours, "h"), (minutes, "m"), (seconds, "s")] {
        if number.parse::<f64>().ok()? > 0.0 {
            meant.push_str(number.trim_start_matches('0'));
            meant.push_str(unit);
        }
    }
    read(&meant).is_ok().then_some(meant)
}

/// Reads `"20%"`: a whole number from 0 to 100.
pub(crate) fn percent(text: &str) -> Result<u32, String> {
    let number = text.trim().strip_suffix('%').map(str::trim_end);
    match number.map(str::parse::<u32>) {
        Some(Ok(percent)) if percent <= 100 => Ok(percent),
        Some(_) => Err(format!(
            "`{text}` is not a valid percentage; write a whole number from `\"0%\"` to `\"100%\"`"
        )),
        None => Err(format!("a percentage needs a `%` sign; write `\"{}%\"`", text.trim())),
    }
}

/// A duration as a user would write it.
pub(crate) fn show(duration: Duration) -> String {
    format!("{duration:?}")
}

const NANOS: u128 = 1_000_000_000;

fn scale(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" | "sec" | "secs" => NANOS,
        "m" | "min" | "mins" => 60 * NANOS,
        "h" | "hr" | "hrs" => 3_600 * NANOS,
        "d" | "day" | "days" => 86_400 * NANOS,
        _ => return None,
    })
}

fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) || fraction.len() > 18 {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(part.checked_mul(scale)? / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        let table = [
            ("500ms", Duration::from_millis(500)),
            ("1m30s", Duration::from_secs(90)),
            ("1.5s", Duration::from_millis(1500)),
            ("2 h 5 m", Duration::from_secs(125 * 60)),
            ("0s", Duration::ZERO),
            ("10us", Duration::from_micros(10)),
            ("1d", Duration::from_secs(24 * 60 * 60)),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_rejected() {
        for text in [
            "",
            "5",
            "s",
            "5 parsecs",
            "-5s",
            "1.2.3s",
            "99999999999999999999999999999999999999999d",
            "5s!",
            "１s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(
            duration("5").unwrap_err(),
            "a duration needs a unit; write `\"5s\"` or `\"5ms\"`"
        );
    }

    #[test]
    fn the_duration_that_was_meant_is_proposed() {
        for (text, meant) in [
            ("1,5s", "1.5s"),
            ("1_000ms", "1000ms"),
            ("5 seconds", "5s"),
            ("5S", "5s"),
            ("500MS", "500ms"),
            ("1w", "7d"),
            ("PT5S", "5s"),
            ("PT1M30S", "1m30s"),
            ("00:01:30", "1m30s"),
            ("00:00:05", "5s"),
            ("250 millis", "250ms"),
        ] {
            let message = duration(text).unwrap_err();
            assert!(message.ends_with(&format!("write `\"{meant}\"`")), "{text}: {message}");
        }
        for text in ["1M", "1.2.3s", "1e3s", "-5s", "5x", "one second", ".", "1.s2"] {
            assert_eq!(meant(text), None, "{text}");
        }
    }

    #[test]
    fn percentages_are_parsed_or_rejected() {
        assert_eq!(percent("20%"), Ok(20));
        assert_eq!(percent("100 %"), Ok(100));
        for text in ["20", "101%", "-1%", "%", "a%", "0.5%"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
