//! The SQLite backend: one connection that writes, a few that read.
//!
//! Owns the split. Every write, log or not, goes through the one writer task ([`task`]) as a job of its next commit: writers
//! never wait for each other's locks, nobody overtakes the queue, and all of them share one sync to disk. Reads go to a
//! pool whose connections cannot write and, in WAL mode, are never blocked by the writer.

mod changes;
mod channels;
mod fault;
mod file;
mod history;
mod invites;
mod log;
mod many;
mod members;
mod purge;
mod read;
mod rooms;
mod rows;
mod schema;
mod settings;
mod sign_ins;
mod task;
mod users;

pub(super) use schema::{judge, migrate, migrations};

use futures_util::future::BoxFuture;
use prometheus::IntGauge;
use sqlx::{SqliteConnection, SqlitePool};
use tokio::{
    sync::{
        Mutex,
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{ChannelId, UserId, limits::WRITE_QUEUE},
    metrics::Metrics,
    store::{Appended, Committed, LogWrite, Result, StoreError, StoreOptions},
};
use task::{Act, ActEnd, Job, Mark, Settle, Writer};

/// Commits published and not yet taken: a second of them at the rate of a good disk.
const COMMITTED_QUEUE: usize = 256;

/// See the module.
pub(super) struct Sqlite {
    readers: SqlitePool,
    jobs: mpsc::Sender<Job>,
    waiting: IntGauge,
    closing: CancellationToken,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens file, schema and writer; answers the log's epoch too.
    pub(super) async fn open(options: &StoreOptions, metrics: &Metrics) -> Result<(Self, String, Committed)> {
        let path = file::path(&options.url)?;
        let mut conn = schema::open(&path, options.busy_timeout).await?;
        schema::apply(&mut conn).await?;
        let epoch = settings::epoch(&mut conn).await?;
        let readers = file::readers(&path, options.busy_timeout);
        let (jobs, queue) = mpsc::channel(WRITE_QUEUE);
        let (publish, committed) = mpsc::channel(COMMITTED_QUEUE);
        let closing = CancellationToken::new();
        let writer = Writer::new(file::writing(&path, options.busy_timeout), conn, publish, closing.clone(), metrics);
        let writer = Mutex::new(Some(tokio::spawn(writer.run(queue))));
        Ok((Self { readers, jobs, waiting: metrics.write_queue.clone(), closing, writer }, epoch, committed))
    }

    /// See [`crate::store::Store::close`].
    pub(super) async fn close(&self) {
        self.closing.cancel();
        if let Some(writer) = self.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the writer did not end well");
        }
        self.readers.close().await;
    }

    /// See [`crate::store::Store::append`].
    pub(super) async fn append(&self, write: LogWrite) -> Result<Appended> {
        let (answer, wait) = oneshot::channel();
        self.enqueue(Job::Log(write, answer))?;
        wait.await.map_err(|_| gave_up())?
    }

    /// Moves read markers with the next commit.
    async fn mark(&self, channel: ChannelId, user: UserId, upto: u64) -> Result<()> {
        let (answer, wait) = oneshot::channel();
        self.enqueue(Job::Mark(Mark { channel, user, upto }, answer))?;
        wait.await.map_err(|_| gave_up())?
    }

    fn enqueue(&self, job: Job) -> Result<()> {
        match self.jobs.try_send(job) {
            Ok(()) => self.waiting.inc(),
            Err(TrySendError::Full(_)) => return Err(StoreError::Overloaded),
            Err(TrySendError::Closed(_)) => return Err(closed()),
        }
        Ok(())
    }

    /// Runs `work` in the writer's next transaction, all or nothing, and answers once that is committed. Waits for a place
    /// in the queue: such writes are few, and their callers are bounded elsewhere.
    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let act: Act = Box::new(move |conn| {
            Box::pin(async move {
                let result = work(conn).await;
                let end = match &result {
                    Ok(_) => ActEnd::Keep,
                    Err(StoreError::Unavailable(why)) => ActEnd::Broken(why.clone()),
                    Err(_) => ActEnd::Undo,
                };
                let settle: Settle = Box::new(move || {
                    // A caller that went away does not want the answer.
                    let _ = answer.send(result);
                });
                (end, settle)
            })
        });
        self.jobs.send(Job::Act(act)).await.map_err(|_| closed())?;
        self.waiting.inc();
        wait.await.map_err(|_| gave_up())?
    }
}

fn gave_up() -> StoreError {
    StoreError::Unavailable("the transaction it was part of failed".to_owned())
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
