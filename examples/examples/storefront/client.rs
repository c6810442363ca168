//! An HTTP client for one upstream that counts the requests it sends.

use reqwest::RequestBuilder;

use crate::telemetry::Dependency;

pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) seen: &'static Dependency,
}

impl Client {
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.seen.sent();
        self.http.get(format!("{}{path}", self.base))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.seen.sent();
        self.http.post(format!("{}{path}", self.base))
    }
}
