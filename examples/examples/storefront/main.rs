//! A shop whose upstreams fail in turn while customers buy: `cargo run --example storefront`.
//!
//! The HTTP servers, clients, timeouts and closed ports are real, on loopback. `--plain` prints
//! lines instead of drawing a screen. The process exits with an error if a check at the end fails.
//! With the feature `metrics`, `--metrics [ADDRESS]` serves metrics for Prometheus.
//!
//! Read `shop.rs` first; it has the annotated calls. `front.rs` has the pages that are made from
//! them, `queue.rs` the payments that have to wait, `script.rs` what fails when, and `summary.rs`
//! what is checked at the end.

mod client;
mod front;
mod journal;
mod latency;
mod load;
#[cfg(feature = "metrics")]
mod metrics;
mod options;
mod patience;
mod queue;
mod screen;
mod script;
mod services;
mod shop;
mod summary;
mod telemetry;
mod upstream;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use resilience::flags;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use client::Client;
use journal::Journal;
use load::Customers;
use options::Options;
use screen::Screen;
use script::Behaviour;
use services::Ledger;
use shop::Shop;
use telemetry::Dependency;
use upstream::Upstream;

/// Everything that the screen and the summary read.
pub(crate) struct Scene {
    journal: Arc<Journal>,
    upstreams: Vec<Arc<Upstream>>,
    ledger: Arc<Ledger>,
    customers: Arc<Customers>,
    /// Where metrics are served.
    metrics: Option<SocketAddr>,
}

impl Scene {
    /// The servers of a dependency.
    fn servers(&self, dependency: &Dependency) -> impl Iterator<Item = &Upstream> {
        let name = dependency.name();
        self.upstreams.iter().map(|upstream| &**upstream).filter(move |at| at.seen.name() == name)
    }

    /// The number of requests that a dependency received.
    fn received(&self, dependency: &Dependency) -> u64 {
        self.servers(dependency).map(Upstream::arrived).sum()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(help) => {
            eprintln!("{help}");
            return Ok(ExitCode::from(2));
        }
    };
    let plain = options.plain || !std::io::stdout().is_terminal();
    let scene = set_up(plain, options.metrics).await?;
    let screen = if plain { None } else { Some(Screen::open()?) };
    if screen.is_none() {
        print!("{}", screen::header(&scene, false));
    }
    let shopping = Arc::clone(&scene.customers).run(&scene.journal);
    let finished = tokio::select! {
        () = shopping => true,
        shown = show(&scene, !plain) => shown.map(|()| true)?,
        _ = tokio::signal::ctrl_c() => false,
    };
    drop(screen);
    if !finished {
        return Ok(ExitCode::from(130));
    }
    if !plain {
        // Leaving the alternate screen has erased the last frame.
        print!("{}", screen::header(&scene, true));
    }
    println!("{}", screen::table(&scene, !plain));
    let holds = summary::print(&scene, !plain);
    if let Some(address) = scene.metrics {
        println!("metrics stay on http://{address}/metrics until Ctrl-C");
        tokio::signal::ctrl_c().await?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn set_up(plain: bool, metrics: Option<SocketAddr>) -> Result<Scene, Box<dyn Error>> {
    #[cfg(feature = "metrics")]
    let metrics = match metrics {
        Some(address) => Some(metrics::serve(address).await?),
        None => None,
    };
    // An operator may flip it before its first call.
    flags().register(&shop::SHOW_RECOMMENDATIONS);
    let ledger = Arc::new(Ledger::default());
    let inventory =
        Upstream::start(script::INVENTORY, &telemetry::INVENTORY, services::inventory()).await?;
    let recommendations = Upstream::start(
        script::RECOMMENDATIONS,
        &telemetry::RECOMMENDATIONS,
        services::recommendations(),
    )
    .await?;
    let search = Upstream::start(script::SEARCH, &telemetry::SEARCH, services::search()).await?;
    let charges = services::payments(Arc::clone(&ledger));
    let payments = Upstream::start(script::PAYMENTS, &telemetry::PAYMENTS, charges).await?;
    let acme = Upstream::start_partner(shop::ACME, script::ACME).await?;
    let globex = Upstream::start_partner(shop::GLOBEX, script::GLOBEX).await?;

    // Ignores proxies from the environment: everything is on loopback.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = |upstream: &Upstream| Client {
        http: http.clone(),
        base: upstream.url(),
        seen: upstream.seen,
    };
    let shop = Shop {
        inventory: client(&inventory),
        recommendations: client(&recommendations),
        search: client(&search),
        payments: client(&payments),
        partners: BTreeMap::from([(shop::ACME, client(&acme)), (shop::GLOBEX, client(&globex))]),
    };
    let front = front::start(shop).await?;
    let customers = Arc::new(Customers::new(http, format!("http://{front}")));
    let journal = Arc::new(Journal::start(plain));
    let listener = telemetry::Listener { journal: Arc::clone(&journal) };
    let only_ours = Targets::new().with_target("resilience", Level::DEBUG);
    tracing_subscriber::registry().with(listener.with_filter(only_ours)).init();
    let upstreams = vec![inventory, recommendations, search, acme, globex, payments];
    Ok(Scene { journal, upstreams, ledger, customers, metrics })
}

/// Advances the script and draws it. Returns only if drawing fails.
async fn show(scene: &Scene, draws: bool) -> Result<(), Box<dyn Error>> {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0_u64.. {
        tick.tick().await;
        for upstream in &scene.upstreams {
            upstream.play(scene.journal.elapsed(), &scene.journal);
        }
        let off = |upstream: &Arc<Upstream>| upstream.behaves() == Behaviour::SwitchedOff;
        let on = !scene.upstreams.iter().any(off);
        if flags().is_on("recommendations") != on {
            // As an operator's request would do it.
            flags().set("recommendations", on)?;
        }
        if draws {
            screen::draw(scene)?;
        } else if number % 50 == 49 && number < 199 {
            // `main` prints the last table.
            print!("\n{}", screen::table(scene, false));
        }
    }
    Ok(())
}
