//! Writes the crates.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Plain,
    Instrument,
    FullNest,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Instrument, Self::FullNest];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "nothing",
            Self::Instrument => "`#[tracing::instrument]`",
            Self::FullNest => "full nest",
        }
    }

    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Instrument => "instrument",
            Self::FullNest => "full-nest",
        }
    }

    const fn attributes(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Instrument => "#[tracing::instrument]\n",
            Self::FullNest => {
                "#[resilience::degrade(fallback = 0)]\n#[resilience::retry(idempotent)]\n\
                 #[resilience::circuit_breaker(INVENTORY)]\n#[resilience::timeout(\"5s\")]\n"
            }
        }
    }
}

/// Writes the workspace with the three crates, and says where.
pub(crate) fn workspace(functions: usize) -> io::Result<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let workspace = repository.join("target/bench/compile_time");
    fs::create_dir_all(&workspace)?;
    fs::write(
        workspace.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n",
    )?;
    // The versions that are there already; cargo drops what these crates don't need.
    fs::copy(repository.join("Cargo.lock"), workspace.join("Cargo.lock"))?;
    for kind in Kind::ALL {
        let directory = directory(&workspace, kind);
        fs::create_dir_all(directory.join("src"))?;
        fs::write(directory.join("Cargo.toml"), manifest(kind, &repository))?;
        touch(&workspace, kind, functions)?;
    }
    Ok(workspace)
}

/// Writes the source again, as it was, so that cargo finds it new.
pub(crate) fn touch(workspace: &Path, kind: Kind, functions: usize) -> io::Result<()> {
    fs::write(directory(workspace, kind).join("src/lib.rs"), source(kind, functions))
}

fn directory(workspace: &Path, kind: Kind) -> PathBuf {
    workspace.join("crates").join(kind.package())
}

fn manifest(kind: Kind, repository: &Path) -> String {
    let package = kind.package();
    let resilience = repository.join("resilience").display().to_string();
    format!(
        r#"[package]
name = "{package}"
version = "0.0.0"
edition = "2024"

[dependencies]
resilience = {{ path = '{resilience}' }}
tracing = {{ version = "0.1", default-features = false, features = ["attributes", "std"] }}
"#
    )
}

fn source(kind: Kind, functions: usize) -> String {
    let mut source = String::from(HEAD);
    for number in 0..functions {
        let _ = write!(
            source,
            "\n{}pub async fn stock_{number}(warehouse: &str, count: u64) -> Result<u64, StockError> {{
    let found = look_up(warehouse, count + {number}).await?;
    Ok(found + {number})
}}\n",
            kind.attributes()
        );
    }
    // Boxed as trait objects, or no future would ever become machine code.
    source.push_str("\npub fn all(warehouse: &str) -> Vec<Boxed<'_>> {\n    vec![\n");
    for number in 0..functions {
        let _ = writeln!(source, "        Box::pin(stock_{number}(warehouse, {number})),");
    }
    source.push_str("    ]\n}\n");
    source
}

const HEAD: &str = r#"use std::future::Future;
use std::pin::Pin;

use resilience::{CircuitBreaker, Classification, Classify, Rejected};

pub type Boxed<'a> = Pin<Box<dyn Future<Output = Result<u64, StockError>> + Send + 'a>>;

pub static INVENTORY: CircuitBreaker = CircuitBreaker::new("inventory");

#[derive(Debug)]
pub enum StockError {
    Busy,
    Rejected(Rejected),
}

impl std::fmt::Display for StockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no stock")
    }
}

impl From<Rejected> for StockError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl Classify for StockError {
    fn classify(&self) -> Classification {
        match self {
            Self::Busy => Classification::transient("BUSY"),
            Self::Rejected(rejected) => rejected.classify(),
        }
    }
}

async fn look_up(warehouse: &str, count: u64) -> Result<u64, StockError> {
    if warehouse.is_empty() { Err(StockError::Busy) } else { Ok(count) }
}
"#;
