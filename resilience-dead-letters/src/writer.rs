//! One task that writes for all, so that concurrent writes share a transaction and its `fsync`.

use resilience::dead_letter::{Letter, StoreError, Stored};
use sqlx::Pool;
use tokio::sync::{mpsc, oneshot};

use crate::backend::Backend;
use crate::error::not_stored;
use crate::insert::insert;
use crate::names::Names;
use crate::replay_sql::finish;
use crate::{Claimed, Error, Outcome};

/// The most writes of one transaction, and the most bytes after which it takes no more.
const MAX_WRITES: usize = 512;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Sends writes to the task, which ends when the last handle of the store is dropped.
pub(crate) struct Writer<DB> {
    jobs: mpsc::Sender<Job>,
    database: std::marker::PhantomData<fn() -> DB>,
}

enum Job {
    Store(Box<Letter>, oneshot::Sender<Result<Stored, StoreError>>),
    Finish(Box<(Claimed, Outcome)>, oneshot::Sender<Result<bool, Error>>),
}

enum Done {
    Stored(Stored),
    Finished(bool),
}

impl<DB: Backend> Writer<DB> {
    pub(crate) fn spawn(pool: Pool<DB>, names: Names) -> Self {
        let (jobs, receiver) = mpsc::channel(MAX_WRITES);
        tokio::spawn(write_all(pool, names, receiver));
        Self { jobs, database: std::marker::PhantomData }
    }

    pub(crate) async fn store(&self, letter: &Letter) -> Result<Stored, StoreError> {
        let (done, result) = oneshot::channel();
        let job = Job::Store(Box::new(letter.clone()), done);
        self.jobs.send(job).await.map_err(|_| not_stored(sqlx::Error::WorkerCrashed))?;
        result.await.map_err(|_| not_stored(sqlx::Error::WorkerCrashed))?
    }

    pub(crate) async fn finish(&self, claimed: &Claimed, outcome: &Outcome) -> Result<bool, Error> {
        let (done, result) = oneshot::channel();
        let job = Job::Finish(Box::new((claimed.clone(), outcome.clone())), done);
        self.jobs.send(job).await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        result.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Store(letter, _) => letter.payload.bytes.len(),
            Self::Finish(..) => 0,
        }
    }

    async fn write<DB: Backend>(
        &self,
        db: &mut DB::Connection,
        names: &Names,
    ) -> Result<Done, sqlx::Error> {
        match self {
            Self::Store(letter, _) => insert::<DB>(db, names, letter).await.map(Done::Stored),
            Self::Finish(work, _) => {
                finish::<DB>(db, names, &work.0, &work.1).await.map(Done::Finished)
            }
        }
    }

    fn answer(self, result: Result<Done, sqlx::Error>) {
        // Who asked may be gone.
        match (self, result) {
            (Self::Store(_, to), Ok(Done::Stored(stored))) => drop(to.send(Ok(stored))),
            (Self::Store(_, to), Err(error)) => drop(to.send(Err(not_stored(error)))),
            (Self::Finish(_, to), Ok(Done::Finished(kept))) => drop(to.send(Ok(kept))),
            (Self::Finish(_, to), Err(error)) => drop(to.send(Err(error.into()))),
            _ => {}
        }
    }
}

async fn write_all<DB: Backend>(pool: Pool<DB>, names: Names, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while batch.len() < MAX_WRITES && bytes < MAX_BYTES {
            let Ok(job) = jobs.try_recv() else { break };
            bytes += job.bytes();
            batch.push(job);
        }
        match write(&pool, &names, &batch).await {
            Ok(done) => {
                for (job, done) in batch.into_iter().zip(done) {
                    job.answer(Ok(done));
                }
            }
            Err(error) if batch.len() == 1 => {
                if let Some(job) = batch.pop() {
                    job.answer(Err(error));
                }
            }
            // One of them may be the cause, which must not fail the others.
            Err(_) => {
                for job in batch {
                    let result = write(&pool, &names, std::slice::from_ref(&job)).await;
                    job.answer(result.map(|mut done| done.remove(0)));
                }
            }
        }
    }
}

async fn write<DB: Backend>(
    pool: &Pool<DB>,
    names: &Names,
    batch: &[Job],
) -> Result<Vec<Done>, sqlx::Error> {
    let mut transaction = DB::begin(pool).await?;
    let mut done = Vec::with_capacity(batch.len());
    for job in batch {
        done.push(job.write::<DB>(&mut transaction, names).await?);
    }
    transaction.commit().await?;
    Ok(done)
}
