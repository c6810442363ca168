//! The time that a request may take.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Sleep;

use super::settings::Settings;
use crate::Rejected;
use crate::layer::context;
use crate::timeout::Deadline;

/// The deadline of one request, for its handler and what that calls.
pub(super) struct Limit {
    deadline: Deadline<'static>,
    /// Armed when the handler first has to wait.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    /// Starts with the request. `None` if neither the layer nor the client sets a limit.
    pub(super) fn of(settings: &Settings, headers: &HeaderMap) -> Option<Self> {
        let of_client = settings.time_left_header.as_ref().and_then(|name| headers.get(name));
        let of_client = of_client.and_then(|value| milliseconds(value.to_str().ok()?));
        let after = match (settings.timeout, of_client) {
            (Some(own), Some(of_client)) => own.min(of_client),
            (own, of_client) => own.or(of_client)?,
        };
        Some(Self { deadline: Deadline::starting_now(after), sleep: None })
    }

    /// Polls the handler.
    pub(super) fn during<T>(&self, poll: impl FnOnce() -> T) -> T {
        context::within(&self.deadline, poll)
    }

    /// Ready once the time is up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Rejected> {
        let deadline = &self.deadline;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline.time_left_now())));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => {
                deadline.fire();
                Poll::Ready(Rejected::timed_out_after(
                    "the request",
                    deadline.after(),
                    deadline.last_failure(),
                ))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// At most ten digits: 115 days.
fn milliseconds(text: &str) -> Option<Duration> {
    let is_number = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let millis: u64 = text.parse().ok().filter(|_| is_number)?;
    Some(Duration::from_millis(millis.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_read_in_milliseconds() {
        let table = [
            ("1500", Some(1500)),
            ("0", Some(1)),
            ("9999999999", Some(9_999_999_999)),
            ("10000000000", None),
            ("+5", None),
            ("-5", None),
            ("1.5", None),
            ("5s", None),
            ("", None),
        ];
        for (text, millis) in table {
            assert_eq!(milliseconds(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }
}
