//! Replays on SQLx.

use std::time::{Duration, SystemTime};

use resilience::dead_letter::LetterId;
use uuid::Uuid;

use crate::backend::{Backend, Kind, Output};
use crate::columns::{KINDS, Row, read, select};
use crate::insert::bounded;
use crate::names::Names;
use crate::sql::Sql;
use crate::{
    Claim, Claimed, Depth, Error, Filter, LetterStore, Outcome, Place, ReplayFuture, ReplayStore,
    State, StoredLetter, TrailEntry, trail,
};

/// The most letters that one transaction discards or deletes.
const BATCH: u32 = 500;

const OPEN: &str = "replayed_at IS NULL AND discarded_at IS NULL";

impl<DB: Backend> LetterStore<DB> {
    async fn claim_now(&self, claim: &Claim) -> Result<Vec<Claimed>, Error> {
        let (pool, names) = (&self.inner.pool, &self.inner.names);
        let mut transaction = DB::begin(pool).await?;
        let columns = select::<DB>();
        let mut sql =
            Sql::<DB>::new(format!("SELECT {columns} FROM {} WHERE {OPEN}", names.letters));
        sql.push(" AND (lease_until IS NULL OR lease_until <= ").now().push(")");
        sql.push(" AND replays < ").int(claim.max_replays.into());
        matching(&mut sql, &claim.filter);
        if let Some(last) = claim.after {
            later(&mut sql, last);
        }
        if let Some(until) = claim.until {
            sql.push(" AND created_at <= ").time(until);
        }
        if claim.only_due {
            sql.push(" AND (next_redrive IS NULL OR next_redrive <= ").now().push(")");
        }
        // Not a parameter, so that a plan for any number of letters isn't used for a few.
        sql.push(&format!(" ORDER BY created_at, id LIMIT {}{}", claim.limit, DB::SKIP_LOCKED));
        let rows = sql.fetch(&mut transaction, &KINDS).await?;
        let mut stored = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if stored.is_empty() {
            // A drop would roll back later, and until then others would skip what was locked.
            transaction.rollback().await?;
            return Ok(Vec::new());
        }

        let ids: Vec<LetterId> = stored.iter().map(|stored| stored.id).collect();
        let token = Uuid::now_v7();
        let mut sql = Sql::<DB>::new(format!("UPDATE {} SET lease_token = ", names.letters));
        sql.id(LetterId::from_u128(token.as_u128())).push(", lease_owner = ").text(&claim.by);
        sql.push(", lease_until = ")
            .after(claim.lease)
            .push(", replays = replays + 1 WHERE id IN (");
        sql.ids(&ids).push(")");
        sql.execute(&mut transaction).await?;
        trail::add::<DB>(&mut transaction, names, &ids, "claimed", Some(&claim.by), None).await?;
        transaction.commit().await?;
        for stored in &mut stored {
            stored.replays = stored.replays.saturating_add(1);
        }
        Ok(stored.into_iter().map(|stored| Claimed::new(stored, &*claim.by, token)).collect())
    }

    async fn renew_now(&self, claimed: &Claimed, lease: Duration) -> Result<bool, Error> {
        let mut connection = self.inner.pool.acquire().await?;
        let mut sql = Sql::<DB>::new(format!("UPDATE {} SET lease_until = ", self.letters()));
        sql.after(lease);
        held(&mut sql, claimed);
        Ok(sql.execute(&mut connection).await? == 1)
    }

    async fn finish_now(&self, claimed: &Claimed, outcome: &Outcome) -> Result<bool, Error> {
        if let Some(writer) = &self.inner.writer {
            return writer.finish(claimed, outcome).await;
        }
        let mut transaction = DB::begin(&self.inner.pool).await?;
        let kept = finish::<DB>(&mut transaction, &self.inner.names, claimed, outcome).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    async fn list_now(
        &self,
        filter: &Filter,
        state: State,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Vec<StoredLetter>, Error> {
        let mut connection = self.inner.pool.acquire().await?;
        let columns = select::<DB>();
        let mut sql = Sql::<DB>::new(format!("SELECT {columns} FROM {}", self.letters()));
        sql.push(" WHERE ").push(condition(state));
        matching(&mut sql, filter);
        if let Some(last) = after {
            later(&mut sql, last);
        }
        sql.push(" ORDER BY created_at, id LIMIT ").int(limit.into());
        let rows = sql.fetch(&mut connection, &KINDS).await?;
        Ok(rows.into_iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn count_now(&self, filter: &Filter, state: State) -> Result<u64, Error> {
        let mut connection = self.inner.pool.acquire().await?;
        let mut sql = Sql::<DB>::new(format!("SELECT COUNT(*) FROM {}", self.letters()));
        sql.push(" WHERE ").push(condition(state));
        matching(&mut sql, filter);
        let rows = sql.fetch(&mut connection, &[Kind::Int]).await?;
        Ok(u64::try_from(first_int(rows)?).unwrap_or(0))
    }

    /// Discards a batch, and returns its size.
    async fn discard_batch(&self, filter: &Filter, by: &str, why: &str) -> Result<u64, Error> {
        let names = &self.inner.names;
        let mut transaction = DB::begin(&self.inner.pool).await?;
        let mut sql = Sql::<DB>::new(OPEN);
        sql.push(" AND (lease_until IS NULL OR lease_until <= ").now().push(")");
        matching(&mut sql, filter);
        let ids = locked(sql, names, &mut transaction).await?;
        if ids.is_empty() {
            transaction.rollback().await?;
            return Ok(0);
        }
        let mut sql = Sql::<DB>::new(format!("UPDATE {} SET discarded_at = ", names.letters));
        sql.now().push(", open_key = NULL, lease_token = NULL, closed_by = ").text(by);
        sql.push(", closed_why = ").text(why).push(" WHERE id IN (");
        sql.ids(&ids).push(")");
        sql.execute(&mut transaction).await?;
        trail::add::<DB>(&mut transaction, names, &ids, "discarded", Some(by), Some(why)).await?;
        transaction.commit().await?;
        Ok(ids.len() as u64)
    }

    /// Deletes a batch, and returns its size.
    async fn purge_batch(&self, filter: &Filter, older_than: Duration) -> Result<u64, Error> {
        let names = &self.inner.names;
        let mut transaction = DB::begin(&self.inner.pool).await?;
        let mut sql = Sql::<DB>::new("(replayed_at <= ");
        sql.before(older_than).push(" OR discarded_at <= ").before(older_than);
        sql.push(" OR (reason = 'expired' AND created_at <= ").before(older_than);
        sql.push(" AND (lease_until IS NULL OR lease_until <= ").now().push(")))");
        matching(&mut sql, filter);
        let ids = locked(sql, names, &mut transaction).await?;
        if ids.is_empty() {
            transaction.rollback().await?;
            return Ok(0);
        }
        for (table, column) in [(&names.trail, "letter_id"), (&names.letters, "id")] {
            let mut sql = Sql::<DB>::new(format!("DELETE FROM {table} WHERE {column} IN ("));
            sql.ids(&ids).push(")");
            sql.execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(ids.len() as u64)
    }

    async fn depths_now(&self) -> Result<Vec<Depth>, Error> {
        let mut connection = self.inner.pool.acquire().await?;
        let [queue, code] = ["queue_name", "code"].map(|column| DB::output(column, Output::Key));
        let oldest = DB::output("MIN(created_at)", Output::Time);
        let table = self.letters();
        let query = format!(
            "SELECT {queue}, {code}, COUNT(*), {oldest} FROM {table} WHERE {OPEN} \
             GROUP BY queue_name, code ORDER BY queue_name, code"
        );
        let kinds = [Kind::Text, Kind::Text, Kind::Int, Kind::Int];
        let rows = Sql::<DB>::new(query).fetch(&mut connection, &kinds).await?;
        let depth = |row: Vec<_>| {
            let mut row = Row(row.into_iter());
            Ok(Depth {
                queue: row.text()?,
                code: row.text()?,
                letters: u64::try_from(row.int()?).unwrap_or(0),
                oldest: row.time()?,
            })
        };
        rows.into_iter().map(depth).collect()
    }

    fn letters(&self) -> &str {
        &self.inner.names.letters
    }
}

impl<DB: Backend> ReplayStore for LetterStore<DB> {
    fn now(&self) -> ReplayFuture<'_, SystemTime> {
        Box::pin(async move {
            let mut connection = self.inner.pool.acquire().await?;
            let query = format!("SELECT {}", DB::output(DB::NOW, Output::Time));
            let rows = Sql::<DB>::new(query).fetch(&mut connection, &[Kind::Int]).await?;
            Ok(crate::sql::from_micros(first_int(rows)?))
        })
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> ReplayFuture<'a, Vec<Claimed>> {
        Box::pin(self.claim_now(claim))
    }

    fn renew<'a>(&'a self, claimed: &'a Claimed, lease: Duration) -> ReplayFuture<'a, bool> {
        Box::pin(self.renew_now(claimed, lease))
    }

    fn finish<'a>(&'a self, claimed: &'a Claimed, outcome: &'a Outcome) -> ReplayFuture<'a, bool> {
        Box::pin(self.finish_now(claimed, outcome))
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        state: State,
        after: Option<Place>,
        limit: u32,
    ) -> ReplayFuture<'a, Vec<StoredLetter>> {
        Box::pin(self.list_now(filter, state, after, limit))
    }

    fn count<'a>(&'a self, filter: &'a Filter, state: State) -> ReplayFuture<'a, u64> {
        Box::pin(self.count_now(filter, state))
    }

    fn discard<'a>(
        &'a self,
        filter: &'a Filter,
        by: &'a str,
        why: &'a str,
    ) -> ReplayFuture<'a, u64> {
        Box::pin(async move {
            let mut total = 0;
            loop {
                let discarded = self.discard_batch(filter, by, why).await?;
                total += discarded;
                if discarded < BATCH.into() {
                    return Ok(total);
                }
            }
        })
    }

    fn purge<'a>(&'a self, filter: &'a Filter, older_than: Duration) -> ReplayFuture<'a, u64> {
        Box::pin(async move {
            let mut total = 0;
            loop {
                let purged = self.purge_batch(filter, older_than).await?;
                total += purged;
                if purged < BATCH.into() {
                    return Ok(total);
                }
            }
        })
    }

    fn trail(&self, letter: LetterId) -> ReplayFuture<'_, Vec<TrailEntry>> {
        Box::pin(async move {
            let mut connection = self.inner.pool.acquire().await?;
            Ok(trail::read::<DB>(&mut connection, &self.inner.names, letter).await?)
        })
    }

    fn depths(&self) -> ReplayFuture<'_, Vec<Depth>> {
        Box::pin(self.depths_now())
    }
}

/// Ends a claim, in the transaction of this connection.
pub(crate) async fn finish<DB: Backend>(
    db: &mut DB::Connection,
    names: &Names,
    claimed: &Claimed,
    outcome: &Outcome,
) -> Result<bool, sqlx::Error> {
    let mut sql = Sql::<DB>::new(format!("UPDATE {} SET lease_token = NULL", names.letters));
    sql.push(", lease_until = NULL");
    let bounded_failure = match outcome {
        Outcome::Failed { failure, .. } => Some(bounded(failure)),
        Outcome::Replayed | Outcome::Released => None,
    };
    let (action, note) = match outcome {
        Outcome::Replayed => {
            sql.push(", open_key = NULL, closed_by = ").text(&claimed.by);
            sql.push(", replayed_at = ").now();
            ("replayed", None)
        }
        Outcome::Failed { failure, next_redrive } => {
            let failure = bounded_failure.as_ref().unwrap_or(failure);
            sql.push(", last_failure = ").now();
            sql.push(", attempts = attempts + 1, category = ");
            sql.optional_text(failure.category.map(resilience::Category::as_str));
            sql.push(", code = ").text(&failure.code);
            sql.push(", error_type = ").text(&failure.error_type);
            sql.push(", error = ").text(&failure.message);
            sql.push(", causes = ").optional_text(failure.causes.as_deref());
            if let Some(wait) = next_redrive {
                sql.push(", next_redrive = ").after(*wait);
            }
            ("failed", Some(&*failure.code))
        }
        Outcome::Released => {
            sql.push(", replays = replays - 1");
            ("released", None)
        }
    };
    held(&mut sql, claimed);
    let kept = sql.execute(db).await? == 1;
    if kept {
        let by = Some(&*claimed.by);
        trail::add::<DB>(db, names, &[claimed.stored.id], action, by, note).await?;
    }
    Ok(kept)
}

/// Only the letter of this claim, if it was not claimed again since.
fn held<DB: Backend>(sql: &mut Sql<'_, DB>, claimed: &Claimed) {
    sql.push(" WHERE id = ").id(claimed.stored.id);
    sql.push(" AND lease_token = ").id(LetterId::from_u128(claimed.token.as_u128()));
}

/// The ids of a batch of the letters that meet this condition, locked for this transaction.
async fn locked<DB: Backend>(
    condition: Sql<'_, DB>,
    names: &Names,
    db: &mut DB::Connection,
) -> Result<Vec<LetterId>, sqlx::Error> {
    let id = DB::output("id", Output::Id);
    let mut sql = condition.after_text(&format!("SELECT {id} FROM {} WHERE ", names.letters));
    sql.push(" LIMIT ").int(BATCH.into()).push(DB::SKIP_LOCKED);
    let rows = sql.fetch(db, &[Kind::Text]).await?;
    rows.into_iter()
        .map(|row| {
            let text = Row(row.into_iter()).text()?;
            text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
        })
        .collect()
}

const fn condition(state: State) -> &'static str {
    match state {
        State::Open => OPEN,
        State::Replayed => "replayed_at IS NOT NULL",
        State::Discarded => "discarded_at IS NOT NULL",
        State::Any => "1 = 1",
    }
}

fn matching<'a, DB: Backend>(sql: &mut Sql<'a, DB>, filter: &'a Filter) {
    match filter.ids.as_deref() {
        Some([]) => {
            sql.push(" AND 1 = 0");
        }
        Some(ids) => {
            sql.push(" AND id IN (").ids(ids).push(")");
        }
        None => {}
    }
    let texts = [
        (" AND queue_name = ", &filter.queue),
        (" AND code = ", &filter.code),
        (" AND error_type = ", &filter.error_type),
    ];
    for (condition, text) in texts {
        if let Some(text) = text {
            sql.push(condition).text(text);
        }
    }
    if let Some(reason) = filter.reason {
        sql.push(" AND reason = ").text(reason.as_str());
    }
    if let Some(age) = filter.at_least {
        sql.push(" AND created_at <= ").before(age);
    }
    if let Some(age) = filter.at_most {
        sql.push(" AND created_at >= ").before(age);
    }
}

/// Only letters after this one. In two conditions, so that each database uses the index.
fn later<DB: Backend>(sql: &mut Sql<'_, DB>, last: Place) {
    let Place { created_at, id } = last;
    sql.push(" AND created_at >= ").time(created_at);
    sql.push(" AND (created_at > ").time(created_at).push(" OR id > ").id(id).push(")");
}

fn first_int(rows: Vec<Vec<crate::backend::Value<'static>>>) -> Result<i64, sqlx::Error> {
    Row(rows.into_iter().next().ok_or(sqlx::Error::RowNotFound)?.into_iter()).int()
}
