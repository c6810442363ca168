//! Keeps dead letters, the messages that a service couldn't process, in SQLite, PostgreSQL or
//! MariaDB, and replays them.
//!
//! ```
//! use resilience::dead_letter::{DeadLetterStore, Letter, LetterFailure, Payload, Reason};
//! use resilience::errors::NotFound;
//! # #[cfg(feature = "sqlite")]
//! use resilience_dead_letters::{Filter, Replay, SqliteStore};
//!
//! # #[cfg(not(feature = "sqlite"))] fn main() {}
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = std::env::temp_dir().join(format!("dead-letters-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # let url = format!("sqlite:{}", directory.join("letters.db").display());
//! let letters = SqliteStore::open(&url).await?; // sqlite:letters.db
//!
//! let failure = LetterFailure::of(&NotFound::new("sku", "12"));
//! let payload = Payload::json("{\"sku\":\"12\"}");
//! letters.store(&Letter::new("orders", payload, Reason::Permanent, failure)).await?;
//!
//! // Later, when sku 12 is there:
//! let replay = Replay::new(&letters, Filter::queue("orders").code("NOT_FOUND"), "ana");
//! let report = replay
//!     .run(|stored| async move {
//!         println!("order {:?}", stored.letter.payload);
//!         Ok::<(), NotFound>(())
//!     })
//!     .await?;
//! assert_eq!(report.replayed, 1);
//! # letters.pool().close().await;
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok(()) }
//! ```
//!
//! # Choose your store
//!
//! | you run | use | because |
//! |---|---|---|
//! | tests, examples | [`MemoryStore`] | it needs no file and no server |
//! | processes on one machine | `SqliteStore` | it is a file; concurrent letters share an `fsync` |
//! | processes on several machines | `PostgresStore` or `MySqlStore` | workers claim letters without waiting for each other (`SKIP LOCKED`) |
//! | a broker with dead-lettering of its own | the broker's | a message moves there in one step, without a second system |
//!
//! Where the database may be what fails, wrap the store in [`Spilling`]: letters go to a file until
//! it is back. With a transaction of your own, `LetterStore::store_in` stores the letter with your
//! changes or not at all.
//!
//! # The table
//!
//! Many services write such a table by hand: `id`, `queue_name`, `original_message`, `error`,
//! `error_type`, `attempts`, `first_failure`, `last_failure`, `metadata`, `created_at` and
//! `replayed_at`. The table `dead_letters` has these columns, with some differences:
//!
//! | by hand | here | why |
//! |---|---|---|
//! | `id BIGSERIAL` | a UUID of version 7 | the id is known before the insert, and sorts by time |
//! | `original_message JSONB` | bytes, and `content_type` | what can't be decoded is kept too |
//! | `DELETE` after a replay | `replayed_at`, `closed_by` | a crash in between doesn't replay twice, and the trail stays |
//! | the table's name pasted into SQL | checked and quoted | nothing can be injected |
//! | `ix_dead_letters_queue (queue_name, created_at)` | and `id` | pages continue at an exact place |
//! | `ix_dead_letters_not_replayed (queue_name) WHERE replayed_at IS NULL` | and `created_at, id`, without discarded letters | a page of open letters needs no sort |
//!
//! Further columns are `reason`, `category`, `code`, `causes`, `request_id`, `trace_parent`,
//! `dedupe_key`, `discarded_at`, `closed_by`, `closed_why`, `replays`, `next_redrive`, and those of the
//! lease. The table with the suffix `_trail` has an entry for each thing that was done to a letter.
//!
//! # Limits
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | a queue's name, a dedupe key | 1024 bytes | the letter is refused |
//! | an error's text; its causes | 16 KiB each | cut, with `…` at the end |
//! | an error's code; its type's name | 1 KiB; 4 KiB | cut |
//! | a payload | that of the database; `max_allowed_packet` on MariaDB | the letter is refused |
//! | times | microseconds, from 1970 to 9999 | cut |
//!
//! PostgreSQL's text takes no NUL. Each store writes NUL in text as U+10FFFF and `0`, and U+10FFFF
//! twice, and reads it back. Payloads are bytes, and stored as they are.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `sqlite` (default) | `SqliteStore` |
//! | `postgres` | `PostgresStore` |
//! | `mysql` | `MySqlStore`, for MariaDB and MySQL |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod columns;
mod error;
mod escape;
mod filter;
mod insert;
mod memory;
mod migrate;
mod names;
#[cfg(unix)]
mod record;
mod replay;
mod replay_sql;
mod replay_store;
#[cfg(unix)]
mod spill;
mod sql;
mod sql_store;
mod stored;
mod trail;
mod writer;

pub use backend::Backend;
pub use error::Error;
pub use filter::Filter;
pub use memory::MemoryStore;
pub use replay::{Replay, Report, Stopped};
pub use replay_store::{Claim, Claimed, Depth, Outcome, ReplayFuture, ReplayStore, State};
#[cfg(unix)]
pub use spill::Spilling;
#[cfg(feature = "mysql")]
pub use sql_store::MySqlStore;
#[cfg(feature = "postgres")]
pub use sql_store::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sql_store::SqliteStore;
pub use sql_store::{LetterStore, StoreOptions};
pub use stored::{Place, StoredLetter, TrailEntry};
