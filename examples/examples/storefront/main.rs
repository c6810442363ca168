//! A shop whose upstreams fail in turn while customers buy: `cargo run --example storefront`.
//!
//! The HTTP servers, clients, timeouts and closed ports are real, on loopback. `--plain` prints
//! lines instead of drawing a screen. The process exits with an error if a check at the end fails.
//! Read `shop.rs` first; it has the annotated calls.

mod client;
mod front;
mod journal;
mod latency;
mod load;
mod patience;
mod screen;
mod script;
mod services;
mod shop;
mod summary;
mod telemetry;
mod upstream;

use std::error::Error;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use client::Client;
use journal::Journal;
use load::Customers;
use screen::Screen;
use services::Ledger;
use shop::Shop;
use upstream::Upstream;

/// Everything that the screen and the summary read.
pub(crate) struct Scene {
    journal: Arc<Journal>,
    upstreams: [Arc<Upstream>; 3],
    ledger: Arc<Ledger>,
    customers: Arc<Customers>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let plain =
        !std::io::stdout().is_terminal() || std::env::args().any(|argument| argument == "--plain");
    let scene = set_up(plain).await?;
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
    Ok(if summary::print(&scene, !plain) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn set_up(plain: bool) -> Result<Scene, Box<dyn Error>> {
    let ledger = Arc::new(Ledger::default());
    let upstreams = [
        Upstream::start("inventory", script::INVENTORY, services::inventory()).await?,
        Upstream::start("recommendations", script::RECOMMENDATIONS, services::recommendations())
            .await?,
        Upstream::start("payments", script::PAYMENTS, services::payments(Arc::clone(&ledger)))
            .await?,
    ];
    // Ignores proxies from the environment: everything is on loopback.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let [inventory, recommendations, payments] = [0, 1, 2].map(|at| Client {
        http: http.clone(),
        base: upstreams[at].url(),
        seen: telemetry::ALL[at],
    });
    let front = front::start(Shop { inventory, recommendations, payments }).await?;
    let customers = Arc::new(Customers::new(http, format!("http://{front}")));
    let journal = Arc::new(Journal::start(plain));
    let listener = telemetry::Listener { journal: Arc::clone(&journal) };
    let only_ours = Targets::new().with_target("resilience", Level::DEBUG);
    tracing_subscriber::registry().with(listener.with_filter(only_ours)).init();
    Ok(Scene { journal, upstreams, ledger, customers })
}

/// Advances the script and draws it. Returns only if drawing fails.
async fn show(scene: &Scene, draws: bool) -> std::io::Result<()> {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0_u64.. {
        tick.tick().await;
        for upstream in &scene.upstreams {
            upstream.play(scene.journal.elapsed(), &scene.journal);
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
