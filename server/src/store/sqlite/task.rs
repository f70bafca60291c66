//! The writer: the one task that changes the database.
//!
//! Owns the loop: take what is queued, one transaction, publish, answer. Never waits for more work than is there, and never
//! answers `Ok` before the commit is on disk.

use std::{panic::AssertUnwindSafe, time::Instant};

use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{log, purge, read};
use crate::{
    domain::{ChannelId, UserId, limits::COMMIT_BATCH, wire::LogEvent},
    metrics::Metrics,
    store::{Appended, LogWrite, Result, StoreError, writer::Facts},
};

/// Commits between two steps of a purge while there is always other work.
const PURGE_EVERY: u64 = 16;

/// Something to do in the next transaction.
pub(super) enum Job {
    /// A change of a channel's log.
    Log(LogWrite, oneshot::Sender<Result<Appended>>),
    /// A read marker.
    Mark(Mark, oneshot::Sender<Result<()>>),
    /// Anything else.
    Act(Act),
}

/// How far somebody has read.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) channel: ChannelId,
    pub(super) user: UserId,
    pub(super) upto: u64,
}

/// A write of its own kind, run inside a savepoint.
pub(super) type Act = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, (ActEnd, Settle)> + Send>;

/// Tells the act's caller its result; called after the commit, dropped when there is none.
pub(super) type Settle = Box<dyn FnOnce() + Send>;

/// What to do with an act's statements.
pub(super) enum ActEnd {
    /// They stand.
    Keep,
    /// Refused: only they are taken back.
    Undo,
    /// The database failed: the whole transaction is given up.
    Broken(String),
}

/// The task's state.
pub(super) struct Writer {
    options: SqliteConnectOptions,
    /// Gone after a failure; opened again for the next batch.
    conn: Option<SqliteConnection>,
    facts: Facts,
    /// SQLite's count of commits by other processes: another one makes the facts old.
    data_version: i64,
    publish: mpsc::Sender<Vec<LogEvent>>,
    closing: CancellationToken,
    metrics: Metrics,
    commits: u64,
    purge_due: bool,
    /// The last commit failed.
    failing: bool,
}

/// The jobs of one transaction by kind.
#[derive(Default)]
struct Batch {
    acts: Vec<Act>,
    writes: Vec<LogWrite>,
    write_answers: Vec<oneshot::Sender<Result<Appended>>>,
    marks: Vec<Mark>,
    mark_answers: Vec<oneshot::Sender<Result<()>>>,
}

/// What a transaction led to, told after its commit.
struct Done {
    settles: Vec<Settle>,
    appended: Vec<Result<Appended>>,
    marked: Vec<Result<()>>,
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        conn: SqliteConnection,
        publish: mpsc::Sender<Vec<LogEvent>>,
        closing: CancellationToken,
        metrics: &Metrics,
    ) -> Self {
        Self {
            options,
            conn: Some(conn),
            facts: Facts::default(),
            data_version: 0,
            publish,
            closing,
            metrics: metrics.clone(),
            commits: 0,
            purge_due: true,
            failing: false,
        }
    }

    /// Until the store is closed or dropped and the queue is empty.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut taken = Vec::with_capacity(COMMIT_BATCH);
        loop {
            if self.purge_due && (queue.is_empty() || self.commits.is_multiple_of(PURGE_EVERY)) {
                self.purge().await;
            }
            if self.purge_due && queue.is_empty() && !queue.is_closed() {
                tokio::task::yield_now().await;
                continue;
            }
            let count = tokio::select! {
                biased;
                count = queue.recv_many(&mut taken, COMMIT_BATCH) => count,
                () = self.closing.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            };
            if count == 0 {
                break;
            }
            self.metrics.write_queue.sub(i64::try_from(count).unwrap_or_default());
            // A defect costs its batch, whose callers hear that it failed, not every write from then on.
            let batch = Batch::of(taken.drain(..));
            if AssertUnwindSafe(self.commit(batch)).catch_unwind().await.is_err() {
                tracing::error!("a write panicked; its batch is not stored");
                self.metrics.store_errors.inc();
                self.facts = Facts::default();
                self.conn = None;
            }
            // Those just answered are ready to run: what they write next shares the next sync instead of missing it.
            tokio::task::yield_now().await;
        }
        if let Some(conn) = self.conn.take()
            && let Err(error) = conn.close().await
        {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    async fn commit(&mut self, batch: Batch) {
        let Batch { acts, writes, write_answers, marks, mark_answers } = batch;
        let started = Instant::now();
        self.commits = self.commits.wrapping_add(1);
        self.purge_due |= !acts.is_empty();
        self.metrics.commit_batch.observe((acts.len() + writes.len() + marks.len()) as f64);
        let outcome = self.transact(acts, &writes, &marks).await;
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        match outcome {
            Ok(done) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("commits work again");
                }
                self.publish(&done.appended).await;
                done.settles.into_iter().for_each(|settle| settle());
                // A caller that went away does not want the answer.
                for (answer, result) in write_answers.into_iter().zip(done.appended) {
                    let _ = answer.send(result);
                }
                for (answer, result) in mark_answers.into_iter().zip(done.marked) {
                    let _ = answer.send(result);
                }
            }
            Err(error) => {
                self.metrics.store_errors.inc();
                // Once: while the disk is full every batch fails, and a log that fills it too helps nobody.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "a commit failed, nothing of it is stored; trying on without further words");
                }
                let why = error.to_string();
                for answer in write_answers {
                    let _ = answer.send(Err(StoreError::Unavailable(why.clone())));
                }
                for answer in mark_answers {
                    let _ = answer.send(Err(StoreError::Unavailable(why.clone())));
                }
            }
        }
    }

    /// One transaction. After an error nothing of it is stored, and connection and facts start afresh.
    async fn transact(&mut self, acts: Vec<Act>, writes: &[LogWrite], marks: &[Mark]) -> Result<Done> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => SqliteConnection::connect_with(&self.options).await?,
        };
        let outcome = self.transact_on(&mut conn, acts, writes, marks).await;
        if outcome.is_ok() {
            self.conn = Some(conn);
        } else {
            self.facts = Facts::default();
            // Closing takes back what is open, whatever state the failure left it in.
            let _ = conn.close().await;
        }
        outcome
    }

    async fn transact_on(
        &mut self,
        conn: &mut SqliteConnection,
        acts: Vec<Act>,
        writes: &[LogWrite],
        marks: &[Mark],
    ) -> Result<Done> {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let data_version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *tx).await?;
        if data_version != self.data_version || !acts.is_empty() {
            self.data_version = data_version;
            self.facts = Facts::default();
        }
        let settles = run_acts(&mut tx, acts).await?;
        let appended = log::append(&mut tx, &mut self.facts, writes).await?;
        let marked = read::mark(&mut tx, &mut self.facts, marks).await?;
        tx.commit().await?;
        Ok(Done { settles, appended, marked })
    }

    /// Hands the commit's events on, once. Waits for a slow reader; not for one that is gone, nor while closing.
    async fn publish(&self, appended: &[Result<Appended>]) {
        let events: Vec<LogEvent> = appended
            .iter()
            .filter_map(|result| match result {
                Ok(Appended::Logged(event)) => Some(event.clone()),
                _ => None,
            })
            .collect();
        if events.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            place = self.publish.reserve() => {
                // An error says that nobody listens any more; the log has the events.
                if let Ok(place) = place {
                    place.send(events);
                }
            }
            () = self.closing.cancelled() => {
                let _ = self.publish.try_send(events);
            }
        }
    }

    /// One step of removing deleted channels.
    async fn purge(&mut self) {
        let outcome = match self.conn.as_mut() {
            Some(conn) => purge::step(conn).await,
            None => Ok(false),
        };
        match outcome {
            Ok(more) => self.purge_due = more,
            Err(error) => {
                // Tried again after the next write that is not a message.
                self.purge_due = false;
                self.metrics.store_errors.inc();
                tracing::warn!(%error, "deleted channels could not be purged");
                if let Some(conn) = self.conn.take() {
                    let _ = conn.close().await;
                }
                self.facts = Facts::default();
            }
        }
    }
}

impl Batch {
    fn of(jobs: impl Iterator<Item = Job>) -> Self {
        let mut batch = Self::default();
        for job in jobs {
            match job {
                Job::Act(act) => batch.acts.push(act),
                Job::Log(write, answer) => {
                    batch.writes.push(write);
                    batch.write_answers.push(answer);
                }
                Job::Mark(mark, answer) => {
                    batch.marks.push(mark);
                    batch.mark_answers.push(answer);
                }
            }
        }
        batch
    }
}

/// Each in a savepoint, so that a refused one takes only itself back.
async fn run_acts(tx: &mut SqliteConnection, acts: Vec<Act>) -> Result<Vec<Settle>> {
    let mut settles = Vec::with_capacity(acts.len());
    for act in acts {
        let mut inner = tx.begin().await?;
        let (end, settle) = act(&mut inner).await;
        match end {
            ActEnd::Keep => inner.commit().await?,
            ActEnd::Undo => inner.rollback().await?,
            ActEnd::Broken(why) => return Err(StoreError::Unavailable(why)),
        }
        settles.push(settle);
    }
    Ok(settles)
}
