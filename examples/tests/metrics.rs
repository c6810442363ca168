//! Runs `storefront --metrics`, scrapes it as Prometheus does, and compares what it serves with what
//! it prints.
#![allow(clippy::float_cmp, reason = "counts")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use prometheus_parse::{Scrape, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Ends the example, also if the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where `cargo test` puts the package's examples.
fn storefront() -> Outcome<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.parent().and_then(|deps| deps.parent()).ok_or("no target directory")?;
    let name = format!("storefront{}", std::env::consts::EXE_SUFFIX);
    Ok(profile.join("examples").join(name))
}

/// The samples that have a single value, with their labels.
struct Scraped(Vec<(String, BTreeMap<String, String>, f64)>);

impl Scraped {
    async fn from(url: &str) -> Outcome<Self> {
        let answer = reqwest::Client::builder().no_proxy().build()?.get(url).send().await?;
        let answer = answer.error_for_status()?;
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
        let text = answer.text().await?;
        let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned())))?;
        let samples = scrape.samples.into_iter().filter_map(|sample| {
            let labels = sample.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
            let value = match sample.value {
                Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
                Value::Histogram(_) | Value::Summary(_) => return None,
            };
            Some((sample.metric, labels.collect(), value))
        });
        Ok(Self(samples.collect()))
    }

    /// The sum over all samples with these labels.
    fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(name, value)| of.get(*name).is_some_and(|found| found == value))
        };
        let found = self.0.iter().filter(|(name, of, _)| name == metric && has(of));
        found.map(|(_, _, value)| value).sum()
    }

    fn values_of(&self, label: &str) -> BTreeSet<&str> {
        self.0.iter().filter_map(|(_, labels, _)| labels.get(label)).map(String::as_str).collect()
    }
}

/// A row of the last table that was printed.
fn row<'a>(printed: &'a [String], dependency: &str) -> Outcome<Vec<&'a str>> {
    let is_row = |line: &&String| {
        let mut words = line.split_whitespace();
        words.next() == Some(dependency) && words.next() == Some("closed")
    };
    let line = printed.iter().rev().find(is_row).ok_or(format!("no row of {dependency}"))?;
    Ok(line.split_whitespace().collect())
}

#[tokio::test]
async fn metrics_agree_with_what_the_shop_prints() -> Outcome<()> {
    let storefront = storefront()?;
    let mut command = Command::new(&storefront);
    command.args(["--plain", "--metrics", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut running =
        Running(command.spawn().map_err(|error| format!("{}: {error}", storefront.display()))?);
    let mut lines = BufReader::new(running.0.stdout.take().ok_or("no output")?).lines();

    let first = lines.next().ok_or("no first line")??;
    let url = first.split_whitespace().last().ok_or("no address")?.to_owned();
    let early = Scraped::from(&url).await?;
    let mut printed = Vec::new();
    for line in lines {
        let line = line?;
        let over = line.starts_with("metrics stay on");
        printed.push(line);
        if over {
            break;
        }
    }
    let late = Scraped::from(&url).await?;

    let wrong: Vec<_> = printed.iter().filter(|line| line.starts_with("WRONG")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for dependency in ["inventory", "recommendations", "search", "partners", "payments"] {
        let row = row(&printed, dependency)?;
        let [_, _, _, _, retries, rejected, stale, fallback, _, _] = row[..] else {
            return Err(format!("columns of {row:?}").into());
        };
        let number = |text: &str| if text == "none" { Ok(0.0) } else { text.parse::<f64>() };
        let service = ("service", dependency);
        let breaker = ("circuit_breaker", dependency);
        let compared = [
            ("resilience_retry_scheduled", vec![service], retries),
            ("resilience_circuit_breaker_rejected", vec![breaker], rejected),
            ("resilience_degraded", vec![service, ("source", "cache")], stale),
            ("resilience_degraded", vec![service, ("source", "default")], fallback),
        ];
        for (metric, labels, shown) in compared {
            assert_eq!(late.sum(metric, &labels), number(shown)?, "{metric} {labels:?}");
        }
        // All circuits are closed in the end, and each was open.
        assert_eq!(late.sum("resilience_circuit_breaker_state", &[breaker]), 0.0);
        assert_eq!(late.sum("resilience_circuit_breaker_open", &[breaker]), 0.0);
        let opened =
            late.sum("resilience_circuit_breaker_transitions", &[breaker, ("state", "open")]);
        let says = format!("{dependency} opened {opened} times, now closed");
        assert!(printed.iter().any(|line| line.contains(&says)), "{says}");
        // The script's first failures come after two seconds.
        assert_eq!(early.sum("resilience_circuit_breaker_rejected", &[breaker]), 0.0);
    }
    let off = late.sum("resilience_degraded", &[("code", "SWITCHED_OFF")]);
    let says = format!("{off} pages had bestsellers without a call");
    assert!(off > 0.0 && printed.iter().any(|line| line.contains(&says)), "{says}");
    let by_rate = [("circuit_breaker", "search"), ("reason", "failure_rate")];
    assert!(late.sum("resilience_circuit_breaker_transitions", &by_rate) > 0.0);
    assert!(late.sum("resilience_timeouts", &[("function", "charge")]) > 0.0);
    let paid = [("function", "charge"), ("outcome", "success")];
    assert!(late.sum("resilience_retry_calls", &paid) > 0.0);

    // Names of the program, and neither orders nor partners.
    let functions = ["charge", "offer", "recommendations", "search", "stock"];
    assert_eq!(late.values_of("function"), BTreeSet::from(functions));
    let names: BTreeSet<_> =
        resilience::metrics::NAMES.iter().map(|at| at.replace('.', "_")).collect();
    for (name, ..) in &late.0 {
        let name = name.trim_end_matches("_sum").trim_end_matches("_count");
        assert!(names.contains(name), "{name}");
    }
    Ok(())
}
