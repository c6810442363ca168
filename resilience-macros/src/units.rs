//! Literals with a unit: `"500ms"`, `"1m30s"`, `"20%"`.

use std::time::Duration;

/// Reads `"500ms"`, `"1m30s"`, `"1.5s"`. The message says what to write instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mut total: u128 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(
            "a duration needs a number and a unit; write `\"5s\"` or `\"500ms\"`".to_owned()
        );
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        if number.is_empty() {
            return Err(format!(
                "`{text}` is not a duration; write a number with a unit, such as `\"5s\"` or \
                 `\"1m30s\"`"
            ));
        }
        if unit.is_empty() {
            return Err(format!(
                "a duration needs a unit; write `\"{number}s\"` or `\"{number}ms\"`"
            ));
        }
        let Some(scale) = scale(unit) else {
            return Err(format!(
                "unknown unit `{unit}`; expected one of: `ns`, `us`, `ms`, `s`, `m`, `h`, `d`"
            ));
        };
        let Some(nanos) = scaled(number, scale) else {
            return Err(format!(
                "`{number}` is not a valid number; write a duration such as `\"1.5s\"`"
            ));
        };
        total = total.saturating_add(nanos);
        rest = next.trim_start();
    }
    let secs = u64::try_from(total / NANOS)
        .map_err(|_| format!("`{text}` is too long for a `Duration`; write a shorter one"))?;
    Ok(Duration::new(secs, u32::try_from(total % NANOS).unwrap_or_default()))
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
    fn percentages_are_parsed_or_rejected() {
        assert_eq!(percent("20%"), Ok(20));
        assert_eq!(percent("100 %"), Ok(100));
        for text in ["20", "101%", "-1%", "%", "a%", "0.5%"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
