//! An upstream service: a real HTTP server on loopback that fails according to its script.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::journal::Journal;
use crate::patience::Patience;
use crate::script::{Behaviour, Script};
use crate::services;
use crate::shop::PartnerId;
use crate::telemetry::{self, Dependency};

/// How long a slow answer takes. The shop's timeouts for an attempt are shorter.
const SLOW: Duration = Duration::from_secs(1);

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Marks the answer to a repeated key, which is looked up without the delay.
#[derive(Clone)]
pub(crate) struct OnRecord;

pub(crate) struct Upstream {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    /// What the shop measures of it.
    pub(crate) seen: &'static Dependency,
    address: SocketAddr,
    pub(crate) patience: Patience,
    behaviour: watch::Sender<Behaviour>,
    arrived: AtomicU64,
}

impl Upstream {
    pub(crate) async fn start(
        script: Script,
        seen: &'static Dependency,
        routes: Router,
    ) -> io::Result<Arc<Self>> {
        Self::start_named(seen.name(), script, seen, routes).await
    }

    /// Starts the service of one of the partners.
    pub(crate) async fn start_partner(partner: PartnerId, script: Script) -> io::Result<Arc<Self>> {
        let routes = services::partner(partner);
        Self::start_named(partner.0, script, &telemetry::PARTNERS, routes).await
    }

    async fn start_named(
        name: &'static str,
        script: Script,
        seen: &'static Dependency,
        routes: Router,
    ) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let upstream = Arc::new(Self {
            name,
            script,
            seen,
            address: listener.local_addr()?,
            patience: Patience::default(),
            behaviour: watch::Sender::new(Behaviour::Healthy),
            arrived: AtomicU64::new(0),
        });
        let routes = routes.layer(middleware::from_fn_with_state(Arc::clone(&upstream), answer));
        tokio::spawn(serve(Arc::clone(&upstream), listener, routes));
        Ok(upstream)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Number of requests received.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }

    pub(crate) fn behaves(&self) -> Behaviour {
        *self.behaviour.borrow()
    }

    /// Advances to the script's behaviour at this time.
    pub(crate) fn play(&self, time: Duration, journal: &Journal) {
        let next = self.script.at(time);
        // `send` would do nothing while there is no receiver.
        let last = self.behaviour.send_replace(next);
        // A flip of the kill switch is noted from its event.
        if last != next && ![last, next].contains(&Behaviour::SwitchedOff) {
            journal.note(self.name, next.words());
        }
    }
}

/// Serves, closing the port while the script says so.
async fn serve(upstream: Arc<Upstream>, first: TcpListener, routes: Router) {
    let mut behaviour = upstream.behaviour.subscribe();
    let mut listener = Some(first);
    loop {
        let open = match listener.take() {
            Some(open) => open,
            None => rebind(upstream.address).await,
        };
        let mut closing = behaviour.clone();
        let closed = async move {
            // An error means that the upstream was dropped, so the server may stop too.
            let _ = closing.wait_for(|now| *now == Behaviour::Refusing).await;
        };
        if let Err(error) = axum::serve(open, routes.clone()).with_graceful_shutdown(closed).await {
            eprintln!("{} stopped serving: {error}", upstream.name);
        }
        if behaviour.wait_for(|now| *now != Behaviour::Refusing).await.is_err() {
            return;
        }
    }
}

/// Binds the same port again, which the shop has the address of. Retries if another process has
/// taken it.
async fn rebind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answer(State(upstream): State<Arc<Upstream>>, request: Request, next: Next) -> Response {
    let number = upstream.arrived.fetch_add(1, Relaxed);
    let key =
        request.headers().get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok()).map(str::to_owned);
    if let Some(key) = &key {
        upstream.patience.arrived(key);
    }
    let behaves = upstream.behaves();
    match behaves {
        Behaviour::Slow => {
            let answer = next.run(request).await;
            if answer.extensions().get::<OnRecord>().is_none() {
                tokio::time::sleep(SLOW).await;
            }
            answer
        }
        Behaviour::Flaky if !number.is_multiple_of(3) => {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Behaviour::Failing | Behaviour::Busy
            if behaves == Behaviour::Failing || number.is_multiple_of(3) =>
        {
            // The nasty case: for half of the requests, the work is done but the answer is an
            // error.
            if number.is_multiple_of(2) {
                next.run(request).await;
            }
            let mut answer = StatusCode::SERVICE_UNAVAILABLE.into_response();
            if behaves == Behaviour::Busy || number % 4 < 2 {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                if let Some(key) = key {
                    upstream.patience.asked(key);
                }
            }
            answer
        }
        // Requests may still arrive while the port is closing.
        _ => next.run(request).await,
    }
}
