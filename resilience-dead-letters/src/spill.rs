//! A second place for letters, while the store can't be reached.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resilience::dead_letter::{DeadLetterStore, Letter, LetterId, StoreError, StoreFuture, Stored};
use resilience::{Category, Classify};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::record::{HEADER, Record, decode, encode, intact};

/// The shortest and the longest wait between two attempts to drain the file.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Writes letters to a file while a store can't be reached, and stores them later.
///
/// If the store fails with a transient failure, the letter is appended to the file, and
/// [`store`](DeadLetterStore::store) returns after an `fsync`. The letters in the file are stored in
/// the background, and after a restart as soon as the file is opened again.
///
/// A letter from the file is stored once, unless the machine loses power while it is moved and a
/// worker replays it before the restart. A letter without a
/// [`dedupe_key`](Letter::dedupe_key) gets one for this. Its metadata has the id that `store` has
/// returned, as `spill_id`; the id in the store is another.
///
/// Only one process at a time can open the file. A record that was torn by a crash is cut off when
/// the file is opened: its letter wasn't acknowledged.
///
/// ```no_run
/// use resilience_dead_letters::{Spilling, SqliteStore};
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let letters = SqliteStore::open("sqlite:/var/lib/shop/letters.db").await?;
/// let letters = Spilling::open(letters, "/var/spool/shop/letters.spill").await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Spilling<S> {
    shared: Arc<Shared<S>>,
    drain: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared<S> {
    store: S,
    spill: Arc<Spill>,
    max_bytes: u64,
    /// Held while letters are moved, so that none is moved twice.
    draining: tokio::sync::Mutex<()>,
}

impl<S: DeadLetterStore + 'static> Spilling<S> {
    /// Opens the file or creates it, with room for 1 GiB of letters.
    ///
    /// # Errors
    ///
    /// If the file can't be opened, another process has opened it, or a record other than the last
    /// is damaged.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with timers enabled.
    pub async fn open(store: S, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_with_room(store, path, 1 << 30).await
    }

    /// Opens the file or creates it, with room for so many bytes. A letter that doesn't fit isn't
    /// stored.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with timers enabled.
    pub async fn open_with_room(
        store: S,
        path: impl AsRef<Path>,
        max_bytes: u64,
    ) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let spill = Arc::new(blocking(move || Spill::open(&path)).await?);
        let draining = tokio::sync::Mutex::new(());
        let shared = Arc::new(Shared { store, spill, max_bytes, draining });
        let drain = tokio::spawn(drain_forever(shared.clone()));
        Ok(Self { shared, drain })
    }

    /// Stores the letters of the file now, and returns how many are left because the store refuses
    /// them.
    ///
    /// # Errors
    ///
    /// If the store can't be reached, or the file can't be read.
    pub async fn drain(&self) -> Result<usize, StoreError> {
        self.shared.drain().await
    }

    /// The number of bytes in the file. 0 if it has no letter.
    pub fn spilled_bytes(&self) -> u64 {
        self.shared.spill.length()
    }
}

impl<S> Spilling<S> {
    /// The store.
    pub fn store_behind(&self) -> &S {
        &self.shared.store
    }
}

/// Stops the background task. The letters of the file stay there.
impl<S> Drop for Spilling<S> {
    fn drop(&mut self) {
        self.drain.abort();
    }
}

impl<S: DeadLetterStore + 'static> DeadLetterStore for Spilling<S> {
    fn store<'a>(&'a self, letter: &'a Letter) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            match self.shared.store.store(letter).await {
                Err(error) if error.classify().category() == Some(Category::Transient) => {
                    self.shared.append(letter, error).await
                }
                result => result,
            }
        })
    }
}

impl<S: DeadLetterStore> Shared<S> {
    async fn append(&self, letter: &Letter, cause: StoreError) -> Result<Stored, StoreError> {
        let id = LetterId::new();
        let mut letter = letter.clone();
        letter.metadata.insert("spill_id".to_owned(), id.to_string());
        letter.dedupe_key.get_or_insert_with(|| format!("spill {id}"));
        let (spill, max_bytes) = (self.spill.clone(), self.max_bytes);
        match blocking(move || spill.append(&encode(&letter), max_bytes)).await {
            Ok(()) => {
                tracing::warn!(
                    target: "resilience",
                    event = "dead_letter_spilled",
                    error = %chain(&cause),
                    "the store of dead letters can't be reached; the letter is in the spill file"
                );
                Ok(Stored::new(id))
            }
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn drain(&self) -> Result<usize, StoreError> {
        let _draining = self.draining.lock().await;
        let (mut offset, mut refused) = (0, 0);
        loop {
            let spill = self.spill.clone();
            let next =
                blocking(move || spill.next(offset)).await.map_err(StoreError::unavailable)?;
            let Some(record) = next else {
                let spill = self.spill.clone();
                let grew = refused == 0
                    && !blocking(move || spill.clear(offset))
                        .await
                        .map_err(StoreError::unavailable)?;
                // A letter was appended in the meantime.
                if grew {
                    continue;
                }
                return Ok(refused);
            };
            if !record.is_done {
                match self.store.store(&record.letter).await {
                    Ok(_) => {
                        let (spill, at) = (self.spill.clone(), record.at);
                        blocking(move || spill.mark_done(at))
                            .await
                            .map_err(StoreError::unavailable)?;
                    }
                    Err(error) if error.classify().category() == Some(Category::Permanent) => {
                        refused += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
            offset = record.end;
        }
    }
}

async fn drain_forever<S: DeadLetterStore>(shared: Arc<Shared<S>>) {
    let mut wait = Duration::ZERO;
    loop {
        if shared.spill.length() > 0 {
            wait = match shared.drain().await {
                Ok(0) => WAIT.0,
                Ok(refused) => {
                    tracing::warn!(
                        target: "resilience",
                        event = "dead_letters_not_drained",
                        letters = refused,
                        "the store refuses letters of the spill file"
                    );
                    WAIT.1
                }
                Err(_) => (wait * 2).clamp(WAIT.0, WAIT.1),
            };
        } else {
            wait = WAIT.0;
        }
        sleep(wait).await;
    }
}

/// The file, which one process has locked.
#[derive(Debug)]
struct Spill {
    file: File,
    /// The length up to which the file has intact records.
    length: Mutex<u64>,
}

impl Spill {
    fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|error| {
            let error = io::Error::from(error);
            io::Error::new(error.kind(), format!("{} is in use: {error}", path.display()))
        })?;
        let length = intact(&file)?;
        file.set_len(length)?;
        file.sync_all()?;
        // The file's name has to be durable too.
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        File::open(directory)?.sync_all()?;
        Ok(Self { file, length: Mutex::new(length) })
    }

    fn length(&self) -> u64 {
        *self.lock()
    }

    fn append(&self, record: &[u8], max_bytes: u64) -> io::Result<()> {
        let mut length = self.lock();
        let end = *length + record.len() as u64;
        if end > max_bytes {
            let message = format!("the spill file has no room: {end} bytes of {max_bytes}");
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
        }
        let write = || {
            self.file.write_all_at(record, *length)?;
            // Cuts off what a longer record has left that failed before.
            self.file.set_len(end)?;
            self.file.sync_all()
        };
        let written = write();
        if let Err(error) = written {
            // What was written of the record isn't part of the file.
            let _ = self.file.set_len(*length);
            return Err(error);
        }
        *length = end;
        Ok(())
    }

    fn next(&self, offset: u64) -> io::Result<Option<Record>> {
        let length = self.length();
        if offset >= length { Ok(None) } else { decode(&self.file, offset).map(Some) }
    }

    /// So that the letter isn't stored again after a crash.
    fn mark_done(&self, at: u64) -> io::Result<()> {
        self.file.write_all_at(&[1], at + HEADER - 1)
    }

    /// Empties the file, if it still ends there.
    fn clear(&self, end: u64) -> io::Result<bool> {
        let mut length = self.lock();
        if *length == end && end > 0 {
            self.file.set_len(0)?;
            self.file.sync_all()?;
            *length = 0;
        }
        Ok(*length == 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.length.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The message of an error, and those of its causes.
fn chain(error: &StoreError) -> String {
    let failure = resilience::dead_letter::LetterFailure::of(error);
    format!("{}: {}", failure.message, failure.causes.unwrap_or_default())
}
