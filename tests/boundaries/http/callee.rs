//! A callee that answers with given bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use resilience::ServiceError;
use resilience::http::UpstreamError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[derive(Debug, thiserror::Error, ServiceError)]
pub(super) enum CallError {
    #[error(transparent)]
    #[service(transparent)]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    #[service(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

pub(super) struct Callee {
    pub(super) url: String,
    received: Arc<AtomicUsize>,
}

impl Callee {
    /// Answers each connection's request with these bytes, and closes it.
    pub(super) async fn answering(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let received = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    // A redirect to itself isn't a delivery.
                    if request.starts_with(b"POST") {
                        counted.fetch_add(1, SeqCst);
                    }
                    let _ = stream.write_all(&bytes).await;
                }
            }
        });
        Self { url, received }
    }

    /// The number of `POST` requests so far.
    pub(super) fn received(&self) -> usize {
        self.received.load(SeqCst)
    }
}

/// A URL that refuses connections.
pub(super) async fn refused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
